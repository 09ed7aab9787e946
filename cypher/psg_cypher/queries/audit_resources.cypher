// name: audit_resources :read :many
// What is held of each pool by those that live against its limit, and allocations of which not all shares are the same.
MATCH (a:Allocation) USING INDEX SEEK a:Allocation(pool) WHERE a.pool > '' AND a.pool < '~'
WITH a, datetime.realtime().epochMillis AS now
CALL (a) {
  MATCH (b:Allocation) USING INDEX SEEK b:Allocation(id) WHERE b.id STARTS WITH a.allocation + '/' AND b.state = a.state
  RETURN count(b) AS parts
}
WITH a.pool AS name,
  sum(CASE WHEN a.state = 'granted' AND a.lease_until > now THEN a.amount END) AS used,
  collect(CASE WHEN parts <> size(a.pools) THEN a.allocation END)[..5] AS torn
OPTIONAL MATCH (p:ResourcePool {name: name})
RETURN name, used, torn, p.limit AS limit ORDER BY name
