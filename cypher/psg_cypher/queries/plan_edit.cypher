// name: plan_state :read :one
// What a decision about a plan needs to know; read inside the lock.
MATCH (p:PsgNode:Plan {project_id: $project_id, id: $plan_id})
OPTIONAL MATCH (p)-[:IN_CONTEXT]->(c:Context)
RETURN p.id AS id, p.status AS status, p.revision AS revision, coalesce(p.paused, false) AS paused,
  coalesce(p.loading, false) AS loading, p.steps_open AS steps_open, p.steps_total AS steps_total,
  p.steps_failed AS steps_failed, p.steps_next AS steps_next, p.paused_ms AS paused_ms, p.trace_id AS trace_id,
  coalesce(p.restores, 0) AS restores, p.parent_step AS parent_step, p.approval AS approval,
  p.proposed_by AS proposed_by, p:Tombstone AS deleted, p:Closing AS closing, c.id AS context_id, c.status AS context_status

// name: plan_steps_by_key :read :many
// Steps of a plan by their keys, with what a new dependency on them needs.
UNWIND $keys AS key
MATCH (s:PsgNode:Step {project_id: $project_id, plan: $plan_id, key: key})
RETURN s.key AS key, s.id AS id, s.status AS status, s.rank AS rank, s:Unlocking AS unlocking, s:Tombstone AS deleted

// name: step_state :read :one
// One step with the dependencies it has, for editing them; read inside the lock.
MATCH (s:PsgNode:Step {project_id: $project_id, id: $step_id})
RETURN s.id AS id, s.key AS key, s.plan AS plan_id, s.status AS status, s.rank AS rank, s.waits AS waits,
  s.revision AS revision, s.condition AS condition, s.type AS type, s.order_index AS order_index, s.join AS join,
  s.position AS position, s:Tombstone AS deleted, s:Unlocking AS unlocking,
  COLLECT { MATCH (s)-[e:DEPENDS_ON]->(d:Step)
            RETURN {id: d.id, status: d.status, at: e.at, rank: d.rank} ORDER BY e.at } AS dependencies

// name: dependency_region :read :many
// The steps that have to rise when $step_id comes to depend on a step of rank $high: it and its dependents up to there.
MATCH (a:PsgNode:Step {project_id: $project_id, id: $step_id})
MATCH path = (a)<-[:DEPENDS_ON*0..]-(t)
WHERE all(n IN nodes(path) WHERE n.rank <= $high)
WITH DISTINCT t
RETURN t.id AS id, t.key AS key, [(t)-[:DEPENDS_ON]->(u) WHERE u.rank >= $low | u.id] AS dependencies,
  reduce(m = null, x IN [(t)<-[:DEPENDS_ON]-(v) WHERE v.rank > $high | v.rank] |
    CASE WHEN m IS NULL OR x < m THEN x ELSE m END) AS ceiling

// name: plan_dependencies :read :many
// All steps of a plan with the ids they depend on, by the ordered index.
MATCH (s:Step) WHERE s.project_id = $project_id AND s.plan = $plan_id AND s.position IS NOT NULL
RETURN s.id AS id, s.key AS key, [(s)-[:DEPENDS_ON]->(d) | d.id] AS dependencies

// name: steps_rerank :write :none
// Writes ranks; derived, so neither revision nor event.
UNWIND $rows AS r
MATCH (s:PsgNode:Step {project_id: $project_id, id: r.id})
SET s.rank = r.rank

// name: plan_timers_shift :write :one
// Moves the timers of a resumed plan by the time they were paused: since the pause, or since they were set in it.
MATCH (t:Timer) WHERE t.project_id = $project_id AND t.plan = $plan_id AND t.due_at IS NOT NULL
SET t.due_at = t.due_at + $now_ms - CASE WHEN t.sys_updated_ms > $paused_ms THEN t.sys_updated_ms ELSE $paused_ms END
RETURN count(t) AS moved

// name: plan_open_steps :read :many
// The next steps of a plan that are not finished, in position order, with what parks them and their running sub-plans.
MATCH (s:Step) WHERE s.project_id = $project_id AND s.plan = $plan_id AND s.position > $after
  AND s.status IN ['pending', 'blocked', 'in_progress'] AND NOT s:Tombstone
WITH s ORDER BY s.project_id, s.plan, s.position LIMIT toInteger($limit)
RETURN s.id AS id, s.key AS key, s.status AS status, s.position AS position, s.fence AS fence, s.attempt AS attempt,
  s.owner AS owner, [(c:Confirm)-[:GATES]->(s) WHERE c.status = 'pending' | c.id] AS confirms,
  [(c:Plan)-[:SUBPLAN_OF]->(s) WHERE c.status = 'in_progress' | c.id] AS children

// name: plan_live_parts :read :many
// The next steps of a deleted plan that are not deleted yet, in position order.
MATCH (s:Step) WHERE s.project_id = $project_id AND s.plan = $plan_id AND s.position > $after AND NOT s:Tombstone
WITH s ORDER BY s.project_id, s.plan, s.position LIMIT toInteger($limit)
RETURN s.id AS id, s.position AS position

// name: closing_plans :read :many
// Plans whose steps still have to be closed or deleted after the plan itself was.
MATCH (p:Closing) WHERE p.project_id IS NOT NULL AND p.id IS NOT NULL
RETURN p.project_id AS project_id, p.id AS plan_id, p:Tombstone AS deleted LIMIT 100

// name: node_state :read :one
// Any node by id, with its type and stored properties; read inside the lock.
MATCH (n:PsgNode {project_id: $project_id, id: $node_id})
RETURN n.id AS id, [x IN labels(n) WHERE x IN $known][0] AS label, n:Tombstone AS deleted, n {.*} AS node

// name: confirm_state :read :one
// A confirm with what it gates; read inside the lock.
MATCH (c:PsgNode:Confirm {project_id: $project_id, id: $confirm_id})
OPTIONAL MATCH (c)-[:GATES]->(s:Step)
OPTIONAL MATCH (s)-[:IN_PLAN]->(p:Plan)
RETURN c.id AS id, c.status AS status, c.revision AS revision, c:Tombstone AS deleted, c.approval AS approval,
  COUNT { (c)<-[:DECIDES]-() } AS decisions, s.id AS step_id, s.status AS step_status, s.parked AS parked,
  p.id AS plan_id, p.status AS plan_status, coalesce(p.paused, false) AS paused

// name: plan_capabilities :read :many
// What the unfinished steps of a plan need somebody to be able to do, with one step as an example of each.
MATCH (s:Step) WHERE s.project_id = $project_id AND s.plan = $plan_id AND s.position IS NOT NULL
  AND s.status IN ['pending', 'blocked', 'in_progress'] AND NOT s:Tombstone
RETURN s.type AS type, s.capability AS capability, s.agent_role AS agent_role, min(s.key) AS key
