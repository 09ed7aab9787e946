// phase: pre
// What orchestrators offer, by name and version; it belongs to the platform, not to one project.
CREATE CONSTRAINT capability_version IF NOT EXISTS FOR (n:Capability) REQUIRE (n.name, n.version) IS UNIQUE;
// Which plans use a capability: what a step names never changes while plans run, so these cost nothing then.
CREATE INDEX step_capability IF NOT EXISTS FOR (n:Step) ON (n.project_id, n.capability, n.plan);
CREATE INDEX step_agent_role IF NOT EXISTS FOR (n:Step) ON (n.project_id, n.agent_role, n.plan);
