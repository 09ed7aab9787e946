//Runs: the latest plans, each with the line that chooses it
MATCH (plan:Plan)
WHERE plan.started_ms IS NOT NULL AND NOT plan:Tombstone
MATCH (project:PsgNode:Project {project_id: plan.project_id, id: plan.project_id})
WITH project, plan ORDER BY plan.started_ms DESC LIMIT 25
RETURN project.name AS project, plan.title AS plan, plan.status AS status,
  plan.steps_total - plan.steps_open AS done, plan.steps_total AS steps,
  datetime({epochMillis: plan.started_ms}) AS started,
  ':params {"project_id": "' + plan.project_id + '", "plan_id": "' + plan.id + '"}' AS choose_it
