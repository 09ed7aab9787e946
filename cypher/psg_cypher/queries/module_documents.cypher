// What the export of dialogs, collabs, extensions, cores and networks reads (documents.cypher has the other modules).

// name: document_dialogs :read :many
// A page of a project's dialogs by id, with what they refer to.
MATCH (n:Dialog) WHERE n.project_id = $project_id AND n.id > $after AND NOT n:Tombstone
WITH n ORDER BY n.project_id, n.id LIMIT toInteger($limit)
RETURN n {.*} AS node,
  COLLECT { MATCH (n)-[e]->(t:PsgNode) RETURN {type: type(e), id: t.id, deleted: t:Tombstone} } AS references

// name: document_collabs :read :many
// A page of a project's collabs by id, with what they refer to.
MATCH (n:Collab) WHERE n.project_id = $project_id AND n.id > $after AND NOT n:Tombstone
WITH n ORDER BY n.project_id, n.id LIMIT toInteger($limit)
RETURN n {.*} AS node,
  COLLECT { MATCH (n)-[e]->(t:PsgNode) RETURN {type: type(e), id: t.id, deleted: t:Tombstone} } AS references

// name: document_extensions :read :many
// A page of a project's extensions by id, with what they refer to.
MATCH (n:Extension) WHERE n.project_id = $project_id AND n.id > $after AND NOT n:Tombstone
WITH n ORDER BY n.project_id, n.id LIMIT toInteger($limit)
RETURN n {.*} AS node,
  COLLECT { MATCH (n)-[e]->(t:PsgNode) RETURN {type: type(e), id: t.id, deleted: t:Tombstone} } AS references

// name: document_cores :read :many
// A page of a project's cores by id, with what they refer to.
MATCH (n:Core) WHERE n.project_id = $project_id AND n.id > $after AND NOT n:Tombstone
WITH n ORDER BY n.project_id, n.id LIMIT toInteger($limit)
RETURN n {.*} AS node,
  COLLECT { MATCH (n)-[e]->(t:PsgNode) RETURN {type: type(e), id: t.id, deleted: t:Tombstone} } AS references

// name: document_networks :read :many
// A page of a project's networks by id, with what they refer to.
MATCH (n:Network) WHERE n.project_id = $project_id AND n.id > $after AND NOT n:Tombstone
WITH n ORDER BY n.project_id, n.id LIMIT toInteger($limit)
RETURN n {.*} AS node,
  COLLECT { MATCH (n)-[e]->(t:PsgNode) RETURN {type: type(e), id: t.id, deleted: t:Tombstone} } AS references

// name: document_messages :read :many
// A page of the messages of a dialog in their order.
MATCH (n:Message) WHERE n.project_id = $project_id AND n.dialog = $owner_id
  AND n.position > $after AND NOT n:Tombstone
WITH n ORDER BY n.project_id, n.dialog, n.position LIMIT toInteger($limit)
RETURN n {.*} AS node, n.position AS place, [] AS references

// name: document_participants :read :many
// A page of the participants of a collab in their order.
MATCH (n:Participant) WHERE n.project_id = $project_id AND n.collab = $owner_id
  AND n.position > $after AND NOT n:Tombstone
WITH n ORDER BY n.project_id, n.collab, n.position LIMIT toInteger($limit)
RETURN n {.*} AS node, n.position AS place,
  COLLECT { MATCH (n)-[e:PLAYS_ROLE]->(t:Role) RETURN {type: type(e), id: t.id} } AS references

// name: document_network_nodes :read :many
// A page of the nodes of a network, in their order.
MATCH (n:NetworkNode) WHERE n.project_id = $project_id AND n.network = $owner_id
  AND n.position > $after AND NOT n:Tombstone
WITH n ORDER BY n.project_id, n.network, n.position LIMIT toInteger($limit)
RETURN n {.*} AS node, n.position AS place,
  COLLECT { MATCH (n)-[e:PLAYS_ROLE]->(t:Role) RETURN {type: type(e), id: t.id} } AS references
