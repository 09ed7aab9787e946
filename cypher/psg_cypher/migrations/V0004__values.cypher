// phase: pre
// Values of the value state layer by their key. Not unique: a restored snapshot leaves tombstones of the same key.
CREATE INDEX value_key IF NOT EXISTS FOR (n:Value) ON (n.project_id, n.key);
