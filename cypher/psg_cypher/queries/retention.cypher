// Retention: the log begins at a checkpoint, finished plans keep a stub (docs/retention.md). Nothing here takes a lock of
// its own; what must be behind the head's lock is run in a transaction that took it by audit_lock.

// name: retention_projects :read :many
// A page of projects with what they keep.
MATCH (h:ProjectHead) WHERE h.id > $after
WITH h ORDER BY h.id LIMIT toInteger($limit)
RETURN h.id AS id, h.retain_days AS older_than_days, h.retain_plans AS keep_last

// name: retention_policy :read :one
// What a project keeps.
MATCH (h:ProjectHead {id: $project_id})
RETURN h.retain_days AS older_than_days, h.retain_plans AS keep_last

// name: retention_policy_set :write :one
// Sets what a project keeps; behind the head's lock.
MATCH (h:ProjectHead {id: $project_id})
SET h.retain_days = $older_than_days, h.retain_plans = $keep_last
RETURN h.id AS id

// name: retention_now :read :one
// The database's clock.
RETURN datetime.realtime().epochMillis AS now

// name: retention_event_at :read :one
// When an event happened.
MATCH (e:Event {project_id: $project_id, seq: $seq})
RETURN e.at AS at

// name: retention_plans :read :many
// A page of plans: how each stands, since when, and what its run and its steps come to.
MATCH (p:Plan) WHERE p.project_id = $project_id AND p.id > $after
WITH p ORDER BY p.project_id, p.id LIMIT toInteger($limit)
RETURN p.id AS id, p.status AS status, p:Tombstone AS deleted, p:Closing OR coalesce(p.loading, false) AS unsettled,
  coalesce(p.finished_ms, p.sys_updated_ms) AS finished_ms, p.pruned_ms IS NOT NULL AS pruned,
  coalesce(p.steps_total, 0) AS steps

// name: retention_extent :read :many
// For each plan the number of its creation and of the last event that is counted to it.
UNWIND $batch.ids AS id
CALL (id) {
  MATCH (e:Event) USING INDEX e:Event(entity, seq)
  WHERE e.entity = id AND e.seq > 0 AND e.project_id = $project_id
  WITH e ORDER BY e.entity, e.seq LIMIT 1
  RETURN collect(e.seq)[0] AS first
}
CALL (id) {
  MATCH (e:Event) USING INDEX e:Event(project_id, plan, seq)
  WHERE e.project_id = $project_id AND e.plan = id AND e.seq > 0
  WITH e ORDER BY e.project_id DESC, e.plan DESC, e.seq DESC LIMIT 1
  RETURN collect(e.seq)[0] AS last
}
RETURN id, first, last

// name: retention_needed :read :many
// Those of the plans that something unfinished is derived from or belongs to, and those that changed behind $seq.
UNWIND $batch.ids AS id
MATCH (p:PsgNode:Plan {project_id: $project_id, id: id})
CALL (p, id) {
  OPTIONAL MATCH (p)-[x]-(m:PsgNode)
  WHERE NOT m:Tombstone AND (m:Plan OR m:Step AND m.plan <> id) AND NOT m.status IN $batch.ended
  RETURN count(m) > 0 AS linked
}
OPTIONAL MATCH (above:PsgNode:Step {project_id: $project_id, id: p.parent_step})
CALL (id) {
  MATCH (e:Event) USING INDEX e:Event(project_id, plan, seq)
  WHERE e.project_id = $project_id AND e.plan = id AND e.seq > $batch.seq AND NOT e.op IN ['note', 'tombstone']
  WITH e LIMIT 1
  RETURN count(e) > 0 AS changed
}
RETURN id, p.status AS status, p:Closing OR coalesce(p.loading, false) AS unsettled, changed,
  linked OR above IS NOT NULL AND NOT above.status IN $batch.ended AS needed

// name: retention_snapshots :read :many
// The next snapshots from before a number, with the plan that each is of.
MATCH (s:Snapshot) WHERE s.project_id = $project_id AND s.seq > $after AND s.seq < $seq
WITH s ORDER BY s.project_id, s.seq LIMIT toInteger($limit)
OPTIONAL MATCH (p:PsgNode:Plan {project_id: $project_id, id: s.plan})
RETURN s.id AS id, s.seq AS seq, s.plan AS plan, p.status AS status, p:Tombstone AS deleted

// name: retention_snapshots_drop :write :one
// Removes snapshots that nothing can go back to any more.
UNWIND $batch.ids AS id
MATCH (s:Snapshot {project_id: $project_id, id: id})
DELETE s
RETURN count(*) AS removed

// name: checkpoint_last :read :one
// The latest checkpoint of a project.
MATCH (k:Checkpoint) WHERE k.project_id = $project_id AND k.id > ''
WITH k ORDER BY k.project_id DESC, k.id DESC LIMIT 1
RETURN k {.*} AS checkpoint

// name: checkpoint_begin :write :one
// Begins a checkpoint, or finds the one that was begun at this number; behind the head's lock.
MERGE (k:Checkpoint {project_id: $project_id, id: $id})
ON CREATE SET k.seq = $seq, k.base = $base, k.built = $base, k.state = 'building', k.digest = '', k.at = $now,
  k.before_ms = $before_ms, k.keep_last = $keep_last, k.actor = $actor, k.facts = 0
RETURN k {.*} AS checkpoint

// name: checkpoint_events :read :many
// The next events that a checkpoint is to stand for, whole.
MATCH (e:Event) WHERE e.project_id = $project_id AND e.seq > $after AND e.seq <= $upto
WITH e ORDER BY e.project_id, e.seq LIMIT toInteger($limit)
RETURN e {.*} AS event

// name: checkpoint_entities :read :many
// What each of these was when the log was cut last, at or before $batch.seq.
UNWIND $batch.ids AS entity
CALL (entity) {
  MATCH (c:CheckpointEntity)
  WHERE c.project_id = $project_id AND c.id > entity AND c.id <= entity + ':' + $batch.upto
  WITH c ORDER BY c.project_id DESC, c.id DESC LIMIT 1
  RETURN c
}
RETURN entity, c.id AS id, c.state AS state, c.at AS at

// name: checkpoint_store :write :one
// Stores what entities are at the checkpoint; behind the head's lock.
UNWIND $batch.rows AS r
MERGE (c:CheckpointEntity {project_id: $project_id, id: r.id})
SET c.entity = r.entity, c.seq = r.seq, c.entity_type = r.entity_type, c.state = r.state, c.at = r.at
RETURN count(*) AS stored

// name: checkpoint_built :write :one
// Notes how far the building came; none where somebody else was quicker. Behind the head's lock.
MATCH (k:Checkpoint {project_id: $project_id, id: $id}) WHERE k.state = 'building' AND k.built = $from
SET k.built = $upto, k.digest = $digest
RETURN k.built AS built

// name: checkpoint_enforce :write :one
// From now on the log begins behind the checkpoint; behind the head's lock.
MATCH (h:ProjectHead {id: $project_id})
MATCH (k:Checkpoint {project_id: $project_id, id: $id}) WHERE k.state = 'building' AND k.built = k.seq
SET k.state = 'in_force', h.earliest_seq = k.seq + 1
RETURN k.seq AS seq

// name: checkpoint_discard :write :one
// Gives a checkpoint up that is not in force: nobody builds it any more; behind the head's lock.
MATCH (k:Checkpoint {project_id: $project_id, id: $id}) WHERE k.state IN ['building', 'discarding']
SET k.state = 'discarding'
RETURN k.id AS id

// name: checkpoint_forget :write :one
// Removes a checkpoint that was given up, after all that was built for it.
MATCH (k:Checkpoint {project_id: $project_id, id: $id}) WHERE k.state = 'discarding'
DELETE k
RETURN count(*) AS removed

// name: checkpoint_done :write :one
// Notes that all that a checkpoint made superfluous is gone.
MATCH (k:Checkpoint {project_id: $project_id, id: $id}) WHERE k.state = 'in_force'
SET k.state = 'done', k.done_ms = datetime.realtime().epochMillis
RETURN k.id AS id

// name: checkpoint_superseded :read :many
// A page of what entities were at checkpoints; `old` where a later one up to $seq tells of the same entity.
MATCH (c:CheckpointEntity) WHERE c.project_id = $project_id AND c.id > $after
WITH c ORDER BY c.project_id, c.id LIMIT toInteger($limit)
CALL (c) {
  MATCH (d:CheckpointEntity)
  WHERE d.project_id = $project_id AND d.id > c.id AND d.id <= c.entity + ':' + $upto
  WITH d LIMIT 1
  RETURN count(d) > 0 AS old
}
RETURN c.id AS id, c.seq AS seq, old

// name: checkpoint_drop :write :one
// Removes what later checkpoints tell anew.
UNWIND $batch.ids AS id
MATCH (c:CheckpointEntity {project_id: $project_id, id: id})
DELETE c
RETURN count(*) AS removed

// name: retention_sweep :write :one
// Removes events that a checkpoint stands for, keeping the facts about them. Harmless when repeated.
UNWIND $batch.facts AS f
MERGE (a:AuditFact {project_id: $project_id, id: f.id}) SET a += f
WITH count(*) AS facts
UNWIND $batch.seqs AS seq
MATCH (e:Event {project_id: $project_id, seq: seq})
DELETE e
RETURN facts, count(*) AS removed

// name: retention_contents :read :many
// A page of the hashes of overwritten long texts.
MATCH (k:Content) WHERE k.project_id = $project_id AND k.hash > $after
WITH k ORDER BY k.project_id, k.hash LIMIT toInteger($limit)
RETURN k.hash AS hash

// name: retention_hashes :read :many
// The next events, and what changed by those that have a long text by its hash.
MATCH (e:Event) WHERE e.project_id = $project_id AND e.seq > $after
WITH e ORDER BY e.project_id, e.seq LIMIT toInteger($limit)
RETURN e.seq AS seq, CASE WHEN e.changes CONTAINS $marker THEN e.changes END AS changes

// name: retention_contents_drop :write :one
// Removes long texts that no event has any more; behind the head's lock.
UNWIND $batch.hashes AS hash
MATCH (k:Content {project_id: $project_id, hash: hash})
DELETE k
RETURN count(*) AS removed

// name: retention_steps :read :many
// A page of a plan's steps whole, for the stub that is to remain.
MATCH (s:Step) WHERE s.project_id = $project_id AND s.plan = $plan_id AND s.position > $after
WITH s ORDER BY s.project_id, s.plan, s.position LIMIT toInteger($limit)
RETURN s.id AS id, s.position AS place, properties(s) AS props

// name: retention_traces :read :many
// The traces of a plan, deleted ones too.
MATCH (p:PsgNode:Plan {project_id: $project_id, id: $plan_id})<-[:TRACES]-(t:Trace)
RETURN t.id AS id ORDER BY id

// name: retention_segments :read :many
// A page of a trace's segments whole, for the stub that is to remain.
MATCH (g:TraceSegment) WHERE g.project_id = $project_id AND g.trace = $trace_id AND g.log_seq > $after
WITH g ORDER BY g.project_id, g.trace, g.log_seq LIMIT toInteger($limit)
RETURN g.id AS id, g.log_seq AS place, properties(g) AS props

// name: retention_plan :read :many
// One plan whole, for the stub that is to remain.
MATCH (p:PsgNode:Plan {project_id: $project_id, id: $plan_id})
RETURN p.id AS id, 0 AS place, properties(p) AS props

// name: retention_strip :write :one
// Takes payloads away from nodes and leaves their hashes; behind the head's lock, with the checkpoint's account of them.
UNWIND $batch.rows AS r
MATCH (n:PsgNode {project_id: $project_id, id: r.id})
SET n += r.props, n.pruned_ms = $batch.now
RETURN count(*) AS stripped

// name: retention_plan_pruned :write :one
// Notes that nothing of a plan is left to take away.
MATCH (p:PsgNode:Plan {project_id: $project_id, id: $plan_id})
SET p.pruned_ms = $now
RETURN p.id AS id

// name: retention_facts :read :many
// A page of what is kept of removed events, in the order of the log.
MATCH (a:AuditFact) WHERE a.project_id = $project_id AND a.id > $after
WITH a ORDER BY a.project_id, a.id LIMIT toInteger($limit)
RETURN a {.*} AS fact ORDER BY fact.id

// name: retention_facts_of_plan :read :many
// The same of one plan.
MATCH (a:AuditFact) WHERE a.project_id = $project_id AND a.plan = $plan_id AND a.id > $after
WITH a ORDER BY a.project_id, a.plan, a.id LIMIT toInteger($limit)
RETURN a {.*} AS fact ORDER BY fact.id

// name: backup_checkpoints :read :many
// The next checkpoints of a project.
MATCH (k:Checkpoint) WHERE k.project_id = $project_id AND k.id > $after
WITH k ORDER BY k.project_id, k.id LIMIT toInteger($limit)
RETURN k.id AS key, labels(k) AS labels, properties(k) AS props

// name: backup_checkpoint_entities :read :many
// The next of what entities were at checkpoints.
MATCH (c:CheckpointEntity) WHERE c.project_id = $project_id AND c.id > $after
WITH c ORDER BY c.project_id, c.id LIMIT toInteger($limit)
RETURN c.id AS key, labels(c) AS labels, properties(c) AS props

// name: backup_audit_facts :read :many
// The next facts about removed events.
MATCH (a:AuditFact) WHERE a.project_id = $project_id AND a.id > $after
WITH a ORDER BY a.project_id, a.id LIMIT toInteger($limit)
RETURN a.id AS key, labels(a) AS labels, properties(a) AS props
