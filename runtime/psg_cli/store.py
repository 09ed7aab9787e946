"""The database of a command: the server of PSG_NEO4J_URI, else the embedded Neo4j of PSG_HOME (DESIGN §3)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from psg.encryption import check_keys
from psg.errors import Invalid
from psg.restore_marker import require_whole
from psg_cli.settings import CliSettings
from psg_neo4j.database import Database
from psg_neo4j.embedded import EmbeddedServer, ServerSettings, embedded


@dataclass(frozen=True, slots=True)
class Store:
    """A connected database; ``server`` is the embedded one, None when PSG_NEO4J_URI names another."""

    db: Database
    server: EmbeddedServer | None


class NoDatabase(Invalid):
    """Something is to be read where there is no database; it is not made for that."""

    code = "no_database"


@asynccontextmanager
async def open_store(
    settings: CliSettings, *, api_url: str = "", reading: bool = False, existing: bool = False, restoring: bool = False
) -> AsyncIterator[Store]:
    """Connect to the database, starting the embedded one when none is named and none runs.

    ``api_url`` is where the embedded Neo4j Browser finds guide and style; ``reading`` that no payload will be written,
    so that an encryption key of this process leaves no trace; ``existing``, like it, that no database is made where
    there is none; ``restoring`` that an unfinished restore is no hindrance. Raises errors of ``psg_neo4j.errors``,
    ``NoDatabase``, ``RestoreUnfinished``, and ``EncryptionKeyRefused`` where payloads are encrypted with a key that
    this process does not have.
    """
    if settings.neo4j_uri is not None:
        password = settings.neo4j_password.get_secret_value()
        connection = Database.connect(settings.neo4j_uri, settings.neo4j_user, password, settings.neo4j_database)
        async with connection as db:
            await _usable(db, reading, restoring)
            yield Store(db, None)
        return
    if (reading or existing) and not (settings.database_home / "conf").is_dir():
        raise NoDatabase(
            f"There is no database in {settings.database_home}: nothing was ever started there. Name another folder "
            "by --home (or PSG_HOME), or start one by `psg up`.",
            home=str(settings.database_home),
        )  # fmt: skip
    server_settings = ServerSettings.from_environment(api_url=api_url)
    async with embedded(settings.database_home, settings=server_settings) as server, server.database() as db:
        await _usable(db, reading, restoring)
        yield Store(db, server)


async def _usable(db: Database, reading: bool, restoring: bool) -> None:
    if not restoring:
        await require_whole(db)
    await check_keys(db, reading=reading)
