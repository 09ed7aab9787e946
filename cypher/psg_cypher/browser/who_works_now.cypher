//Who works now: live orchestrators and the steps they hold
MATCH (session:Session)
WHERE session.lease_until > datetime.realtime().epochMillis AND session.ended_ms IS NULL
OPTIONAL MATCH (step:Step {owner: session.id})
WITH session, collect(step.key) AS steps
RETURN session.host AS host, session.pid AS pid, size(steps) AS holds, steps[..10] AS steps,
  datetime({epochMillis: session.started_ms}) AS since,
  session.lease_until - datetime.realtime().epochMillis AS lease_left_ms, session.id AS session
ORDER BY holds DESC, session
