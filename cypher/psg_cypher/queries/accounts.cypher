// Who may ask (docs/accounts.md). What is changed here is changed behind the lock `accounts`, and told in an audit
// record of the same commit.

// name: account_by_token :read :one
// A token with what is granted to its actor, and the clock by which it ends: one read for each request.
MATCH (t:ApiToken {id: $id})
RETURN t {.*} AS token, datetime.realtime().epochMillis AS now, COLLECT {
  MATCH (g:Grant) USING INDEX SEEK g:Grant(actor, project_id, role)
  WHERE g.actor = t.actor AND g.project_id >= '' AND g.role >= ''
  RETURN [g.project_id, g.role] } AS grants

// name: account_grants :read :many
// What is granted to an actor.
MATCH (g:Grant) USING INDEX SEEK g:Grant(actor, project_id, role)
WHERE g.actor = $actor AND g.project_id >= '' AND g.role >= ''
RETURN g {.*} AS grant ORDER BY g.project_id, g.role

// name: account_token_put :write :one
// Keeps a token; said again it is the same, under a taken id nothing. Behind the lock.
MERGE (t:ApiToken {id: $id})
  ON CREATE SET t += $facts
RETURN t {.*} AS token

// name: account_token_revoke :write :one
// Ends a token for good, once; behind the lock.
MATCH (t:ApiToken {id: $id})
WITH t, t.revoked_ms IS NULL AS changed
FOREACH (_ IN CASE WHEN changed THEN [1] ELSE [] END | SET t.revoked_ms = $now, t.revoked_by = $by)
RETURN t {.*} AS token, changed

// name: account_token_get :read :one
// One token.
MATCH (t:ApiToken {id: $id})
RETURN t {.*} AS token, datetime.realtime().epochMillis AS now

// name: account_token_page :read :many
// Tokens by id, behind the given one.
MATCH (t:ApiToken) USING INDEX SEEK t:ApiToken(id)
WHERE t.id > $after
WITH t ORDER BY t.id LIMIT toInteger($limit)
RETURN t {.*} AS token ORDER BY t.id

// name: account_token_page_of :read :many
// Tokens of an actor, and of what works under its name, by id, behind the given one.
MATCH (t:ApiToken) USING INDEX SEEK t:ApiToken(actor, id)
WHERE t.actor >= $actor AND t.actor < $actor + '0' AND t.id > $after
  AND (t.actor = $actor OR t.actor STARTS WITH $actor + '/')
WITH t ORDER BY t.id LIMIT toInteger($limit)
RETURN t {.*} AS token ORDER BY t.id

// name: account_tokens_made :read :many
// Ids of the tokens that were made with a token.
MATCH (t:ApiToken) USING INDEX SEEK t:ApiToken(id)
WHERE t.id >= '' AND t.made_with = $made_with AND t.id <> $made_with
RETURN t.id AS id ORDER BY t.id

// name: account_token_count :read :one
// How many tokens there are, or of an actor and what works under its name.
MATCH (t:ApiToken) USING INDEX SEEK t:ApiToken(id)
WHERE t.id >= '' AND ($actor IS NULL OR t.actor = $actor OR t.actor STARTS WITH $actor + '/')
RETURN count(t) AS count

// name: account_grant_count :read :one
// How many grants there are: of one project, of one actor, or all.
MATCH (g:Grant) USING INDEX SEEK g:Grant(project_id, actor, role)
WHERE g.project_id >= coalesce($project_id, '') AND g.actor >= '' AND g.role >= ''
  AND ($project_id IS NULL OR g.project_id = $project_id) AND ($actor IS NULL OR g.actor = $actor)
RETURN count(g) AS count

// name: account_grant_put :write :one
// Grants a role; behind the lock. `changed`: it was not granted before.
OPTIONAL MATCH (k:Grant {actor: $actor, project_id: $project_id, role: $role})
WITH k IS NULL AS changed
MERGE (g:Grant {actor: $actor, project_id: $project_id, role: $role})
  ON CREATE SET g.granted_ms = $now, g.granted_by = $by
RETURN changed

// name: account_grant_drop :write :one
// Takes a role back; behind the lock.
MATCH (g:Grant {actor: $actor, project_id: $project_id, role: $role})
DELETE g
RETURN true AS changed

// name: account_grant_holders :read :many
// Up to `limit` actors that hold a role in a project.
MATCH (g:Grant) USING INDEX SEEK g:Grant(project_id, actor, role)
WHERE g.project_id = $project_id AND g.actor >= '' AND g.role = $role
RETURN g.actor AS actor LIMIT toInteger($limit)

// name: account_grant_page :read :many
// Grants by project, actor and role, behind the given ones; of one project, one actor, or all.
MATCH (g:Grant) USING INDEX SEEK g:Grant(project_id, actor, role)
WHERE g.project_id >= $project_id AND g.actor >= '' AND g.role >= ''
  AND (g.project_id > $project_id OR g.actor > $after_actor OR (g.actor = $after_actor AND g.role > $after_role))
  AND ($of_project IS NULL OR g.project_id = $of_project) AND ($of_actor IS NULL OR g.actor = $of_actor)
WITH g ORDER BY g.project_id, g.actor, g.role LIMIT toInteger($limit)
RETURN g {.*} AS grant ORDER BY g.project_id, g.actor, g.role

// name: account_project :read :one
// Whether there is such a project.
MATCH (h:ProjectHead {id: $project_id})
RETURN h.id AS id

// name: trail_append :write :one
// Numbers and keeps what was denied or done by privilege, in order; behind the lock `audit`, which has the last number.
// A key that is there is counted on, or was kept before and this is a repeat (`add` is 0). A record that tells of a
// beginning goes when the one comes that tells how it ended.
MATCH (l:Lock {id: 'audit'})
CALL () {
  UNWIND $batch.rows AS row
  UNWIND row.instead_of AS key
  MATCH (b:AuditRecord {key: key})
  DELETE b
}
CALL () {
  UNWIND $batch.rows AS row
  OPTIONAL MATCH (k:AuditRecord {key: row.key})
  FOREACH (_ IN CASE WHEN k IS NULL THEN [] ELSE [1] END | SET k.count = k.count + row.add, k.last_ms = $now)
  WITH row, k WHERE k IS NULL
  RETURN collect(row) AS fresh
}
WITH l, fresh, coalesce(l.seq, 0) AS base
SET l.seq = base + size(fresh)
FOREACH (i IN range(0, size(fresh) - 1) |
  CREATE (a:AuditRecord)
  SET a = fresh[i].props, a.key = fresh[i].key, a.count = CASE WHEN fresh[i].add = 0 THEN 1 ELSE fresh[i].add END,
    a.seq = base + i + 1, a.at = $now, a.last_ms = $now)
RETURN base + size(fresh) AS seq

// name: trail_known :read :one
// Whether a record was kept: then what it tells of was committed by an attempt before.
MATCH (a:AuditRecord {key: $key})
RETURN a.seq AS seq

// name: trail_page :read :many
// Audit records of everything, in their order, behind a number.
MATCH (a:AuditRecord) USING INDEX SEEK a:AuditRecord(seq)
WHERE a.seq > $after AND ($actor IS NULL OR a.actor = $actor) AND ($outcome IS NULL OR a.outcome = $outcome)
WITH a ORDER BY a.seq LIMIT toInteger($limit)
RETURN a {.*} AS record ORDER BY a.seq

// name: trail_page_latest :read :many
// The same, the latest first, before a number.
MATCH (a:AuditRecord) USING INDEX SEEK a:AuditRecord(seq)
WHERE a.seq < $before AND ($actor IS NULL OR a.actor = $actor) AND ($outcome IS NULL OR a.outcome = $outcome)
WITH a ORDER BY a.seq DESC LIMIT toInteger($limit)
RETURN a {.*} AS record ORDER BY a.seq DESC

// name: trail_page_project :read :many
// Audit records of one project, in their order, behind a number.
MATCH (a:AuditRecord) USING INDEX SEEK a:AuditRecord(project_id, seq)
WHERE a.project_id = $project_id AND a.seq > $after AND ($actor IS NULL OR a.actor = $actor)
  AND ($outcome IS NULL OR a.outcome = $outcome)
WITH a ORDER BY a.project_id, a.seq LIMIT toInteger($limit)
RETURN a {.*} AS record ORDER BY a.seq

// name: trail_page_project_latest :read :many
// The same, the latest first, before a number.
MATCH (a:AuditRecord) USING INDEX SEEK a:AuditRecord(project_id, seq)
WHERE a.project_id = $project_id AND a.seq < $before AND ($actor IS NULL OR a.actor = $actor)
  AND ($outcome IS NULL OR a.outcome = $outcome)
WITH a ORDER BY a.project_id DESC, a.seq DESC LIMIT toInteger($limit)
RETURN a {.*} AS record ORDER BY a.seq DESC

// name: trail_count :read :one
// How many audit records there are.
MATCH (a:AuditRecord) USING INDEX SEEK a:AuditRecord(seq)
WHERE a.seq > 0 AND ($project_id IS NULL OR a.project_id = $project_id) AND ($actor IS NULL OR a.actor = $actor)
  AND ($outcome IS NULL OR a.outcome = $outcome)
RETURN count(a) AS count

// name: trail_prune :write :one
// Forgets denials and failures that are older than `keep_ms`; what was done by privilege is kept.
MATCH (a:AuditRecord) USING INDEX SEEK a:AuditRecord(outcome, at)
WHERE a.outcome IN ['denied', 'failed'] AND a.at < datetime.realtime().epochMillis - toInteger($keep_ms)
WITH a LIMIT toInteger($limit)
DELETE a
RETURN count(*) AS removed

// name: audit_accounts :read :many
// Grants and tokens that nothing here would make: told by what they are and what is wrong.
CALL () {
  MATCH (g:Grant) USING INDEX SEEK g:Grant(project_id, actor, role)
  WHERE g.project_id >= '' AND g.actor >= '' AND g.role >= ''
  OPTIONAL MATCH (h:ProjectHead {id: g.project_id})
  WITH g, h WHERE NOT g.role IN $roles OR (g.role = 'cypher' AND g.project_id <> '*')
    OR (h IS NULL AND g.project_id <> '*')
  RETURN g.project_id AS project_id, g.actor AS id, 'such a grant of the role ' + g.role + ' there cannot be' AS what
  LIMIT 100
  UNION ALL
  MATCH (t:ApiToken) USING INDEX SEEK t:ApiToken(id)
  WHERE t.id >= ''
  WITH t WHERE t.actor IS NULL OR t.hash IS NULL OR size(t.hash) <> 64
    OR any(role IN coalesce(t.roles, []) WHERE NOT role IN $roles)
  RETURN '' AS project_id, t.id AS id, 'an API token without actor, hash or a known scope' AS what
  LIMIT 100
  UNION ALL
  OPTIONAL MATCH (l:Lock {id: 'audit'})
  WITH coalesce(l.seq, 0) AS seq
  MATCH (a:AuditRecord) USING INDEX SEEK a:AuditRecord(seq)
  WHERE a.seq > seq
  RETURN coalesce(a.project_id, '') AS project_id, toString(a.seq) AS id, 'an audit record beyond the counter' AS what
  LIMIT 100
}
RETURN project_id, id, what

// name: backup_grants :read :many
// The next grants in a project; names have no blanks.
MATCH (g:Grant) USING INDEX SEEK g:Grant(project_id, actor, role)
WHERE g.project_id = $project_id AND g.actor >= split($after, ' ')[0] AND g.role >= ''
  AND g.actor + ' ' + g.role > $after
WITH g, g.actor + ' ' + g.role AS key ORDER BY key LIMIT toInteger($limit)
RETURN key, labels(g) AS labels, properties(g) AS props ORDER BY key
