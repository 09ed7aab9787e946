// name: import_targets :read :many
// Which of these ids are nodes of the project, and whether they were deleted: what an import refers to outside itself.
UNWIND $batch.ids AS id
MATCH (n:PsgNode {project_id: $project_id, id: id})
RETURN n.id AS id, n:Tombstone AS deleted

// name: bundle_members :read :one
// What belongs to one run: the context of a plan, its traces and the confirms about it, the latest first.
MATCH (p:PsgNode:Plan {project_id: $project_id, id: $plan_id})-[:IN_CONTEXT]->(c) WHERE NOT p:Tombstone
RETURN c.id AS context,
  COLLECT { MATCH (t:Trace)-[:TRACES]->(p) WHERE NOT t:Tombstone RETURN t.id ORDER BY t.started_at DESC, t.id } AS traces,
  COLLECT {
    MATCH (q:Confirm)-[:CONFIRMS]->(p) WHERE NOT q:Tombstone RETURN q.id ORDER BY q.requested_at DESC, q.id
  } AS confirms
