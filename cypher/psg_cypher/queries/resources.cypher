// name: resource_lock :write :one
// Takes the lock of all resources for the rest of the transaction: whoever gets or returns shares is judged one after
// the other. Asking for them is rare beside the work they are for.
MERGE (l:Lock {id: 'resources'}) SET l._lock = true
WITH l, datetime.realtime().epochMillis AS now
RETURN now

// name: resource_pools :read :many
// Pools by their names.
UNWIND $batch.names AS name
MATCH (p:ResourcePool {name: name})
RETURN p {.*} AS pool

// name: resource_pool_put :write :none
// Defines pools, or changes what is said of them; behind the lock.
UNWIND $batch.rows AS row
MERGE (p:ResourcePool {name: row.name})
SET p += row

// name: resource_pool_drop :write :none
// Forgets a pool and the ended shares that are remembered of it; behind the lock.
MATCH (p:ResourcePool {name: $name})
CALL () { MATCH (a:Allocation) USING INDEX SEEK a:Allocation(pool) WHERE a.pool = '~' + $name DELETE a }
DELETE p

// name: resource_shares :read :many
// Shares of pools that are held or waited for; ended ones are kept under another name of their pool.
UNWIND $batch.names AS name
MATCH (a:Allocation) USING INDEX SEEK a:Allocation(pool) WHERE a.pool = name
RETURN a {.*} AS share

// name: resource_allocation :read :many
// The shares of one allocation, whatever came of it.
MATCH (a:Allocation) USING INDEX SEEK a:Allocation(id) WHERE a.id STARTS WITH $id + '/'
RETURN a {.*} AS share ORDER BY a.id

// name: resource_shares_put :write :none
// Makes shares, or changes them; behind the lock.
UNWIND $batch.rows AS row
MERGE (a:Allocation {id: row.id})
SET a += row

// name: resource_shares_drop :write :none
// Forgets shares that were waited for in vain; behind the lock.
UNWIND $batch.ids AS id
MATCH (a:Allocation {id: id})
DELETE a

// name: resource_shares_sweep :write :one
// Forgets shares that ended long ago; behind the lock.
UNWIND $batch.names AS name
CALL (name) {
  MATCH (a:Allocation) USING INDEX SEEK a:Allocation(pool) WHERE a.pool = '~' + name
  WITH a WHERE a.ended_ms < toInteger($before_ms)
  WITH a LIMIT 2000
  DELETE a
  RETURN count(*) AS forgotten
}
RETURN sum(forgotten) AS forgotten

// name: resource_renew :write :one
// Extends the leases of shares that are still held or waited for, by the database's clock; returns their ids.
MERGE (l:Lock {id: 'resources'}) SET l._lock = true
WITH l, datetime.realtime().epochMillis AS now
CALL (now) {
  UNWIND $batch.ids AS id
  MATCH (a:Allocation {id: id}) WHERE a.ended_ms IS NULL AND a.lease_until > now
  SET a.lease_until = now + a.lease_ms
  RETURN collect(a.id) AS renewed
}
RETURN renewed, now

// name: resource_watch :read :one
// What became of shares that are waited for, and whether leases ran out in the pools that they wait for.
CALL () {
  UNWIND $batch.ids AS id
  MATCH (a:Allocation {id: id})
  RETURN collect({id: a.id, state: a.state}) AS shares
}
CALL () {
  WITH datetime.realtime().epochMillis AS now
  UNWIND $batch.names AS name
  MATCH (a:Allocation) USING INDEX SEEK a:Allocation(pool) WHERE a.pool = name AND a.lease_until <= now
  RETURN collect(DISTINCT name) AS lapsed
}
RETURN shares, lapsed

// name: resource_usage :read :many
// Pools by name with what is held of them, counted from the shares of those that live, and what is waited for.
MATCH (p:ResourcePool) USING INDEX SEEK p:ResourcePool(name) WHERE p.name > $after AND ($name IS NULL OR p.name = $name)
WITH p, datetime.realtime().epochMillis AS now ORDER BY p.name LIMIT toInteger($limit)
CALL (p, now) {
  MATCH (a:Allocation) USING INDEX SEEK a:Allocation(pool) WHERE a.pool = p.name AND a.lease_until > now
  RETURN sum(CASE WHEN a.state = 'granted' THEN a.amount END) AS used,
    count(CASE WHEN a.state = 'granted' THEN 1 END) AS allocations,
    sum(CASE WHEN a.state = 'waiting' THEN a.amount END) AS wanted,
    count(CASE WHEN a.state = 'waiting' THEN 1 END) AS waiting
}
RETURN p {.*} AS pool, used, allocations, wanted, waiting ORDER BY p.name

// name: resource_allocations :read :many
// Shares of a pool that are held or waited for by those that live, the oldest first.
MATCH (a:Allocation) USING INDEX SEEK a:Allocation(pool)
WHERE a.pool = $name AND a.lease_until > datetime.realtime().epochMillis
RETURN a {.*} AS share ORDER BY a.asked_ms, a.id LIMIT toInteger($limit)
