// phase: pre
// Runs of workflows by how they stand, the oldest first: how many run, which waits, what may be forgotten.
CREATE INDEX workflow_status IF NOT EXISTS FOR (n:Workflow) ON (n.project_id, n.status, n.sys_created_ms);
