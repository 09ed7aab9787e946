"""How Neo4j is reached: the driver's settings, the embedded server, the migration runner."""

from __future__ import annotations

from psg_neo4j.database import Database, Row, ServerInfo, Transaction
from psg_neo4j.errors import PsgError
from psg_neo4j.plans import QueryPlan

__all__ = ["Database", "PsgError", "QueryPlan", "Row", "ServerInfo", "Transaction"]
