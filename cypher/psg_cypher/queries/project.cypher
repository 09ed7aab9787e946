// name: project_create :write :one
// Creates a project with its head, its node and its first event, under the lock of all projects.
MATCH (l:Lock {id: 'projects'}) SET l._lock = true
WITH l, datetime.realtime().epochMillis AS now
OPTIONAL MATCH (h:ProjectHead {id: $project_id})
OPTIONAL MATCH (named:Project {name: $name})
OPTIONAL MATCH (c:Event {project_id: $project_id, command_id: $command_id})
WITH now, h, named, c, CASE
  WHEN c IS NOT NULL THEN CASE WHEN c.command_hash = $command_hash THEN 'replay' ELSE 'reused' END
  WHEN h IS NOT NULL THEN 'exists'
  WHEN named IS NOT NULL THEN 'name_taken'
  ELSE 'ok'
END AS verdict
FOREACH (_ IN CASE WHEN verdict = 'ok' THEN [1] ELSE [] END |
  CREATE (:ProjectHead {id: $project_id, seq: 1, clock: now})
  CREATE (p:PsgNode:Project {id: $project_id, project_id: $project_id, revision: 1, name: $name,
    sys_created_ms: now, sys_updated_ms: now})
  SET p.description = $description
  CREATE (e:Event) SET e = $event, e.project_id = $project_id, e.seq = 1, e.at = now, e.revision = 1)
RETURN verdict, named.id AS named_id

// name: project_by_name :read :one
// The id of a project by its unique name.
MATCH (p:Project {name: $name}) RETURN p.id AS id
