// phase: pre
// Plans whose steps are turns of a session: found by label, carried on by any orchestrator.
CREATE INDEX plan_coordinating IF NOT EXISTS FOR (n:Coordinating) ON (n.project_id, n.id);
