// name: project_size :read :one
// Living nodes and relationships of a project, counted in the graph itself, beside what its events add up to.
MATCH (n:PsgNode) WHERE n.project_id = $project_id AND n.id > ''
RETURN count(CASE WHEN NOT n:Tombstone THEN 1 END) AS nodes, sum(COUNT { (n)-->() }) AS edges
