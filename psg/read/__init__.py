"""What can be read of the graph: rows of plain values, one statement each, and the event log without gaps."""
