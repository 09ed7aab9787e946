// phase: pre
// Plans of a status, counted without looking at others, and the latest that finished.
CREATE INDEX plan_status IF NOT EXISTS FOR (n:Plan) ON (n.status, n.project_id);
CREATE INDEX plan_finished IF NOT EXISTS FOR (n:Plan) ON (n.status, n.finished_ms);
// Alerts by the number of their last change, and those of which somebody is still to be told.
CREATE INDEX alert_seq IF NOT EXISTS FOR (n:Alert) ON (n.seq);
CREATE INDEX alert_undelivered IF NOT EXISTS FOR (n:Undelivered) ON (n.due_at);
