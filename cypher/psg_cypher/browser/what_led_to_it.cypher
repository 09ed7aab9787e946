//What led to this artifact? The steps before the one that made it, their records and decisions ($step_key)
MATCH (made_by:PsgNode:Step {project_id: $project_id, plan: $plan_id, key: $step_key})
CALL (made_by) {
  MATCH (made_by)-[:DEPENDS_ON*1..]->(earlier:Step)
  RETURN DISTINCT earlier ORDER BY earlier.position LIMIT 200
  UNION
  RETURN made_by AS earlier
}
RETURN earlier, [(earlier)-[wait:DEPENDS_ON]->(:Step) | wait] AS waits,
  [(earlier)<-[record:RECORDS]-(segment:TraceSegment) | [record, segment]] AS records,
  [(earlier)<-[gate:GATES]-(confirm:Confirm)<-[decides:DECIDES]-(decision:Decision) |
    [gate, confirm, decides, decision]] AS decisions,
  [(earlier)-[part:IN_PLAN]->(plan:Plan)<-[confirms:CONFIRMS]-(approval:Confirm)<-[by:DECIDES]-(who:Decision) |
    [part, plan, confirms, approval, by, who]] AS approvals
