// name: plan_creation :read :one
// The number of the event that created a plan; `known` tells that the plan is there, also when the log was cut behind it.
MATCH (h:ProjectHead {id: $project_id})
CALL () {
  MATCH (e:Event) USING INDEX e:Event(entity, seq)
  WHERE e.entity = $plan_id AND e.seq > 0 AND e.project_id = $project_id
  WITH e ORDER BY e.entity, e.seq LIMIT 1
  RETURN collect(CASE WHEN e.op = 'create' AND e.type = 'plan_created' THEN e.seq END)[0] AS created
}
RETURN created, coalesce(h.earliest_seq, 1) AS earliest,
  EXISTS { MATCH (p:PsgNode:Plan {project_id: $project_id, id: $plan_id}) } AS known
