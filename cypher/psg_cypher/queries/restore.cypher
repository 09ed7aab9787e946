// name: restore_marker :read :one
// The restore that is not finished; no row when there is none.
MATCH (l:Lock {id: $marker})
RETURN l.sha256 AS sha256, l.state AS state, l.seq AS seq, l.started_ms AS started_ms

// name: restore_begin :write :none
// Says that what is in the database is no platform until the end of the restore.
MERGE (l:Lock {id: $marker})
SET l.sha256 = $sha256, l.state = $state, l.seq = 0, l.started_ms = datetime.realtime().epochMillis

// name: restore_nodes :write :one
// Stores the next batch of nodes exactly as they were, together with its number; none when it is not the next one.
MATCH (l:Lock {id: $marker}) SET l._lock = true
WITH l WHERE l.sha256 = $sha256 AND l.state = 'storing' AND l.seq = $seq - 1
SET l.seq = $seq
WITH l
UNWIND $rows AS r
CREATE (n:$(r.labels)) SET n = r.props
RETURN count(n) AS made

// name: restore_links :write :one
// Stores the next batch of relationships exactly as they were; a row whose ends are not there is missing in the count.
MATCH (l:Lock {id: $marker}) SET l._lock = true
WITH l WHERE l.sha256 = $sha256 AND l.state = 'storing' AND l.seq = $seq - 1
SET l.seq = $seq
WITH l
UNWIND $rows AS r
MATCH (a:PsgNode {project_id: r.project_id, id: r.from})
MATCH (b:PsgNode {project_id: r.project_id, id: r.to})
CREATE (a)-[e:$(r.type)]->(b) SET e = r.props
RETURN count(e) AS made

// name: restore_remove_heads :write :one
// Removes heads of projects: nobody can write to what is left of them.
MATCH (h:ProjectHead) WHERE h.id > ''
WITH h LIMIT toInteger($limit)
DETACH DELETE h
RETURN count(*) AS removed

// name: restore_remove :write :one
// Removes what is left of the projects; not what belongs to the platform and is in no backup.
MATCH (n) WHERE NOT (n:__Neo4jMigration OR n:ApiToken OR n:AuditRecord OR n:AlertRule OR n:Alert OR n:ResourcePool
  OR n:Capability) AND NOT (n:Grant AND n.project_id = '*') AND NOT (n:Lock AND n.fence IS NULL)
WITH n LIMIT toInteger($limit)
DETACH DELETE n
RETURN count(*) AS removed

// name: restore_end :write :none
// The restore is whole; in one commit with the heads.
MATCH (l:Lock {id: $marker}) DELETE l
