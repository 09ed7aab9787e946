// name: turn_next :read :one
// The turn that workers of these agents take next, by urgency and order; read behind the head's lock to take it.
// Turns of plans that do not run now are passed over; the first few hundred of each agent are compared.
UNWIND $agents AS agent
CALL (agent) {
  MATCH (s:Offered) WHERE s.project_id = $project_id AND s.offered_to = agent AND s.position IS NOT NULL
    AND s.status = 'in_progress' AND s.parked = 'turn' AND s.owner IS NULL AND NOT s:Ready AND NOT s:Tombstone
    AND ($plan_id IS NULL OR s.plan = $plan_id)
  MATCH (p:PsgNode:Plan {project_id: $project_id, id: s.plan})
  WHERE p.status = 'in_progress' AND NOT p.paused AND NOT p:Stopping
  WITH s LIMIT 256
  RETURN s
}
WITH s ORDER BY s.sched_urgency, s.sched_order, s.turn_offered, s.position, s.id LIMIT 1
RETURN s.id AS id, s.key AS key, s.plan AS plan, s.type AS type, s.capability AS capability, s.fence AS fence,
  s.agent_role AS agent_role, s.turn AS turn, s.turn_total AS total, s.turn_attempt_ms AS attempt_ms,
  s.turn_heartbeat_ms AS heartbeat_ms

// name: turn_projects :read :many
// Projects, or those among some, in which something is offered to these agents that can be taken now.
MATCH (s:Offered) WHERE s.project_id IS NOT NULL AND s.offered_to IS NOT NULL AND s.position IS NOT NULL
  AND ($among IS NULL OR s.project_id IN $among)
WITH DISTINCT s.project_id AS project_id, s.offered_to AS offered_to, s.plan AS plan
WHERE offered_to IN $agents
MATCH (p:PsgNode:Plan {project_id: project_id, id: plan})
WHERE p.status = 'in_progress' AND NOT p.paused AND NOT p:Stopping
RETURN project_id, min(p.served_at) AS served_at ORDER BY served_at LIMIT 100

// name: turn_command :read :one
// The project in which an earlier claim of this id took a turn, of those, or of some, that have plans at work: a turn that
// is held is one of such a plan.
MATCH (p:Plan) USING INDEX p:Plan(status, project_id)
WHERE p.status = 'in_progress' AND p.project_id IS NOT NULL AND ($among IS NULL OR p.project_id IN $among)
WITH DISTINCT p.project_id AS project_id
MATCH (c:Event {project_id: project_id, command_id: $command_id})
RETURN project_id LIMIT 1

// name: turn_state :read :one
// A step as its turn has it: who holds it until when, and what was answered.
MATCH (s:PsgNode:Step {project_id: $project_id, id: $step_id})
MATCH (p:PsgNode:Plan {project_id: $project_id, id: s.plan})
RETURN s.id AS id, s.key AS key, s.plan AS plan, s.type AS type, s.capability AS capability, s.status AS status,
  s.fence AS fence, s.attempt AS attempt, s.agent_role AS agent_role, s.description AS description,
  s.parked AS parked, s.offered_to AS offered_to, s.turn AS turn, s.turn_worker AS worker, s.turn_lease AS lease,
  s.turn_beat AS beat, s.turn_until AS until, s.turn_queue AS queue, s.turn_total AS total, s.turn_lost AS lost,
  s.turn_answer AS answer, s.turn_attempt_ms AS attempt_ms, s.turn_heartbeat_ms AS heartbeat_ms,
  s:Offered AS offered, s:Ready AS ready, s:Tombstone AS deleted, p.title AS plan_title, p.objective AS objective,
  p.status AS plan_status, coalesce(p.paused, false) AS paused, p:Stopping AS stopping,
  datetime.realtime().epochMillis AS now

// name: turn_heartbeat :write :one
// Extends the lease of a turn for its worker, judged after the lock; one that ran out and was not offered again yet
// goes on. Neither revision nor event: a lease is no state of the plan.
MATCH (h:ProjectHead {id: $project_id}) SET h._lock = true
WITH h, datetime.realtime().epochMillis AS now
OPTIONAL MATCH (s:PsgNode:Step {project_id: $project_id, id: $step_id})
WITH h, now, s, coalesce(s.status = 'in_progress' AND s.parked = 'turn' AND s.owner IS NULL AND s.fence = $fence
  AND s.turn_worker = $worker AND s.turn_answer IS NULL, false) AS held
FOREACH (x IN CASE WHEN held THEN [s] ELSE [] END |
  REMOVE x:Ready
  SET x:Timer, x.turn_beat = now, x.turn_lease = now + x.turn_lease_ms, x.sys_updated_ms = now,
    x.due_at = reduce(due = now + x.turn_lease_ms,
      at IN [x.turn_until, x.turn_total, now + x.turn_heartbeat_ms] | CASE WHEN at < due THEN at ELSE due END))
WITH h, now, s, held
OPTIONAL MATCH (g:Lock {id: 'projects'})
RETURN held, now, s.turn_lease AS lease_until, s.plan AS plan, s.type AS type, s.capability AS capability,
  s.turn AS turn, h.seq AS seq, {policy: h.policy, budget: h.budget, kill: h.kill_switch, kill_all: g.kill_switch} AS rules

// name: turns_shift :write :one
// Moves the clocks of turns by the time their plan was paused, but for that of an attempt under way: as with steps that
// run here, work goes on in a pause. Runs behind the head's lock, after the timers were moved.
MATCH (t:Timer) WHERE t.project_id = $project_id AND t.plan = $plan_id AND t.due_at IS NOT NULL AND t.parked = 'turn'
WITH t, $now_ms - CASE WHEN t.turn_offered > $paused_ms THEN t.turn_offered ELSE $paused_ms END AS waited,
  $now_ms - CASE WHEN t.turn_beat > $paused_ms THEN t.turn_beat ELSE $paused_ms END AS silent
SET t.turn_total = t.turn_total + waited, t.turn_queue = t.turn_queue + waited,
  t.turn_lease = t.turn_lease + silent, t.turn_beat = t.turn_beat + silent
SET t.due_at = reduce(due = null, at IN CASE WHEN t.turn_worker IS NULL THEN [t.turn_queue, t.turn_total]
    ELSE [t.turn_lease, t.turn_until, t.turn_total, t.turn_beat + t.turn_heartbeat_ms] END |
  CASE WHEN due IS NULL OR at < due THEN coalesce(at, due) ELSE due END)
RETURN count(t) AS moved
