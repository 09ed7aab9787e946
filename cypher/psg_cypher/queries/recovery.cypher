// name: recovery_cached :read :one
// The latest result that was kept of an action, to stand in for one that fails to come.
MATCH (k:Effect {project_id: $project_id, key: $key}) WHERE k.at IS NOT NULL
RETURN k.output AS output, k.at AS at

// name: rollback_steps :read :many
// The failed steps of a plan, with the policies that say what is done when nothing helped.
MATCH (s:Step) WHERE s.project_id = $project_id AND s.plan = $plan_id AND s.position IS NOT NULL
WITH s WHERE s.status = 'failed' AND NOT s:Tombstone
MATCH (p:PsgNode:Plan {project_id: $project_id, id: $plan_id})
RETURN s.key AS key, s.position AS position, s.policy AS policy, p.policy AS plan_policy, s.error AS error ORDER BY position
