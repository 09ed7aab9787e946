// name: capability_register :write :many
// Notes what an orchestrator offers, in the order of names. What a version promises never changes: another hash under
// the same version is a conflict and changes nothing; what has no version is replaced. The unique constraint makes two
// who register the same for the first time wait for each other.
UNWIND $batch.rows AS row
MERGE (c:Capability {name: row.name, version: row.version})
WITH c, row, c.hash AS before, datetime.realtime().epochMillis AS now
WITH c, row, now, CASE
    WHEN before IS NULL THEN 'new'
    WHEN before = row.hash THEN 'same'
    WHEN row.version = '' THEN 'changed'
    ELSE 'conflict' END AS verdict
FOREACH (_ IN CASE WHEN verdict IN ['new', 'changed'] THEN [1] ELSE [] END |
  SET c.type = row.type, c.hash = row.hash, c.input_schema = row.input_schema, c.output_schema = row.output_schema,
    c.changed_ms = now)
FOREACH (_ IN CASE WHEN verdict = 'new' THEN [1] ELSE [] END | SET c.registered_ms = now)
FOREACH (_ IN CASE
    WHEN verdict <> 'conflict' AND (verdict <> 'same' OR c.description <> row.description OR c.enabled <> row.enabled
      OR c.source <> row.source) THEN [1] ELSE [] END |
  SET c.description = row.description, c.enabled = row.enabled, c.source = row.source)
RETURN row.name AS name, row.version AS version, verdict

// name: capability_page :read :many
// Capabilities by name and version, behind the given ones.
MATCH (c:Capability) USING INDEX SEEK c:Capability(name, version)
WHERE c.name >= $name AND c.version >= '' AND ($type IS NULL OR c.type = $type)
WITH c WHERE c.name > $name OR c.version > $version
WITH c ORDER BY c.name, c.version LIMIT toInteger($limit)
RETURN c {.*} AS capability ORDER BY c.name, c.version

// name: capability_versions :read :many
// All versions of one capability.
MATCH (c:Capability) USING INDEX SEEK c:Capability(name, version) WHERE c.name = $name AND c.version >= ''
RETURN c {.*} AS capability ORDER BY c.version

// name: capability_count :read :one
// How many capabilities there are.
MATCH (c:Capability) USING INDEX SEEK c:Capability(name, version)
WHERE c.name >= '' AND c.version >= '' AND ($type IS NULL OR c.type = $type)
RETURN count(c) AS count

// name: capability_pins :read :many
// The next way in which steps of a project name a version of a capability, behind the one given.
MATCH (s:Step) USING INDEX SEEK s:Step(project_id, capability, plan)
WHERE s.project_id = $project_id AND s.capability > $after AND s.capability < $upto AND s.plan > ''
RETURN s.capability AS capability ORDER BY s.project_id, s.capability LIMIT 1

// name: capability_plans :read :many
// Plans with steps that name a capability so, out of the next steps that do; deleted ones are left out.
MATCH (s:Step) USING INDEX SEEK s:Step(project_id, capability, plan)
WHERE s.project_id = $project_id AND s.capability = $capability AND s.plan > $after AND NOT s:Tombstone
WITH s ORDER BY s.project_id, s.capability, s.plan LIMIT toInteger($window)
WITH s.plan AS plan, count(s) AS steps
RETURN plan, steps ORDER BY plan

// name: role_plans :read :many
// Plans with steps that are bound to a role and name no capability, out of the next steps that do; as above.
MATCH (s:Step) USING INDEX SEEK s:Step(project_id, agent_role, plan)
WHERE s.project_id = $project_id AND s.agent_role = $role AND s.plan > $after AND s.capability IS NULL
  AND NOT s:Tombstone
WITH s ORDER BY s.project_id, s.agent_role, s.plan LIMIT toInteger($window)
WITH s.plan AS plan, count(s) AS steps
RETURN plan, steps ORDER BY plan
