"""How the graph is changed: one unit of work for the API, the orchestrator, the importer and the tests (DESIGN §5)."""
