// phase: pre
// What a cut log began with, entity by entity, and what audit keeps of the events that were cut (their ids hold seq).
CREATE CONSTRAINT checkpoint_id IF NOT EXISTS FOR (n:Checkpoint) REQUIRE (n.project_id, n.id) IS UNIQUE;
CREATE CONSTRAINT checkpoint_entity_id IF NOT EXISTS FOR (n:CheckpointEntity) REQUIRE (n.project_id, n.id) IS UNIQUE;
CREATE CONSTRAINT audit_fact_id IF NOT EXISTS FOR (n:AuditFact) REQUIRE (n.project_id, n.id) IS UNIQUE;
CREATE INDEX audit_fact_plan IF NOT EXISTS FOR (n:AuditFact) ON (n.project_id, n.plan, n.id);
// Which keys payloads were encrypted with; one node at most.
CREATE CONSTRAINT encryption_id IF NOT EXISTS FOR (n:Encryption) REQUIRE n.id IS UNIQUE;
