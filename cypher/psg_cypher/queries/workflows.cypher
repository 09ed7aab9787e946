// Runs of workflows are plans with the label Workflow, from the moment they are asked for.

// name: workflow_turn :read :one
// How many runs of workflows are under way in a project, and which waits for its turn longest; read inside the lock.
CALL () {
  MATCH (p:Workflow) WHERE p.project_id = $project_id AND p.status = 'in_progress' AND p.sys_created_ms IS NOT NULL
  RETURN count(p) AS running
}
CALL () {
  MATCH (p:Workflow) WHERE p.project_id = $project_id AND p.status = 'draft' AND p.sys_created_ms IS NOT NULL
  WITH p ORDER BY p.project_id, p.status, p.sys_created_ms LIMIT 100
  RETURN collect(CASE WHEN p:Tombstone THEN null ELSE {id: p.id, limit: p.workflow_limit, correlation: p.workflow_correlation} END) AS waiting
}
RETURN running, waiting

// name: workflow_states :read :many
// How runs of workflows stand, by their ids.
UNWIND $batch.ids AS id
MATCH (p:PsgNode:Plan {project_id: $project_id, id: id}) USING INDEX SEEK p:PsgNode(project_id, id)
RETURN p {.id, .title, .status, .goal_id, .params, .started_ms, .finished_ms, .sys_created_ms, .steps_total, .steps_open,
  .steps_failed, .workflow_timeout_ms, paused: coalesce(p.paused, false), closing: p:Closing,
  known: p:Workflow AND NOT p:Tombstone} AS state,
  datetime.realtime().epochMillis AS now

// name: workflow_progress :read :many
// The same without what does not change, for those who look again and again.
UNWIND $batch.ids AS id
MATCH (p:PsgNode:Plan {project_id: $project_id, id: id}) USING INDEX SEEK p:PsgNode(project_id, id)
RETURN p {.id, .status, .started_ms, .finished_ms, .steps_total, .steps_open, .steps_failed, .workflow_timeout_ms,
  paused: coalesce(p.paused, false), closing: p:Closing, known: p:Workflow AND NOT p:Tombstone} AS state,
  datetime.realtime().epochMillis AS now

// name: workflow_overdue :read :many
// Runs of workflows that have been under way for longer than their time, pauses not taken off.
MATCH (p:Workflow) WHERE p.project_id = $project_id AND p.status = 'in_progress' AND p.sys_created_ms IS NOT NULL
WITH p, datetime.realtime().epochMillis AS now
WHERE p.workflow_timeout_ms IS NOT NULL AND NOT coalesce(p.paused, false)
  AND now - p.started_ms >= p.workflow_timeout_ms
RETURN p.id AS id, p.started_ms AS started_ms, p.workflow_timeout_ms AS timeout_ms, now LIMIT 100

// name: workflow_page :read :many
// Runs of workflows of a project with one status, the latest first.
MATCH (p:Workflow) WHERE p.project_id = $project_id AND p.status = $status AND p.sys_created_ms < $before
WITH p ORDER BY p.project_id DESC, p.status DESC, p.sys_created_ms DESC LIMIT toInteger($limit)
WITH p WHERE NOT p:Tombstone
RETURN p {.id, .title, .status, .goal_id, .params, .started_ms, .finished_ms, .sys_created_ms, .steps_total, .steps_open,
  .steps_failed, .workflow_timeout_ms, paused: coalesce(p.paused, false), closing: p:Closing,
  known: p:Workflow AND NOT p:Tombstone} AS state,
  datetime.realtime().epochMillis AS now
ORDER BY p.sys_created_ms DESC

// name: workflow_history :read :many
// Runs of workflows of a project that are over, the latest first, behind the $keep latest.
UNWIND ['completed', 'failed', 'cancelled'] AS status
MATCH (p:Workflow) WHERE p.project_id = $project_id AND p.status = status AND p.sys_created_ms IS NOT NULL
WITH p WHERE NOT p:Tombstone AND NOT p:Closing AND NOT p:Reacting
WITH p ORDER BY p.sys_created_ms DESC SKIP toInteger($keep) LIMIT 100
RETURN p.id AS id

// name: workflow_steps :read :many
// The stages of a run as its steps are, in their order.
MATCH (s:Step) WHERE s.project_id = $project_id AND s.plan = $plan_id AND s.position IS NOT NULL
WITH s WHERE NOT s:Tombstone
WITH s ORDER BY s.project_id, s.plan, s.position
RETURN s {.key, .status, .output, .error, .skip_reason, .attempt, .started_ms, .finished_ms} AS step

// name: plan_invokes :read :one
// What the steps of a plan may have modules do, and for whom; null for plans of anything but a workflow.
MATCH (p:PsgNode:Plan {project_id: $project_id, id: $plan_id}) USING INDEX SEEK p:PsgNode(project_id, id)
RETURN p.invokes AS invokes
