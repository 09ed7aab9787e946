// Messages of dialogs, participants of collabs, nodes of networks: ordered by the index on (owner, position).

// name: ids_missing :read :many
// Those of $ids that no node of the project has; read inside the lock.
UNWIND $ids AS id
OPTIONAL MATCH (n:PsgNode {project_id: $project_id, id: id})
WITH id, n WHERE n IS NULL
RETURN id

// name: messages_by_id :read :many
// Messages by (project, id) pairs, in their order; null where there is none.
UNWIND range(0, size($batch.keys) - 1) AS at
OPTIONAL MATCH (n:PsgNode:Message {project_id: $batch.keys[at][0], id: $batch.keys[at][1]})
RETURN CASE WHEN n IS NULL THEN null ELSE n {.*, deleted: n:Tombstone, dialog_id: n.dialog} END AS node
ORDER BY at

// name: message_page :read :many
// Messages of one dialog by position.
MATCH (n:Message) WHERE n.project_id = $project_id AND n.dialog = $owner_id
  AND n.position > $after AND NOT n:Tombstone
WITH n ORDER BY n.project_id, n.dialog, n.position LIMIT toInteger($limit)
RETURN n {.*, deleted: false, dialog_id: n.dialog} AS node ORDER BY n.position

// name: message_count :read :one
// How many messages a dialog has.
MATCH (n:Message) WHERE n.project_id = $project_id AND n.dialog = $owner_id
  AND n.position IS NOT NULL AND NOT n:Tombstone
RETURN count(n) AS count

// name: message_last :read :one
// The last position taken in a dialog, also by what is deleted; read inside the lock.
MATCH (n:Message) WHERE n.project_id = $project_id AND n.dialog = $owner_id AND n.position >= 0
WITH n ORDER BY n.project_id DESC, n.dialog DESC, n.position DESC LIMIT 1
RETURN n.position AS position

// name: messages_alive :read :many
// The living messages of one dialog, which go with it; read inside the lock.
MATCH (n:Message) WHERE n.project_id = $project_id AND n.dialog = $owner_id AND n.position >= 0 AND NOT n:Tombstone
RETURN n.id AS id

// name: participants_by_id :read :many
// Participants by (project, id) pairs, in their order; null where there is none.
UNWIND range(0, size($batch.keys) - 1) AS at
OPTIONAL MATCH (n:PsgNode:Participant {project_id: $batch.keys[at][0], id: $batch.keys[at][1]})
RETURN CASE WHEN n IS NULL THEN null ELSE n {.*, deleted: n:Tombstone, collab_id: n.collab,
  role_id: [(n)-[:PLAYS_ROLE]->(r) | r.id][0]} END AS node
ORDER BY at

// name: participant_page :read :many
// Participants of one collab by position.
MATCH (n:Participant) WHERE n.project_id = $project_id AND n.collab = $owner_id
  AND n.position > $after AND NOT n:Tombstone
WITH n ORDER BY n.project_id, n.collab, n.position LIMIT toInteger($limit)
RETURN n {.*, deleted: false, collab_id: n.collab,
  role_id: [(n)-[:PLAYS_ROLE]->(r) | r.id][0]} AS node ORDER BY n.position

// name: participant_count :read :one
// How many participants a collab has.
MATCH (n:Participant) WHERE n.project_id = $project_id AND n.collab = $owner_id
  AND n.position IS NOT NULL AND NOT n:Tombstone
RETURN count(n) AS count

// name: participant_last :read :one
// The last position taken in a collab, also by what is deleted; read inside the lock.
MATCH (n:Participant) WHERE n.project_id = $project_id AND n.collab = $owner_id AND n.position >= 0
WITH n ORDER BY n.project_id DESC, n.collab DESC, n.position DESC LIMIT 1
RETURN n.position AS position

// name: participants_alive :read :many
// The living participants of one collab, which go with it; read inside the lock.
MATCH (n:Participant) WHERE n.project_id = $project_id AND n.collab = $owner_id
  AND n.position >= 0 AND NOT n:Tombstone
RETURN n.id AS id, n.participant_id AS participant_id

// name: network_nodes_by_id :read :many
// Nodes of networks by (project, id) pairs, in their order; null where there is none.
UNWIND range(0, size($batch.keys) - 1) AS at
OPTIONAL MATCH (n:PsgNode:NetworkNode {project_id: $batch.keys[at][0], id: $batch.keys[at][1]})
RETURN CASE WHEN n IS NULL THEN null ELSE n {.*, deleted: n:Tombstone, network_id: n.network,
  role_id: [(n)-[:PLAYS_ROLE]->(r) | r.id][0]} END AS node
ORDER BY at

// name: network_node_page :read :many
// Nodes of one network by position.
MATCH (n:NetworkNode) WHERE n.project_id = $project_id AND n.network = $owner_id
  AND n.position > $after AND NOT n:Tombstone
WITH n ORDER BY n.project_id, n.network, n.position LIMIT toInteger($limit)
RETURN n {.*, deleted: false, network_id: n.network,
  role_id: [(n)-[:PLAYS_ROLE]->(r) | r.id][0]} AS node ORDER BY n.position

// name: network_node_count :read :one
// How many nodes a network has.
MATCH (n:NetworkNode) WHERE n.project_id = $project_id AND n.network = $owner_id
  AND n.position IS NOT NULL AND NOT n:Tombstone
RETURN count(n) AS count

// name: network_node_last :read :one
// The last position taken in a network, also by what is deleted; read inside the lock.
MATCH (n:NetworkNode) WHERE n.project_id = $project_id AND n.network = $owner_id AND n.position >= 0
WITH n ORDER BY n.project_id DESC, n.network DESC, n.position DESC LIMIT 1
RETURN n.position AS position

// name: network_nodes_alive :read :many
// The living nodes of one network, which go with it; read inside the lock.
MATCH (n:NetworkNode) WHERE n.project_id = $project_id AND n.network = $owner_id
  AND n.position >= 0 AND NOT n:Tombstone
RETURN n.id AS id
