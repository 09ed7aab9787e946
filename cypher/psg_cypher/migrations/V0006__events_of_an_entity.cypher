// phase: pre
// The log of one entity, found by its id alone: half the key, so that a step costs the same in a large plan as in a
// small one (the ids of steps come in no order, and each of its events is another leaf of this index).
DROP INDEX event_entity IF EXISTS;
CREATE INDEX event_of_entity IF NOT EXISTS FOR (n:Event) ON (n.entity, n.seq);
