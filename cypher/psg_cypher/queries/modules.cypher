// Dialogs, collabs, extensions, cores and networks: by id, and in ordered pages.

// name: dialogs_by_id :read :many
// Dialogs by (project, id) pairs, in their order; null where there is none.
UNWIND range(0, size($batch.keys) - 1) AS at
OPTIONAL MATCH (n:PsgNode:Dialog {project_id: $batch.keys[at][0], id: $batch.keys[at][1]})
RETURN CASE WHEN n IS NULL THEN null ELSE n {.*, deleted: n:Tombstone,
  context_id: [(n)-[:IN_CONTEXT]->(c) | c.id][0]} END AS node
ORDER BY at

// name: dialog_page :read :many
// Dialogs of a project by id, of one status or all.
MATCH (n:Dialog) WHERE n.project_id = $project_id AND n.id > $after
  AND ($status IS NULL OR n.status = $status) AND NOT n:Tombstone
WITH n ORDER BY n.project_id, n.id LIMIT toInteger($limit)
RETURN n {.*, deleted: false, context_id: [(n)-[:IN_CONTEXT]->(c) | c.id][0]} AS node ORDER BY n.id

// name: dialog_count :read :one
// How many dialogs a project has, of one status or in all.
MATCH (n:Dialog) WHERE n.project_id = $project_id AND n.id IS NOT NULL
  AND ($status IS NULL OR n.status = $status) AND NOT n:Tombstone
RETURN count(n) AS count

// name: dialog_page_of_context :read :many
// Dialogs of one context by id, of one status or all.
MATCH (c:PsgNode:Context {project_id: $project_id, id: $context_id})<-[:IN_CONTEXT]-(n:Dialog)
WHERE n.id > $after AND ($status IS NULL OR n.status = $status) AND NOT n:Tombstone
WITH c, n ORDER BY n.id LIMIT toInteger($limit)
RETURN n {.*, deleted: false, context_id: c.id} AS node ORDER BY n.id

// name: dialog_count_of_context :read :one
// How many dialogs a context has, of one status or in all.
MATCH (c:PsgNode:Context {project_id: $project_id, id: $context_id})<-[:IN_CONTEXT]-(n:Dialog)
WHERE ($status IS NULL OR n.status = $status) AND NOT n:Tombstone
RETURN count(n) AS count

// name: collabs_by_id :read :many
// Collabs by (project, id) pairs, in their order; null where there is none.
UNWIND range(0, size($batch.keys) - 1) AS at
OPTIONAL MATCH (n:PsgNode:Collab {project_id: $batch.keys[at][0], id: $batch.keys[at][1]})
RETURN CASE WHEN n IS NULL THEN null ELSE n {.*, deleted: n:Tombstone,
  context_id: [(n)-[:IN_CONTEXT]->(c) | c.id][0]} END AS node
ORDER BY at

// name: collab_page :read :many
// Collabs of a project by id, of one status or all.
MATCH (n:Collab) WHERE n.project_id = $project_id AND n.id > $after
  AND ($status IS NULL OR n.status = $status) AND NOT n:Tombstone
WITH n ORDER BY n.project_id, n.id LIMIT toInteger($limit)
RETURN n {.*, deleted: false, context_id: [(n)-[:IN_CONTEXT]->(c) | c.id][0]} AS node ORDER BY n.id

// name: collab_count :read :one
// How many collabs a project has, of one status or in all.
MATCH (n:Collab) WHERE n.project_id = $project_id AND n.id IS NOT NULL
  AND ($status IS NULL OR n.status = $status) AND NOT n:Tombstone
RETURN count(n) AS count

// name: collab_page_of_context :read :many
// Collabs of one context by id, of one status or all.
MATCH (c:PsgNode:Context {project_id: $project_id, id: $context_id})<-[:IN_CONTEXT]-(n:Collab)
WHERE n.id > $after AND ($status IS NULL OR n.status = $status) AND NOT n:Tombstone
WITH c, n ORDER BY n.id LIMIT toInteger($limit)
RETURN n {.*, deleted: false, context_id: c.id} AS node ORDER BY n.id

// name: collab_count_of_context :read :one
// How many collabs a context has, of one status or in all.
MATCH (c:PsgNode:Context {project_id: $project_id, id: $context_id})<-[:IN_CONTEXT]-(n:Collab)
WHERE ($status IS NULL OR n.status = $status) AND NOT n:Tombstone
RETURN count(n) AS count

// name: extensions_by_id :read :many
// Extensions by (project, id) pairs, in their order; null where there is none.
UNWIND range(0, size($batch.keys) - 1) AS at
OPTIONAL MATCH (n:PsgNode:Extension {project_id: $batch.keys[at][0], id: $batch.keys[at][1]})
RETURN CASE WHEN n IS NULL THEN null ELSE n {.*, deleted: n:Tombstone,
  context_id: [(n)-[:IN_CONTEXT]->(c) | c.id][0]} END AS node
ORDER BY at

// name: extension_page :read :many
// Extensions of a project by id, of one status or all.
MATCH (n:Extension) WHERE n.project_id = $project_id AND n.id > $after
  AND ($status IS NULL OR n.status = $status) AND NOT n:Tombstone
WITH n ORDER BY n.project_id, n.id LIMIT toInteger($limit)
RETURN n {.*, deleted: false, context_id: [(n)-[:IN_CONTEXT]->(c) | c.id][0]} AS node ORDER BY n.id

// name: extension_count :read :one
// How many extensions a project has, of one status or in all.
MATCH (n:Extension) WHERE n.project_id = $project_id AND n.id IS NOT NULL
  AND ($status IS NULL OR n.status = $status) AND NOT n:Tombstone
RETURN count(n) AS count

// name: extension_page_of_context :read :many
// Extensions of one context by id, of one status or all.
MATCH (c:PsgNode:Context {project_id: $project_id, id: $context_id})<-[:IN_CONTEXT]-(n:Extension)
WHERE n.id > $after AND ($status IS NULL OR n.status = $status) AND NOT n:Tombstone
WITH c, n ORDER BY n.id LIMIT toInteger($limit)
RETURN n {.*, deleted: false, context_id: c.id} AS node ORDER BY n.id

// name: extension_count_of_context :read :one
// How many extensions a context has, of one status or in all.
MATCH (c:PsgNode:Context {project_id: $project_id, id: $context_id})<-[:IN_CONTEXT]-(n:Extension)
WHERE ($status IS NULL OR n.status = $status) AND NOT n:Tombstone
RETURN count(n) AS count

// name: networks_by_id :read :many
// Networks by (project, id) pairs, in their order; null where there is none.
UNWIND range(0, size($batch.keys) - 1) AS at
OPTIONAL MATCH (n:PsgNode:Network {project_id: $batch.keys[at][0], id: $batch.keys[at][1]})
RETURN CASE WHEN n IS NULL THEN null ELSE n {.*, deleted: n:Tombstone,
  context_id: [(n)-[:IN_CONTEXT]->(c) | c.id][0]} END AS node
ORDER BY at

// name: network_page :read :many
// Networks of a project by id, of one status or all.
MATCH (n:Network) WHERE n.project_id = $project_id AND n.id > $after
  AND ($status IS NULL OR n.status = $status) AND NOT n:Tombstone
WITH n ORDER BY n.project_id, n.id LIMIT toInteger($limit)
RETURN n {.*, deleted: false, context_id: [(n)-[:IN_CONTEXT]->(c) | c.id][0]} AS node ORDER BY n.id

// name: network_count :read :one
// How many networks a project has, of one status or in all.
MATCH (n:Network) WHERE n.project_id = $project_id AND n.id IS NOT NULL
  AND ($status IS NULL OR n.status = $status) AND NOT n:Tombstone
RETURN count(n) AS count

// name: network_page_of_context :read :many
// Networks of one context by id, of one status or all.
MATCH (c:PsgNode:Context {project_id: $project_id, id: $context_id})<-[:IN_CONTEXT]-(n:Network)
WHERE n.id > $after AND ($status IS NULL OR n.status = $status) AND NOT n:Tombstone
WITH c, n ORDER BY n.id LIMIT toInteger($limit)
RETURN n {.*, deleted: false, context_id: c.id} AS node ORDER BY n.id

// name: network_count_of_context :read :one
// How many networks a context has, of one status or in all.
MATCH (c:PsgNode:Context {project_id: $project_id, id: $context_id})<-[:IN_CONTEXT]-(n:Network)
WHERE ($status IS NULL OR n.status = $status) AND NOT n:Tombstone
RETURN count(n) AS count

// name: cores_by_id :read :many
// Cores by (project, id) pairs, in their order; null where there is none.
UNWIND range(0, size($batch.keys) - 1) AS at
OPTIONAL MATCH (n:PsgNode:Core {project_id: $batch.keys[at][0], id: $batch.keys[at][1]})
RETURN CASE WHEN n IS NULL THEN null ELSE n {.*, deleted: n:Tombstone} END AS node
ORDER BY at

// name: core_page :read :many
// Cores of a project by id, of one status or all.
MATCH (n:Core) WHERE n.project_id = $project_id AND n.id > $after
  AND ($status IS NULL OR n.status = $status) AND NOT n:Tombstone
WITH n ORDER BY n.project_id, n.id LIMIT toInteger($limit)
RETURN n {.*, deleted: false} AS node ORDER BY n.id

// name: core_count :read :one
// How many cores a project has, of one status or in all.
MATCH (n:Core) WHERE n.project_id = $project_id AND n.id IS NOT NULL
  AND ($status IS NULL OR n.status = $status) AND NOT n:Tombstone
RETURN count(n) AS count
