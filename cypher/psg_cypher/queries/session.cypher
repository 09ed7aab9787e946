// name: session_open :write :one
// Registers an orchestrator process with its lease, by the database's clock.
MERGE (s:Session {id: $session_id})
SET s._lock = true
WITH s, datetime.realtime().epochMillis AS now
SET s += $facts, s.lease_until = now + $lease_ms, s.started_ms = now, s.lease_ms = $lease_ms
RETURN s.lease_until AS lease_until, now

// name: session_renew :write :one
// Extends the lease of a session that nobody ended; no row when somebody did. Only an ended session loses its steps,
// and ending is judged under the same lock, so a lease that ran out unnoticed (the database was away) may go on.
MATCH (s:Session {id: $session_id}) SET s._lock = true
WITH s, datetime.realtime().epochMillis AS now
WHERE s.ended_ms IS NULL
SET s.lease_until = now + $lease_ms
RETURN s.lease_until AS lease_until, now

// name: session_end :write :one
// Ends a session; with $expired_only one whose lease has run out, judged after the lock.
MATCH (s:Session {id: $session_id}) SET s._lock = true
WITH s, datetime.realtime().epochMillis AS now
WHERE s.ended_ms IS NULL AND (NOT $expired_only OR s.lease_until <= now)
SET s.ended_ms = now
RETURN now

// name: sessions_over :read :many
// Sessions that ended or ran out of lease and may still own steps.
MATCH (s:Session) WHERE s.lease_until IS NOT NULL
WITH s, datetime.realtime().epochMillis AS now
WHERE s.ended_ms IS NOT NULL OR s.lease_until <= now
RETURN s.id AS id, s.ended_ms AS ended_ms, s.lease_ms AS lease_ms, now

// name: sessions_live :read :many
// Sessions that hold a lease now, with what they can run.
MATCH (s:Session) WHERE s.lease_until > datetime.realtime().epochMillis AND s.ended_ms IS NULL
RETURN s.id AS id, s.capabilities AS capabilities, s.roles AS roles, s.host AS host, s.pid AS pid,
  s.lease_until AS lease_until, s.started_ms AS started_ms ORDER BY s.id

// name: session_projects :read :many
// Projects in which a session owns steps.
MATCH (s:Step) WHERE s.owner = $session_id RETURN DISTINCT s.project_id AS project_id

// name: session_steps :read :many
// The steps a session owns in a project, with their fences.
MATCH (s:Step) WHERE s.owner = $session_id AND s.project_id = $project_id AND s.status = 'in_progress'
MATCH (p:PsgNode:Plan {project_id: $project_id, id: s.plan})
RETURN s.id AS id, s.fence AS fence, s.key AS key, s.plan AS plan, p.trace_id AS trace_id, s.type AS type, s.capability AS capability,
  s.description AS description, s.agent_role AS agent_role, s.params AS params, s.condition AS condition,
  s.timeout_ms AS timeout_ms, s.retries AS retries, s.attempt AS attempt, s.failures AS failures,
  s.resumed AS resumed, coalesce(s.takeovers, 0) AS takeovers, s.policy AS policy, s.approval AS approval,
  s.budget AS budget, s.turn_id AS turn, p.policy AS plan_policy, p.budget AS plan_budget, s.started_ms AS started_ms,
  coalesce(s.ready_ms, p.started_ms) AS ready_ms, null AS claimed_ms

// name: session_takeover :write :one
// Frees the steps of an ended session in a project: whoever claims next runs them, with a higher fence.
MATCH (h:ProjectHead {id: $project_id}) SET h._lock = true
WITH datetime.realtime().epochMillis AS now
MATCH (old:Session {id: $session_id}) WHERE old.ended_ms IS NOT NULL
MATCH (s:Step) WHERE s.owner = $session_id AND s.project_id = $project_id AND s.status = 'in_progress'
WITH s, now LIMIT toInteger($limit)
MATCH (p:PsgNode:Plan {project_id: $project_id, id: s.plan})
SET s.owner = null, s.parked = null, s.takeovers = coalesce(s.takeovers, 0) + 1, s.ready_ms = now, s:Ready
FOREACH (_ IN CASE WHEN p.status = 'in_progress' AND NOT p.paused THEN [1] ELSE [] END | SET p:Runnable)
RETURN count(s) AS freed

// name: session_forget :write :none
// Removes a session that ended long ago and owns nothing.
MATCH (s:Session {id: $session_id}) WHERE s.ended_ms IS NOT NULL DELETE s
