// Sessions: a Collab whose participants take the steps of a plan as turns.

// name: coordinated_plan :read :one
// A plan with the Collab that coordinates it, or did last; read inside the lock.
MATCH (p:PsgNode:Plan {project_id: $project_id, id: $plan_id})
OPTIONAL MATCH (c:PsgNode:Collab {project_id: $project_id, id: p.coordinated_by})
OPTIONAL MATCH (p)-[:IN_CONTEXT]->(x:Context)
RETURN p.id AS id, p.status AS status, coalesce(p.paused, false) AS paused, p.steps_open AS steps_open,
  p.steps_total AS steps_total, coalesce(p.loading, false) AS loading, p:Closing AS closing, p:Stopping AS stopping,
  p:Coordinating AS coordinating, p:Tombstone AS deleted, p.trace_id AS trace_id, x.id AS context_id,
  c {.id, .status, .mode, .session, .session_number, .session_plan, .session_state, .session_reason,
     .session_metadata, deleted: c:Tombstone} AS collab

// name: session_participants :read :many
// The living participants of a Collab in their order, with the roles that they play, and its context.
MATCH (c:PsgNode:Collab {project_id: $project_id, id: $collab_id})
MATCH (n:Participant) WHERE n.project_id = $project_id AND n.collab = $collab_id AND n.position IS NOT NULL
  AND NOT n:Tombstone
WITH c, n ORDER BY n.project_id, n.collab, n.position
OPTIONAL MATCH (n)-[:PLAYS_ROLE]->(r:Role)
RETURN n.participant_id AS participant_id, n.kind AS kind, r.id AS role_id, r.name AS role,
  [(c)-[:IN_CONTEXT]->(x:Context) | x.id][0] AS context_id

// name: session_turn_steps :read :many
// The steps of a plan with what makes them turns, in position order, without what they gave.
MATCH (s:Step) WHERE s.project_id = $project_id AND s.plan = $plan_id AND s.position IS NOT NULL AND NOT s:Tombstone
WITH s ORDER BY s.project_id, s.plan, s.position
RETURN s.id AS id, s.key AS key, s.type AS type, s.status AS status, s.capability AS capability,
  s.agent_role AS agent_role, s.order_index AS order_index, s.position AS position, s.condition AS condition,
  s.join AS join, s.skip_reason AS skip_reason, s.executed_by AS executed_by, s.turn_id AS turn_id,
  s.turn_number AS turn_number, s.turn_participant AS turn_participant, s.turn_session AS turn_session,
  s.turn_agent AS turn_agent, coalesce(s.turn_told, false) AS turn_told, s.turn_hash AS turn_hash,
  s.started_ms AS started_ms, s.finished_ms AS finished_ms,
  COLLECT { MATCH (s)-[e:DEPENDS_ON]->(d:Step) RETURN d.id ORDER BY e.at } AS dependencies

// name: session_results :read :many
// What steps came to.
UNWIND $ids AS id
MATCH (s:PsgNode:Step {project_id: $project_id, id: id})
RETURN s.id AS id, s.output AS output, s.error AS error

// name: coordinating_plans :read :many
// Plans that sessions coordinate now, with how far the logs of their projects are.
MATCH (p:Coordinating) WHERE p.project_id IS NOT NULL AND p.id IS NOT NULL
MATCH (h:ProjectHead {id: p.project_id})
RETURN p.project_id AS project_id, p.id AS plan_id, h.seq AS seq

// name: session_due :read :one
// Whether a session has something to tell or to dispatch: turns that ended and nobody told of, turns that are open.
MATCH (p:PsgNode:Plan {project_id: $project_id, id: $plan_id})
CALL () {
  MATCH (s:Step) WHERE s.project_id = $project_id AND s.plan = $plan_id AND s.position IS NOT NULL
  WITH s WHERE s.turn_id IS NOT NULL AND NOT coalesce(s.turn_told, false)
  RETURN sum(CASE WHEN s.status IN ['completed', 'skipped', 'failed'] THEN 1 ELSE 0 END) AS ended,
    sum(CASE WHEN s.status IN ['completed', 'skipped', 'failed'] THEN 0 ELSE 1 END) AS open
}
OPTIONAL MATCH (c:PsgNode:Collab {project_id: $project_id, id: p.coordinated_by})
RETURN p:Coordinating AS coordinating, ended, open,
  c IS NULL OR c:Tombstone OR NOT c.status IN ['active', 'suspended'] AS gone

// name: turn_binding :read :one
// Whose turn a step is, with the session, what the step depends on, and what the turn before it gave.
MATCH (s:PsgNode:Step {project_id: $project_id, id: $step_id})
MATCH (p:PsgNode:Plan {project_id: $project_id, id: s.plan})
MATCH (c:PsgNode:Collab {project_id: $project_id, id: p.coordinated_by})
CALL (s) {
  OPTIONAL MATCH (b:Step) WHERE b.project_id = $project_id AND b.plan = s.plan AND b.position IS NOT NULL
    AND b.turn_session = s.turn_session AND b.turn_number = s.turn_number - 1
  RETURN b {.key, .output, participant_id: b.turn_participant} AS before LIMIT 1
}
RETURN s.turn_id AS turn_id, s.turn_number AS turn_number, s.turn_participant AS participant_id,
  s.turn_agent AS agent, s.order_index AS order_index, c.id AS session_id, c.mode AS mode,
  c.session_state AS state, c.session_metadata AS metadata, before,
  COLLECT { MATCH (s)-[e:DEPENDS_ON]->(d:Step) RETURN {key: d.key, output: d.output} ORDER BY e.at } AS dependencies

// name: session_view :read :one
// A Collab with its session, for looking at it.
MATCH (c:PsgNode:Collab {project_id: $project_id, id: $collab_id}) WHERE NOT c:Tombstone
OPTIONAL MATCH (p:PsgNode:Plan {project_id: $project_id, id: c.session_plan})
RETURN c {.id, .title, .mode, .status, .session, .session_number, .session_plan, .session_state, .session_reason,
  .session_metadata} AS collab, p.status AS plan_status, coalesce(p.paused, false) AS plan_paused,
  coalesce(p:Coordinating AND p.coordinated_by = c.id, false) AS carried

// name: session_events :read :many
// The events of the sessions of a plan behind $after, in order.
MATCH (e:Event) USING INDEX e:Event(project_id, plan, seq)
WHERE e.project_id = $project_id AND e.plan = $plan_id AND e.seq > $after
WITH e WHERE e.family = 'external_integration'
WITH e ORDER BY e.seq LIMIT toInteger($limit)
RETURN e {.*} AS event

// name: audit_sessions :read :many
// Plans that a session coordinates or did, with the session and its turns, for an audit.
UNWIND $ids AS id
MATCH (p:PsgNode:Plan {project_id: $project_id, id: id}) WHERE p.coordinated_by IS NOT NULL
OPTIONAL MATCH (c:PsgNode:Collab {project_id: $project_id, id: p.coordinated_by})
CALL (id, c) {
  MATCH (s:Step) WHERE s.project_id = $project_id AND s.plan = id AND s.position IS NOT NULL
  WITH s WHERE s.turn_session = c.session_number AND s.turn_id IS NOT NULL AND NOT s:Tombstone
  RETURN collect(s {.id, .key, .status, .turn_id, .turn_number, .turn_participant, .executed_by, .order_index,
    .position, .skip_reason, .turn_told}) AS turns
}
RETURN id, c {.id, .mode, .session, .session_number, .session_plan, .session_state, .session_reason} AS collab,
  p:Coordinating AS coordinating, turns
