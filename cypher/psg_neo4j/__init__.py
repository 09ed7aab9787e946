"""How Neo4j is reached: the driver's settings, the embedded server, the migration runner."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from psg_neo4j.errors import PsgError

if TYPE_CHECKING:
    from psg_neo4j.database import Database, Row, ServerInfo, Transaction
    from psg_neo4j.plans import QueryPlan

__all__ = ["Database", "PsgError", "QueryPlan", "Row", "ServerInfo", "Transaction"]

# Who needs the errors alone (the command line, the models) does not wait for the driver.
_WITH_THE_DRIVER = {"QueryPlan": "psg_neo4j.plans"} | dict.fromkeys(
    ("Database", "Row", "ServerInfo", "Transaction"), "psg_neo4j.database"
)


def __getattr__(name: str) -> Any:
    if name not in _WITH_THE_DRIVER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_WITH_THE_DRIVER[name]), name)
