// name: module_instance_beat :write :many
// Modules of a process as they are now, with a lease by the database's clock; says which others asked to stop. One
// node each, and what others write on it is never overwritten, so no lock is needed.
UNWIND $batch.rows AS row
MERGE (m:ModuleInstance {id: row.id})
SET m += row.facts, m.lease_until = datetime.realtime().epochMillis + toInteger($lease_ms)
RETURN m.id AS id, m.stop_ms IS NOT NULL AS stopped

// name: module_instance_stop :write :one
// Asks the process of a module to stop it; from now on it counts as stopped.
MATCH (m:ModuleInstance {id: $id})
SET m.stop_ms = coalesce(m.stop_ms, datetime.realtime().epochMillis)
RETURN m.id AS id

// name: module_instance_stopped :read :one
// Whether somebody stopped a module.
MATCH (m:ModuleInstance {id: $id})
RETURN m.stop_ms IS NOT NULL AS stopped

// name: module_instance :read :one
// A module of any process, while its process lives or its end is remembered.
MATCH (m:ModuleInstance {id: $id})
RETURN m {.*, live: m.stop_ms IS NULL AND m.lease_until > datetime.realtime().epochMillis} AS module

// name: module_instances :read :many
// Modules of all processes that live, of one type or all.
MATCH (m:ModuleInstance) USING INDEX SEEK m:ModuleInstance(module_type)
WHERE m.module_type >= coalesce($module_type, '') AND m.module_type <= coalesce($module_type, '~')
WITH m, datetime.realtime().epochMillis AS now
WHERE m.stop_ms IS NULL AND m.lease_until > now
RETURN m {.*, live: true} AS module ORDER BY m.module_type, m.id LIMIT toInteger($limit)

// name: module_instances_sweep :write :none
// Forgets modules whose process has been gone for long.
MATCH (m:ModuleInstance) USING INDEX SEEK m:ModuleInstance(module_type)
WHERE m.module_type >= '' AND m.lease_until < datetime.realtime().epochMillis - toInteger($keep_ms)
WITH m LIMIT 500
DELETE m
