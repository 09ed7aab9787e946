// Lists come inside a map, so that one plan serves every length.

// name: projects_by_id :read :many
// Projects by (project, id) pairs, in their order; null where there is none.
UNWIND range(0, size($batch.keys) - 1) AS at
OPTIONAL MATCH (n:PsgNode:Project {project_id: $batch.keys[at][0], id: $batch.keys[at][1]})
RETURN CASE WHEN n IS NULL THEN null ELSE n {.*, deleted: n:Tombstone} END AS node ORDER BY at

// name: contexts_by_id :read :many
// Contexts by (project, id) pairs, in their order; null where there is none.
UNWIND range(0, size($batch.keys) - 1) AS at
OPTIONAL MATCH (n:PsgNode:Context {project_id: $batch.keys[at][0], id: $batch.keys[at][1]})
RETURN CASE WHEN n IS NULL THEN null ELSE n {.*, deleted: n:Tombstone} END AS node ORDER BY at

// name: plans_by_id :read :many
// Plans by (project, id) pairs with their references, in their order; null where there is none.
UNWIND range(0, size($batch.keys) - 1) AS at
OPTIONAL MATCH (n:PsgNode:Plan {project_id: $batch.keys[at][0], id: $batch.keys[at][1]})
RETURN CASE WHEN n IS NULL THEN null ELSE n {.*, deleted: n:Tombstone, closing: n:Closing,
  context_id: [(n)-[:IN_CONTEXT]->(c) | c.id][0], derived_from: [(n)-[:DERIVED_FROM]->(p) | p.id][0]} END AS node
ORDER BY at

// name: steps_by_id :read :many
// Steps by (project, id) pairs with their dependencies, in their order; null where there is none.
UNWIND range(0, size($batch.keys) - 1) AS at
OPTIONAL MATCH (n:PsgNode:Step {project_id: $batch.keys[at][0], id: $batch.keys[at][1]})
RETURN CASE WHEN n IS NULL THEN null ELSE n {.*, deleted: n:Tombstone, ready: n:Ready,
  dependencies: COLLECT { MATCH (n)-[e:DEPENDS_ON]->(d:Step) RETURN d.id ORDER BY e.at }} END AS node
ORDER BY at

// name: traces_by_id :read :many
// Traces by (project, id) pairs with their references, in their order; null where there is none.
UNWIND range(0, size($batch.keys) - 1) AS at
OPTIONAL MATCH (n:PsgNode:Trace {project_id: $batch.keys[at][0], id: $batch.keys[at][1]})
RETURN CASE WHEN n IS NULL THEN null ELSE n {.*, deleted: n:Tombstone,
  context_id: [(n)-[:IN_CONTEXT]->(c) | c.id][0], plan_id: [(n)-[:TRACES]->(p) | p.id][0]} END AS node
ORDER BY at

// name: segments_by_id :read :many
// Segments by (project, id) pairs with their references, in their order; null where there is none.
UNWIND range(0, size($batch.keys) - 1) AS at
OPTIONAL MATCH (n:PsgNode:TraceSegment {project_id: $batch.keys[at][0], id: $batch.keys[at][1]})
RETURN CASE WHEN n IS NULL THEN null ELSE n {.*, deleted: n:Tombstone,
  parent_segment_id: [(n)-[:CHILD_OF]->(p) | p.id][0], step_id: [(n)-[:RECORDS]->(s) | s.id][0]} END AS node
ORDER BY at

// name: confirms_by_id :read :many
// Confirms by (project, id) pairs with decisions and references, in their order; null where there is none.
UNWIND range(0, size($batch.keys) - 1) AS at
OPTIONAL MATCH (n:PsgNode:Confirm {project_id: $batch.keys[at][0], id: $batch.keys[at][1]})
OPTIONAL MATCH (n)-[:CONFIRMS]->(t:PsgNode)
OPTIONAL MATCH (n)-[:GATES]->(s:Step)
RETURN CASE WHEN n IS NULL THEN null ELSE n {.*, deleted: n:Tombstone, target_id: t.id,
  target_label: [l IN labels(t) WHERE l IN ['Context', 'Plan', 'Step', 'Trace', 'Confirm', 'Role', 'Dialog', 'Collab',
    'Extension', 'Core', 'Network', 'Resource']][0],
  step_id: s.id, plan_id: CASE WHEN t:Plan THEN t.id ELSE coalesce(s.plan, t.plan) END,
  decisions: COLLECT { MATCH (n)<-[:DECIDES]-(d:Decision) WHERE n:Tombstone OR NOT d:Tombstone
    RETURN d {.*, deleted: d:Tombstone, confirm_id: n.id} ORDER BY d.position }} END AS node
ORDER BY at

// name: decisions_by_id :read :many
// Decisions by (project, id) pairs, in their order; null where there is none.
UNWIND range(0, size($batch.keys) - 1) AS at
OPTIONAL MATCH (n:PsgNode:Decision {project_id: $batch.keys[at][0], id: $batch.keys[at][1]})
RETURN CASE WHEN n IS NULL THEN null ELSE n {.*, deleted: n:Tombstone,
  confirm_id: [(n)-[:DECIDES]->(c) | c.id][0]} END AS node
ORDER BY at

// name: roles_by_id :read :many
// Roles by (project, id) pairs, in their order; null where there is none.
UNWIND range(0, size($batch.keys) - 1) AS at
OPTIONAL MATCH (n:PsgNode:Role {project_id: $batch.keys[at][0], id: $batch.keys[at][1]})
RETURN CASE WHEN n IS NULL THEN null ELSE n {.*, deleted: n:Tombstone} END AS node ORDER BY at

// name: project_page :read :many
// Projects by name, behind the one named $after.
MATCH (n:Project) WHERE n.name > $after
WITH n ORDER BY n.name LIMIT toInteger($limit)
RETURN n {.*, deleted: n:Tombstone} AS node ORDER BY n.name

// name: project_named :read :many
// The project of exactly this name, unless the page begins behind it.
MATCH (n:Project {name: $name}) WHERE n.name > $after
RETURN n {.*, deleted: n:Tombstone} AS node

// name: project_count :read :one
// How many projects there are, of one name or in all.
MATCH (n:Project) WHERE n.name IS NOT NULL AND ($name IS NULL OR n.name = $name)
RETURN count(n) AS count

// name: context_page :read :many
// Contexts of a project by id, of one status or all.
MATCH (n:Context) WHERE n.project_id = $project_id AND n.id > $after
  AND ($status IS NULL OR n.status = $status) AND NOT n:Tombstone
WITH n ORDER BY n.project_id, n.id LIMIT toInteger($limit)
RETURN n {.*, deleted: false} AS node ORDER BY n.id

// name: context_count :read :one
// How many contexts a project has, of one status or in all.
MATCH (n:Context) WHERE n.project_id = $project_id AND n.id IS NOT NULL
  AND ($status IS NULL OR n.status = $status) AND NOT n:Tombstone
RETURN count(n) AS count

// name: plan_page :read :many
// Plans of a project by id, of one status or all.
MATCH (n:Plan) WHERE n.project_id = $project_id AND n.id > $after
  AND ($status IS NULL OR n.status = $status) AND NOT n:Tombstone
WITH n ORDER BY n.project_id, n.id LIMIT toInteger($limit)
RETURN n {.*, deleted: false, closing: n:Closing, context_id: [(n)-[:IN_CONTEXT]->(c) | c.id][0],
  derived_from: [(n)-[:DERIVED_FROM]->(p) | p.id][0]} AS node ORDER BY n.id

// name: plan_page_of_context :read :many
// Plans of one context by id, of one status or all.
MATCH (c:PsgNode:Context {project_id: $project_id, id: $context_id})<-[:IN_CONTEXT]-(n:Plan)
WHERE n.id > $after AND ($status IS NULL OR n.status = $status) AND NOT n:Tombstone
WITH c, n ORDER BY n.id LIMIT toInteger($limit)
RETURN n {.*, deleted: false, closing: n:Closing, context_id: c.id,
  derived_from: [(n)-[:DERIVED_FROM]->(p) | p.id][0]} AS node ORDER BY n.id

// name: plan_page_latest :read :many
// Plans of a project before one of them, the latest first, of one status or all. CASE, as OR would be planned as a union
// of two seeks, of which one reads every plan.
MATCH (n:Plan) USING INDEX SEEK n:Plan(project_id, sys_created_ms, id)
WHERE n.project_id = $project_id AND n.sys_created_ms <= $before_ms AND n.id IS NOT NULL
  AND CASE WHEN n.sys_created_ms = $before_ms THEN n.id < $before_id ELSE true END
  AND ($status IS NULL OR n.status = $status) AND NOT n:Tombstone
WITH n ORDER BY n.project_id DESC, n.sys_created_ms DESC, n.id DESC LIMIT toInteger($limit)
RETURN n {.*, deleted: false, closing: n:Closing, context_id: [(n)-[:IN_CONTEXT]->(c) | c.id][0],
  derived_from: [(n)-[:DERIVED_FROM]->(p) | p.id][0], latest: [n.sys_created_ms, n.id]} AS node
ORDER BY n.sys_created_ms DESC, n.id DESC

// name: plan_page_latest_of_context :read :many
// Plans of one context before one of them, the latest first, of one status or all.
MATCH (c:PsgNode:Context {project_id: $project_id, id: $context_id})<-[:IN_CONTEXT]-(n:Plan)
WHERE n.sys_created_ms <= $before_ms AND CASE WHEN n.sys_created_ms = $before_ms THEN n.id < $before_id ELSE true END
  AND ($status IS NULL OR n.status = $status) AND NOT n:Tombstone
WITH c, n ORDER BY n.sys_created_ms DESC, n.id DESC LIMIT toInteger($limit)
RETURN n {.*, deleted: false, closing: n:Closing, context_id: c.id,
  derived_from: [(n)-[:DERIVED_FROM]->(p) | p.id][0], latest: [n.sys_created_ms, n.id]} AS node
ORDER BY n.sys_created_ms DESC, n.id DESC

// name: plan_count :read :one
// How many plans a project has, of one status or in all.
MATCH (n:Plan) WHERE n.project_id = $project_id AND n.id IS NOT NULL
  AND ($status IS NULL OR n.status = $status) AND NOT n:Tombstone
RETURN count(n) AS count

// name: plan_count_of_context :read :one
// How many plans a context has, of one status or in all.
MATCH (c:PsgNode:Context {project_id: $project_id, id: $context_id})<-[:IN_CONTEXT]-(n:Plan)
WHERE ($status IS NULL OR n.status = $status) AND NOT n:Tombstone
RETURN count(n) AS count

// name: step_page :read :one
// Steps of a plan by position with their dependencies, by the ordered index; in one record, as the driver spends more
// on a record than on what is in it.
MATCH (n:Step) WHERE n.project_id = $project_id AND n.plan = $plan_id AND n.position > $after
  AND ($status IS NULL OR n.status = $status) AND NOT n:Tombstone
WITH n ORDER BY n.project_id, n.plan, n.position LIMIT toInteger($limit)
WITH n.position AS position, n {.*, deleted: false, ready: n:Ready,
  dependencies: COLLECT { MATCH (n)-[e:DEPENDS_ON]->(d:Step) RETURN d.id ORDER BY e.at }} AS node
ORDER BY position
RETURN collect(node) AS nodes

// name: plan_with_steps :read :one
// A plan with its references and its first steps by position; short ones are rows without the texts.
MATCH (n:PsgNode:Plan {project_id: $project_id, id: $plan_id})
RETURN n {.*, deleted: n:Tombstone, closing: n:Closing,
    context_id: [(n)-[:IN_CONTEXT]->(c) | c.id][0], derived_from: [(n)-[:DERIVED_FROM]->(p) | p.id][0]} AS node,
  COLLECT {
    MATCH (s:Step) WHERE s.project_id = $project_id AND s.plan = $plan_id AND s.position > -1 AND NOT s:Tombstone
    WITH s ORDER BY s.project_id, s.plan, s.position LIMIT toInteger($limit)
    RETURN CASE WHEN $short
      THEN s {.attempt, .capability, .finished_ms, .id, .key, .parked, .plan, .position, .project_id, .revision,
        .sched_urgency, .skip_reason, .started_ms, .status, .sys_created_ms, .sys_updated_ms, .type, .waits,
        deleted: false, ready: s:Ready,
        dependencies: COLLECT { MATCH (s)-[e:DEPENDS_ON]->(d:Step) RETURN d.id ORDER BY e.at }}
      ELSE s {.*, deleted: false, ready: s:Ready,
        dependencies: COLLECT { MATCH (s)-[e:DEPENDS_ON]->(d:Step) RETURN d.id ORDER BY e.at }} END
    ORDER BY s.position
  } AS steps

// name: step_count :read :one
// How many steps a plan has, of one status or in all.
MATCH (n:Step) WHERE n.project_id = $project_id AND n.plan = $plan_id AND n.position IS NOT NULL
  AND ($status IS NULL OR n.status = $status) AND NOT n:Tombstone
RETURN count(n) AS count

// name: step_counts :read :many
// How many steps of a plan are in which status.
MATCH (n:Step) WHERE n.project_id = $project_id AND n.plan = $plan_id AND n.position IS NOT NULL AND NOT n:Tombstone
RETURN n.status AS status, count(*) AS count

// name: frontier :read :many
// Steps of a running plan that can be claimed now, in scheduling order; the equality columns are repeated in ORDER BY
// so that the index serves the order (EVIDENCE A7).
MATCH (p:PsgNode:Plan {project_id: $project_id, id: $plan_id})
WHERE p.status = 'in_progress' AND NOT coalesce(p.paused, false)
CALL (p) {
  MATCH (n:Ready) WHERE n.project_id = $project_id AND n.plan = $plan_id AND n.sched_urgency IS NOT NULL
    AND n.sched_order IS NOT NULL AND n.position IS NOT NULL
  WITH n ORDER BY n.project_id, n.plan, n.sched_urgency, n.sched_order, n.position LIMIT toInteger($limit)
  RETURN n
}
RETURN n {.*, deleted: n:Tombstone, ready: true,
  dependencies: COLLECT { MATCH (n)-[e:DEPENDS_ON]->(d:Step) RETURN d.id ORDER BY e.at }} AS node
ORDER BY n.sched_urgency, n.sched_order, n.position

// name: trace_page :read :many
// Traces of a project by id, of one status or all.
MATCH (n:Trace) WHERE n.project_id = $project_id AND n.id > $after
  AND ($status IS NULL OR n.status = $status) AND NOT n:Tombstone
WITH n ORDER BY n.project_id, n.id LIMIT toInteger($limit)
RETURN n {.*, deleted: false, context_id: [(n)-[:IN_CONTEXT]->(c) | c.id][0],
  plan_id: [(n)-[:TRACES]->(p) | p.id][0]} AS node ORDER BY n.id

// name: trace_page_of_plan :read :many
// Traces of one plan by id.
MATCH (p:PsgNode:Plan {project_id: $project_id, id: $plan_id})<-[:TRACES]-(n:Trace)
WHERE n.id > $after AND ($status IS NULL OR n.status = $status) AND NOT n:Tombstone
WITH p, n ORDER BY n.id LIMIT toInteger($limit)
RETURN n {.*, deleted: false, context_id: [(n)-[:IN_CONTEXT]->(c) | c.id][0], plan_id: p.id} AS node ORDER BY n.id

// name: trace_count :read :one
// How many traces a project has, of one status or in all.
MATCH (n:Trace) WHERE n.project_id = $project_id AND n.id IS NOT NULL
  AND ($status IS NULL OR n.status = $status) AND NOT n:Tombstone
RETURN count(n) AS count

// name: trace_count_of_plan :read :one
// How many traces a plan has, of one status or in all.
MATCH (p:PsgNode:Plan {project_id: $project_id, id: $plan_id})<-[:TRACES]-(n:Trace)
WHERE ($status IS NULL OR n.status = $status) AND NOT n:Tombstone
RETURN count(n) AS count

// name: segment_page :read :many
// Segments of a trace in the order they were recorded, by the ordered index.
MATCH (n:TraceSegment) WHERE n.project_id = $project_id AND n.trace = $trace_id AND n.log_seq > $after
WITH n ORDER BY n.project_id, n.trace, n.log_seq LIMIT toInteger($limit)
RETURN n {.*, deleted: n:Tombstone, parent_segment_id: [(n)-[:CHILD_OF]->(p) | p.id][0],
  step_id: [(n)-[:RECORDS]->(s) | s.id][0]} AS node ORDER BY n.log_seq

// name: segment_count :read :one
// How many segments a trace has.
MATCH (n:TraceSegment) WHERE n.project_id = $project_id AND n.trace = $trace_id AND n.log_seq IS NOT NULL
RETURN count(n) AS count

// name: confirm_page :read :many
// Confirms of a project by id, with decisions and references.
MATCH (n:Confirm) WHERE n.project_id = $project_id AND n.id > $after AND NOT n:Tombstone
WITH n ORDER BY n.project_id, n.id LIMIT toInteger($limit)
OPTIONAL MATCH (n)-[:CONFIRMS]->(t:PsgNode)
OPTIONAL MATCH (n)-[:GATES]->(s:Step)
RETURN n {.*, deleted: false, target_id: t.id,
  target_label: [l IN labels(t) WHERE l IN ['Context', 'Plan', 'Step', 'Trace', 'Confirm', 'Role', 'Dialog', 'Collab',
    'Extension', 'Core', 'Network', 'Resource']][0],
  step_id: s.id, plan_id: CASE WHEN t:Plan THEN t.id ELSE coalesce(s.plan, t.plan) END,
  decisions: COLLECT { MATCH (n)<-[:DECIDES]-(d:Decision) WHERE n:Tombstone OR NOT d:Tombstone
    RETURN d {.*, deleted: d:Tombstone, confirm_id: n.id} ORDER BY d.position }} AS node
ORDER BY n.id

// name: confirm_page_by_status :read :many
// Confirms of one status by id, with decisions and references.
MATCH (n:Confirm) WHERE n.project_id = $project_id AND n.status = $status AND n.id > $after AND NOT n:Tombstone
WITH n ORDER BY n.id LIMIT toInteger($limit)
OPTIONAL MATCH (n)-[:CONFIRMS]->(t:PsgNode)
OPTIONAL MATCH (n)-[:GATES]->(s:Step)
RETURN n {.*, deleted: false, target_id: t.id,
  target_label: [l IN labels(t) WHERE l IN ['Context', 'Plan', 'Step', 'Trace', 'Confirm', 'Role', 'Dialog', 'Collab',
    'Extension', 'Core', 'Network', 'Resource']][0],
  step_id: s.id, plan_id: CASE WHEN t:Plan THEN t.id ELSE coalesce(s.plan, t.plan) END,
  decisions: COLLECT { MATCH (n)<-[:DECIDES]-(d:Decision) WHERE n:Tombstone OR NOT d:Tombstone
    RETURN d {.*, deleted: d:Tombstone, confirm_id: n.id} ORDER BY d.position }} AS node
ORDER BY n.id

// name: confirm_count :read :one
// How many confirms a project has, of one status or in all.
MATCH (n:Confirm) WHERE n.project_id = $project_id AND n.id IS NOT NULL
  AND ($status IS NULL OR n.status = $status) AND NOT n:Tombstone
RETURN count(n) AS count

// name: role_page :read :many
// Roles of a project by id.
MATCH (n:Role) WHERE n.project_id = $project_id AND n.id > $after AND NOT n:Tombstone
WITH n ORDER BY n.project_id, n.id LIMIT toInteger($limit)
RETURN n {.*, deleted: false} AS node ORDER BY n.id

// name: role_count :read :one
// How many roles a project has.
MATCH (n:Role) WHERE n.project_id = $project_id AND n.id IS NOT NULL AND NOT n:Tombstone
RETURN count(n) AS count

// name: document_count :read :one
// How many protocol documents a project has.
RETURN COUNT { MATCH (n:Role) WHERE n.project_id = $project_id AND n.id IS NOT NULL AND n.placeholder IS NULL
    AND NOT n:Tombstone }
  + COUNT { MATCH (n:Context) WHERE n.project_id = $project_id AND n.id IS NOT NULL AND NOT n:Tombstone }
  + COUNT { MATCH (n:Plan) WHERE n.project_id = $project_id AND n.id IS NOT NULL AND NOT n:Tombstone }
  + COUNT { MATCH (n:Trace) WHERE n.project_id = $project_id AND n.id IS NOT NULL AND NOT n:Tombstone }
  + COUNT { MATCH (n:Confirm) WHERE n.project_id = $project_id AND n.id IS NOT NULL AND NOT n:Tombstone }
  + COUNT { MATCH (n:Dialog) WHERE n.project_id = $project_id AND n.id IS NOT NULL AND NOT n:Tombstone }
  + COUNT { MATCH (n:Collab) WHERE n.project_id = $project_id AND n.id IS NOT NULL AND NOT n:Tombstone }
  + COUNT { MATCH (n:Extension) WHERE n.project_id = $project_id AND n.id IS NOT NULL AND NOT n:Tombstone }
  + COUNT { MATCH (n:Core) WHERE n.project_id = $project_id AND n.id IS NOT NULL AND NOT n:Tombstone }
  + COUNT { MATCH (n:Network) WHERE n.project_id = $project_id AND n.id IS NOT NULL AND NOT n:Tombstone } AS count
