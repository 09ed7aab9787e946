// name: log_head :read :one
// Where a project's log ends and begins; head.seq stands at the ends of commits only.
MATCH (h:ProjectHead {id: $project_id})
RETURN h.seq AS seq, coalesce(h.earliest_seq, 1) AS earliest

// name: log_heads :read :many
// Where several logs end.
UNWIND $batch.project_ids AS project_id
MATCH (h:ProjectHead {id: project_id})
RETURN h.id AS id, h.seq AS seq

// name: log_settle :write :one
// Passes the head's lock once: whatever was committed before it is in every index by then (EVIDENCE A6).
MATCH (h:ProjectHead {id: $project_id}) SET h._lock = true
RETURN h.seq AS seq

// name: log_window :read :one
// The events behind $after, $span numbers at most and up to exactly the head; `seen` counts those the filters leave
// out too, so that a hole is noticed.
MATCH (h:ProjectHead {id: $project_id})
WITH h.seq AS head, coalesce(h.earliest_seq, 1) AS earliest
WITH head, earliest, CASE WHEN head < $after + $span THEN head ELSE $after + $span END AS upto
CALL (upto) {
  MATCH (e:Event) WHERE e.project_id = $project_id AND e.seq > $after AND e.seq <= upto
  WITH e ORDER BY e.project_id, e.seq
  RETURN count(e) AS seen, collect(CASE
    WHEN ($filter.families IS NULL OR e.family IN $filter.families) AND ($filter.plan_id IS NULL OR e.plan = $filter.plan_id)
    THEN e {.project_id, .seq, .event_id, .family, .type, .op, .entity_type, .entity, .plan, .at, .actor, .command_id,
      .correlation_id, .revision, .changes, .update_kind, .node_delta, .edge_delta,
      stage: CASE WHEN e.family <> 'graph_update' THEN COLLECT {
        MATCH (n:PsgNode {project_id: e.project_id, id: e.entity})
        RETURN {name: coalesce(n.key, n.title), order: n.position, type: n.type} }[0] END}
  END) AS events
}
RETURN head, earliest, upto, seen, events

// name: log_of_plan :read :many
// The events of one plan behind $after up to $upto, by their own index; $upto was read under the lock.
// The hint: by statistics alone the planner may prefer the project's whole log and sort it.
MATCH (e:Event) USING INDEX e:Event(project_id, plan, seq)
WHERE e.project_id = $project_id AND e.plan = $plan_id AND e.seq > $after AND e.seq <= $upto
  AND ($filter.families IS NULL OR e.family IN $filter.families)
WITH e ORDER BY e.project_id, e.plan, e.seq LIMIT toInteger($limit)
RETURN e {.project_id, .seq, .event_id, .family, .type, .op, .entity_type, .entity, .plan, .at, .actor, .command_id,
  .correlation_id, .revision, .changes, .update_kind, .node_delta, .edge_delta,
  stage: CASE WHEN e.family <> 'graph_update' THEN COLLECT {
    MATCH (n:PsgNode {project_id: e.project_id, id: e.entity})
    RETURN {name: coalesce(n.key, n.title), order: n.position, type: n.type} }[0] END} AS event
ORDER BY e.seq
