// phase: pre
// A snapshot is a number in its project's log; what a plan's snapshots are is asked by plan.
CREATE CONSTRAINT snapshot_id IF NOT EXISTS FOR (n:Snapshot) REQUIRE (n.project_id, n.id) IS UNIQUE;
CREATE INDEX snapshot_seq IF NOT EXISTS FOR (n:Snapshot) ON (n.project_id, n.seq);
CREATE INDEX snapshot_plan IF NOT EXISTS FOR (n:Snapshot) ON (n.project_id, n.plan, n.seq);
// Long texts that were overwritten, by the hash that stands for them in the log.
CREATE CONSTRAINT content_hash IF NOT EXISTS FOR (n:Content) REQUIRE (n.project_id, n.hash) IS UNIQUE;
