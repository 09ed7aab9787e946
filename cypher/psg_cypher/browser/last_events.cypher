//The last events of the project, newest first
MATCH (head:ProjectHead {id: $project_id})
MATCH (event:Event)
WHERE event.project_id = $project_id AND event.seq > head.seq - 100 AND event.seq <= head.seq
OPTIONAL MATCH (about:PsgNode {project_id: event.project_id, id: event.entity})
RETURN event.seq AS seq, datetime({epochMillis: event.at}) AS at, event.family AS family, event.type AS type,
  coalesce(about.key, about.title, about.name, about.label, event.entity) AS about, event.actor AS actor,
  event.changes AS changes
ORDER BY seq DESC
