// phase: pre
// Plans of a project, the latest first.
CREATE INDEX plan_latest IF NOT EXISTS FOR (n:Plan) ON (n.project_id, n.sys_created_ms, n.id);
