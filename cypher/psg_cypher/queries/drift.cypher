// What a project expects of files, directories and git refs; uris are ASCII, so that they sort as they do outside.

// name: resource_states :read :many
// Living resources by uri (a deleted one has none); read inside the lock when they are to be changed.
UNWIND $uris AS uri
MATCH (n:PsgNode:Resource {project_id: $project_id, uri: uri})
RETURN n {.*} AS node

// name: resource_page :read :many
// A page of the living resources between two uris, in their order.
MATCH (n:Resource) WHERE n.project_id = $project_id AND n.uri > $after AND n.uri < $before
WITH n WHERE NOT n:Tombstone AND ($states IS NULL OR n.state IN $states)
WITH n ORDER BY n.project_id, n.uri LIMIT toInteger($limit)
RETURN n {.*, value: CASE WHEN $values THEN n.value END, payload: CASE WHEN $values THEN n.payload END} AS node,
  COLLECT { MATCH (n)-[:AFFECTS]->(d:PsgNode)
    RETURN {id: d.id, label: CASE WHEN d:Step THEN 'Step' ELSE 'Plan' END, stale_ms: d.stale_ms} ORDER BY d.id LIMIT 1000
  } AS dependents

// name: resource_dependents :read :many
// What depends on resources, to be marked when they are not what they were; read inside the lock.
UNWIND $ids AS id
MATCH (n:PsgNode:Resource {project_id: $project_id, id: id})-[:AFFECTS]->(d:PsgNode)
WHERE NOT d:Tombstone
RETURN id AS resource, d.id AS id, CASE WHEN d:Step THEN 'Step' ELSE 'Plan' END AS label,
  CASE WHEN d:Step THEN d.plan ELSE d.id END AS plan, d.status AS status

// name: resource_dependent :read :one
// A plan or step with what is to be known before something is done about it being stale.
MATCH (d:PsgNode {project_id: $project_id, id: $node_id}) WHERE (d:Plan OR d:Step) AND NOT d:Tombstone
OPTIONAL MATCH (p:PsgNode:Plan {project_id: $project_id, id: CASE WHEN d:Step THEN d.plan ELSE d.id END})
RETURN d.id AS id, CASE WHEN d:Step THEN 'Step' ELSE 'Plan' END AS label, d.key AS key, d.stale_ms AS stale_ms,
  p.id AS plan, p.status AS status, coalesce(p.paused, false) AS paused

// name: resources_by_id :read :many
// Resources by (project, id) pairs, in their order, without contents; null where there is none.
UNWIND range(0, size($batch.keys) - 1) AS at
OPTIONAL MATCH (n:PsgNode:Resource {project_id: $batch.keys[at][0], id: $batch.keys[at][1]})
RETURN CASE WHEN n IS NULL THEN null ELSE n {.*, value: null, payload: null, deleted: n:Tombstone,
  dependents: COLLECT { MATCH (n)-[:AFFECTS]->(d:PsgNode)
    RETURN {id: d.id, label: CASE WHEN d:Step THEN 'Step' ELSE 'Plan' END, stale_ms: d.stale_ms} ORDER BY d.id LIMIT 1000
  }} END AS node ORDER BY at

// name: resource_count :read :one
// How many living resources there are between two uris.
MATCH (n:Resource) WHERE n.project_id = $project_id AND n.uri > $after AND n.uri < $before
WITH n WHERE NOT n:Tombstone AND ($states IS NULL OR n.state IN $states)
RETURN count(n) AS count
