// name: audit_projects :read :many
// The next projects after an id, for an audit of all of them.
MATCH (h:ProjectHead) WHERE h.id > $after
WITH h ORDER BY h.id LIMIT toInteger($limit)
RETURN h.id AS id

// name: audit_headless :read :many
// Projects without the head that serialises their writers.
MATCH (p:Project) WHERE p.name IS NOT NULL AND NOT EXISTS { MATCH (h:ProjectHead {id: p.id}) }
RETURN p.id AS id, p.name AS name LIMIT 100

// name: audit_constraints :read :many
// The uniqueness that the server enforces; every check that goes by an index relies on it.
SHOW CONSTRAINTS YIELD labelsOrTypes, properties, type WHERE type CONTAINS 'UNIQUENESS' OR type CONTAINS 'KEY'
RETURN labelsOrTypes[0] AS label, properties

// name: audit_indexes :read :many
// The indexes that answer, or will when they are filled.
SHOW INDEXES YIELD labelsOrTypes, properties, state, type WHERE state <> 'FAILED' AND type = 'RANGE'
RETURN labelsOrTypes[0] AS label, properties

// name: audit_head :read :one
// A project's head, its node and the last event that is stored.
MATCH (h:ProjectHead {id: $project_id})
CALL (h) {
  MATCH (e:Event) WHERE e.project_id = h.id AND e.seq > 0
  WITH e ORDER BY e.project_id DESC, e.seq DESC LIMIT 1
  RETURN collect(e.seq) AS last
}
RETURN h.seq AS seq, coalesce(h.earliest_seq, 1) AS earliest, last[0] AS last,
  EXISTS { MATCH (p:PsgNode:Project {project_id: h.id, id: h.id}) } AS node

// name: audit_lock :write :one
// Takes the head's lock for the rest of the transaction: what is read behind it is no race.
MATCH (h:ProjectHead {id: $project_id}) SET h._lock = true
RETURN h.seq AS seq

// name: audit_events :read :many
// The next events of a log up to the head that was read before, and whether what they speak of is there.
MATCH (e:Event) WHERE e.project_id = $project_id AND e.seq > $after AND e.seq <= $upto
WITH e ORDER BY e.project_id, e.seq LIMIT toInteger($limit)
RETURN e.seq AS seq, e.at AS at, e.op AS op, e.entity AS entity,
  EXISTS { MATCH (n:PsgNode {project_id: $project_id, id: e.entity}) } AS known

// name: audit_ranges :read :many
// How many events there are between two numbers (both exclusive), for each of $ranges.
UNWIND $ranges AS r
CALL (r) {
  MATCH (e:Event) WHERE e.project_id = $project_id AND e.seq > r.after AND e.seq < r.before
  RETURN count(e) AS found
}
RETURN r.after AS after, r.before AS before, found

// name: audit_page :read :many
// The ids of the next nodes of a project, of every type.
MATCH (n:PsgNode) WHERE n.project_id = $project_id AND n.id > $after
WITH n ORDER BY n.project_id, n.id LIMIT toInteger($limit)
RETURN n.id AS id

// name: audit_nodes :read :many
// Nodes with what they point to, the log's account of each, and the session that owns it.
UNWIND $ids AS id
MATCH (n:PsgNode {project_id: $project_id, id: id})
CALL (n) {
  MATCH (n)-[x]->(m)
  RETURN collect({type: type(x), at: x.at, id: m.id, project_id: m.project_id, labels: labels(m), status: m.status,
    rank: m.rank, plan: m.plan, trace: m.trace, skip_reason: m.skip_reason, unlock_after: m.unlock_after}) AS links
}
CALL (id) {
  MATCH (e:Event) USING INDEX e:Event(entity, seq)
  WHERE e.entity = id AND e.seq > 0 AND e.project_id = $project_id
  WITH e ORDER BY e.entity, e.seq
  RETURN collect(e {.seq, .op, .family, .type, .entity, .entity_type, .changes, .revision, .node_delta, .edge_delta}) AS events
}
OPTIONAL MATCH (s:Session {id: n.owner})
RETURN id, labels(n) AS labels, properties(n) AS props, links, events, s {.ended_ms, .lease_until} AS session

// name: audit_plans :read :many
// What the steps of each plan come to, by the index on (plan, position), and whether its frontier holds any; what
// deleted ones spent stays spent.
UNWIND $ids AS id
CALL (id) {
  MATCH (s:Step) WHERE s.project_id = $project_id AND s.plan = id AND s.position >= 0
  WITH s, NOT s:Tombstone AS there
  RETURN sum(CASE WHEN there THEN 1 ELSE 0 END) AS total,
    sum(CASE WHEN there AND NOT s.status IN $terminal THEN 1 ELSE 0 END) AS open,
    sum(CASE WHEN there AND s.status = 'failed' THEN 1 ELSE 0 END) AS failed,
    sum(s.spent_tokens) AS spent_tokens, sum(s.spent_cost) AS spent_cost, sum(s.spent_calls) AS spent_calls,
    sum(s.spent_wall_ms) AS spent_wall_ms
}
CALL (id) {
  MATCH (r:Ready) WHERE r.project_id = $project_id AND r.plan = id AND r.sched_urgency IS NOT NULL
    AND r.sched_order IS NOT NULL AND r.position IS NOT NULL
  WITH r LIMIT 1
  RETURN count(r) > 0 AS ready
}
CALL (id) {
  MATCH (u:Undecided) WHERE u.project_id = $project_id AND u.plan = id AND u.position IS NOT NULL
  WITH u LIMIT 1
  RETURN count(u) > 0 AS undecided
}
RETURN id, total, open, failed, ready, undecided, spent_tokens, spent_cost, spent_calls, spent_wall_ms

// name: audit_segments :read :many
// For each trace segment the times of the segment before it, in the order they were appended.
UNWIND $ids AS id
MATCH (n:PsgNode:TraceSegment {project_id: $project_id, id: id})
CALL (n) {
  MATCH (q:TraceSegment)
  WHERE q.project_id = $project_id AND q.trace = n.trace AND q.log_seq < n.log_seq
  WITH q ORDER BY q.project_id DESC, q.trace DESC, q.log_seq DESC
  WITH q WHERE q.finished_at IS NOT NULL LIMIT 1
  RETURN collect(q.finished_at) AS finished
}
CALL (n) {
  MATCH (q:TraceSegment)
  WHERE q.project_id = $project_id AND q.trace = n.trace AND q.log_seq < n.log_seq
  WITH q ORDER BY q.project_id DESC, q.trace DESC, q.log_seq DESC
  WITH q WHERE q.started_at IS NOT NULL LIMIT 1
  RETURN collect(q.started_at) AS started
}
RETURN id, finished[0] AS finished_at, started[0] AS started_at

// name: audit_clock :read :one
// The database's clock, and since when somebody is there to take over from sessions that are gone.
WITH datetime.realtime().epochMillis AS now
CALL (now) {
  MATCH (s:Session) WHERE s.lease_until > now AND s.ended_ms IS NULL
  RETURN min(s.started_ms) AS watched_since
}
RETURN now, watched_since
