// name: frontier_advance :write :one
// Records what finished, unlocks what waited for it, and claims what is next, in one commit for one project
// (DESIGN §5, F3). $batch holds results (rows of orchestrator.records), skips {id, reason, changes} and runs (ids of
// steps decided to run); one map, so that one plan serves whatever is in it. Judged after the lock; refused rows write
// nothing. replan=skip: planning it takes longer than a hundred runs; what is hinted stays a seek, also when the first plan
// was made for an almost empty store (then a scan of the few traces there are looks as good).
CYPHER replan=skip
MATCH (h:ProjectHead {id: $project_id}) USING INDEX SEEK h:ProjectHead(id) SET h._lock = true
WITH h, datetime.realtime().epochMillis AS clock
WITH h, clock, CASE WHEN h.clock > clock THEN h.clock ELSE clock END AS now
OPTIONAL MATCH (me:Session {id: $session_id}) USING INDEX SEEK me:Session(id)
WITH h, now, me IS NOT NULL AND me.ended_ms IS NULL AND me.lease_until > clock AS live,
  toString(datetime({epochMillis: now})) AS at
CALL () {
  UNWIND $batch.results AS r
  OPTIONAL MATCH (s:PsgNode:Step {project_id: $project_id, id: r.id}) USING INDEX SEEK s:PsgNode(project_id, id)
  OPTIONAL MATCH (t:PsgNode:Trace {project_id: $project_id, id: r.trace_id}) USING INDEX SEEK t:PsgNode(project_id, id)
  RETURN collect({r: r, s: s, t: t, verdict: CASE
    WHEN s IS NULL OR t IS NULL THEN 'missing'
    WHEN s.fence = r.fence AND s.status = 'in_progress' AND s.owner = $session_id THEN 'ok'
    WHEN s.fence = r.fence AND s.status IN ['completed', 'failed'] THEN 'recorded'
    ELSE 'stale' END}) AS judged
}
CALL () {
  UNWIND $batch.skips AS r
  MATCH (s:PsgNode:Step {project_id: $project_id, id: r.id}) USING INDEX SEEK s:PsgNode(project_id, id)
  WHERE s:Undecided AND s.status = 'pending'
  RETURN collect({r: r, s: s}) AS skipped
}
CALL () {
  UNWIND $batch.runs AS id
  MATCH (s:PsgNode:Step {project_id: $project_id, id: id}) USING INDEX SEEK s:PsgNode(project_id, id)
  WHERE s:Undecided AND s.status = 'pending' AND (s.waits = 0 OR s.join = 'any')
  RETURN collect(s) AS cleared
}
WITH h, now, at, live, judged, skipped, cleared, [j IN judged WHERE j.verdict = 'ok'] AS done
FOREACH (j IN done | FOREACH (s IN [j.s] |
  SET s.status = j.r.status, s.output = j.r.output, s.error = j.r.error, s.revision = s.revision + 1,
    s.finished_ms = now, s.sys_updated_ms = now, s.owner = null, s.resumed = null, s.turn_answer = null
  REMOVE s:InProgress SET s:$(CASE j.r.status WHEN 'failed' THEN 'Failed' ELSE 'Completed' END)))
FOREACH (j IN [x IN done WHERE x.r.effect IS NOT NULL AND x.r.status = 'completed'] |
  MERGE (k:Effect {project_id: $project_id, key: j.r.effect})
  ON CREATE SET k.step = j.r.id
  SET k.output = j.r.output, k.fence = j.r.fence, k.at = now)
FOREACH (j IN skipped | FOREACH (s IN [j.s] | REMOVE s:Undecided
  SET s:Skipped, s.status = 'skipped', s.skip_reason = j.r.reason, s.revision = s.revision + 1, s.finished_ms = now,
    s.sys_updated_ms = now))
FOREACH (s IN cleared | REMOVE s:Undecided SET s.gated = false)
WITH h, now, at, live, judged, skipped, cleared, done, h.seq AS base
CALL (done, now, at, base) {
  UNWIND range(0, size(done) - 1) AS i
  WITH done[i].r AS r, done[i].s AS s, done[i].t AS t, base + 1 + 3 * i AS seq, now, at
  CREATE (g:PsgNode:TraceSegment {id: r.segment_id, project_id: $project_id, revision: 1, trace: r.trace_id,
    log_seq: seq, label: r.label, status: r.status, finished_at: at, attempt: r.attempt, fence: r.fence,
    session_id: $session_id, payload: r.payload, sys_created_ms: now, sys_updated_ms: now})
  CREATE (g)-[:IN_TRACE]->(t)
  CREATE (g)-[:RECORDS]->(s)
  CREATE (:Event {project_id: $project_id, seq: seq, event_id: randomUUID(), family: 'graph_update',
    type: 'tracesegment_created', op: 'create', entity_type: 'TraceSegment', entity: r.segment_id, plan: s.plan,
    at: now, actor: $actor, revision: 1, changes: r.segment_head + at + r.segment_tail, update_kind: 'node_add',
    node_delta: 1, edge_delta: 2})
  CREATE (:Event {project_id: $project_id, seq: seq + 1, event_id: randomUUID(), family: 'graph_update',
    type: 'step_updated', op: 'set', entity_type: 'Step', entity: r.id, plan: s.plan, at: now, actor: $actor,
    revision: s.revision, changes: r.changes, update_kind: 'node_update', node_delta: 0, edge_delta: 0})
  CREATE (:Event {project_id: $project_id, seq: seq + 2, event_id: randomUUID(), family: 'pipeline_stage',
    type: 'step_' + r.status, op: 'set', entity_type: 'Step', entity: r.id, plan: s.plan, at: now, actor: $actor,
    revision: s.revision,
    changes: '{"op":"set","before":{"status":"in_progress"},"after":{"status":"' + r.status + '"}}'})
  RETURN count(*) AS recorded
}
WITH h, now, at, live, judged, skipped, cleared, done, base + 3 * size(done) AS base,
  [j IN done WHERE j.r.spend IS NOT NULL] AS paid
CALL (h, paid, now, base) {
  UNWIND range(0, size(paid) - 1) AS i
  WITH h, paid[i].s AS s, paid[i].r.spend AS spend, base + 1 + i AS seq, now
  MATCH (p:PsgNode:Plan {project_id: $project_id, id: s.plan}) USING INDEX SEEK p:PsgNode(project_id, id)
  FOREACH (n IN [h, p, s] | SET n.spent_tokens = coalesce(n.spent_tokens, 0) + spend.tokens,
    n.spent_cost = coalesce(n.spent_cost, 0) + spend.cost, n.spent_calls = coalesce(n.spent_calls, 0) + spend.calls,
    n.spent_wall_ms = coalesce(n.spent_wall_ms, 0) + spend.wall_ms)
  CREATE (:Event {project_id: $project_id, seq: seq, event_id: randomUUID(), family: 'cost_budget',
    type: 'budget_debited', op: 'note', entity_type: 'Step', entity: s.id, plan: s.plan, at: now, actor: $actor,
    revision: s.revision, changes: spend.changes})
  WITH spend
  MATCH (r:Reservation {project_id: $project_id, id: spend.id}) USING INDEX SEEK r:Reservation(project_id, id)
  DELETE r
  RETURN count(*) AS debited
}
WITH h, now, at, live, judged, skipped, cleared, done, base + size(paid) AS base
CALL (skipped, now, base) {
  UNWIND range(0, size(skipped) - 1) AS i
  WITH skipped[i].r AS r, skipped[i].s AS s, base + 1 + i AS seq, now
  CREATE (:Event {project_id: $project_id, seq: seq, event_id: randomUUID(), family: 'pipeline_stage',
    type: 'step_skipped', op: 'set', entity_type: 'Step', entity: r.id, plan: s.plan, at: now, actor: $actor,
    revision: s.revision, changes: r.changes})
  RETURN count(*) AS noted
}
WITH h, now, at, live, judged, cleared, done + skipped AS ended, base + size(skipped) AS base
CALL (ended) {
  UNWIND ended AS j
  WITH j.s AS s WHERE COUNT { (s)<-[:DEPENDS_ON]-() } > $fanout_max
  SET s:Unlocking, s.unlock_after = -1
  RETURN count(*) AS postponed
}
CALL (ended) {
  UNWIND ended AS j
  WITH j.s AS s, j.r AS r WHERE NOT s:Unlocking
  MATCH (s)<-[:DEPENDS_ON]-(t:Step) WHERE t.status = 'pending' AND NOT t:Tombstone
  WITH t, count(*) AS k, sum(CASE WHEN s.status = 'skipped' THEN 1 ELSE 0 END) AS skips,
    sum(CASE WHEN s.status = 'failed' OR s.skip_reason = 'dependency_failed' THEN 1 ELSE 0 END) AS failures,
    sum(CASE WHEN s.status = 'completed' THEN 1 ELSE 0 END) AS completions
  SET t.waits = t.waits - k, t.gated = t.gated OR skips > 0
  WITH t, CASE t.join
      WHEN 'any' THEN (t.waits = 0 OR completions > 0) AND NOT t:Ready
      WHEN 'settled' THEN t.waits = 0
      ELSE t.waits = 0 OR failures > 0 END AS open,
    t.gated OR CASE t.join WHEN 'any' THEN completions = 0 WHEN 'settled' THEN false ELSE failures > 0 END AS undecided
  WHERE open
  WITH t, undecided ORDER BY t.sched_urgency, t.sched_order, t.position
  RETURN collect({t: t, undecided: undecided}) AS unlocked
}
FOREACH (u IN unlocked | FOREACH (t IN CASE WHEN u.undecided THEN [u.t] ELSE [] END | SET t:Undecided))
WITH h, now, at, live, judged, ended, base, cleared + [u IN unlocked WHERE NOT u.undecided | u.t] AS newly,
  [u IN unlocked WHERE u.undecided | u.t.plan] AS plans_undecided
CALL (ended, now) {
  UNWIND ended AS j
  WITH j.s.plan AS plan, count(*) AS k, sum(CASE WHEN j.s.status = 'failed' THEN 1 ELSE 0 END) AS failures, now
  MATCH (p:PsgNode:Plan {project_id: $project_id, id: plan}) USING INDEX SEEK p:PsgNode(project_id, id)
  SET p.steps_open = p.steps_open - k, p.steps_failed = p.steps_failed + failures
  FOREACH (_ IN CASE WHEN failures > 0 AND p.on_failure IS NOT NULL AND p.steps_open > 0 THEN [1] ELSE [] END |
    REMOVE p:Runnable SET p:Stopping)
  WITH p WHERE p.steps_open = 0 AND p.status = 'in_progress'
  RETURN collect(p) AS finished
}
FOREACH (p IN finished | REMOVE p:Runnable, p:InProgress, p:Stopping
  SET p.status = CASE WHEN p.steps_failed > 0 THEN 'failed' ELSE 'completed' END, p.revision = p.revision + 1,
    p.finished_ms = now, p.sys_updated_ms = now, p:$(CASE WHEN p.steps_failed > 0 THEN 'Failed' ELSE 'Completed' END))
FOREACH (p IN finished | FOREACH (_ IN CASE WHEN p.parent_step IS NOT NULL OR p.success_criteria IS NOT NULL
    OR (p.steps_failed > 0 AND p.on_failure IN ['compensate', 'replan']) THEN [1] ELSE [] END | SET p:Reacting))
FOREACH (t IN newly | SET t.ready_ms = now)
WITH h, now, at, live, judged, base, newly, plans_undecided, finished
CALL (newly, live) {
  UNWIND newly AS t
  WITH t.plan AS plan, collect(t) AS steps, live
  MATCH (p:PsgNode:Plan {project_id: $project_id, id: plan}) USING INDEX SEEK p:PsgNode(project_id, id)
  WITH p, steps, live AND p.status = 'in_progress' AND NOT p.paused AND NOT p:Stopping AND NOT EXISTS {
    MATCH (x:Ready) USING INDEX SEEK x:Ready(project_id, plan, sched_urgency, sched_order, position)
    WHERE x.project_id = $project_id AND x.plan = plan AND x.sched_urgency IS NOT NULL
      AND x.sched_order IS NOT NULL AND x.position IS NOT NULL } AS direct
  RETURN reduce(all = [], x IN collect(CASE WHEN direct THEN steps ELSE [] END) | all + x) AS direct,
    reduce(all = [], x IN collect(CASE WHEN direct THEN [] ELSE steps END) | all + x) AS queued
}
WITH h, now, at, live, judged, base, plans_undecided, finished, direct[..toInteger($want)] AS direct,
  queued + direct[toInteger($want)..] AS queued
FOREACH (t IN queued | SET t:Ready)
WITH h, now, at, live, judged, base, finished, direct, size(plans_undecided) AS undecided,
  plans_undecided + [t IN queued | t.plan] AS awake
CALL (awake) {
  UNWIND awake AS plan
  WITH DISTINCT plan
  MATCH (p:PsgNode:Plan {project_id: $project_id, id: plan}) USING INDEX SEEK p:PsgNode(project_id, id)
  WHERE p.status = 'in_progress' AND NOT p.paused AND NOT p:Runnable AND NOT p:Stopping
  SET p:Runnable
  RETURN count(*) AS woken
}
CALL (now, live, direct) {
  WITH now, live, direct WHERE live AND $want > size(direct)
  MATCH (p:Runnable) USING INDEX SEEK p:Runnable(project_id, sched_urgency, served_at)
  WHERE p.project_id = $project_id AND p.sched_urgency IS NOT NULL AND p.served_at IS NOT NULL AND NOT p:Stopping
  WITH p ORDER BY p.project_id, p.sched_urgency, p.served_at LIMIT 64
  CALL (p) {
    MATCH (s:Ready) USING INDEX SEEK s:Ready(project_id, plan, sched_urgency, sched_order, position)
    WHERE s.project_id = $project_id AND s.plan = p.id AND s.sched_urgency IS NOT NULL AND s.sched_order IS NOT NULL
      AND s.position IS NOT NULL
    WITH s ORDER BY s.project_id, s.plan, s.sched_urgency, s.sched_order, s.position LIMIT toInteger($want)
    RETURN collect(s) AS ready
  }
  WITH collect({p: p, ready: ready}) AS offers
  WITH offers, [o IN offers WHERE size(o.ready) > 0] AS full, toInteger($want) - size(direct) AS want
  FOREACH (o IN offers | FOREACH (p IN CASE WHEN size(o.ready) = 0 AND NOT EXISTS {
    MATCH (u:Undecided) USING INDEX SEEK u:Undecided(project_id, plan, position)
    WHERE u.project_id = $project_id AND u.plan = o.p.id AND u.position IS NOT NULL }
    THEN [o.p] ELSE [] END | REMOVE p:Runnable))
  FOREACH (o IN full | FOREACH (p IN [o.p] | SET p.served_at = now))
  WITH want, full, CASE WHEN size(full) = 0 THEN 0 ELSE want / size(full) + 1 END AS share
  RETURN reduce(all = [], o IN full | all + o.ready[..share])[..want] AS indexed,
    any(o IN full WHERE size(o.ready) > share) AS more
}
WITH h, now, at, judged, base, finished, coalesce(more, false) AS more, undecided,
  [s IN direct + coalesce(indexed, []) | {s: s, fresh: s.status = 'pending', parked: s.parked}] AS claims
FOREACH (c IN claims | FOREACH (s IN [c.s] | REMOVE s:Ready
  SET s:InProgress, s.status = 'in_progress', s.owner = $session_id, s.fence = s.fence + 1, s.revision = s.revision + 1,
    s.attempt = s.attempt + CASE WHEN c.parked IS NULL THEN 1 ELSE 0 END, s.parked = null,
    s.resumed = CASE WHEN c.parked IS NULL THEN s.resumed ELSE c.parked END,
    s.started_ms = CASE WHEN c.fresh THEN now ELSE s.started_ms END, s.sys_updated_ms = now))
WITH h, now, at, judged, base, finished, claims, more, undecided
CALL (claims, now, base) {
  UNWIND range(0, size(claims) - 1) AS i
  WITH claims[i].s AS s, claims[i].fresh AS fresh, claims[i].parked AS parked, base + 1 + i AS seq, now
  MATCH (p:PsgNode:Plan {project_id: $project_id, id: s.plan}) USING INDEX SEEK p:PsgNode(project_id, id)
  CREATE (:Event {project_id: $project_id, seq: seq, event_id: randomUUID(),
    family: CASE WHEN fresh THEN 'pipeline_stage' ELSE 'runtime_execution' END,
    type: CASE WHEN fresh THEN 'step_in_progress' ELSE 'step_resumed' END, op: 'set', entity_type: 'Step',
    entity: s.id, plan: s.plan, at: now, actor: $actor, revision: s.revision,
    changes: '{"op":"set","before":{' + CASE WHEN fresh THEN '"status":"pending",' ELSE '' END +
      '"fence":' + toString(s.fence - 1) + ',"attempt":' +
      toString(s.attempt - CASE WHEN parked IS NULL THEN 1 ELSE 0 END) + '},"after":{' +
      CASE WHEN fresh THEN '"status":"in_progress",' ELSE '' END + '"fence":' + toString(s.fence) +
      ',"attempt":' + toString(s.attempt) + '},"session":"' + $session_id + '"}'})
  RETURN collect({id: s.id, key: s.key, plan: s.plan, trace_id: p.trace_id, type: s.type, capability: s.capability,
    description: s.description, agent_role: s.agent_role, params: s.params, condition: s.condition,
    timeout_ms: s.timeout_ms, retries: s.retries, attempt: s.attempt, failures: s.failures, fence: s.fence,
    resumed: s.resumed, takeovers: coalesce(s.takeovers, 0), policy: s.policy, approval: s.approval, budget: s.budget,
    turn: s.turn_id, plan_policy: p.policy, plan_budget: p.budget, started_ms: s.started_ms,
    ready_ms: coalesce(s.ready_ms, p.started_ms), claimed_ms: now}) AS claimed
}
WITH h, now, at, judged, finished, claimed, more, undecided, base + size(claims) AS base
CALL (finished, now, at, base) {
  UNWIND range(0, size(finished) - 1) AS i
  WITH finished[i] AS p, base + 1 + 2 * i AS seq, now, at
  CREATE (:Event {project_id: $project_id, seq: seq, event_id: randomUUID(), family: 'pipeline_stage',
    type: 'plan_' + p.status, op: 'set', entity_type: 'Plan', entity: p.id, plan: p.id, at: now, actor: $actor,
    revision: p.revision,
    changes: '{"op":"set","before":{"status":"in_progress"},"after":{"status":"' + p.status + '"}}'})
  WITH p, seq, now, at
  MATCH (t:PsgNode:Trace {project_id: $project_id, id: p.trace_id}) USING INDEX SEEK t:PsgNode(project_id, id)
  SET t.status = p.status, t.finished_at = at, t.revision = t.revision + 1, t.sys_updated_ms = now
  CREATE (:Event {project_id: $project_id, seq: seq + 1, event_id: randomUUID(), family: 'graph_update',
    type: 'trace_' + p.status, op: 'set', entity_type: 'Trace', entity: t.id, plan: p.id, at: now, actor: $actor,
    revision: t.revision, update_kind: 'node_update', node_delta: 0, edge_delta: 0,
    changes: '{"op":"set","before":{"status":"running"},"after":{"status":"' + p.status + '","finished_at":"' + at +
      '"}}'})
  RETURN count(*) AS closed
}
SET h.seq = base + 2 * size(finished), h.clock = now
WITH h, now, judged, finished, claimed, more, undecided
OPTIONAL MATCH (g:Lock {id: 'projects'}) USING INDEX SEEK g:Lock(id)
RETURN h.seq AS seq, now, {policy: h.policy, budget: h.budget, kill: h.kill_switch, kill_all: g.kill_switch} AS rules, [j IN judged | {id: j.r.id, fence: j.r.fence, verdict: j.verdict}] AS verdicts, claimed,
  [p IN finished | p.id] AS finished, more, undecided

// name: frontier_undecided :read :many
// Steps that wait for a decision: to run, or to be skipped and why; with what the decision looks at.
MATCH (p:Runnable)
WHERE p.project_id = $project_id AND p.sched_urgency IS NOT NULL AND p.served_at IS NOT NULL
WITH p ORDER BY p.project_id, p.sched_urgency, p.served_at LIMIT 64
CALL (p) {
  MATCH (s:Undecided) WHERE s.project_id = $project_id AND s.plan = p.id AND s.position IS NOT NULL
  WITH s ORDER BY s.project_id, s.plan, s.position LIMIT toInteger($limit)
  RETURN s
}
RETURN s.id AS id, s.key AS key, s.plan AS plan, s.type AS type, s.capability AS capability,
  s.agent_role AS agent_role, s.condition AS condition, s.params AS params, s.waits AS waits, s.join AS join,
  COLLECT { MATCH (s)-[:DEPENDS_ON]->(d:Step) RETURN {status: d.status, reason: d.skip_reason} } AS dependencies

// name: frontier_wakeups :read :many
// Projects in which something can be advanced now: a runnable plan, a timer that is due, a fan-out to go on with.
CALL () {
  MATCH (p:Runnable) WHERE p.project_id IS NOT NULL AND p.sched_urgency IS NOT NULL AND p.served_at IS NOT NULL
  RETURN DISTINCT p.project_id AS project_id, 'runnable' AS why
  UNION
  MATCH (t:Timer) WHERE t.project_id IS NOT NULL AND t.due_at <= datetime.realtime().epochMillis
  WITH DISTINCT t.project_id AS project_id, t.plan AS plan
  MATCH (p:PsgNode:Plan {project_id: project_id, id: plan}) WHERE p.status = 'in_progress' AND NOT p.paused
  RETURN DISTINCT project_id, 'timer' AS why
  UNION
  MATCH (u:Unlocking) WHERE u.project_id IS NOT NULL AND u.id IS NOT NULL
  RETURN DISTINCT u.project_id AS project_id, 'unlocking' AS why
  UNION
  MATCH (p:Stopping) WHERE p.project_id IS NOT NULL AND p.id IS NOT NULL
  RETURN DISTINCT p.project_id AS project_id, 'stopping' AS why
  UNION
  MATCH (p:Reacting) WHERE p.project_id IS NOT NULL AND p.id IS NOT NULL
  RETURN DISTINCT p.project_id AS project_id, 'reacting' AS why
}
RETURN project_id, collect(why) AS why

// name: timers_release :write :one
// Makes due timers of running plans claimable, in a batch; the plan's label follows.
MATCH (h:ProjectHead {id: $project_id}) SET h._lock = true
WITH datetime.realtime().epochMillis AS now
MATCH (t:Timer) WHERE t.project_id = $project_id AND t.due_at <= now
MATCH (p:PsgNode:Plan {project_id: $project_id, id: t.plan})
WHERE p.status = 'in_progress' AND NOT p.paused
WITH t, p, now ORDER BY t.project_id, t.due_at LIMIT toInteger($limit)
SET t:Ready, t.due_at = null, t.ready_ms = now, p:Runnable
REMOVE t:Timer, t:Offered
RETURN count(t) AS released

// name: unlock_chunk :write :one
// Goes on telling the dependents of a finished step with a very large fan-out, from where the last chunk ended.
MATCH (h:ProjectHead {id: $project_id}) SET h._lock = true
WITH h
MATCH (s:Unlocking) WHERE s.project_id = $project_id AND s.id IS NOT NULL
WITH s ORDER BY s.project_id, s.id LIMIT 1
CALL (s) {
  MATCH (s)<-[:DEPENDS_ON]-(t:Step) WHERE t.position > s.unlock_after
  WITH t ORDER BY t.position LIMIT toInteger($limit)
  RETURN collect(t) AS dependents
}
WITH s, dependents, s.status = 'failed' OR s.skip_reason = 'dependency_failed' AS failed, s.status = 'skipped' AS skip
CALL (s, dependents, failed, skip) {
  UNWIND dependents AS t
  WITH s, t, failed, skip WHERE t.status = 'pending' AND NOT t:Tombstone
  SET t.waits = t.waits - 1, t.gated = t.gated OR skip
  WITH t, CASE t.join
      WHEN 'any' THEN (t.waits = 0 OR s.status = 'completed') AND NOT t:Ready
      WHEN 'settled' THEN t.waits = 0
      ELSE t.waits = 0 OR failed END AS open,
    t.gated OR CASE t.join WHEN 'any' THEN s.status <> 'completed' WHEN 'settled' THEN false ELSE failed END AS undecided
  WHERE open
  SET t.ready_ms = datetime.realtime().epochMillis
  FOREACH (_ IN CASE WHEN undecided THEN [1] ELSE [] END | SET t:Undecided)
  FOREACH (_ IN CASE WHEN undecided THEN [] ELSE [1] END | SET t:Ready)
  RETURN count(*) AS unlocked
}
FOREACH (_ IN CASE WHEN size(dependents) < $limit THEN [1] ELSE [] END | REMOVE s:Unlocking SET s.unlock_after = null)
FOREACH (_ IN CASE WHEN size(dependents) < $limit THEN [] ELSE [1] END |
  SET s.unlock_after = dependents[size(dependents) - 1].position)
WITH s, dependents
MATCH (p:PsgNode:Plan {project_id: $project_id, id: s.plan})
FOREACH (_ IN CASE WHEN p.status = 'in_progress' AND NOT p.paused THEN [1] ELSE [] END | SET p:Runnable)
RETURN s.id AS id, size(dependents) AS unlocked

// name: step_inputs :read :many
// Outputs of the steps that templates of a step name, by key.
UNWIND $keys AS key
MATCH (s:PsgNode:Step {project_id: $project_id, plan: $plan_id, key: key})
RETURN s.key AS key, s.status AS status, s.output AS output, s.skip_reason AS skip_reason

// name: plan_params :read :one
// The parameters of a plan, which templates and conditions of its steps can read.
MATCH (p:PsgNode:Plan {project_id: $project_id, id: $plan_id})
RETURN p.params AS params

// name: confirm_decision :read :one
// The last decision of the Confirm that gates a step.
MATCH (s:PsgNode:Step {project_id: $project_id, id: $step_id})<-[:GATES]-(c:Confirm)
WHERE c.status <> 'pending'
OPTIONAL MATCH (c)<-[:DECIDES]-(d:Decision)
WITH c, d ORDER BY d.position DESC LIMIT 1
RETURN c.id AS confirm_id, c.status AS status, d.decided_by_role AS decided_by_role, d.decided_at AS decided_at,
  d.reason AS reason, d.actor AS actor

// name: step_run_state :read :one
// How a step stands that this session believes to run; read inside the lock.
MATCH (s:PsgNode:Step {project_id: $project_id, id: $step_id})
RETURN s.status AS status, s.owner AS owner, s.fence AS fence, s.failures AS failures, s.plan AS plan_id
