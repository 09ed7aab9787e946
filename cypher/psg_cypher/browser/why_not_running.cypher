//Why is this step not running? ($step_key is its key in the plan)
MATCH (step:PsgNode:Step {project_id: $project_id, plan: $plan_id, key: $step_key})
MATCH (plan:PsgNode:Plan {project_id: $project_id, id: $plan_id})
OPTIONAL MATCH (owner:Session {id: step.owner})
WITH step, plan, owner,
  COLLECT {
    MATCH (step)-[:DEPENDS_ON]->(needed:Step) WHERE NOT needed.status IN ['completed', 'failed', 'skipped']
    RETURN needed.key + ' (' + needed.status + ')' ORDER BY needed.position LIMIT 10
  } AS open_dependencies,
  COLLECT {
    MATCH (step)<-[:GATES]-(confirm:Confirm) WHERE confirm.status = 'pending'
    RETURN coalesce(confirm.reason, confirm.id) LIMIT 1
  } AS approvals
RETURN step.key AS step, step.status AS status, CASE
  WHEN step:Tombstone THEN 'it was deleted'
  WHEN step.status = 'completed' THEN 'it is done'
  WHEN step.status = 'failed' THEN 'it failed: ' + coalesce(step.error, 'no error was recorded')
  WHEN step.status = 'skipped' THEN 'it was skipped: ' + coalesce(step.skip_reason, 'no reason was recorded')
  WHEN plan.status IN ['draft', 'proposed'] THEN 'its plan is ' + plan.status + '; it has to be approved and started'
  WHEN plan.status = 'approved' THEN 'its plan is approved but not started'
  WHEN plan.status <> 'in_progress' THEN 'its plan is ' + plan.status
  WHEN size(approvals) > 0 THEN 'it waits for a decision of a person: ' + approvals[0]
  WHEN owner IS NOT NULL THEN 'it is running, on ' + owner.host + ', process ' + toString(owner.pid)
  WHEN plan.paused THEN 'its plan is paused'
  WHEN step:Offered THEN 'it is offered to workers outside as ' + step.offered_to + '; does one run?'
  WHEN step.parked = 'turn' AND step.turn_worker IS NOT NULL AND step.turn_answer IS NULL
    THEN 'a worker outside has it: ' + step.turn_worker
  WHEN size(open_dependencies) > 0 THEN 'it waits for steps that are not finished'
  WHEN step:Timer THEN 'it sleeps until ' + toString(datetime({epochMillis: step.due_at}))
  WHEN step:Undecided THEN 'an orchestrator has to decide whether it runs or is skipped; does one run?'
  WHEN step:Ready THEN 'it is ready; a running orchestrator has to have room for it and offer ' +
    coalesce(step.capability, step.agent_role, step.type)
  WHEN step.status = 'blocked' THEN 'it is blocked'
  ELSE 'no cause is known; run psg verify'
END AS because, open_dependencies
