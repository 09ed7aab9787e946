// name: project_rules :read :one
// What holds for all steps of a project: its policy, budget and kill switches, with those that hold everywhere.
MATCH (h:ProjectHead {id: $project_id})
OPTIONAL MATCH (g:Lock {id: 'projects'})
RETURN h.seq AS seq, h.policy AS policy, h.budget AS budget, h.kill_switch AS kill, g.kill_switch AS kill_all,
  datetime.realtime().epochMillis AS now

// name: rules_of_projects :read :many
// The same for the projects that a process runs steps of.
UNWIND $batch.project_ids AS project_id
MATCH (h:ProjectHead {id: project_id})
OPTIONAL MATCH (g:Lock {id: 'projects'})
RETURN h.id AS project_id, h.seq AS seq, h.policy AS policy, h.budget AS budget, h.kill_switch AS kill,
  g.kill_switch AS kill_all, datetime.realtime().epochMillis AS now

// name: project_policy_set :write :one
// Sets what holds for every step of a project whose plan does not say otherwise; behind the head's lock.
MATCH (h:ProjectHead {id: $project_id})
SET h.policy = $policy
RETURN h.policy AS policy

// name: kill_switch_set :write :one
// Keeps a project's kill switches; behind the head's lock.
MATCH (h:ProjectHead {id: $project_id})
SET h.kill_switch = $kill_switch
RETURN h.kill_switch AS kill_switch

// name: kill_switch_global_lock :write :one
// Locks and reads the kill switches that hold everywhere, and who set them when.
MATCH (g:Lock {id: 'projects'}) SET g._lock = true
RETURN g.kill_switch AS kill_switch, g.kill_changes AS changes, datetime.realtime().epochMillis AS now

// name: kill_switch_global_set :write :one
// Keeps the kill switches that hold everywhere; behind the lock for all projects.
MATCH (g:Lock {id: 'projects'})
SET g.kill_switch = $kill_switch, g.kill_changes = $changes
RETURN g.kill_switch AS kill_switch

// name: kill_switch_global :read :one
// The kill switches that hold everywhere, and who set them when.
MATCH (g:Lock {id: 'projects'})
RETURN g.kill_switch AS kill_switch, g.kill_changes AS changes

// name: plan_pauses :read :one
// When a plan was paused and resumed, by its own events: asked only when a clock seems to have run out.
RETURN datetime.realtime().epochMillis AS now, COLLECT {
  MATCH (e:Event) USING INDEX e:Event(entity, seq)
  WHERE e.entity = $plan_id AND e.seq > 0 AND e.project_id = $project_id AND e.type IN ['plan_paused', 'plan_resumed']
  WITH e ORDER BY e.entity, e.seq
  RETURN {type: e.type, at: e.at} } AS events

// name: plan_actor :read :one
// Who started the run of a plan.
MATCH (p:PsgNode:Plan {project_id: $project_id, id: $plan_id})
RETURN p.title AS title, p.goal_id AS goal_id, COLLECT {
  MATCH (e:Event) USING INDEX e:Event(entity, seq)
  WHERE e.entity = $plan_id AND e.seq > 0 AND e.project_id = $project_id AND e.type = 'plan_in_progress'
  WITH e ORDER BY e.entity DESC, e.seq DESC LIMIT 1
  RETURN e.actor }[0] AS actor

// name: effect_begin :write :one
// Asks for an idempotency key: the recorded result, leave to act for this attempt, or word that another attempt that
// is under way has it, here or with a worker outside. One at a time for each key; an attempt that is over (or lost its
// step) gives the key back.
MERGE (e:Effect {project_id: $project_id, key: $key}) SET e._lock = true
WITH e
OPTIONAL MATCH (s:PsgNode:Step {project_id: $project_id, id: e.step})
WITH e, e.step IS NOT NULL AND e.step <> $step_id AND s.status = 'in_progress' AND (coalesce(s.parked = 'turn', false)
  OR coalesce(s.resumed = 'turn', false) OR (s.owner IS NOT NULL AND s.fence = e.fence)) AS held
WITH e, CASE WHEN e.at IS NOT NULL THEN 'recorded' WHEN held THEN 'held' ELSE 'yours' END AS verdict
FOREACH (_ IN CASE WHEN verdict = 'yours' THEN [1] ELSE [] END | SET e.step = $step_id, e.fence = $fence)
RETURN verdict, e.step AS step_id, e.at AS at, CASE WHEN verdict = 'recorded' THEN e.output END AS output

// name: queue_plans :read :many
// Plans whose steps can be claimed, with what they and their project say about the time to wait.
MATCH (p:Runnable)
WHERE p.project_id = $project_id AND p.sched_urgency IS NOT NULL AND p.served_at IS NOT NULL
WITH p ORDER BY p.project_id, p.sched_urgency, p.served_at LIMIT 64
RETURN p.id AS id, p.policy AS policy

// name: queue_waiting :read :one
// The next $limit steps of a plan behind $after: those among them that wait to be claimed and may have waited too long.
MATCH (p:PsgNode:Plan {project_id: $project_id, id: $plan_id})
CALL (p) {
  MATCH (s:Step) WHERE s.project_id = $project_id AND s.plan = $plan_id AND s.position > $after
  WITH s ORDER BY s.project_id, s.plan, s.position LIMIT toInteger($limit)
  RETURN collect(s) AS steps
}
WITH p, steps, datetime.realtime().epochMillis AS now
RETURN now, CASE WHEN size(steps) < $limit THEN -1 ELSE steps[-1].position END AS after,
  [s IN steps WHERE s:Ready AND s.owner IS NULL AND ($every OR s.policy CONTAINS 'queue_ms')
    | {id: s.id, fence: s.fence, policy: s.policy, timeout_ms: s.timeout_ms, retries: s.retries, plan: s.plan,
       plan_policy: p.policy, ready_ms: coalesce(s.ready_ms, p.started_ms)}] AS waiting

// name: queued_step :read :one
// A step that waits to be claimed, as a claim has it; read inside the lock.
MATCH (s:PsgNode:Step {project_id: $project_id, id: $step_id})
MATCH (p:PsgNode:Plan {project_id: $project_id, id: s.plan})
WHERE s:Ready AND NOT s:Tombstone AND p.status = 'in_progress' AND NOT p.paused AND s.owner IS NULL
RETURN s.id AS id, s.fence AS fence, s.key AS key, s.plan AS plan, p.trace_id AS trace_id, s.type AS type,
  s.capability AS capability, s.description AS description, s.agent_role AS agent_role, s.params AS params,
  s.condition AS condition, s.timeout_ms AS timeout_ms, s.retries AS retries, s.attempt AS attempt,
  s.failures AS failures, s.resumed AS resumed, s.parked AS parked, s.status AS status,
  coalesce(s.takeovers, 0) AS takeovers, s.policy AS policy, s.approval AS approval, s.budget AS budget,
  p.policy AS plan_policy, p.budget AS plan_budget, s.started_ms AS started_ms,
  coalesce(s.ready_ms, p.started_ms) AS ready_ms, null AS claimed_ms
