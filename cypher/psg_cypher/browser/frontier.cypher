//Frontier: the steps that can be claimed now, most urgent first
MATCH (plan:Runnable)
WHERE plan.project_id = $project_id AND plan.sched_urgency IS NOT NULL AND plan.served_at IS NOT NULL
CALL (plan) {
  MATCH (step:Ready)
  WHERE step.project_id = $project_id AND step.plan = plan.id AND step.sched_urgency IS NOT NULL
    AND step.sched_order IS NOT NULL AND step.position IS NOT NULL
  RETURN step
  ORDER BY step.project_id, step.plan, step.sched_urgency, step.sched_order, step.position LIMIT 50
}
RETURN plan.title AS plan, step.key AS step, step.type AS type, step.capability AS capability,
  step.agent_role AS role, step.sched_urgency AS urgency, step.attempt AS attempts_so_far
