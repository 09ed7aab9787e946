"""What this server stands on, and whether it stands."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from psg_graphql.types.health import Health
from psg_neo4j.database import Database
from psg_neo4j.errors import PsgError
from psg_neo4j.migrations import require_schema


def release() -> str:
    """Return the version of this server."""
    try:
        return version("psg-platform")
    except PackageNotFoundError:
        return "unknown"


async def health_now(db: Database) -> Health:
    """Ask the database for its version and its schema; problems are told by code, without addresses."""
    try:
        server = await db.server_info()
        database = f"Neo4j {server.version} {server.edition}"
    except PsgError as error:
        return Health(
            status="degraded", version=release(), database=None, schema_version=None, problems=[error.code]
        )
    try:
        state = await require_schema(db)
    except PsgError as error:
        return Health(
            status="degraded", version=release(), database=database, schema_version=None, problems=[error.code]
        )
    return Health(status="ok", version=release(), database=database, schema_version=state.current, problems=[])
