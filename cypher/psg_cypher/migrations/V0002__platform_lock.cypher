// phase: pre
// The one node that serialises what belongs to no project: creating projects.
MERGE (:Lock {id: 'projects'});
