// The value state layer on the graph: values by key, and nodes as it shows them.

// name: value_state :read :many
// The values that a key has had, one of them alive at most; read inside the lock when it is to be changed.
MATCH (v:Value {project_id: $project_id, key: $key})
RETURN v.id AS id, v.value AS value, v.revision AS revision, v:Tombstone AS deleted

// name: value_keys :read :many
// A page of the keys that have a value and begin with $prefix, in their order.
MATCH (v:Value) WHERE v.project_id = $project_id AND v.key STARTS WITH $prefix AND v.key > $after
  AND v.value IS NOT NULL AND NOT v:Tombstone
WITH v ORDER BY v.project_id, v.key LIMIT toInteger($limit)
RETURN v.key AS key

// name: graph_node :read :one
// One node of any type with what it refers to, lists in their order.
MATCH (n:PsgNode {project_id: $project_id, id: $node_id})
RETURN n {.*} AS node, labels(n) AS labels,
  COLLECT { MATCH (n)-[e]->(t:PsgNode) RETURN {type: type(e), id: t.id} ORDER BY e.at } AS references

// name: graph_nodes :read :many
// A page of the living nodes of a type by id, through all nodes of the project: parts have no list of their own.
MATCH (n:PsgNode) WHERE n.project_id = $project_id AND n.id > $after AND $label IN labels(n) AND NOT n:Tombstone
WITH n ORDER BY n.project_id, n.id LIMIT toInteger($limit)
RETURN n {.*} AS node,
  COLLECT { MATCH (n)-[e]->(t:PsgNode) RETURN {type: type(e), id: t.id} ORDER BY e.at } AS references

// name: graph_revisions :read :many
// How often each of $batch.ids was changed, null for what is not there or deleted; read inside the lock.
UNWIND $batch.ids AS id
OPTIONAL MATCH (n:PsgNode {project_id: $project_id, id: id})
RETURN id, CASE WHEN n IS NULL OR n:Tombstone THEN null ELSE n.revision END AS revision
