"""A real Neo4j of one's own, without Docker, Java or Maven (DESIGN §3).

``async with embedded(home) as server`` is all most callers need.
"""

from __future__ import annotations

from psg_neo4j.embedded.artifacts import cache_folder, install
from psg_neo4j.embedded.config import ServerSettings
from psg_neo4j.embedded.server import (
    EmbeddedServer,
    ServerStatus,
    embedded,
    held,
    keep,
    release,
    status,
    stop,
)

__all__ = [
    "EmbeddedServer",
    "ServerSettings",
    "ServerStatus",
    "cache_folder",
    "embedded",
    "held",
    "install",
    "keep",
    "release",
    "status",
    "stop",
]
