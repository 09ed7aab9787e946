//Pending approvals: what waits for a person
MATCH (confirm:Confirm)
WHERE confirm.project_id = $project_id AND confirm.status = 'pending' AND NOT confirm:Tombstone
OPTIONAL MATCH (confirm)-[:GATES]->(step:Step)
OPTIONAL MATCH (confirm)-[:CONFIRMS]->(target:PsgNode)
RETURN confirm.id AS confirm, confirm.reason AS question, confirm.requested_by_role AS asked_by,
  confirm.requested_at AS asked_at, step.key AS step, coalesce(target.title, target.key, target.name) AS target,
  'psg confirm decide ' + confirm.id + ' --approve' AS decide_it
ORDER BY asked_at LIMIT 100
