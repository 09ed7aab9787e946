// name: audit_alerts :read :many
// Alerts whose number, label or messages contradict each other; read behind the lock for alerts, which tells the last
// number.
MATCH (a:Alert) WHERE a.seq > 0
WITH a, [x IN [
  CASE WHEN a.seq > $last THEN 'its number was never given' END,
  CASE WHEN NOT a.status IN ['firing', 'acknowledged', 'resolved'] THEN 'its status is none' END,
  CASE WHEN (a.status = 'resolved') <> (a.resolved_ms IS NOT NULL) THEN 'its end and its status contradict' END,
  CASE WHEN a:Undelivered <> (a.due_at IS NOT NULL) THEN 'somebody is to be told and nobody would see it' END
] WHERE x IS NOT NULL] AS faults
WHERE size(faults) > 0
RETURN a.id AS id, a.project_id AS project_id, faults LIMIT 1000

// name: audit_alert_rules :read :many
// Rules whose open alert is not there, is over, or is of another rule; read behind the lock for alerts.
MATCH (r:AlertRule) WHERE r.id > '' AND r.open IS NOT NULL
OPTIONAL MATCH (a:Alert {id: r.open})
WITH r, a WHERE a IS NULL OR a.status = 'resolved' OR a.rule <> r.id
RETURN r.id AS id, r.project_id AS project_id, r.open AS alert, a.status AS status LIMIT 1000

// name: audit_alert_doubles :read :many
// Rules with more than one alert that is not over; read behind the lock for alerts.
MATCH (a:Alert) WHERE a.seq > 0 AND a.status <> 'resolved' AND a.rule IS NOT NULL
WITH a.rule AS rule, count(a) AS open, collect(a.project_id)[0] AS project_id
WHERE open > 1
RETURN rule AS id, project_id, open LIMIT 1000
