// name: bus_behind :read :many
// Projects whose log goes on behind what a bus has acknowledged, and which no other live relay holds.
MATCH (h:ProjectHead) WHERE h.id > $after
WITH h ORDER BY h.id LIMIT toInteger($limit)
OPTIONAL MATCH (c:Lock {id: $bus + h.id}) USING INDEX SEEK c:Lock(id)
RETURN h.id AS project_id,
  h.seq > coalesce(c.seq, 0) AND (c.owner IS NULL OR c.owner = $owner
    OR c.lease_until <= datetime.realtime().epochMillis) AS waits
ORDER BY h.id

// name: bus_behind_of :read :many
// The same of these projects.
UNWIND $batch.project_ids AS project_id
MATCH (h:ProjectHead {id: project_id})
OPTIONAL MATCH (c:Lock {id: $bus + h.id}) USING INDEX SEEK c:Lock(id)
RETURN h.id AS project_id,
  h.seq > coalesce(c.seq, 0) AND (c.owner IS NULL OR c.owner = $owner
    OR c.lease_until <= datetime.realtime().epochMillis) AS waits

// name: bus_take :write :one
// Takes a project's way to a bus for a while, unless another relay holds it; `seq` is what the bus has acknowledged,
// null when it never carried the project. Who takes it over gets a higher fence.
MERGE (c:Lock {id: $cursor})
SET c._lock = true
WITH c, datetime.realtime().epochMillis AS now
WITH c, now, c.owner IS NULL OR c.owner = $owner OR c.lease_until <= now AS taken
FOREACH (_ IN CASE WHEN taken THEN [1] ELSE [] END |
  SET c.owner = $owner, c.lease_until = now + $lease_ms, c.fence = coalesce(c.fence, 0) + 1)
RETURN taken, c.seq AS seq, c.fence AS fence

// name: bus_acknowledge :write :one
// Keeps what the bus acknowledged and extends the lease; no row when another relay has taken over. With no lease the
// project is let go.
MATCH (c:Lock {id: $cursor}) SET c._lock = true
WITH c, datetime.realtime().epochMillis AS now
WHERE c.owner = $owner AND c.fence = $fence
SET c.seq = CASE WHEN c.seq > $seq THEN c.seq ELSE $seq END, c.lease_until = now + $lease_ms,
  c.owner = CASE WHEN $lease_ms > 0 THEN c.owner END
RETURN c.seq AS seq

// name: bus_cursors :read :many
// What a bus has acknowledged of the logs of these projects.
UNWIND $batch.project_ids AS project_id
MATCH (h:ProjectHead {id: project_id})
OPTIONAL MATCH (c:Lock {id: $bus + h.id}) USING INDEX SEEK c:Lock(id)
RETURN h.id AS project_id, h.seq AS head, coalesce(c.seq, 0) AS seq
