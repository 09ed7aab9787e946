//Critical path: the chain of steps that the run had to wait for, first to last
MATCH (last:Step)
WHERE last.project_id = $project_id AND last.plan = $plan_id AND last.position IS NOT NULL
  AND last.finished_ms IS NOT NULL AND NOT last:Tombstone
WITH last ORDER BY last.finished_ms DESC, last.position DESC LIMIT 1
MATCH path = (last) (
  (later:Step)-[:DEPENDS_ON]->(earlier:Step)
  WHERE earlier.finished_ms IS NOT NULL AND NOT EXISTS {
    MATCH (later)-[:DEPENDS_ON]->(other:Step)
    WHERE other.finished_ms > earlier.finished_ms
      OR other.finished_ms = earlier.finished_ms AND other.position > earlier.position
  }
){0,1000} (first:Step)
WITH path ORDER BY length(path) DESC LIMIT 1
UNWIND reverse(nodes(path)) AS step
RETURN step.key AS step, step.status AS status, step.type AS type, step.attempt AS attempts,
  step.finished_ms - step.started_ms AS took_ms, datetime({epochMillis: step.finished_ms}) AS finished
