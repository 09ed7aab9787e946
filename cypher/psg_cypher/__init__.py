"""Everything the platform says to Neo4j: named statements, migrations and the assets of Neo4j Browser.

Data first; the only Python here is the loader.
"""

from __future__ import annotations

from psg_cypher.loader import (
    Cardinality,
    Migration,
    Mode,
    Statement,
    StatementSourceError,
    UnknownStatement,
    asset,
    migrations,
    parse_migration,
    parse_statements,
    statement,
    statements,
)

__all__ = [
    "Cardinality",
    "Migration",
    "Mode",
    "Statement",
    "StatementSourceError",
    "UnknownStatement",
    "asset",
    "migrations",
    "parse_migration",
    "parse_statements",
    "statement",
    "statements",
]
