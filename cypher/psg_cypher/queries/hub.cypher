// Messages between modules. An open message stands in the queue of its target at its position (priority, then order);
// one that is over has the target '' and the position of its end, by which it is forgotten.

// name: hub_apply :write :one
// Accepts messages, takes their answers and notes modules, each with its event; a row is judged after the lock, and what
// is refused writes nothing. A message is accepted once by its command id, and answered once: by its last taker, or by
// the sender that waits no longer (`fence` null, `sent_by` its mark).
MATCH (h:ProjectHead {id: $project_id}) SET h._lock = true
WITH h, datetime.realtime().epochMillis AS clock
WITH h, CASE WHEN h.clock > clock THEN h.clock ELSE clock END AS now
UNWIND $batch.rows AS r
CALL (h, now, r) {
  OPTIONAL MATCH (c:Event {project_id: $project_id, command_id: r.command_id})
  OPTIONAL MATCH (m:HubMessage {project_id: $project_id, id: r.id})
  WITH h, now, r, c, m, coalesce(h.hub_modules, []) AS modules
  WITH h, now, r, c, m, modules, CASE
    WHEN c IS NOT NULL THEN CASE WHEN c.command_hash = r.command_hash THEN 'replay' ELSE 'reused' END
    WHEN r.op = 'announce' THEN CASE WHEN r.module IN modules THEN 'same' ELSE 'ok' END
    WHEN r.op = 'withdraw' THEN CASE WHEN r.module IN modules THEN 'ok' ELSE 'same' END
    WHEN r.op = 'send' THEN CASE
      WHEN NOT r.target IN modules THEN 'unknown_target'
      WHEN NOT r.source IN modules THEN 'foreign_source'
      WHEN COUNT { MATCH (o:HubMessage) WHERE o.project_id = $project_id AND o.target = r.target AND o.position >= 0 }
        >= r.limit THEN 'full'
      ELSE 'ok' END
    WHEN m IS NULL OR m.target = '' OR (r.fence IS NOT NULL AND m.fence <> r.fence) THEN 'over'
    WHEN r.overdue AND (m.due_at IS NULL OR m.due_at > now) THEN 'over'
    WHEN r.sent_by IS NOT NULL AND coalesce(m.sent_by, '') <> r.sent_by THEN 'over'
    ELSE 'ok'
  END AS verdict, h.seq AS base
  FOREACH (_ IN CASE WHEN verdict = 'ok' AND r.op = 'announce' THEN [1] ELSE [] END |
    SET h.hub_modules = modules + r.module)
  FOREACH (_ IN CASE WHEN verdict = 'ok' AND r.op = 'withdraw' THEN [1] ELSE [] END |
    SET h.hub_modules = [x IN modules WHERE x <> r.module])
  FOREACH (_ IN CASE WHEN verdict = 'ok' AND r.op = 'send' THEN [1] ELSE [] END |
    CREATE (n:HubMessage) SET n = r.props, n.project_id = $project_id, n.id = r.id, n.target = r.target,
      n.position = r.rank * 1099511627776 + base + 1, n.status = 'pending', n.fence = 0, n.at = now,
      n.due_at = now + r.timeout_ms)
  FOREACH (n IN CASE WHEN verdict = 'ok' AND r.op = 'finish' THEN [m] ELSE [] END |
    SET n.status = r.status, n.output = r.output, n.error = r.error, n.done_ms = now, n.target = '', n.position = now,
      n.owner = null, n.lease_until = null)
  WITH h, now, r, c, verdict, base
  CALL (h, now, r, verdict, base) {
    WITH h, now, r, base WHERE verdict = 'ok'
    SET h.seq = base + size(r.events), h.clock = now
    WITH r, base, now
    UNWIND range(0, size(r.events) - 1) AS i
    WITH r.events[i] AS v, base + 1 + i AS seq, now
    OPTIONAL MATCH (n:PsgNode {project_id: $project_id, id: v.entity})
    CREATE (e:Event) SET e = v, e.project_id = $project_id, e.seq = seq, e.at = now, e.revision = n.revision
    RETURN count(*) AS logged
  }
  RETURN CASE WHEN verdict IN ['ok', 'replay', 'reused'] THEN verdict ELSE 'ok' END AS verdict,
    CASE WHEN verdict = 'ok' THEN base + 1 WHEN c IS NOT NULL THEN c.seq ELSE base END AS seq,
    CASE WHEN verdict = 'ok' THEN base + logged END AS last_seq,
    CASE WHEN verdict = 'ok' THEN r.answer WHEN verdict = 'replay' THEN c.answer
      ELSE '{"refused":"' + verdict + '"}' END AS answer
}
RETURN collect({verdict: verdict, fault: null, seq: seq, last_seq: last_seq, answer: answer}) AS answers

// name: hub_state :read :one
// What there is to do for the modules of a process: queues with messages that nobody holds, and messages that were not
// answered in time. The front of each queue is looked at.
MATCH (h:ProjectHead {id: $project_id})
WITH h, datetime.realtime().epochMillis AS now
CALL (now) {
  UNWIND $batch.targets AS target
  CALL (target, now) {
    MATCH (m:HubMessage) WHERE m.project_id = $project_id AND m.target = target AND m.position >= 0
    WITH m ORDER BY m.project_id, m.target, m.position LIMIT 500
    WITH m, m.due_at <= now AS late, m.lease_until IS NULL OR m.lease_until <= now AS free
    RETURN collect(CASE WHEN late THEN m.id END) AS overdue,
      count(CASE WHEN free AND NOT coalesce(late, false) THEN 1 END) AS free
  }
  WITH target, free, overdue
  RETURN collect(CASE WHEN free > 0 THEN target END) AS waiting, collect(overdue) AS overdue
}
RETURN coalesce(h.hub_modules, []) AS modules, waiting, overdue

// name: hub_claim :write :many
// Takes the next messages of each queue for a process, for as long as the lease; the fence tells its takers apart.
MATCH (h:ProjectHead {id: $project_id}) SET h._lock = true
WITH datetime.realtime().epochMillis AS now
UNWIND $batch.wanted AS wanted
CALL (wanted, now) {
  MATCH (m:HubMessage) WHERE m.project_id = $project_id AND m.target = wanted.target AND m.position >= 0
  WITH m, now WHERE (m.lease_until IS NULL OR m.lease_until <= now) AND (m.due_at IS NULL OR m.due_at > now)
  WITH m, now ORDER BY m.project_id, m.target, m.position LIMIT 100
  WITH now, collect(m) AS free
  WITH now, free[..wanted.want] AS taken
  FOREACH (m IN taken | SET m.owner = $owner, m.fence = m.fence + 1, m.lease_until = now + $lease_ms)
  RETURN [m IN taken | m {.*, left_ms: m.due_at - now, waited_ms: now - m.at}] AS messages
}
UNWIND messages AS message
RETURN message

// name: hub_hold :write :many
// Goes on holding messages that a process is at, or gives them back at once (a lease of 0).
MATCH (h:ProjectHead {id: $project_id}) SET h._lock = true
WITH datetime.realtime().epochMillis AS now
UNWIND $batch.held AS held
MATCH (m:HubMessage {project_id: $project_id, id: held.id})
WHERE m.target <> '' AND m.owner = $owner AND m.fence = held.fence
SET m.lease_until = now + $lease_ms
RETURN m.id AS id

// name: hub_results :read :many
// The messages among $batch.ids that are over, with what came of them.
UNWIND $batch.ids AS id
MATCH (m:HubMessage {project_id: $project_id, id: id}) WHERE m.target = ''
RETURN m {.*} AS message

// name: hub_modules :read :one
// The modules that take messages in a project.
MATCH (h:ProjectHead {id: $project_id})
RETURN coalesce(h.hub_modules, []) AS modules

// name: hub_forget :write :one
// Removes messages that ended long ago.
MATCH (h:ProjectHead {id: $project_id}) SET h._lock = true
WITH datetime.realtime().epochMillis AS now
MATCH (m:HubMessage) WHERE m.project_id = $project_id AND m.target = '' AND m.position < now - $keep_ms
WITH m LIMIT 1000
DELETE m
RETURN count(m) AS forgotten

// name: backup_hub_messages :read :many
// The next messages of a project.
MATCH (m:HubMessage) WHERE m.project_id = $project_id AND m.id > $after
WITH m ORDER BY m.project_id, m.id LIMIT toInteger($limit)
RETURN m.id AS key, labels(m) AS labels, properties(m) AS props

// name: hub_message :read :one
// One message, open or over.
MATCH (m:HubMessage {project_id: $project_id, id: $id})
RETURN m {.*} AS message

// name: audit_hub_page :read :many
// The ids of the next messages of a project.
MATCH (m:HubMessage) WHERE m.project_id = $project_id AND m.id > $after
WITH m ORDER BY m.project_id, m.id LIMIT toInteger($limit)
RETURN m.id AS id

// name: audit_hub_messages :read :many
// What the audit needs to know of messages.
MATCH (h:ProjectHead {id: $project_id})
UNWIND $batch.ids AS id
MATCH (m:HubMessage {project_id: $project_id, id: id})
RETURN m.id AS id, m.status AS status, m.target AS target, m.target_module AS target_module, m.position AS position,
  m.owner AS owner, m.fence AS fence, m.done_ms AS done_ms, m.error IS NOT NULL AS error,
  m.error IS NOT NULL OR m.output IS NOT NULL AS answered, coalesce(h.earliest_seq, 1) AS earliest

// name: audit_hub_commands :read :many
// Which of these commands the log of a project knows.
UNWIND $batch.ids AS id
MATCH (e:Event {project_id: $project_id, command_id: id})
RETURN e.command_id AS command_id
