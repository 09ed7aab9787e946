"""The migration runner on empty databases: order, refusals, kills, rivals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from conftest import TEST_SETTINGS

import psg_cypher
from psg_cypher import Migration, parse_migration, parse_statements
from psg_neo4j import Database, faults
from psg_neo4j.embedded import EmbeddedServer, stop
from psg_neo4j.errors import MigrationChanged, MigrationFailed, SchemaNotMigrated, SchemaTooNew
from psg_neo4j.migrations import MigrationReport, migrate, require_schema, schema_state

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

FIRST = parse_migration(
    "V0001__unique_probes.cypher",
    "CREATE CONSTRAINT probe_id IF NOT EXISTS FOR (n:MigrationProbe) REQUIRE n.id IS UNIQUE;\n"
    "CREATE INDEX probe_name IF NOT EXISTS FOR (n:MigrationProbe) ON (n.name);\n",
)
SECOND = parse_migration(
    "V0002__first_probe.cypher", "MERGE (n:MigrationProbe {id: 1}) SET n.runs = coalesce(n.runs, 0) + 1;\n"
)
THIRD = parse_migration("V0003__broken.cypher", "MERGE (n:MigrationProbe {id: 3});\nTHIS IS NO CYPHER;\n")
BOTH = [FIRST, SECOND]

ASK = {
    item.name: item
    for item in parse_statements(
        """
// name: chain :read :many
MATCH (:__Neo4jMigration {version: 'BASELINE'})-[steps:MIGRATED_TO*]->(m:__Neo4jMigration)
RETURN m {.*} AS node, properties(last(steps)) AS step ORDER BY size(steps)
// name: runs :read :one
MATCH (n:MigrationProbe {id: 1}) RETURN n.runs AS runs
// name: forget :write :none
MATCH (m) WHERE m:__Neo4jMigration OR m:MigrationProbe OR m:Lock DETACH DELETE m
// name: unindex :write :none
DROP CONSTRAINT probe_id IF EXISTS
// name: unlock :write :none
DROP CONSTRAINT lock_id IF EXISTS
// name: indexes :read :many
SHOW INDEXES YIELD name, state RETURN name, state
""",
        "ask.cypher",
    )
}


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("migrations") / "neo4j"


@pytest.fixture(scope="module")
async def server(shared_home: Path) -> AsyncIterator[EmbeddedServer]:
    """A server of this module's own: migrations belong to a whole database."""

    async with await EmbeddedServer.attach(shared_home, settings=TEST_SETTINGS) as running:
        yield running
    await stop(shared_home)


@pytest.fixture
async def empty(server: EmbeddedServer) -> AsyncIterator[Database]:
    """The server without anything that these tests migrate."""
    async with server.database() as database:
        for name in ("forget", "unindex", "unlock"):
            await database.write(ASK[name])
        yield database


async def chain(database: Database) -> list[str]:
    return [row["node"]["version"] for row in await database.read(ASK["chain"])]


async def test_pending_migrations_are_applied_once_and_recorded_as_neo4j_migrations_does(empty: Database) -> None:
    before = await schema_state(empty, migrations=BOTH)
    assert (before.current, [item.version for item in before.pending]) == (None, ["0001", "0002"])
    with pytest.raises(SchemaNotMigrated, match=r"V0001, V0002.*psg migrate"):
        await require_schema(empty, migrations=BOTH)
    assert await migrate(empty, migrations=BOTH) == MigrationReport(["0001", "0002"], "0002")
    first, second = await empty.read(ASK["chain"])
    assert first["node"] == {
        "version": "0001",
        "description": "unique probes",
        "type": "CYPHER",
        "source": FIRST.source,
        "checksum": FIRST.checksum,
        "repeatable": False,
    }
    assert set(first["step"]) == {"at", "in", "by", "connectedAs"}
    assert second["step"]["connectedAs"] == "neo4j"
    assert {"name": "probe_name", "state": "ONLINE"} in await empty.read(ASK["indexes"])
    assert await migrate(empty, migrations=BOTH) == MigrationReport([], "0002")
    assert await empty.read_one(ASK["runs"]) == {"runs": 1}
    assert (await require_schema(empty, migrations=BOTH)).current == "0002"


async def test_a_dry_run_tells_and_writes_nothing(empty: Database) -> None:
    assert await migrate(empty, dry_run=True, migrations=BOTH) == MigrationReport(["0001", "0002"], None, dry_run=True)
    assert await chain(empty) == []
    assert await empty.read_one(ASK["runs"]) is None


async def test_an_edited_migration_is_refused_and_nothing_else_is_applied(empty: Database) -> None:
    await migrate(empty, migrations=[FIRST])
    edited = parse_migration(FIRST.source, FIRST.text.replace("n.name", "n.other"))
    with pytest.raises(MigrationChanged, match=r"V0001__unique_probes\.cypher has another checksum"):
        await migrate(empty, migrations=[edited, SECOND])
    with pytest.raises(MigrationChanged):
        await require_schema(empty, migrations=[edited])
    assert await chain(empty) == ["0001"]
    commented = parse_migration(FIRST.source, "// a comment\n" + FIRST.text)
    assert (await require_schema(empty, migrations=[commented])).current == "0001"


async def test_a_removed_or_late_migration_is_refused(empty: Database) -> None:
    await migrate(empty, migrations=[SECOND])
    with pytest.raises(MigrationChanged, match=r"V0001__unique_probes\.cypher comes before V0002"):
        await migrate(empty, migrations=BOTH)
    with pytest.raises(MigrationChanged, match=r"V0002 was applied but does not exist"):
        await migrate(empty, migrations=[replace(FIRST, version="0003")])


async def test_a_newer_database_is_refused(empty: Database) -> None:
    await migrate(empty, migrations=BOTH)
    for check in (migrate, require_schema):
        with pytest.raises(SchemaTooNew, match=r"V0002.*upgrade this program"):
            await check(empty, migrations=[FIRST])
    assert (await schema_state(empty, migrations=[FIRST])).too_new == ("0002",)


async def test_a_broken_migration_is_not_recorded_and_can_be_mended(empty: Database) -> None:
    with pytest.raises(MigrationFailed, match=r"V0003__broken\.cypher.*not recorded"):
        await migrate(empty, migrations=[*BOTH, THIRD])
    assert await chain(empty) == ["0001", "0002"]
    mended = parse_migration(THIRD.source, "MERGE (n:MigrationProbe {id: 3});\n")
    assert await migrate(empty, migrations=[*BOTH, mended]) == MigrationReport(["0003"], "0003")


async def test_rivals_on_an_empty_store_apply_everything_once(empty: Database) -> None:
    """Also the first locking statement this store has ever seen: without its constraint each would lock a node."""
    reports: list[MigrationReport] = []

    async def run() -> None:
        reports.append(await migrate(empty, migrations=BOTH))

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(run)
    assert sorted(len(report.applied) for report in reports) == [0] * 7 + [2]
    assert await chain(empty) == ["0001", "0002"]
    assert await empty.read_one(ASK["runs"]) == {"runs": 1}


RUNNER = """
import anyio, sys
from psg_cypher import parse_migration
from psg_neo4j import Database
from psg_neo4j.migrations import migrate

async def main(uri, user, password, *files):
    found = [parse_migration(name, text) for name, text in zip(files[::2], files[1::2])]
    async with Database.connect(uri, user, password) as db:
        await migrate(db, migrations=found)

anyio.run(main, *sys.argv[1:])
"""


async def run_killed_at(server: EmbeddedServer, point: str, migrations: list[Migration]) -> int:
    files = [part for item in migrations for part in (item.source, item.text)]
    argv = [sys.executable, "-c", RUNNER, server.uri, server.user, server.password, *files]
    environment = {**os.environ, "PSG_FAULT": f"{point}:kill"}
    return (await anyio.run_process(argv, env=environment, check=False, stderr=subprocess.DEVNULL)).returncode


@pytest.mark.parametrize(
    ("point", "recorded"),
    [
        ("migration_applied/0001", []),
        ("migration_applied/0002", []),
        ("migration_recorded/0002", ["0001", "0002"]),
    ],
)
async def test_a_runner_killed_in_between_is_continued_by_the_next(
    server: EmbeddedServer, empty: Database, point: str, recorded: list[str]
) -> None:
    assert await run_killed_at(server, point, BOTH) == -signal.SIGKILL
    assert await chain(empty) == recorded
    missing = [item.version for item in BOTH if item.version not in recorded]
    with anyio.fail_after(10):
        assert await migrate(empty, migrations=BOTH) == MigrationReport(missing, "0002")
    assert await chain(empty) == ["0001", "0002"]


async def test_a_runner_that_lost_its_lock_does_not_record(empty: Database) -> None:
    """Its connection broke after the work: another runner may hold the lock by now."""

    def lose() -> None:
        raise LostLock

    class LostLock(Exception):
        pass

    with faults.arm("migration_applied/0001", lose), pytest.raises(LostLock):
        await migrate(empty, migrations=BOTH)
    assert await chain(empty) == []
    assert await migrate(empty, migrations=BOTH) == MigrationReport(["0001", "0002"], "0002")


async def test_the_released_migrations_apply_to_an_empty_store_twice(empty: Database) -> None:
    released = psg_cypher.migrations()
    assert (await migrate(empty)).applied == [item.version for item in released]
    assert await chain(empty) == [item.version for item in released]
    await empty.write(ASK["forget"])
    assert (await migrate(empty)).applied == [item.version for item in released]
    assert all(row["state"] == "ONLINE" for row in await empty.read(ASK["indexes"]))
