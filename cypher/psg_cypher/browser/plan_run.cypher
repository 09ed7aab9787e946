//The run of one plan as a graph: its steps, what they wait for, what was recorded
MATCH (plan:PsgNode:Plan {project_id: $project_id, id: $plan_id})
CALL (plan) {
  MATCH (step:Step)
  WHERE step.project_id = plan.project_id AND step.plan = plan.id AND step.position IS NOT NULL AND NOT step:Tombstone
  RETURN step ORDER BY step.project_id, step.plan, step.position LIMIT 200
}
RETURN plan, step, [(step)-[part:IN_PLAN]->(plan) | part] AS parts,
  [(step)-[wait:DEPENDS_ON]->(:Step) | wait] AS waits,
  [(step)<-[record:RECORDS]-(segment:TraceSegment) | [record, segment]][..5] AS records,
  [(step)<-[gate:GATES]-(confirm:Confirm) | [gate, confirm]] AS approvals
