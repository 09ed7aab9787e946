// name: budget_state :read :one
// The budgets that cover a step, what is spent, and what attempts that run have reserved; behind the head's lock.
// A reservation is live while its step runs with the same fence: a dead worker's share comes back by itself.
MATCH (h:ProjectHead {id: $project_id})
MATCH (s:PsgNode:Step {project_id: $project_id, id: $step_id})
MATCH (p:PsgNode:Plan {project_id: $project_id, id: s.plan})
CALL (s) {
  MATCH (r:Reservation) WHERE r.project_id = $project_id AND r.plan IS NOT NULL
  MATCH (o:PsgNode:Step {project_id: $project_id, id: r.step})
  WITH s, r, o.status = 'in_progress' AND o.owner IS NOT NULL AND o.fence = r.fence AND o.id <> s.id AS live
  RETURN collect(CASE WHEN live THEN null ELSE r.id END) AS stale,
    sum(CASE WHEN live THEN r.tokens END) AS tokens, sum(CASE WHEN live THEN r.cost END) AS cost,
    sum(CASE WHEN live THEN r.calls END) AS calls, sum(CASE WHEN live THEN r.wall_ms END) AS wall_ms,
    sum(CASE WHEN live AND r.plan = s.plan THEN r.tokens END) AS plan_tokens,
    sum(CASE WHEN live AND r.plan = s.plan THEN r.cost END) AS plan_cost,
    sum(CASE WHEN live AND r.plan = s.plan THEN r.calls END) AS plan_calls,
    sum(CASE WHEN live AND r.plan = s.plan THEN r.wall_ms END) AS plan_wall_ms
}
RETURN stale,
  {budget: h.budget, spent: {tokens: h.spent_tokens, cost: h.spent_cost, calls: h.spent_calls, wall_ms: h.spent_wall_ms},
   reserved: {tokens: tokens, cost: cost, calls: calls, wall_ms: wall_ms}} AS project,
  {budget: p.budget, spent: {tokens: p.spent_tokens, cost: p.spent_cost, calls: p.spent_calls, wall_ms: p.spent_wall_ms},
   reserved: {tokens: plan_tokens, cost: plan_cost, calls: plan_calls, wall_ms: plan_wall_ms}} AS plan,
  {budget: s.budget, spent: {tokens: s.spent_tokens, cost: s.spent_cost, calls: s.spent_calls, wall_ms: s.spent_wall_ms},
   reserved: {}} AS step

// name: reservation_put :write :none
// Keeps the share of an attempt, and forgets those whose attempts are over.
CALL () {
  UNWIND $stale AS id
  MATCH (r:Reservation {project_id: $project_id, id: id})
  DELETE r
}
CREATE (r:Reservation) SET r = $props, r.project_id = $project_id

// name: budget_debit :write :none
// Adds what an attempt spent to its step, plan and project, and ends its reservation; behind the head's lock.
MATCH (h:ProjectHead {id: $project_id})
MATCH (s:PsgNode:Step {project_id: $project_id, id: $step_id})
MATCH (p:PsgNode:Plan {project_id: $project_id, id: s.plan})
FOREACH (n IN [h, p, s] | SET n.spent_tokens = coalesce(n.spent_tokens, 0) + $spent.tokens,
  n.spent_cost = coalesce(n.spent_cost, 0) + $spent.cost, n.spent_calls = coalesce(n.spent_calls, 0) + $spent.calls,
  n.spent_wall_ms = coalesce(n.spent_wall_ms, 0) + $spent.wall_ms)
WITH h
OPTIONAL MATCH (r:Reservation {project_id: $project_id, id: $id})
DELETE r

// name: budget_of :read :one
// The budget of a project, plan or step that exists.
MATCH (n:PsgNode {project_id: $project_id, id: $id}) WHERE $label IN labels(n) AND NOT n:Tombstone
OPTIONAL MATCH (h:ProjectHead {id: $id})
RETURN CASE WHEN n:Project THEN h.budget ELSE n.budget END AS budget, CASE WHEN n:Plan THEN n.id ELSE n.plan END AS plan

// name: budget_set_project :write :none
// Sets a project's budget where every claim reads it; behind the head's lock.
MATCH (h:ProjectHead {id: $project_id}) SET h.budget = $budget

// name: budget_account :read :one
// Limit, spent and reserved of a plan, or of the project when $plan_id is null.
MATCH (h:ProjectHead {id: $project_id})
OPTIONAL MATCH (p:PsgNode:Plan {project_id: $project_id, id: $plan_id})
WITH h, p, CASE WHEN $plan_id IS NULL THEN h ELSE p END AS n
WITH h, p, n WHERE n IS NOT NULL
CALL (p) {
  MATCH (r:Reservation) WHERE r.project_id = $project_id AND r.plan IS NOT NULL
  MATCH (o:PsgNode:Step {project_id: $project_id, id: r.step})
  WITH p, r WHERE o.status = 'in_progress' AND o.owner IS NOT NULL AND o.fence = r.fence AND (p IS NULL OR r.plan = p.id)
  RETURN sum(r.tokens) AS tokens, sum(r.cost) AS cost, sum(r.calls) AS calls, sum(r.wall_ms) AS wall_ms
}
RETURN n.budget AS budget,
  {tokens: n.spent_tokens, cost: n.spent_cost, calls: n.spent_calls, wall_ms: n.spent_wall_ms} AS spent,
  {tokens: tokens, cost: cost, calls: calls, wall_ms: wall_ms} AS reserved

// name: audit_account :read :one
// What a project has spent by its head, and by its plans, deleted ones too.
MATCH (h:ProjectHead {id: $project_id})
CALL (h) {
  MATCH (p:Plan) WHERE p.project_id = h.id AND p.id > ''
  RETURN {spent_tokens: sum(p.spent_tokens), spent_cost: sum(p.spent_cost), spent_calls: sum(p.spent_calls),
    spent_wall_ms: sum(p.spent_wall_ms)} AS plans
}
RETURN h {.spent_tokens, .spent_cost, .spent_calls, .spent_wall_ms} AS head, plans
