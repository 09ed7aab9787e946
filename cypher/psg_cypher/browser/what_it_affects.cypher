//What does this step affect? Everything that waits for it, directly or not ($step_key)
MATCH (step:PsgNode:Step {project_id: $project_id, plan: $plan_id, key: $step_key})
CALL (step) {
  MATCH (step)<-[:DEPENDS_ON*1..]-(later:Step)
  RETURN DISTINCT later
}
WITH step, later WHERE NOT later:Tombstone
WITH step, later ORDER BY later.position LIMIT 500
RETURN later.key AS affected, later.status AS status, later.type AS type,
  EXISTS { (later)-[:DEPENDS_ON]->(step) } AS directly
