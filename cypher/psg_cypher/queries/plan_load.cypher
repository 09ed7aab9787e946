// name: plan_load :write :one
// Stores chunks of plans: what command_apply would do with the same steps, for one shape of row, so that every step
// takes one create, and only dependencies are looked up (DESIGN §5). A row of $batch.rows is what
// psg.commands.plan_load.PlanChunk makes: with `plan` it begins a plan, without it goes on with one that is loading.
CYPHER replan=skip
MATCH (h:ProjectHead {id: $project_id}) USING INDEX SEEK h:ProjectHead(id) SET h._lock = true
WITH h, datetime.realtime().epochMillis AS clock
WITH h, CASE WHEN h.clock > clock THEN h.clock ELSE clock END AS now
UNWIND $batch.rows AS r
CALL (h, now, r) {
  OPTIONAL MATCH (c:Event {project_id: $project_id, command_id: r.command_id})
    USING INDEX SEEK c:Event(project_id, command_id)
  OPTIONAL MATCH (o:PsgNode {project_id: $project_id, id: r.owner.id}) USING INDEX SEEK o:PsgNode(project_id, id)
  CALL (r) {
    UNWIND range(0, size(r.ids) - 1) AS i
    MATCH (n:PsgNode {project_id: $project_id, id: r.ids[i]}) USING INDEX SEEK n:PsgNode(project_id, id)
    WITH i ORDER BY i LIMIT 1
    RETURN collect(i)[0] AS taken
  }
  WITH h, now, r, c, o, taken, CASE
    WHEN c IS NOT NULL THEN CASE WHEN c.command_hash = r.command_hash THEN 'replay' ELSE 'reused' END
    WHEN o IS NULL THEN 'missing'
    WHEN NOT r.owner.label IN labels(o) THEN 'wrong_type'
    WHEN o:Tombstone THEN 'deleted'
    WHEN r.plan IS NULL AND coalesce(o.loading, false) <> true THEN 'refused'
    WHEN taken IS NOT NULL THEN 'exists'
    ELSE 'ok'
  END AS verdict
  CALL (now, r, o, verdict) {
    WITH now, r, o WHERE verdict = 'ok' AND r.plan IS NOT NULL
    CREATE (p:PsgNode:Plan) SET p = r.plan.props, p.sys_created_ms = now, p.sys_updated_ms = now
    FOREACH (label IN r.plan.labels | SET p:$(label))
    CREATE (p)-[:IN_CONTEXT]->(o)
    RETURN count(*) AS begun
  }
  CALL (now, r, verdict) {
    WITH now, r WHERE verdict = 'ok'
    MATCH (p:PsgNode {project_id: $project_id, id: r.plan_id}) USING INDEX SEEK p:PsgNode(project_id, id)
    UNWIND r.steps AS s
    CREATE (n:PsgNode:Step) SET n = s.props, n.sys_created_ms = now, n.sys_updated_ms = now
    FOREACH (label IN s.labels | SET n:$(label))
    CREATE (n)-[:IN_PLAN]->(p)
    RETURN collect(n) AS made
  }
  CALL (r, verdict, made) {
    WITH r, made WHERE verdict = 'ok'
    UNWIND r.links AS l
    WITH made[l[0]] AS a, l
    MATCH (b:PsgNode {project_id: $project_id, id: l[1]}) USING INDEX SEEK b:PsgNode(project_id, id)
    CREATE (a)-[:DEPENDS_ON {at: l[2]}]->(b)
    RETURN count(*) AS linked
  }
  WITH h, now, r, c, o, taken, verdict, h.seq AS base
  CALL (h, now, r, verdict, base) {
    WITH h, now, r, base WHERE verdict = 'ok'
    SET h.seq = base + size(r.ids), h.clock = now
    FOREACH (v IN CASE WHEN r.plan IS NULL THEN [] ELSE [r.plan.event] END |
      CREATE (e:Event) SET e = v, e.project_id = $project_id, e.seq = base + 1, e.at = now, e.revision = 1)
    WITH r, base, now, size(r.ids) - size(r.steps) AS ahead
    UNWIND range(0, size(r.steps) - 1) AS i
    WITH r, now, r.steps[i] AS s, ahead + i AS place, base
    CREATE (e:Event {
      project_id: $project_id, seq: base + 1 + place, event_id: randomUUID(), family: 'graph_update',
      type: 'step_created', op: 'create', entity_type: 'Step', entity: s.props.id, plan: r.plan_id, at: now,
      actor: r.actor, correlation_id: r.correlation_id, changes: s.changes, update_kind: 'node_add', node_delta: 1,
      edge_delta: s.edges, revision: 1,
      command_id: CASE WHEN place = 0 THEN r.command_id END,
      command_hash: CASE WHEN place = 0 THEN r.command_hash END,
      answer: CASE WHEN place = 0 THEN r.answer END
    })
    RETURN count(*) AS logged
  }
  RETURN verdict,
    CASE verdict
      WHEN 'ok' THEN null
      WHEN 'exists' THEN {guard: taken + 1, id: r.ids[taken]}
      ELSE {guard: 0, id: r.owner.id, labels: labels(o), status: o.status, revision: o.revision}
    END AS fault,
    CASE WHEN verdict = 'ok' THEN base + 1 ELSE c.seq END AS seq,
    CASE WHEN verdict = 'ok' THEN base + size(r.ids) END AS last_seq,
    CASE WHEN verdict = 'ok' THEN r.answer ELSE c.answer END AS answer
}
RETURN collect({verdict: verdict, fault: fault, seq: seq, last_seq: last_seq, answer: answer}) AS answers
