// name: project_lock :write :one
// Takes the project's lock for the rest of the transaction and tells what an earlier command of this id answered.
// The property stays: removing one that the store has never seen locks nothing (EVIDENCE A1).
MATCH (h:ProjectHead {id: $project_id}) SET h._lock = true
WITH h, datetime.realtime().epochMillis AS clock
OPTIONAL MATCH (c:Event {project_id: $project_id, command_id: $command_id})
RETURN h.seq AS head_seq, CASE WHEN h.clock > clock THEN h.clock ELSE clock END AS now,
  c.seq AS seq, c.command_hash AS command_hash, c.answer AS answer

// name: command_find :read :one
// What an earlier command of this id answered, if there was one.
MATCH (c:Event {project_id: $project_id, command_id: $command_id})
RETURN c.seq AS seq, c.command_hash AS command_hash, c.answer AS answer

// name: command_apply :write :one
// Applies a batch of commands to one project: lock, judge each row after the lock, write and log only the rows found
// good (DESIGN §5). A row of $batch.rows is what psg.write.change makes; a map, so that one plan serves every size.
CYPHER replan=skip
MATCH (h:ProjectHead {id: $project_id}) USING INDEX SEEK h:ProjectHead(id) SET h._lock = true
WITH h, datetime.realtime().epochMillis AS clock
WITH h, CASE WHEN h.clock > clock THEN h.clock ELSE clock END AS now
UNWIND $batch.rows AS r
CALL (h, now, r) {
  OPTIONAL MATCH (c:Event {project_id: $project_id, command_id: r.command_id})
    USING INDEX SEEK c:Event(project_id, command_id)
  CALL (r) {
    UNWIND range(0, size(r.guards) - 1) AS i
    WITH i, r.guards[i] AS g
    OPTIONAL MATCH (n:PsgNode {project_id: $project_id, id: g.id}) USING INDEX SEEK n:PsgNode(project_id, id)
    WITH i, g, n, CASE
      WHEN g.absent THEN CASE WHEN n IS NULL THEN null ELSE 'exists' END
      WHEN n IS NULL THEN 'missing'
      WHEN none(label IN g.labels WHERE label IN labels(n)) THEN 'wrong_type'
      WHEN n:Tombstone THEN 'deleted'
      WHEN g.revision IS NOT NULL AND n.revision <> g.revision THEN 'stale'
      WHEN g.status IS NOT NULL AND NOT n.status IN g.status THEN 'transition'
      WHEN g.holds IS NOT NULL AND any(k IN keys(g.holds) WHERE coalesce(n[k], false) <> g.holds[k]) THEN 'refused'
      WHEN g.unneeded IS NOT NULL AND EXISTS {
        MATCH (n)<-[x]-(m:PsgNode)
        WHERE NOT m:Tombstone AND any(u IN g.unneeded WHERE u.type = type(x) AND u.label IN labels(m)) } THEN 'needed'
    END AS verdict
    WHERE verdict IS NOT NULL
    RETURN collect({
      verdict: verdict, guard: i, id: g.id, labels: labels(n), status: n.status, revision: n.revision,
      needed_by: CASE WHEN verdict = 'needed' THEN
        [(n)<-[x]-(m:PsgNode)
         WHERE NOT m:Tombstone AND any(u IN g.unneeded WHERE u.type = type(x) AND u.label IN labels(m)) | m.id][..3]
        END
    })[0] AS fault
  }
  WITH h, now, r, c, fault, CASE
    WHEN c IS NOT NULL THEN CASE WHEN c.command_hash = r.command_hash THEN 'replay' ELSE 'reused' END
    WHEN fault IS NOT NULL THEN fault.verdict
    ELSE 'ok'
  END AS verdict
  FOREACH (x IN CASE WHEN verdict = 'ok' THEN r.creates ELSE [] END |
    CREATE (n:PsgNode:$(x.labels)) SET n = x.props, n.sys_created_ms = now, n.sys_updated_ms = now)
  FOREACH (x IN CASE WHEN verdict = 'ok' THEN r.contents ELSE [] END |
    MERGE (k:Content {project_id: $project_id, hash: x.hash}) ON CREATE SET k.text = x.text)
  WITH h, now, r, c, fault, verdict
  CALL (now, r, verdict) {
    WITH now, r WHERE verdict = 'ok'
    UNWIND r.sets AS u
    MATCH (n:PsgNode {project_id: $project_id, id: u.id}) USING INDEX SEEK n:PsgNode(project_id, id)
    SET n += u.props, n.revision = n.revision + u.bump, n.sys_updated_ms = now
    FOREACH (label IN u.add | SET n:$(label))
    FOREACH (label IN u.remove | REMOVE n:$(label))
    RETURN count(*) AS changed
  }
  CALL (r, verdict) {
    WITH r WHERE verdict = 'ok'
    UNWIND r.links AS l
    MATCH (a:PsgNode {project_id: $project_id, id: l.from}) USING INDEX SEEK a:PsgNode(project_id, id)
    MATCH (b:PsgNode {project_id: $project_id, id: l.to}) USING INDEX SEEK b:PsgNode(project_id, id)
    CREATE (a)-[e:$(l.type)]->(b) SET e = l.props
    RETURN count(*) AS linked
  }
  CALL (r, verdict) {
    WITH r WHERE verdict = 'ok'
    UNWIND r.unlinks AS l
    MATCH (a:PsgNode {project_id: $project_id, id: l.from}) USING INDEX SEEK a:PsgNode(project_id, id)
    MATCH (a)-[e]->(b:PsgNode {project_id: $project_id, id: l.to})
    WHERE type(e) = l.type
    DELETE e
    RETURN count(*) AS unlinked
  }
  WITH h, now, r, c, fault, verdict, h.seq AS base
  CALL (h, now, r, verdict, base) {
    WITH h, now, r, base WHERE verdict = 'ok'
    SET h.seq = base + size(r.events), h.clock = now
    WITH r, base, now
    UNWIND range(0, size(r.events) - 1) AS i
    WITH r.events[i] AS v, base + 1 + i AS seq, now
    OPTIONAL MATCH (n:PsgNode {project_id: $project_id, id: v.entity}) USING INDEX SEEK n:PsgNode(project_id, id)
    CREATE (e:Event) SET e = v, e.project_id = $project_id, e.seq = seq, e.at = now, e.revision = n.revision
    RETURN count(*) AS logged
  }
  RETURN verdict, fault,
    CASE WHEN verdict = 'ok' THEN base + 1 ELSE c.seq END AS seq,
    CASE WHEN verdict = 'ok' THEN base + logged END AS last_seq,
    CASE WHEN verdict = 'ok' THEN r.answer ELSE c.answer END AS answer
}
// One record for the whole batch: unpacking one by one costs the client more than the commit.
RETURN collect({verdict: verdict, fault: fault, seq: seq, last_seq: last_seq, answer: answer}) AS answers
