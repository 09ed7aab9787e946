// Lists that are not of one project, for those to whom some projects are open.

// name: projects_among :read :many
// Of these projects those behind the name $after, by name; with $name the one that is called so.
UNWIND $batch.ids AS id
MATCH (n:PsgNode:Project {project_id: id, id: id}) WHERE n.name > $after AND ($name IS NULL OR n.name = $name)
WITH n ORDER BY n.name LIMIT toInteger($limit)
RETURN n {.*, deleted: n:Tombstone} AS node ORDER BY n.name

// name: projects_among_count :read :one
// How many of these projects there are, of one name or in all.
UNWIND $batch.ids AS id
MATCH (n:PsgNode:Project {project_id: id, id: id}) WHERE $name IS NULL OR n.name = $name
RETURN count(n) AS count

// name: alert_of :read :one
// The project of an alert; null: it is the platform's. No row: there is no such alert.
MATCH (a:Alert {id: $id})
RETURN a.project_id AS project_id
