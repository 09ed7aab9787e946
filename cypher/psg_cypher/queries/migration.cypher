// name: migration_lock_constraint :write :none
// Makes the lock node unique; without it two runners on an empty store would each make, and lock, one of their own.
CREATE CONSTRAINT lock_id IF NOT EXISTS FOR (n:Lock) REQUIRE n.id IS UNIQUE

// name: migration_lock :write :none
// First statement of the transaction that a runner keeps open: it holds the lock until it ends or dies.
MERGE (lock:Lock {id: 'migrations'}) SET lock._lock = true

// name: migration_lock_held :read :one
// Asked in the lock's transaction: fails when that is gone, and the lock with it.
RETURN true AS held

// name: migration_list :read :many
// What was applied, in the format of neo4j-migrations; a handful of nodes.
MATCH (m:__Neo4jMigration) WHERE m.version <> 'BASELINE'
RETURN m.version AS version, m.description AS description, m.checksum AS checksum

// name: migration_record :write :none
// Appends applied migrations to the chain, in the order of $rows; harmless when repeated. Each row's own node comes
// first, since it is the previous one of the next row.
UNWIND $rows AS row
MERGE (applied:__Neo4jMigration {version: row.version})
ON CREATE SET applied.description = row.description, applied.type = 'CYPHER', applied.source = row.source,
              applied.checksum = row.checksum, applied.repeatable = false
MERGE (before:__Neo4jMigration {version: row.previous})
MERGE (before)-[step:MIGRATED_TO]->(applied)
ON CREATE SET step.at = datetime({timezone: 'UTC'}), step.in = duration({milliseconds: row.took_ms}),
              step.by = $by, step.connectedAs = $connected_as

// name: migration_await_indexes :read :none
// Returns when every index is online.
CALL db.awaitIndexes($seconds)
