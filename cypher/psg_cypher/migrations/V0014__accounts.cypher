// phase: pre
// API tokens by the id that stands in them, and by whose they are.
CREATE CONSTRAINT api_token_id IF NOT EXISTS FOR (n:ApiToken) REQUIRE n.id IS UNIQUE;
CREATE INDEX api_token_actor IF NOT EXISTS FOR (n:ApiToken) ON (n.actor, n.id);
// What is granted: to an actor, in a project ('*': everywhere).
CREATE CONSTRAINT grant_key IF NOT EXISTS FOR (n:Grant) REQUIRE (n.actor, n.project_id, n.role) IS UNIQUE;
CREATE INDEX grant_project IF NOT EXISTS FOR (n:Grant) ON (n.project_id, n.actor, n.role);
// What was denied, and what was done by privilege: in order, of a project, counted once within a minute.
CREATE CONSTRAINT audit_record_seq IF NOT EXISTS FOR (n:AuditRecord) REQUIRE n.seq IS UNIQUE;
CREATE CONSTRAINT audit_record_key IF NOT EXISTS FOR (n:AuditRecord) REQUIRE n.key IS UNIQUE;
CREATE INDEX audit_record_project IF NOT EXISTS FOR (n:AuditRecord) ON (n.project_id, n.seq);
CREATE INDEX audit_record_outcome IF NOT EXISTS FOR (n:AuditRecord) ON (n.outcome, n.at);
