// phase: pre
// Limited resources of the whole installation and the shares of them that sessions hold.
CREATE CONSTRAINT resource_pool_name IF NOT EXISTS FOR (n:ResourcePool) REQUIRE n.name IS UNIQUE;
CREATE CONSTRAINT allocation_id IF NOT EXISTS FOR (n:Allocation) REQUIRE n.id IS UNIQUE;
CREATE INDEX allocation_pool IF NOT EXISTS FOR (n:Allocation) ON (n.pool);
// Modules of processes, found by their type; what was seen of their health, found by time.
CREATE CONSTRAINT module_instance_id IF NOT EXISTS FOR (n:ModuleInstance) REQUIRE n.id IS UNIQUE;
CREATE INDEX module_instance_type IF NOT EXISTS FOR (n:ModuleInstance) ON (n.module_type);
CREATE INDEX health_record_at IF NOT EXISTS FOR (n:HealthRecord) ON (n.at);
CREATE CONSTRAINT alert_rule_id IF NOT EXISTS FOR (n:AlertRule) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT alert_id IF NOT EXISTS FOR (n:Alert) REQUIRE n.id IS UNIQUE;
// Files, directories and git refs that a project expects to be as it knows them.
CREATE CONSTRAINT resource_uri IF NOT EXISTS FOR (n:Resource) REQUIRE (n.project_id, n.uri) IS UNIQUE;
// Messages that wait for a module, in their order.
CREATE CONSTRAINT hub_message_id IF NOT EXISTS FOR (n:HubMessage) REQUIRE (n.project_id, n.id) IS UNIQUE;
CREATE INDEX hub_message_target IF NOT EXISTS FOR (n:HubMessage) ON (n.project_id, n.target, n.position);
// Steps that wait for a worker outside to take them.
CREATE INDEX step_offered IF NOT EXISTS FOR (n:Offered) ON (n.project_id, n.offered_to, n.position);
