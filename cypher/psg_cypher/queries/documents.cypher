// name: document_node :read :one
// One node with what it refers to, for putting its protocol document together.
MATCH (n:PsgNode {project_id: $project_id, id: $node_id})
RETURN n {.*} AS node, labels(n) AS labels,
  COLLECT { MATCH (n)-[e]->(t:PsgNode) RETURN {type: type(e), id: t.id, deleted: t:Tombstone} } AS references

// name: document_contexts :read :many
// A page of a project's contexts by id, with what they refer to.
MATCH (n:Context) WHERE n.project_id = $project_id AND n.id > $after AND NOT n:Tombstone
WITH n ORDER BY n.project_id, n.id LIMIT toInteger($limit)
RETURN n {.*} AS node,
  COLLECT { MATCH (n)-[e]->(t:PsgNode) RETURN {type: type(e), id: t.id, deleted: t:Tombstone} } AS references

// name: document_roles :read :many
// A page of a project's roles by id, with what they refer to; roles that others only name have no document.
MATCH (n:Role) WHERE n.project_id = $project_id AND n.id > $after AND n.placeholder IS NULL AND NOT n:Tombstone
WITH n ORDER BY n.project_id, n.id LIMIT toInteger($limit)
RETURN n {.*} AS node,
  COLLECT { MATCH (n)-[e]->(t:PsgNode) RETURN {type: type(e), id: t.id, deleted: t:Tombstone} } AS references

// name: document_plans :read :many
// A page of a project's plans by id, with what they refer to.
MATCH (n:Plan) WHERE n.project_id = $project_id AND n.id > $after AND NOT n:Tombstone
WITH n ORDER BY n.project_id, n.id LIMIT toInteger($limit)
RETURN n {.*} AS node,
  COLLECT { MATCH (n)-[e]->(t:PsgNode) RETURN {type: type(e), id: t.id, deleted: t:Tombstone} } AS references

// name: document_traces :read :many
// A page of a project's traces by id, with what they refer to.
MATCH (n:Trace) WHERE n.project_id = $project_id AND n.id > $after AND NOT n:Tombstone
WITH n ORDER BY n.project_id, n.id LIMIT toInteger($limit)
RETURN n {.*} AS node,
  COLLECT { MATCH (n)-[e]->(t:PsgNode) RETURN {type: type(e), id: t.id, deleted: t:Tombstone} } AS references

// name: document_confirms :read :many
// A page of a project's confirms by id, with what they refer to; a resource of the world outside has no document.
MATCH (n:Confirm) WHERE n.project_id = $project_id AND n.id > $after AND NOT n:Tombstone
WITH n ORDER BY n.project_id, n.id LIMIT toInteger($limit)
RETURN n {.*} AS node,
  COLLECT { MATCH (n)-[e]->(t:PsgNode) RETURN {type: type(e), id: t.id, deleted: t:Tombstone OR t:Resource} } AS references

// name: document_steps :read :many
// A page of a plan's steps by position, each with its dependencies in the order in which they were given.
MATCH (n:Step) WHERE n.project_id = $project_id AND n.plan = $owner_id AND n.position > $after AND NOT n:Tombstone
WITH n ORDER BY n.project_id, n.plan, n.position LIMIT toInteger($limit)
RETURN n {.*} AS node, n.position AS place,
  COLLECT { MATCH (n)-[e:DEPENDS_ON]->(t:Step) RETURN {type: type(e), id: t.id} ORDER BY e.at } AS references

// name: document_segments :read :many
// A page of a trace's segments in the order in which they were recorded.
MATCH (n:TraceSegment) WHERE n.project_id = $project_id AND n.trace = $owner_id AND n.log_seq > $after
WITH n ORDER BY n.project_id, n.trace, n.log_seq LIMIT toInteger($limit)
RETURN n {.*} AS node, n.log_seq AS place,
  COLLECT { MATCH (n)-[e:CHILD_OF]->(t:TraceSegment) RETURN {type: type(e), id: t.id} } AS references

// name: document_decisions :read :many
// The decisions of a confirm in their order.
MATCH (:PsgNode:Confirm {project_id: $project_id, id: $owner_id})<-[:DECIDES]-(n:Decision)
WHERE n.position > $after AND NOT n:Tombstone
WITH n ORDER BY n.position LIMIT toInteger($limit)
RETURN n {.*} AS node, n.position AS place, [] AS references
