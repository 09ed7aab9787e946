// phase: pre
// Identity: a node is known by its project and its id; the label PsgNode carries the constraint for every type.
CREATE CONSTRAINT psg_node_id IF NOT EXISTS FOR (n:PsgNode) REQUIRE (n.project_id, n.id) IS UNIQUE;
CREATE CONSTRAINT project_head_id IF NOT EXISTS FOR (n:ProjectHead) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT project_name IF NOT EXISTS FOR (n:Project) REQUIRE n.name IS UNIQUE;
CREATE CONSTRAINT step_key IF NOT EXISTS FOR (n:Step) REQUIRE (n.project_id, n.plan, n.key) IS UNIQUE;
CREATE CONSTRAINT session_id IF NOT EXISTS FOR (n:Session) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT lock_id IF NOT EXISTS FOR (n:Lock) REQUIRE n.id IS UNIQUE;
// The log: one number per project, one effect per command.
CREATE CONSTRAINT event_seq IF NOT EXISTS FOR (n:Event) REQUIRE (n.project_id, n.seq) IS UNIQUE;
CREATE CONSTRAINT event_command IF NOT EXISTS FOR (n:Event) REQUIRE (n.project_id, n.command_id) IS UNIQUE;
CREATE INDEX event_entity IF NOT EXISTS FOR (n:Event) ON (n.project_id, n.entity, n.seq);
CREATE INDEX event_plan IF NOT EXISTS FOR (n:Event) ON (n.project_id, n.plan, n.seq);
// The frontier in two levels, and what wakes up by itself. Every indexed property is always set (EVIDENCE A7).
CREATE INDEX step_ready IF NOT EXISTS FOR (n:Ready) ON (n.project_id, n.plan, n.sched_urgency, n.sched_order, n.position);
CREATE INDEX step_undecided IF NOT EXISTS FOR (n:Undecided) ON (n.project_id, n.plan, n.position);
CREATE INDEX step_unlocking IF NOT EXISTS FOR (n:Unlocking) ON (n.project_id, n.id);
CREATE INDEX step_timer IF NOT EXISTS FOR (n:Timer) ON (n.project_id, n.due_at);
CREATE INDEX step_timer_plan IF NOT EXISTS FOR (n:Timer) ON (n.project_id, n.plan, n.due_at);
CREATE INDEX step_owner IF NOT EXISTS FOR (n:Step) ON (n.owner);
CREATE INDEX step_page IF NOT EXISTS FOR (n:Step) ON (n.project_id, n.plan, n.position);
CREATE INDEX plan_runnable IF NOT EXISTS FOR (n:Runnable) ON (n.project_id, n.sched_urgency, n.served_at);
CREATE INDEX plan_closing IF NOT EXISTS FOR (n:Closing) ON (n.project_id, n.id);
CREATE INDEX session_lease IF NOT EXISTS FOR (n:Session) ON (n.lease_until);
// Ordered pages per type.
CREATE INDEX context_page IF NOT EXISTS FOR (n:Context) ON (n.project_id, n.id);
CREATE INDEX plan_page IF NOT EXISTS FOR (n:Plan) ON (n.project_id, n.id);
CREATE INDEX trace_page IF NOT EXISTS FOR (n:Trace) ON (n.project_id, n.id);
CREATE INDEX segment_page IF NOT EXISTS FOR (n:TraceSegment) ON (n.project_id, n.trace, n.log_seq);
CREATE INDEX confirm_page IF NOT EXISTS FOR (n:Confirm) ON (n.project_id, n.id);
CREATE INDEX confirm_status IF NOT EXISTS FOR (n:Confirm) ON (n.project_id, n.status);
CREATE INDEX decision_page IF NOT EXISTS FOR (n:Decision) ON (n.project_id, n.id);
CREATE INDEX role_page IF NOT EXISTS FOR (n:Role) ON (n.project_id, n.id);
