"""docs/upgrade.md followed with the data of the last release: in place, back again, and what is refused.

``release_0.1.0.backup.gz`` was written by the code of 0.1.0 (schema V0013) while one of its orchestrators ran a step.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
from conftest import TEST_SETTINGS, in_other_loop
from test_backup_restore import WIPE
from typer.testing import CliRunner
from world import World, registry, statement

import psg_cypher
from psg.audit import verify
from psg.backup.archive import records
from psg_cli.main import app
from psg_neo4j import Database
from psg_neo4j.embedded import EmbeddedServer, stop
from psg_neo4j.migrations import migrate

pytestmark = [pytest.mark.neo4j, pytest.mark.long, pytest.mark.timeout(400)]

ROOT = Path(__file__).resolve().parents[2]
RELEASE = ROOT / "tests" / "recorded" / "release_0.1.0.backup.gz"
LAST = "0013"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    home = tmp_path_factory.mktemp("upgrade") / "neo4j"
    made = in_other_loop(partial(EmbeddedServer.attach, home, settings=TEST_SETTINGS))
    yield made
    made.close()
    in_other_loop(partial(stop, home))


def on(server: EmbeddedServer, work: Any) -> Any:
    async def run() -> Any:
        async with server.database() as db:
            return await work(db)

    return in_other_loop(run)


class Psg:
    """Calls ``psg`` in a folder, for the server of this module."""

    def __init__(self, server: EmbeddedServer, folder: Path) -> None:
        kept = {n: v for n, v in os.environ.items() if not n.startswith("PSG_")}
        named = {"PSG_NEO4J_URI": server.uri, "PSG_NEO4J_PASSWORD": server.password, "PSG_API_PORT": "0"}
        self._env = {**kept, **named, "NO_COLOR": "1", "COLUMNS": "200"}
        self.folder = folder

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        if arguments[0] in ("up", "serve", "orchestrate"):  # they set up the logs of their process
            return self._process(*arguments)
        gone = dict.fromkeys(n for n in os.environ if n.startswith("PSG_"))
        done = CliRunner().invoke(app, list(arguments), env={**gone, **self._env})
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)

    def _process(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "psg_cli", *arguments], cwd=self.folder, env=self._env, capture_output=True,
            text=True, stdin=subprocess.DEVNULL, timeout=120, check=False,
        )  # fmt: skip


def levels_of(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """The worst level of each check that ``psg doctor --json`` tells."""
    worst: dict[str, str] = {}
    for one in orjson.loads(done.stdout)["findings"]:
        order = ("ok", "warn", "fail")
        worst[one["check"]] = max(worst.get(one["check"], "ok"), one["level"], key=order.index)
    return worst


@pytest.fixture
def psg(server: EmbeddedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Psg:
    monkeypatch.chdir(tmp_path)
    return Psg(server, tmp_path)


async def _as_the_release_left_it(db: Database) -> str:
    """The schema of the release and its data, with the session of the orchestrator that ran a step; the project."""
    await db.write(statement("MATCH (n) WHERE n:Lock OR n:__Neo4jMigration DETACH DELETE n", "write"))
    await db.write(statement(WIPE, "write"))
    for row in await db.read(psg_cypher.statement("doctor_indexes")):
        kind = "CONSTRAINT" if row["constraint"] else "INDEX"
        await db.write(statement(f"DROP {kind} {row['name']} IF EXISTS", "write"))
    await migrate(db, migrations=[one for one in psg_cypher.migrations() if one.version <= LAST])
    with RELEASE.open("rb") as source:
        stored = [one for one in records(source) if one["kind"] in ("node", "event", "record", "head")]
    nodes = [{"labels": one.get("labels", ["ProjectHead"]), "props": one["props"]} for one in stored]
    await db.write(statement("UNWIND $rows AS r CREATE (n:$(r.labels)) SET n = r.props", "write"), rows=nodes)
    links = [{"from": one["props"]["id"], **link} for one in stored for link in one.get("links", ())]
    text = "UNWIND $rows AS r MATCH (a:PsgNode {id: r.from}), (b:PsgNode {id: r.to})"
    await db.write(statement(f"{text} CREATE (a)-[e:$(r.type)]->(b) SET e = r.props", "write"), rows=links)
    owners = sorted({one["props"]["owner"] for one in stored if one["props"].get("owner")})
    assert len(owners) == 1, "one orchestrator was at work"
    text = "CREATE (:Session {id: $id, lease_until: 1, lease_ms: 20000, started_ms: 0, host: 'old', pid: 1})"
    await db.write(statement(text, "write"), id=owners[0])
    return next(one["props"]["id"] for one in stored if one["kind"] == "head")


def guide(section: str) -> list[list[str]]:
    """The commands of a section of docs/upgrade.md, as somebody would type them."""
    text = (ROOT / "docs" / "upgrade.md").read_text("utf-8").split(f"## {section}\n")[1].split("\n## ")[0]
    return [re.split(r"\s{2,}", line)[0].split()[2:] for line in re.findall(r"^\$ psg.*$", text, re.MULTILINE)]


def test_the_guide_brings_the_data_of_the_last_release_to_this_one(server: EmbeddedServer, psg: Psg) -> None:
    project = on(server, _as_the_release_left_it)
    for command in (("serve", "--port", "0"), ("backup", "early.gz"), ("restore", str(RELEASE))):
        early = psg(*command)
        code = "database_not_empty:" if command[0] == "restore" else "schema_not_migrated:"
        assert early.returncode == 1 and early.stderr.startswith(code), (command, early.stderr)
    commands = guide("With the new release")
    assert [one[0] for one in commands] == ["doctor", "migrate", "migrate", "verify", "doctor", "backup"]
    done = [psg(*one, *(["--json"] if one[0] == "doctor" else [])) for one in commands]
    assert [one.returncode for one in done[1:4]] == [0, 0, 0], [one.stdout + one.stderr for one in done]
    before, after = levels_of(done[0]), levels_of(done[4])
    assert (before["migrations"], before["indexes"], done[0].returncode) == ("fail", "ok", 2)
    assert "it lacks V0014" in done[0].stdout, "what was refused before left the schema as it was"
    assert "would apply 0014" in done[1].stdout and "applied 0014" in done[2].stdout
    assert [check for check, level in after.items() if level == "fail"] == ["leases"], "nobody took the steps over yet"
    assert done[5].returncode == 0 and "read back" in done[5].stdout
    on(server, partial(_goes_on, project=project))


async def _goes_on(db: Database, project: str) -> None:
    """The plan that was in the middle is finished by an orchestrator of this release."""
    text = "MATCH (s:Step {project_id: $p}) WHERE s.owner IS NOT NULL RETURN s.plan AS plan, s.fence AS fence"
    rows = await db.read(statement(text), p=project)
    (row,) = [row for row in rows if row["fence"]]
    world = World(db, project, "")

    async def hold() -> str:
        return "held"

    async def echo(text: str) -> str:
        return text

    async with world.running(registry(hold=hold, echo=echo)):
        await world.step_is(row["plan"], "b", "completed")
    assert (await world.steps(row["plan"]))["a"]["fence"] > row["fence"]
    assert (await verify(db)).violations == []


def test_back_again_is_a_restore_of_the_old_backup(server: EmbeddedServer, psg: Psg) -> None:
    (command,) = guide("Back again")
    assert command == ["restore", "before.backup.gz", "--home", "./before"]
    on(server, lambda db: db.write(statement(WIPE, "write")))
    (psg.folder / "before.backup.gz").write_bytes(RELEASE.read_bytes())
    checked = psg("backup", "before.backup.gz", "--verify")
    assert checked.returncode == 0 and "0 violations" in checked.stdout, checked.stdout + checked.stderr
    done = psg(*command[:2])  # the server is the empty home
    assert done.returncode == 0 and "0 violations" in done.stdout, done.stderr


def test_an_older_release_refuses_what_a_newer_one_made(server: EmbeddedServer, psg: Psg) -> None:
    on(server, migrate)
    newer = "CREATE (:__Neo4jMigration {version: '9999', checksum: 'x', description: 'later'})"
    gone = "MATCH (m:__Neo4jMigration {version: '9999'}) DETACH DELETE m"
    on(server, lambda db: db.write(statement(newer, "write")))
    try:
        for command in (("up",), ("migrate",), ("backup", "x.gz")):
            done = psg(*command)
            assert done.returncode == 1 and done.stderr.startswith("schema_too_new:"), (command, done.stderr)
            assert "V9999" in done.stderr and not list(psg.folder.glob("x.gz*"))
        done = psg("doctor", "--json")
        assert (done.returncode, levels_of(done)["migrations"]) == (2, "fail")
        assert "made by a newer release" in done.stdout
    finally:
        on(server, lambda db: db.write(statement(gone, "write")))


def test_the_doctor_finds_what_is_broken_in_a_database(server: EmbeddedServer, psg: Psg) -> None:
    from psg_cli.doctor.database import check_database
    from psg_cli.settings import CliSettings

    on(server, lambda db: db.write(statement(WIPE, "write")))
    on(server, migrate)
    project = on(server, World.create).project_id
    settings = CliSettings(neo4j_uri=server.uri, neo4j_password=server.password)

    def told(level: str, **more: Any) -> str:
        found = in_other_loop(lambda: check_database(settings, **more))
        return " | ".join(f"{one.check}: {one.message}" for one in found if one.level == level)

    assert told("fail") == ""
    assert "orchestrators: none holds a lease" in told("warn")

    broken = (
        ("DROP INDEX step_ready", "indexes: the index step_ready on Ready(project_id, plan, "),
        ("DROP CONSTRAINT event_seq", "indexes: the constraint event_seq on Event(project_id, seq) is missing"),
        (f"MATCH (e:Event {{project_id: '{project}', seq: 2}}) DELETE e", f"for example {project}"),
        ("CREATE (:Lock {id: 'restore', sha256: 'a', state: 'storing', seq: 3, started_ms: 0})", "restore: the "),
    )  # fmt: skip
    for text, expected in broken:
        on(server, lambda db, text=text: db.write(statement(text, "write")))
        assert expected in told("fail"), expected
    on(server, lambda db: db.write(statement("CREATE INDEX step_ready FOR (n:Ready) ON (n.plan)", "write")))
    assert "the index step_ready is not what the migrations make" in told("fail")
    on(server, lambda db: db.write(statement("CREATE INDEX mine FOR (n:Mine) ON (n.a)", "write")))
    warned = told("warn", now_ms=lambda: 1_000)
    assert "mine is not of this platform" in warned and "behind the database's" in warned
    wrong = settings.model_copy(update={"neo4j_password": CliSettings(neo4j_password="wrong-password").neo4j_password})
    (refused,) = in_other_loop(lambda: check_database(wrong))
    assert refused.level == "fail" and "database_auth_failed" in refused.message
    assert "wrong-password" not in repr(refused)
