// What the platform tells of itself (docs/monitoring.md). A scope is a range of project ids: one project, or all.

// name: monitor_plans :read :many
// How many plans of a scope are in each of these statuses. Nothing else of them is read: there may be very many.
UNWIND $batch.statuses AS status
CALL (status) {
  MATCH (n:Plan) USING INDEX n:Plan(status, project_id)
  WHERE n.status = status AND n.project_id >= $first AND n.project_id <= $last AND NOT n:Tombstone
  RETURN count(n) AS plans
}
RETURN status, plans

// name: monitor_failed_steps :read :one
// How many steps failed of the plans of a scope that run or failed.
UNWIND ['in_progress', 'failed'] AS status
CALL (status) {
  MATCH (n:Plan) USING INDEX n:Plan(status, project_id)
  WHERE n.status = status AND n.project_id >= $first AND n.project_id <= $last AND NOT n:Tombstone
  RETURN coalesce(sum(n.steps_failed), 0) AS failed
}
RETURN sum(failed) AS failed

// name: monitor_durations :read :one
// How long the latest plans that completed took, from their start.
MATCH (n:Plan) USING INDEX n:Plan(status, finished_ms)
WHERE n.status = 'completed' AND n.finished_ms > 0
WITH n ORDER BY n.status DESC, n.finished_ms DESC LIMIT toInteger($limit)
WITH n WHERE n.started_ms IS NOT NULL AND NOT n:Tombstone
RETURN count(n) AS plans, avg(n.finished_ms - n.started_ms) AS average_ms, max(n.finished_ms - n.started_ms) AS longest_ms

// name: monitor_durations_of_project :read :one
// The same for one project.
MATCH (n:Plan) USING INDEX n:Plan(status, project_id)
WHERE n.status = 'completed' AND n.project_id = $project_id AND NOT n:Tombstone
WITH n WHERE n.finished_ms IS NOT NULL AND n.started_ms IS NOT NULL
WITH n ORDER BY n.finished_ms DESC LIMIT toInteger($limit)
RETURN count(n) AS plans, avg(n.finished_ms - n.started_ms) AS average_ms, max(n.finished_ms - n.started_ms) AS longest_ms

// name: monitor_steps :read :one
// Steps of all projects by what they wait for, from the counts that the store keeps.
CALL () { MATCH (s:Ready) RETURN count(s) AS ready }
CALL () { MATCH (s:Timer) RETURN count(s) AS sleeping }
CALL () { MATCH (s:Undecided) RETURN count(s) AS undecided }
CALL () { MATCH (s:Offered) RETURN count(s) AS offered }
CALL () { MATCH (s:Step) RETURN count(s) AS steps }
CALL () { MATCH (e:Event) RETURN count(e) AS events }
CALL () { MATCH (n) RETURN count(n) AS nodes }
CALL () { MATCH ()-[x]->() RETURN count(x) AS relationships }
RETURN ready, sleeping, undecided, offered, steps, events, nodes, relationships

// name: monitor_sessions :read :many
// Orchestrators that hold a lease, with how many steps each runs.
MATCH (s:Session) WHERE s.lease_until > datetime.realtime().epochMillis AND s.ended_ms IS NULL
CALL (s) { MATCH (t:Step) WHERE t.owner = s.id RETURN count(t) AS running }
RETURN s.id AS id, s.host AS host, s.pid AS pid, s.capacity AS capacity, s.started_ms AS started_ms, running,
  s.lease_until - datetime.realtime().epochMillis AS lease_left_ms, size(coalesce(s.capabilities, [])) AS capabilities
ORDER BY s.started_ms, s.id LIMIT 1000

// name: monitor_log :read :one
// Projects of a scope and the sum of the numbers of their logs.
MATCH (h:ProjectHead) WHERE h.id >= $first AND h.id <= $last
RETURN count(h) AS projects, coalesce(sum(h.seq), 0) AS seq

// name: monitor_claims :read :one
// How long steps that can be claimed have been waiting: the first step of the first runnable plans.
MATCH (p:Runnable) USING INDEX p:Runnable(project_id, sched_urgency, served_at)
WHERE p.project_id >= $first AND p.project_id <= $last AND p.sched_urgency IS NOT NULL AND p.served_at IS NOT NULL
WITH p LIMIT toInteger($limit)
CALL (p) {
  MATCH (s:Ready) WHERE s.project_id = p.project_id AND s.plan = p.id AND s.sched_urgency IS NOT NULL
    AND s.sched_order IS NOT NULL AND s.position IS NOT NULL
  WITH p, s LIMIT 1
  RETURN coalesce(s.ready_ms, p.started_ms) AS since
}
RETURN count(*) AS waiting, coalesce(max(datetime.realtime().epochMillis - since), 0) AS lag_ms

// name: monitor_running_plans :read :many
// Plans of a scope that run, with how far they came and what they spent.
MATCH (n:Plan) USING INDEX n:Plan(status, project_id)
WHERE n.status = 'in_progress' AND n.project_id >= $first AND n.project_id <= $last AND NOT n:Tombstone
WITH n LIMIT toInteger($limit)
RETURN n.project_id AS project_id, n.id AS id, n.title AS title, coalesce(n.paused, false) AS paused,
  coalesce(n.steps_total, 0) AS steps_total, coalesce(n.steps_open, 0) AS steps_open,
  coalesce(n.steps_failed, 0) AS steps_failed, n.started_ms AS started_ms, n.budget AS budget,
  n.spent_tokens AS spent_tokens, n.spent_cost AS spent_cost, n.spent_calls AS spent_calls,
  n.spent_wall_ms AS spent_wall_ms, datetime.realtime().epochMillis AS now

// name: monitor_directories :read :many
// Where the server keeps its data.
CALL dbms.listConfig('server.directories.data') YIELD name, value RETURN name, value

// name: health_append :write :none
// Notes how parts of the platform were found.
UNWIND $batch.rows AS r
CREATE (h:HealthRecord) SET h = r, h.at = datetime.realtime().epochMillis

// name: health_history :read :many
// What was found within a span of time, the latest first.
MATCH (h:HealthRecord) WHERE h.at >= $from AND h.at <= $to AND ($component IS NULL OR h.component = $component)
WITH h ORDER BY h.at DESC LIMIT toInteger($limit)
RETURN h {.*} AS record

// name: health_count :read :one
// How many records of health there are, and the database's clock.
MATCH (h:HealthRecord) RETURN count(h) AS count

// name: health_prune :write :one
// Removes records from before a moment, the oldest first.
MATCH (h:HealthRecord) WHERE h.at < $before
WITH h ORDER BY h.at LIMIT toInteger($limit)
DELETE h
RETURN count(*) AS removed

// name: platform_lock :write :one
// Takes a lock of the platform for the rest of the transaction; alerts are numbered behind theirs.
MERGE (l:Lock {id: $lock_id}) SET l._lock = true
RETURN l.owner AS owner, l.lease_until AS lease_until, l.seq AS seq, datetime.realtime().epochMillis AS now

// name: platform_lock_lease :write :one
// Notes who has what a lock stands for, and until when; behind the lock.
MATCH (l:Lock {id: $lock_id})
SET l.owner = $owner, l.lease_until = $until
RETURN l.id AS id

// name: platform_lock_seq :write :one
// Notes the last number that was given; behind the lock.
MATCH (l:Lock {id: $lock_id})
SET l.seq = $seq
RETURN l.seq AS seq

// name: platform_leases :read :many
// Those of the locks that somebody holds a lease for.
UNWIND $batch.ids AS id
MATCH (l:Lock {id: id}) WHERE l.lease_until > datetime.realtime().epochMillis
RETURN l.id AS id

// name: alert_rules :read :many
// Rules of alerts by id: those of a scope, and those of the whole platform where it is asked for.
MATCH (r:AlertRule) WHERE r.id > '' AND (r.project_id >= $first AND r.project_id <= $last OR $platform AND r.project_id IS NULL)
  AND ($among IS NULL OR r.project_id IN $among)
WITH r ORDER BY r.id LIMIT 2000
RETURN r {.*} AS rule, datetime.realtime().epochMillis AS now

// name: alert_rules_by_id :read :many
// Rules by their ids.
UNWIND $batch.ids AS id
MATCH (r:AlertRule {id: id})
RETURN r {.*} AS rule

// name: alert_rules_put :write :one
// Makes rules or changes them; behind the lock for alerts. What a rule saw so far is kept, if its condition is.
UNWIND $batch.rows AS row
MERGE (r:AlertRule {id: row.id})
SET r.since_ms = CASE WHEN r.condition = row.props.condition THEN r.since_ms END
SET r += row.props, r.revision = coalesce(r.revision, 0) + 1
RETURN count(*) AS stored

// name: alert_rules_drop :write :one
// Removes rules; behind the lock for alerts.
UNWIND $batch.ids AS id
MATCH (r:AlertRule {id: id})
DELETE r
RETURN count(*) AS removed

// name: alert_rules_seen :write :one
// Notes since when conditions hold, and which alert tells so; behind the lock for alerts.
UNWIND $batch.rows AS row
MATCH (r:AlertRule {id: row.id})
SET r.since_ms = row.since_ms, r.open = row.open
RETURN count(*) AS noted

// name: alerts_put :write :one
// Stores alerts as they are now; behind the lock for alerts.
UNWIND $batch.rows AS row
MERGE (a:Alert {id: row.id})
SET a = row.props, a.id = row.id
FOREACH (_ IN CASE WHEN row.props.due_at IS NULL THEN [] ELSE [1] END | SET a:Undelivered)
FOREACH (_ IN CASE WHEN row.props.due_at IS NULL THEN [1] ELSE [] END | REMOVE a:Undelivered)
RETURN count(*) AS stored

// name: alerts_by_id :read :many
// Alerts by their ids.
UNWIND $batch.ids AS id
MATCH (a:Alert {id: id})
RETURN a {.*} AS alert

// name: alert_page :read :many
// Alerts of a scope, the one that changed last first, before a number.
MATCH (a:Alert) WHERE a.seq > 0 AND a.seq < $before
  AND (a.project_id >= $first AND a.project_id <= $last OR $platform AND a.project_id IS NULL)
  AND ($among IS NULL OR a.project_id IN $among)
  AND ($status IS NULL OR a.status = $status)
WITH a ORDER BY a.seq DESC LIMIT toInteger($limit)
RETURN a {.*} AS alert ORDER BY a.seq DESC

// name: alert_changes :read :many
// Alerts of a scope that changed behind a number, in the order of their last change.
MATCH (a:Alert) WHERE a.seq > $after
  AND (a.project_id >= $first AND a.project_id <= $last OR $platform AND a.project_id IS NULL)
  AND ($among IS NULL OR a.project_id IN $among)
WITH a ORDER BY a.seq LIMIT toInteger($limit)
RETURN a {.*} AS alert ORDER BY a.seq

// name: alert_head :read :one
// The number of the last change of any alert.
OPTIONAL MATCH (l:Lock {id: 'alerts'})
RETURN coalesce(l.seq, 0) AS seq

// name: alerts_due :read :many
// Alerts of a scope of which somebody is to be told now.
MATCH (a:Undelivered) WHERE a.due_at <= datetime.realtime().epochMillis
  AND (a.project_id >= $first AND a.project_id <= $last OR $platform AND a.project_id IS NULL)
WITH a ORDER BY a.due_at LIMIT toInteger($limit)
RETURN a.id AS id

// name: alert_give_up :write :many
// Forgets that somebody is to be told of an alert that cannot be read; behind the lock for alerts.
MATCH (a:Alert {id: $id})
SET a.due_at = null
REMOVE a:Undelivered
RETURN a.id AS id

// name: alert_count :read :one
// How many alerts there are.
MATCH (a:Alert) RETURN count(a) AS count

// name: alerts_prune :write :one
// Removes alerts that are over, or that no rule will ever end, since before a moment; those that changed first first.
// Behind the lock for alerts.
MATCH (a:Alert) WHERE a.seq > 0 AND (a.status = 'resolved' OR a.rule IS NULL) AND a.changed_ms < $before
  AND NOT a:Undelivered
WITH a ORDER BY a.seq LIMIT toInteger($limit)
DELETE a
RETURN count(*) AS removed
