//What did it cost? The steps of the run that spent most; money in millionths
MATCH (plan:PsgNode:Plan {project_id: $project_id, id: $plan_id})
MATCH (step:Step)
WHERE step.project_id = plan.project_id AND step.plan = plan.id AND step.position IS NOT NULL
  AND step.spent_calls IS NOT NULL
WITH plan, step ORDER BY step.spent_cost DESC, step.spent_tokens DESC, step.spent_wall_ms DESC LIMIT 100
RETURN step.key AS step, step.capability AS capability, step.spent_cost AS cost_micros, step.spent_tokens AS tokens,
  step.spent_calls AS calls, step.spent_wall_ms AS wall_ms, plan.spent_cost AS cost_of_plan_micros,
  plan.spent_tokens AS tokens_of_plan
