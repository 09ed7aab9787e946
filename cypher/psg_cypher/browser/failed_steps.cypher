//Failed steps of the run, with their errors
MATCH (step:Step)
WHERE step.project_id = $project_id AND step.plan = $plan_id AND step.position IS NOT NULL AND step.status = 'failed'
WITH step ORDER BY step.position LIMIT 200
RETURN step.key AS failed, step.type AS type, step.capability AS capability, step.attempt AS attempt,
  COUNT { (step)<-[:RECORDS]-(:TraceSegment) } AS attempts_recorded, step.error AS error
