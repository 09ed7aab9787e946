"""What can be asked of the graph: each command as a pure function from a request (and what was read) to a change."""
