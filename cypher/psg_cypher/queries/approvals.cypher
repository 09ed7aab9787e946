// name: approval_plan :read :one
// What an approval of a plan covers of the plan itself, and who proposed it.
MATCH (p:PsgNode:Plan {project_id: $project_id, id: $plan_id})
RETURN p.title AS title, p.objective AS objective, p.goal_id AS goal_id, p.on_failure AS on_failure,
  p.success_criteria AS success_criteria, p.sched_urgency AS urgency, p.params AS params, p.policy AS policy,
  p.budget AS budget, p.approval AS approval, p.proposed_by AS proposed_by

// name: approval_steps :read :many
// A page of what an approval of a plan covers of its steps.
MATCH (s:Step) WHERE s.project_id = $project_id AND s.plan = $plan_id AND s.position > $after AND NOT s:Tombstone
WITH s ORDER BY s.project_id, s.plan, s.position LIMIT toInteger($limit)
RETURN s.position AS position, s.key AS key, s.type AS type, s.capability AS capability,
  s.description AS description, s.agent_role AS agent_role, s.condition AS condition, s.timeout_ms AS timeout_ms,
  s.retries AS retries, s.join AS join, s.order_index AS order_index, s.sched_urgency AS urgency, s.params AS params,
  s.policy AS policy, s.budget AS budget, s.approval AS approval, s.compensation AS compensation,
  [(s)-[:DEPENDS_ON]->(d) | d.key] AS dependencies

// name: approval_step :read :one
// What an approval of a step covers.
MATCH (s:PsgNode:Step {project_id: $project_id, id: $step_id})
MATCH (p:PsgNode:Plan {project_id: $project_id, id: s.plan})
RETURN s.key AS key, s.type AS type, s.capability AS capability, s.description AS description,
  s.agent_role AS agent_role, s.condition AS condition, s.timeout_ms AS timeout_ms, s.retries AS retries,
  s.join AS join, s.order_index AS order_index, s.sched_urgency AS urgency, s.params AS params, s.policy AS policy,
  s.budget AS budget, s.approval AS approval, s.compensation AS compensation,
  [(s)-[:DEPENDS_ON]->(d) | d.key] AS dependencies, p.params AS plan_params

// name: approval_state :read :one
// A request with its votes and with who waits for it; read inside the lock.
MATCH (c:PsgNode:Confirm {project_id: $project_id, id: $confirm_id})
OPTIONAL MATCH (c)-[:GATES]->(s:Step)
OPTIONAL MATCH (c)-[:CONFIRMS]->(p:Plan)
RETURN c.id AS id, c.status AS status, c:Tombstone AS deleted, c.approval AS approval, c.covers_hash AS covers_hash,
  c.proposed_by AS proposed_by, c.expires_at AS expires_at, coalesce(c.voided, false) AS voided,
  c.delegations AS delegations, c.round AS round,
  COLLECT { MATCH (c)<-[:DECIDES]-(d:Decision) RETURN {actor: d.actor, status: d.status} ORDER BY d.position } AS votes,
  s.id AS step_id, s.status AS step_status, s.parked AS parked, p.id AS plan_id, p.status AS plan_status,
  coalesce(p.paused, false) AS paused, datetime.realtime().epochMillis AS now

// name: approvals_of_plan :read :many
// The requests about a plan and about its steps, with their votes; read inside the lock.
MATCH (p:PsgNode:Plan {project_id: $project_id, id: $plan_id})<-[:CONFIRMS]-(c:Confirm)
WHERE c.approval IS NOT NULL AND NOT c:Tombstone
OPTIONAL MATCH (c)-[:GATES]->(s:Step)
RETURN c.id AS id, c.status AS status, c:Tombstone AS deleted, c.approval AS approval, c.covers_hash AS covers_hash,
  c.proposed_by AS proposed_by, c.expires_at AS expires_at, coalesce(c.voided, false) AS voided,
  c.delegations AS delegations, c.round AS round,
  COLLECT { MATCH (c)<-[:DECIDES]-(d:Decision) RETURN {actor: d.actor, status: d.status} ORDER BY d.position } AS votes,
  s.id AS step_id, s.status AS step_status, s.parked AS parked, p.id AS plan_id, p.status AS plan_status,
  coalesce(p.paused, false) AS paused, datetime.realtime().epochMillis AS now
ORDER BY round, id

// name: approvals_of_step :read :many
// The requests about a step; read inside the lock.
MATCH (s:PsgNode:Step {project_id: $project_id, id: $step_id})<-[:GATES]-(c:Confirm)
WHERE c.approval IS NOT NULL AND NOT c:Tombstone
OPTIONAL MATCH (c)<-[:DECIDES]-(d:Decision)
WITH c, d ORDER BY d.position DESC
WITH c, collect(d)[0] AS d
RETURN c.id AS id, c.status AS status, c.covers_hash AS covers_hash, coalesce(c.voided, false) AS voided,
  coalesce(c.round, 0) AS round, d.reason AS reason, d.decided_by_role AS decided_by_role, d.actor AS actor
ORDER BY round

// name: approvals_due :read :many
// Requests whose time is over.
MATCH (c:Expiring) WHERE c.expires_at <= datetime.realtime().epochMillis
RETURN c.project_id AS project_id, c.id AS id LIMIT toInteger($limit)
