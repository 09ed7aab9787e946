//Who approved? Every decision about the plan and its steps, oldest first
MATCH (plan:PsgNode:Plan {project_id: $project_id, id: $plan_id})
CALL (plan) {
  MATCH (plan)<-[:CONFIRMS]-(confirm:Confirm)
  RETURN confirm, null AS step
  UNION
  MATCH (step:Step)
  WHERE step.project_id = plan.project_id AND step.plan = plan.id AND step.position IS NOT NULL
  MATCH (step)<-[:GATES]-(confirm:Confirm)
  RETURN confirm, step.key AS step
}
MATCH (confirm)<-[:DECIDES]-(decision:Decision)
RETURN coalesce(step, plan.title) AS about, decision.status AS decision, decision.actor AS who,
  decision.decided_by_role AS as_role, decision.decided_at AS at, decision.reason AS reason, confirm.id AS confirm
ORDER BY at LIMIT 200
