// name: plan_projects :read :many
// The projects whose logs tell of a plan: more than one when a document with its id was imported twice.
MATCH (e:Event) USING INDEX e:Event(entity, seq)
WHERE e.entity = $plan_id AND e.seq > 0 AND e.entity_type = 'Plan'
RETURN DISTINCT e.project_id AS project_id

// name: replay_project_policy :read :one
// What a project says about how the steps of its plans are run.
MATCH (h:ProjectHead {id: $project_id})
RETURN h.policy AS policy
