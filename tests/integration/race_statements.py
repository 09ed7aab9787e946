"""Statements with which races of locks make, look at and count what they race for."""

from __future__ import annotations

from psg_cypher import parse_statements

RAW = {
    item.name: item
    for item in parse_statements(
        """
// name: project :write :none
CREATE (:ProjectHead {id: $p, seq: 0, clock: 0})
CREATE (:PsgNode:Project {project_id: $p, id: $p, name: $p, revision: 1})
// name: context :write :none
CREATE (:PsgNode:Context {project_id: $p, id: $id, status: 'active', revision: 1})
// name: plan :write :none
MATCH (j:Project {name: $p})
CREATE (c:PsgNode:Plan:Runnable {project_id: $p, id: $plan, status: 'in_progress', paused: false, sched_urgency: 100,
  served_at: 0, steps_open: $steps, steps_failed: 0, revision: 1})
WITH c UNWIND range(1, $steps) AS i
CREATE (:PsgNode:Step {project_id: $p, id: randomUUID(), plan: $plan, key: 's' + i, status: 'pending',
  position: i, sched_order: i, sched_urgency: 100, attempt: 0, fence: 0, failures: 0, revision: 1, waits: 0,
  gated: false})
// name: ready :write :none
MATCH (s:Step {project_id: $p, plan: $plan}) SET s:Ready
// name: timers :write :none
MATCH (s:Step {project_id: $p, plan: $plan}) SET s:Timer, s.due_at = 1, s.status = 'in_progress'
// name: owned :write :none
MATCH (s:Step {project_id: $p, plan: $plan}) SET s.owner = $owner, s.status = 'in_progress'
// name: session :write :none
CREATE (:Session {id: $id, lease_until: datetime.realtime().epochMillis + $lease, lease_ms: 60000})
// name: ended :write :none
MATCH (s:Session {id: $id}) SET s.ended_ms = 1
// name: fan_out :write :none
CREATE (r:PsgNode:Step:Unlocking {project_id: $p, id: randomUUID(), plan: $plan, key: 'root', status: 'completed',
  position: 0, unlock_after: -1})
WITH r MATCH (s:Step {project_id: $p, plan: $plan}) WHERE s.position > 0
SET s.waits = 2 CREATE (s)-[:DEPENDS_ON {at: 0}]->(r)
// name: unlock :write :none
MATCH (l:Lock {id: $id}) DELETE l
// name: head :read :one
MATCH (h:ProjectHead {id: $p}) RETURN h.seq AS seq
// name: sequence :read :many
MATCH (e:Event {project_id: $p}) RETURN e.seq AS seq ORDER BY seq
// name: steps :read :many
MATCH (s:Step {project_id: $p, plan: $plan}) WHERE s.key <> 'root'
RETURN s.id AS id, s.fence AS fence, s.waits AS waits, labels(s) AS labels
// name: projects :read :one
MATCH (n:Project {name: $name}) RETURN count(n) AS count
// name: sessions :read :one
MATCH (s:Session {id: $id}) RETURN count(s) AS count
// name: count_up :write :none
MERGE (c:RaceCounter {id: $id}) SET c.n = $n
// name: counted :read :one
OPTIONAL MATCH (c:RaceCounter {id: $id}) RETURN coalesce(c.n, 0) AS n
// name: counter_unique :write :none
CREATE CONSTRAINT race_counter IF NOT EXISTS FOR (n:RaceCounter) REQUIRE n.id IS UNIQUE
// name: hub_messages :write :none
UNWIND range(1, $n) AS i
CREATE (:HubMessage {project_id: $p, id: 'm' + i, target: 'plan', position: i, fence: 0, status: 'pending', at: 0})
// name: hub_over :write :none
MATCH (m:HubMessage {project_id: $p}) SET m.target = '', m.position = 1
// name: hub_fences :read :many
MATCH (m:HubMessage {project_id: $p}) RETURN m.id AS id, m.fence AS fence
// name: naive_claim :write :one
MATCH (s:Ready) WHERE s.project_id = $project_id AND s.plan IS NOT NULL AND s.sched_urgency IS NOT NULL
  AND s.sched_order IS NOT NULL AND s.position IS NOT NULL AND s.status = 'pending'
WITH s LIMIT toInteger($want)
SET s.status = 'in_progress', s.owner = $session_id, s.fence = s.fence + 1
REMOVE s:Ready
RETURN collect({id: s.id}) AS claimed
""",
        "races.cypher",
    )
}
