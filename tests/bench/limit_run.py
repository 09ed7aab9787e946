"""The limit of running plans: a bare loop around the driver that sends one statement made for steps that succeed.

It is as correct as the platform's (one lock, lease and fence checked after it, gap-free log, one commit) and writes
every event, ``changes`` record and segment that a step requires; it knows no failures, conditions, skips, retries or
large fan-outs, and does no work between two statements.
"""

from __future__ import annotations

import time
import uuid
from typing import Any, LiteralString

import orjson
from bench_store import Load, Store

from psg_runtime.orchestrator.session import Session

_RUN: LiteralString = """
MATCH (h:ProjectHead {id: $project}) SET h._lock = true
WITH h, h.seq AS base, datetime.realtime().epochMillis AS now
MATCH (me:Session {id: $session}) WHERE me.ended_ms IS NULL AND me.lease_until > now
WITH h, base, now, toString(datetime({epochMillis: now})) AS at
CALL () {
  UNWIND $batch.done AS r
  MATCH (s:PsgNode:Step {project_id: $project, id: r.id})
  // A verdict, not a filter: the planner would look for the filtered steps through the index on their owner.
  RETURN collect(CASE WHEN s.status = 'in_progress' AND s.fence = r.fence AND s.owner = $session
    THEN {s: s, r: r} END) AS done
}
FOREACH (d IN done | FOREACH (s IN [d.s] |
  SET s.status = 'completed', s.revision = s.revision + 1, s.finished_ms = now, s.sys_updated_ms = now, s.owner = null,
    s:Completed
  REMOVE s:InProgress))
WITH h, base, now, at, done
CALL (done, now, at, base) {
  UNWIND range(0, size(done) - 1) AS i
  WITH done[i].s AS s, done[i].r AS r, base + 1 + 3 * i AS seq, now, at
  MATCH (t:PsgNode:Trace {project_id: $project, id: r.trace})
  CREATE (s)<-[:RECORDS]-(:PsgNode:TraceSegment {id: r.segment, project_id: $project, revision: 1, trace: r.trace,
    log_seq: seq, label: r.key, status: 'completed', finished_at: at, attempt: r.attempt, fence: r.fence,
    session_id: $session, payload: r.payload, sys_created_ms: now, sys_updated_ms: now})-[:IN_TRACE]->(t)
  CREATE (:Event {project_id: $project, seq: seq, event_id: randomUUID(), family: 'graph_update',
    type: 'tracesegment_created', op: 'create', entity_type: 'TraceSegment', entity: r.segment, plan: s.plan, at: now,
    actor: $session, revision: 1, changes: r.changes + at + '"}}', update_kind: 'node_add', node_delta: 1,
    edge_delta: 2})
  CREATE (:Event {project_id: $project, seq: seq + 1, event_id: randomUUID(), family: 'graph_update',
    type: 'step_updated', op: 'set', entity_type: 'Step', entity: r.id, plan: s.plan, at: now, actor: $session,
    revision: s.revision, changes: '{"op":"set","before":{},"after":{}}', update_kind: 'node_update', node_delta: 0,
    edge_delta: 0})
  CREATE (:Event {project_id: $project, seq: seq + 2, event_id: randomUUID(), family: 'pipeline_stage',
    type: 'step_completed', op: 'set', entity_type: 'Step', entity: r.id, plan: s.plan, at: now, actor: $session,
    revision: s.revision, changes: '{"op":"set","before":{"status":"in_progress"},"after":{"status":"completed"}}'})
  RETURN count(*) AS recorded
}
CALL (done) {
  UNWIND done AS d
  WITH d.s AS s
  MATCH (s)<-[:DEPENDS_ON]-(t:Step)
  WITH t, count(*) AS k
  SET t.waits = t.waits - k
  WITH t WHERE t.waits = 0
  WITH t ORDER BY t.sched_urgency, t.sched_order, t.position
  RETURN collect(t) AS newly
}
CALL (done, now) {
  UNWIND done AS d
  WITH d.s.plan AS plan, count(*) AS k, now
  MATCH (p:PsgNode:Plan {project_id: $project, id: plan})
  SET p.steps_open = p.steps_open - k
  WITH p, now WHERE p.steps_open = 0
  REMOVE p:Runnable, p:InProgress
  SET p:Completed, p.status = 'completed', p.revision = p.revision + 1, p.finished_ms = now, p.sys_updated_ms = now
  RETURN collect(p) AS finished
}
"""
# Ready steps are looked for through the plan's index only when what was unlocked does not fill the claim.
_ONE_PLAN: LiteralString = """
WITH h, base, now, at, done, newly, finished, CASE WHEN EXISTS {
  MATCH (x:Ready) WHERE x.project_id = $project AND x.plan = $plan AND x.sched_urgency IS NOT NULL
    AND x.sched_order IS NOT NULL AND x.position IS NOT NULL } THEN [] ELSE newly[..toInteger($want)] END AS direct
FOREACH (t IN newly[size(direct)..] | SET t:Ready)
WITH h, base, now, at, done, finished, direct
CALL (direct) {
  UNWIND CASE WHEN size(direct) = 0 THEN [1] ELSE [] END AS look
  MATCH (s:Ready) WHERE s.project_id = $project AND s.plan = $plan AND s.sched_urgency IS NOT NULL
    AND s.sched_order IS NOT NULL AND s.position IS NOT NULL
  WITH s ORDER BY s.project_id, s.plan, s.sched_urgency, s.sched_order, s.position LIMIT toInteger($want)
  RETURN collect(s) AS indexed
}
WITH h, base, now, at, done, finished, direct + indexed AS picked
"""
# Every plan has room in the claim: what is unlocked is handed over, and only the first claim looks for plans.
_MANY_PLANS: LiteralString = """
CALL (done) {
  UNWIND CASE WHEN size(done) = 0 THEN [1] ELSE [] END AS first
  MATCH (p:Runnable) WHERE p.project_id = $project AND p.sched_urgency IS NOT NULL AND p.served_at IS NOT NULL
  MATCH (s:Ready) WHERE s.project_id = $project AND s.plan = p.id AND s.sched_urgency IS NOT NULL
    AND s.sched_order IS NOT NULL AND s.position IS NOT NULL
  WITH s LIMIT toInteger($want)
  RETURN collect(s) AS indexed
}
WITH h, base, now, at, done, finished, newly + indexed AS picked
"""
_CLAIM: LiteralString = """
FOREACH (s IN picked | REMOVE s:Ready
  SET s:InProgress, s.status = 'in_progress', s.owner = $session, s.fence = s.fence + 1, s.revision = s.revision + 1,
    s.attempt = s.attempt + 1, s.started_ms = now, s.sys_updated_ms = now)
WITH h, now, at, finished, picked, base + 3 * size(done) AS base
CALL (picked, now, base) {
  UNWIND range(0, size(picked) - 1) AS i
  WITH picked[i] AS s, base + 1 + i AS seq, now
  CREATE (:Event {project_id: $project, seq: seq, event_id: randomUUID(), family: 'pipeline_stage',
    type: 'step_in_progress', op: 'set', entity_type: 'Step', entity: s.id, plan: s.plan, at: now, actor: $session,
    revision: s.revision,
    changes: '{"op":"set","before":{"status":"pending","fence":' + (s.fence - 1) + ',"attempt":' + (s.attempt - 1) +
      '},"after":{"status":"in_progress","fence":' + s.fence + ',"attempt":' + s.attempt + '},"session":"' + $session
      + '"}'})
  RETURN collect([s.id, s.key, s.plan, s.fence, s.attempt, s.capability, s.params]) AS claimed
}
WITH h, now, at, finished, claimed, base + size(picked) AS base
CALL (finished, now, at, base) {
  UNWIND range(0, size(finished) - 1) AS i
  WITH finished[i] AS p, base + 1 + 2 * i AS seq, now, at
  MATCH (t:PsgNode:Trace {project_id: $project, id: p.trace_id})
  SET t.status = 'completed', t.finished_at = at, t.revision = t.revision + 1, t.sys_updated_ms = now
  CREATE (:Event {project_id: $project, seq: seq, event_id: randomUUID(), family: 'pipeline_stage',
    type: 'plan_completed', op: 'set', entity_type: 'Plan', entity: p.id, plan: p.id, at: now, actor: $session,
    revision: p.revision, changes: '{"op":"set","before":{"status":"in_progress"},"after":{"status":"completed"}}'})
  CREATE (:Event {project_id: $project, seq: seq + 1, event_id: randomUUID(), family: 'graph_update',
    type: 'trace_completed', op: 'set', entity_type: 'Trace', entity: t.id, plan: p.id, at: now, actor: $session,
    revision: t.revision, update_kind: 'node_update', node_delta: 0, edge_delta: 0,
    changes: '{"op":"set","before":{"status":"running"},"after":{"status":"completed","finished_at":"' + at + '"}}'})
  RETURN count(*) AS closed
}
SET h.seq = base + 2 * size(finished), h.clock = now
RETURN claimed
"""
ONE_PLAN = _RUN + _ONE_PLAN + _CLAIM
MANY_PLANS = _RUN + _MANY_PLANS + _CLAIM


async def run_limit(store: Store, load: Load, want: int) -> float:
    """Run the started plans of ``load`` to their end; steps per second from the first claim on."""
    traces = {}
    for plan_id in load.plans:
        traces[plan_id] = (await store.graph.start_plan(load.project_id, plan_id)).ids["trace"]
    lease = Session(store.db, 3_600_000, ["noop"], [])
    await lease.open()
    fixed = {"project": load.project_id, "plan": load.plans[0], "session": lease.id, "want": want}
    text = ONE_PLAN if len(load.plans) == 1 else MANY_PLANS
    async with store.session() as session:
        claimed = await _send(session, text, fixed, [])
        started = time.perf_counter()
        finished = 0
        while claimed:
            finished += len(claimed)
            claimed = await _send(session, text, fixed, [_done(c, traces[c[2]], lease.id) for c in claimed])
        elapsed = time.perf_counter() - started
    await lease.end()
    assert finished == load.steps, f"the limit program ran {finished} of {load.steps} steps"
    return finished / elapsed


async def _send(session: Any, text: LiteralString, fixed: dict[str, Any], done: list[dict[str, Any]]) -> list[Any]:
    result = await session.run(text, fixed, batch={"done": done})
    return (await result.single(strict=True))[0]


def _done(claim: list[Any], trace_id: str, session_id: str) -> dict[str, Any]:
    step_id, key, _, fence, attempt, capability, _ = claim
    attributes = {
        "step_id": step_id, "key": key, "attempt": attempt, "duration_ms": 0, "executor": session_id,
        "capability": capability,
    }  # fmt: skip
    payload = orjson.dumps({"attributes": attributes}).decode()
    after = {
        "label": key, "status": "completed", "attempt": attempt, "fence": fence, "session_id": session_id,
        "payload": payload,
    }  # fmt: skip
    links = [["IN_TRACE", trace_id], ["RECORDS", step_id]]
    changes = orjson.dumps({"op": "create", "links": links, "after": after}).decode()
    return {
        "id": step_id, "key": key, "fence": fence, "attempt": attempt, "trace": trace_id, "segment": str(uuid.uuid4()),
        "payload": payload, "changes": changes[:-2] + ',"finished_at":"',
    }  # fmt: skip
