// name: stopping_plans :read :many
// Plans of a project of which a step failed and which are to come to their end.
MATCH (p:Stopping) WHERE p.project_id = $project_id AND p.id IS NOT NULL
RETURN p.id AS id LIMIT 100

// name: stopping_steps :read :many
// The next open steps of a plan that nobody runs, in position order; rows as of plan_open_steps.
MATCH (s:Step) WHERE s.project_id = $project_id AND s.plan = $plan_id AND s.position > $after
  AND s.status IN ['pending', 'blocked', 'in_progress'] AND s.owner IS NULL AND NOT s:Tombstone
WITH s ORDER BY s.project_id, s.plan, s.position LIMIT toInteger($limit)
RETURN s.id AS id, s.key AS key, s.status AS status, s.position AS position, s.fence AS fence, s.attempt AS attempt,
  s.owner AS owner, [(c:Confirm)-[:GATES]->(s) WHERE c.status = 'pending' | c.id] AS confirms,
  [(c:Plan)-[:SUBPLAN_OF]->(s) WHERE c.status = 'in_progress' | c.id] AS children

// name: reacting_plans :read :many
// Plans of a project whose end has consequences that are not carried out yet.
MATCH (p:Reacting) WHERE p.project_id = $project_id AND p.id IS NOT NULL
RETURN p.id AS id LIMIT 100

// name: reaction_plan :read :one
// What decides about the consequences of a plan's end, and about plans that are derived from it.
MATCH (p:PsgNode:Plan {project_id: $project_id, id: $plan_id})
OPTIONAL MATCH (p)-[:IN_CONTEXT]->(c:Context)
RETURN p.id AS id, p.title AS title, p.objective AS objective, p.status AS status, p.params AS params,
  p.on_failure AS on_failure, p.success_criteria AS success_criteria, p.criteria AS criteria,
  p.parent_step AS parent_step, p.trace_id AS trace_id, coalesce(p.restores, 0) AS restores,
  p.steps_open AS steps_open, p.steps_failed AS steps_failed, p.derivation AS derivation,
  p.invokes AS invokes, p:Tombstone AS deleted, p:Stopping AS stopping, p:Reacting AS reacting, coalesce(p.loading, false) AS loading,
  c.id AS context_id, [(p)-[:DERIVED_FROM]->(o) | o.id][0] AS derived_from

// name: reaction_parent :read :one
// The step that waits for a sub-plan, the latest of them, and whether its plan runs; read inside the lock.
MATCH (s:PsgNode:Step {project_id: $project_id, id: $step_id})
MATCH (p:PsgNode:Plan {project_id: $project_id, id: s.plan})
RETURN s.status AS status, s.parked AS parked, s.plan AS plan_id, p.status AS plan_status,
  coalesce(p.paused, false) AS paused, p:Stopping AS stopping,
  COLLECT { MATCH (s)<-[:SUBPLAN_OF]-(c:Plan) RETURN c.id ORDER BY c.started_ms DESC LIMIT 1 }[0] AS latest

// name: subplan_parent :read :one
// The plan and the params of the step that a plan is the sub-plan of.
MATCH (p:PsgNode:Plan {project_id: $project_id, id: $plan_id})-[:SUBPLAN_OF]->(s:Step)
RETURN s.plan AS plan_id, s.params AS params

// name: subplans_of_step :read :many
// The sub-plans that a step began, the latest first.
MATCH (s:PsgNode:Step {project_id: $project_id, id: $step_id})<-[:SUBPLAN_OF]-(c:Plan)
RETURN c.id AS id ORDER BY c.started_ms DESC LIMIT 100

// name: subplan_refused :read :one
// Why the sub-plan of a step could not begin.
MATCH (s:PsgNode:Step {project_id: $project_id, id: $step_id})
RETURN s.subplan_error AS error

// name: subplan_outcome :read :one
// What the latest sub-plan of a step came to: the outputs of the steps that nothing follows, and what failed.
MATCH (s:PsgNode:Step {project_id: $project_id, id: $step_id})<-[:SUBPLAN_OF]-(c:Plan)
WITH c ORDER BY c.started_ms DESC, c.id LIMIT 1
CALL (c) {
  MATCH (x:Step) WHERE x.project_id = $project_id AND x.plan = c.id AND x.position IS NOT NULL
  WITH x WHERE NOT x:Tombstone AND NOT EXISTS { MATCH (x)<-[:DEPENDS_ON]-(:Step) }
  WITH x ORDER BY x.position LIMIT toInteger($limit)
  RETURN collect({key: x.key, output: x.output}) AS leaves
}
CALL (c) {
  MATCH (x:Step) WHERE x.project_id = $project_id AND x.plan = c.id AND x.position IS NOT NULL
  WITH x WHERE x.status = 'failed' AND NOT x:Tombstone
  WITH x ORDER BY x.finished_ms, x.position LIMIT 10
  RETURN collect({key: x.key, error: x.error}) AS failed
}
RETURN c.id AS id, c.status AS status, leaves, failed

// name: compensation_steps :read :many
// The completed steps of a plan that declare what undoes them, the last completed first.
MATCH (s:Step) WHERE s.project_id = $project_id AND s.plan = $plan_id AND s.position IS NOT NULL
WITH s WHERE s.status = 'completed' AND s.compensation IS NOT NULL AND NOT s:Tombstone
RETURN s.id AS id, s.key AS key, s.position AS position, s.compensation AS compensation,
  coalesce(s.finished_ms, 0) AS finished_ms

// name: derived_plan :read :one
// A plan as it is stored, to make another one like it.
MATCH (p:PsgNode:Plan {project_id: $project_id, id: $plan_id})
OPTIONAL MATCH (p)-[:IN_CONTEXT]->(c:Context)
RETURN p {.*} AS plan, p:Tombstone AS deleted, p:Closing AS closing, c.id AS context_id

// name: derived_steps :read :many
// A page of a plan's steps as they are stored, with their dependencies in order.
MATCH (s:Step) WHERE s.project_id = $project_id AND s.plan = $plan_id AND s.position > $after
WITH s WHERE NOT s:Tombstone
WITH s ORDER BY s.project_id, s.plan, s.position LIMIT toInteger($limit)
RETURN s {.*} AS step, COLLECT { MATCH (s)-[e:DEPENDS_ON]->(d:Step) RETURN d.id ORDER BY e.at } AS dependencies

// name: failed_steps :read :many
// The steps of a plan that failed, in the order in which they did.
MATCH (s:Step) WHERE s.project_id = $project_id AND s.plan = $plan_id AND s.position IS NOT NULL
WITH s WHERE s.status = 'failed' AND NOT s:Tombstone
RETURN s.id AS id, s.key AS key, s.error AS error ORDER BY s.finished_ms, s.position LIMIT 10

// name: undoing_plan :read :one
// The plan that undoes a plan, when there is one.
MATCH (p:PsgNode:Plan {project_id: $project_id, id: $plan_id})<-[:DERIVED_FROM]-(u:Plan)
WHERE u.derivation = 'compensation' AND NOT u:Tombstone
RETURN u.id AS id, u.status AS status LIMIT 1
