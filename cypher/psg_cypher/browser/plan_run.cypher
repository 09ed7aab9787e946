//The run of one plan as a graph: its steps, what they wait for, what was recorded
MATCH (plan:PsgNode:Plan {project_id: $project_id, id: $plan_id})
OPTIONAL MATCH structure = (plan)<-[:IN_PLAN]-(step:Step)
OPTIONAL MATCH waits = (step)-[:DEPENDS_ON]->(:Step)
OPTIONAL MATCH record = (step)<-[:RECORDS]-(:TraceSegment)
RETURN plan, structure, waits, record
LIMIT 1000
