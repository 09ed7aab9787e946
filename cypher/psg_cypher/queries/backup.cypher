// name: backup_totals :read :many
// How much of a platform there is, from the store's own counts.
MATCH (n:PsgNode) WITH count(n) AS count RETURN 'nodes' AS what, count
UNION ALL
MATCH (e:Event) WITH count(e) AS count RETURN 'events' AS what, count
UNION ALL
MATCH (h:ProjectHead) WITH count(h) AS count RETURN 'projects' AS what, count
UNION ALL
RETURN 'links' AS what, COUNT { ()-[]->() } - COUNT { ()-[:MIGRATED_TO]->() } AS count

// name: backup_lock :write :one
// Takes the head's lock for the rest of the transaction: nothing of the project changes while it is read.
MATCH (h:ProjectHead {id: $project_id}) SET h._lock = true
RETURN h {.*} AS head

// name: backup_events :read :many
// The next events of a log up to a number that was read behind the lock.
MATCH (e:Event) WHERE e.project_id = $project_id AND e.seq > $after AND e.seq <= $upto
WITH e ORDER BY e.project_id, e.seq LIMIT toInteger($limit)
RETURN e.seq AS seq, labels(e) AS labels, properties(e) AS props

// name: backup_nodes :read :many
// The next nodes of a project whole, each with what it points to.
MATCH (n:PsgNode) WHERE n.project_id = $project_id AND n.id > $after
WITH n ORDER BY n.project_id, n.id LIMIT toInteger($limit)
RETURN n.id AS id, labels(n) AS labels, properties(n) AS props,
  COLLECT { MATCH (n)-[e]->(m) RETURN {type: type(e), to: m.id, project_id: m.project_id, props: properties(e)} } AS links

// name: backup_snapshots :read :many
// The next snapshots of a project.
MATCH (s:Snapshot) WHERE s.project_id = $project_id AND s.id > $after
WITH s ORDER BY s.project_id, s.id LIMIT toInteger($limit)
RETURN s.id AS key, labels(s) AS labels, properties(s) AS props

// name: backup_contents :read :many
// The next overwritten long texts of a project.
MATCH (k:Content) WHERE k.project_id = $project_id AND k.hash > $after
WITH k ORDER BY k.project_id, k.hash LIMIT toInteger($limit)
RETURN k.hash AS key, labels(k) AS labels, properties(k) AS props

// name: backup_effects :read :many
// The next entries of a project's effect ledger.
MATCH (k:Effect) WHERE k.project_id = $project_id AND k.key > $after
WITH k ORDER BY k.project_id, k.key LIMIT toInteger($limit)
RETURN k.key AS key, labels(k) AS labels, properties(k) AS props

// name: backup_lock_projects :write :one
// Keeps everybody from creating a project, or restoring too, until the transaction ends.
MATCH (l:Lock {id: 'projects'}) SET l._lock = true
RETURN l.id AS id

// name: backup_offer :write :one
// Offers the running plans to orchestrators whose steps were given back by the restore.
UNWIND $rows AS r
MATCH (p:PsgNode:Plan {project_id: r.project_id, id: r.plan})
WHERE p.status = 'in_progress' AND NOT coalesce(p.paused, false)
SET p:Runnable
RETURN count(p) AS plans

// name: backup_store_heads :write :one
// The last act: with its head a project can be written to, and there are all of them or none.
UNWIND $rows AS r
CREATE (h:ProjectHead) SET h = r
RETURN count(h) AS made
