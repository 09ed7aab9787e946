// name: plan_traceparent :read :one
// The request that started the run of a plan, as its first event of that kind tells, and the plan whose step a sub-plan is.
MATCH (p:PsgNode:Plan {project_id: $project_id, id: $plan_id})
RETURN COLLECT {
    MATCH (e:Event) USING INDEX e:Event(entity, seq)
    WHERE e.entity = $plan_id AND e.seq > 0 AND e.project_id = $project_id AND e.type = 'plan_in_progress'
    WITH e ORDER BY e.entity DESC, e.seq DESC LIMIT 1
    RETURN e.correlation_id }[0] AS traceparent,
  COLLECT { MATCH (p)-[:SUBPLAN_OF]->(s:Step) RETURN s.plan LIMIT 1 }[0] AS parent
