//Cycles: dependencies that break the certificate (none means that the run has no cycle)
MATCH (step:Step)
WHERE step.project_id = $project_id AND step.plan = $plan_id AND step.position IS NOT NULL
MATCH (step)-[wait:DEPENDS_ON]->(needed:Step)
WHERE needed.rank >= step.rank
RETURN step, wait, needed LIMIT 100
