// name: doctor_indexes :read :many
// Every index with its state; those of constraints name the constraint.
SHOW INDEXES YIELD name, state, populationPercent, labelsOrTypes, properties, owningConstraint, type, failureMessage
WHERE type <> 'LOOKUP'
RETURN name, state, populationPercent AS percent, labelsOrTypes AS labels, properties, owningConstraint AS constraint,
  failureMessage AS failure

// name: doctor_clock :read :one
// The database's time in milliseconds since 1970.
RETURN datetime.realtime().epochMillis AS now

// name: doctor_memory :read :many
// How much memory the server was given; no row where that may not be asked.
SHOW SETTINGS 'server.memory.heap.max_size', 'server.memory.pagecache.size', 'db.transaction.timeout'
YIELD name, value RETURN name, value

// name: doctor_ended :read :many
// Sessions whose lease is over that still own steps: nobody took these over.
MATCH (s:Session) WHERE s.lease_until < datetime.realtime().epochMillis - toInteger($grace_ms)
CALL (s) { MATCH (t:Step) WHERE t.owner = s.id RETURN count(t) AS steps }
WITH s, steps WHERE steps > 0
RETURN s.id AS id, s.host AS host, s.pid AS pid, steps LIMIT 100

// name: doctor_heads :read :many
// Whether the logs of these projects end where their heads say: the last event is there, and none behind it.
UNWIND $ids AS project_id
MATCH (h:ProjectHead {id: project_id})
WITH h.id AS id, h.seq AS seq
OPTIONAL MATCH (e:Event {project_id: id, seq: seq})
OPTIONAL MATCH (n:Event {project_id: id, seq: seq + 1})
RETURN id, seq, seq = 0 OR e IS NOT NULL AS last, n IS NOT NULL AS beyond
