// name: snapshot_create :write :one
// Saves the present state under a name: the number where the log ends, whatever the size of what it stands for.
// Runs behind the head's lock.
MATCH (h:ProjectHead {id: $project_id})
CREATE (s:Snapshot {project_id: $project_id, id: $snapshot_id, seq: h.seq, reason: $reason, actor: $actor, at: $now})
SET s.plan = $plan_id
RETURN s.id AS id, s.seq AS seq

// name: snapshot_before_start :write :one
// The same in the commit that starts a plan, unless the project's policy says not to; behind the head's lock.
MATCH (h:ProjectHead {id: $project_id}) WHERE coalesce(h.snapshot_before_start, true)
CREATE (s:Snapshot {project_id: $project_id, id: $snapshot_id, seq: h.seq, plan: $plan_id, reason: 'before start',
  actor: $actor, at: $now})
RETURN s.id AS id

// name: snapshot_policy :write :one
// Sets whether snapshots are saved before plans start; behind the head's lock.
MATCH (h:ProjectHead {id: $project_id})
SET h.snapshot_before_start = $before_start
RETURN h.snapshot_before_start AS before_start

// name: snapshot_one :read :one
// One snapshot of a project.
MATCH (s:Snapshot {project_id: $project_id, id: $snapshot_id})
RETURN s {.*} AS snapshot

// name: snapshots_of_project :read :many
// A project's snapshots, the latest first.
MATCH (s:Snapshot) WHERE s.project_id = $project_id AND s.seq <= $upto
WITH s ORDER BY s.project_id DESC, s.seq DESC LIMIT toInteger($limit)
RETURN s {.*} AS snapshot ORDER BY s.seq DESC, s.at DESC, s.id

// name: snapshots_of_plan :read :many
// A plan's snapshots, the latest first.
MATCH (s:Snapshot) WHERE s.project_id = $project_id AND s.plan = $plan_id AND s.seq <= $upto
WITH s ORDER BY s.project_id DESC, s.plan DESC, s.seq DESC LIMIT toInteger($limit)
RETURN s {.*} AS snapshot ORDER BY s.seq DESC, s.at DESC, s.id

// name: snapshot_restored :write :one
// Notes at a snapshot when it was gone back to; behind the head's lock.
MATCH (s:Snapshot {project_id: $project_id, id: $snapshot_id})
SET s.restored_ms = $now, s.restores = coalesce(s.restores, 0) + 1
RETURN s.restores AS restores

// name: past_of_plan :read :one
// The changes of a plan's state between two numbers of the log, a page at a time; recorded history is never undone.
MATCH (e:Event) USING INDEX e:Event(project_id, plan, seq)
WHERE e.project_id = $project_id AND e.plan = $plan_id AND e.seq > $after AND e.seq <= $upto
  AND e.op <> 'note' AND NOT e.entity_type IN ['Trace', 'TraceSegment']
WITH e ORDER BY e.project_id, e.plan, e.seq LIMIT toInteger($limit)
RETURN collect([e.seq, e.op, e.entity_type, e.entity, e.plan, e.type, e.changes]) AS events

// name: past_of_project :read :one
// The same of a whole project.
MATCH (e:Event)
WHERE e.project_id = $project_id AND e.seq > $after AND e.seq <= $upto
  AND e.op <> 'note' AND NOT e.entity_type IN ['Trace', 'TraceSegment']
WITH e ORDER BY e.project_id, e.seq LIMIT toInteger($limit)
RETURN collect([e.seq, e.op, e.entity_type, e.entity, e.plan, e.type, e.changes]) AS events

// name: past_of_entity :read :many
// The log's account of one entity up to a number.
MATCH (e:Event) USING INDEX e:Event(entity, seq)
WHERE e.entity = $entity AND e.seq <= $upto AND e.project_id = $project_id
WITH e ORDER BY e.entity, e.seq
RETURN e {.seq, .op, .family, .entity, .entity_type, .changes, .revision} AS event

// name: past_revisions :read :one
// The last event of each entity up to a number: which revision it had, and since when.
UNWIND $batch.ids AS id
CALL (id) {
  MATCH (e:Event) USING INDEX e:Event(entity, seq)
  WHERE e.entity = id AND e.seq <= $batch.seq AND e.project_id = $project_id
  WITH e ORDER BY e.entity DESC, e.seq DESC LIMIT 1
  RETURN e.revision AS revision, e.at AS at
}
RETURN collect([id, revision, at]) AS revisions

// name: past_contents :read :many
// Overwritten long texts by their hash.
UNWIND $batch.hashes AS hash
MATCH (k:Content {project_id: $project_id, hash: hash})
RETURN k.hash AS hash, k.text AS text

// name: past_nodes :read :one
// Nodes as they are, in one record.
UNWIND $batch.ids AS id
MATCH (n:PsgNode {project_id: $project_id, id: id})
RETURN collect({node: properties(n), deleted: n:Tombstone}) AS nodes

// name: past_plan :read :one
// A plan as it is, deleted or not, with what it refers to.
MATCH (p:PsgNode:Plan {project_id: $project_id, id: $plan_id})
RETURN properties(p) AS node, p:Tombstone AS deleted, [(p)-[:IN_CONTEXT]->(c) | c.id][0] AS context_id,
  [(p)-[:DERIVED_FROM]->(d) | d.id][0] AS derived_from

// name: past_steps :read :one
// A page of a plan's steps as they are, deleted ones too, with their dependencies and the places of these.
MATCH (s:Step) WHERE s.project_id = $project_id AND s.plan = $plan_id AND s.position > $after
WITH s ORDER BY s.project_id, s.plan, s.position LIMIT toInteger($limit)
WITH s, COLLECT { MATCH (s)-[e:DEPENDS_ON]->(d:Step) RETURN [d.id, e.at] } AS dependencies
RETURN collect({node: properties(s), deleted: s:Tombstone, dependencies: dependencies}) AS steps

// name: restore_plans :read :many
// How plans stand that are to be restored, with the Trace of their present run; behind the head's lock.
UNWIND $batch.ids AS id
MATCH (p:PsgNode:Plan {project_id: $project_id, id: id})
OPTIONAL MATCH (t:PsgNode:Trace {project_id: $project_id, id: p.trace_id})
RETURN p.id AS id, p.status AS status, coalesce(p.paused, false) AS paused, p.paused_ms AS paused_ms,
  coalesce(p.loading, false) AS loading, p:Tombstone AS deleted, p:Closing AS closing, p.trace_id AS trace_id,
  t.status AS trace_status, coalesce(p.restores, 0) AS restores, [(p)-[:IN_CONTEXT]->(c) | c.id][0] AS context_id

// name: restore_frontier :write :one
// Recomputes what the frontier keeps about the open steps of a plan: counts, labels, who asks whom (DESIGN §4).
// A step in progress that nobody runs goes back to the frontier, or waits for the Confirm that was asked for; a turn
// that is offered, held or answered stays that.
MATCH (s:Step) WHERE s.project_id = $project_id AND s.plan = $plan_id AND s.position IS NOT NULL
WITH s WHERE NOT s:Tombstone
FOREACH (u IN CASE WHEN s:Unlocking THEN [s] ELSE [] END | REMOVE u:Unlocking SET u.unlock_after = null)
WITH s WHERE s.status IN ['pending', 'in_progress']
CALL (s) {
  OPTIONAL MATCH (s)-[:DEPENDS_ON]->(d:Step)
  RETURN sum(CASE WHEN d IS NULL OR d.status IN $terminal THEN 0 ELSE 1 END) AS waits,
    sum(CASE WHEN d.status = 'skipped' THEN 1 ELSE 0 END) AS skips, count(d) AS dependencies,
    sum(CASE WHEN d.status = 'completed' THEN 1 ELSE 0 END) AS completions,
    sum(CASE WHEN d.status = 'failed' OR d.skip_reason = 'dependency_failed' THEN 1 ELSE 0 END) AS failures
}
CALL (s) {
  OPTIONAL MATCH (s)<-[:GATES]-(c:Confirm) WHERE NOT c:Tombstone
  RETURN collect(c.status) AS asked
}
WITH s, waits, failures, completions, asked, s.condition IS NOT NULL OR s.type IN $gated OR skips > 0 AS gated,
  s.status = 'in_progress' AND s.owner IS NULL AND NOT s:Timer AND NOT s:Offered AS adrift,
  CASE WHEN s.join = 'any' AND dependencies = 0 THEN 'all' ELSE coalesce(s.join, 'not_skipped') END AS join
SET s.waits = waits, s.gated = gated
REMOVE s:Ready, s:Undecided
WITH s, adrift, asked,
  CASE join WHEN 'any' THEN gated OR completions = 0 WHEN 'settled' THEN gated ELSE gated OR failures > 0 END AS undecided,
  s.status = 'pending' AND CASE join WHEN 'any' THEN waits = 0 OR completions > 0 WHEN 'settled' THEN waits = 0
    ELSE waits = 0 OR failures > 0 END AS open
FOREACH (x IN CASE WHEN open AND undecided THEN [s] ELSE [] END | SET x:Undecided)
FOREACH (x IN CASE WHEN open AND NOT undecided THEN [s] ELSE [] END | SET x:Ready)
FOREACH (x IN CASE WHEN adrift AND 'pending' IN asked THEN [s] ELSE [] END | SET x.parked = 'confirm')
FOREACH (x IN CASE WHEN adrift AND NOT 'pending' IN asked THEN [s] ELSE [] END |
  SET x:Ready, x.parked = CASE WHEN size(asked) > 0 THEN 'decided' WHEN x.parked = 'turn' THEN 'turn' END)
RETURN count(s) AS steps

// name: restore_plan :write :one
// Recounts a restored plan's steps and offers it to orchestrators when it runs, or has them bring it to its end.
MATCH (p:PsgNode:Plan {project_id: $project_id, id: $plan_id})
CALL () {
  MATCH (s:Step) WHERE s.project_id = $project_id AND s.plan = $plan_id AND s.position IS NOT NULL
  WITH s WHERE NOT s:Tombstone
  RETURN count(s) AS total, sum(CASE WHEN s.status IN $terminal THEN 0 ELSE 1 END) AS open,
    sum(CASE WHEN s.status = 'failed' THEN 1 ELSE 0 END) AS failed
}
SET p.steps_total = total, p.steps_open = open, p.steps_failed = failed, p.served_at = coalesce(p.served_at, 0)
REMOVE p:Runnable, p:Stopping, p:Reacting
FOREACH (_ IN CASE WHEN p.status = 'in_progress' AND NOT p:Tombstone AND failed > 0 AND open > 0
  AND p.on_failure IS NOT NULL THEN [1] ELSE [] END | SET p:Stopping)
FOREACH (_ IN CASE WHEN p.status = 'in_progress' AND NOT coalesce(p.paused, false) AND NOT p:Tombstone
  AND NOT p:Stopping THEN [1] ELSE [] END | SET p:Runnable)
RETURN total, open, failed

// name: restore_faults :read :many
// References between restored nodes and the rest that need a living end and would not have one (DD-03).
UNWIND $batch.ids AS id
MATCH (n:PsgNode {project_id: $project_id, id: id})
CALL (n) {
  WITH n WHERE NOT n:Tombstone
  MATCH (n)-[x]->(m:PsgNode)
  WHERE m:Tombstone AND any(need IN $batch.needs WHERE need.type = type(x) AND need.label IN labels(n))
  RETURN n.id AS from, m.id AS to, type(x) AS type
  UNION
  WITH n WHERE n:Tombstone
  MATCH (n)<-[x]-(m:PsgNode)
  WHERE NOT m:Tombstone AND any(need IN $batch.needs WHERE need.type = type(x) AND need.label IN labels(m))
  RETURN m.id AS from, n.id AS to, type(x) AS type
}
RETURN from, to, type LIMIT 5
