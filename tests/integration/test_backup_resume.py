"""Backups and restores that are killed, that find no room, or that replace what is there."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
from conftest import in_other_loop
from sample_graph import make_sample, uuid4
from test_backup_restore import TEST_SETTINGS, WIPE, whole
from typer.testing import CliRunner
from world import statement

from psg.backup import BackupInvalid, backup, check
from psg.backup.salvage import salvage
from psg.graph import Graph
from psg_cli.main import app
from psg_neo4j import Database
from psg_neo4j.embedded import EmbeddedServer, stop
from psg_neo4j.migrations import migrate

pytestmark = [pytest.mark.neo4j, pytest.mark.timeout(400)]
Psg = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    home = tmp_path_factory.mktemp("resume") / "neo4j"
    made = in_other_loop(partial(EmbeddedServer.attach, home, settings=TEST_SETTINGS))
    yield made
    made.close()
    in_other_loop(partial(stop, home))


def on(server: EmbeddedServer, work: Callable[[Database], Any]) -> Any:
    async def run() -> Any:
        async with server.database() as db:
            return await work(db)

    return in_other_loop(run)


async def _filled(db: Database) -> list[str]:
    await migrate(db)
    await db.write(statement(WIPE, "write"))
    await Graph(db).warm()
    made = []
    for _ in range(3):
        sample = await make_sample(db)
        await sample.running_plan({"a": (), "b": ("a",)})
        made.append(sample.project_id)
    return made


@pytest.fixture
def psg(server: EmbeddedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Psg:
    """Calls ``psg`` for the server of this module; ``room``: bytes that a file may have.

    A process of its own has what is killed, gets little room, or sets up the logs of its process.
    """
    monkeypatch.chdir(tmp_path)
    kept = {n: v for n, v in os.environ.items() if not n.startswith("PSG_")}
    named = {"PSG_NEO4J_URI": server.uri, "PSG_NEO4J_PASSWORD": server.password, "NO_COLOR": "1", "COLUMNS": "200"}

    def call(*arguments: str, room: int | None = None, **env: str) -> subprocess.CompletedProcess[str]:
        if room is None and not env and arguments[0] not in ("serve", "orchestrate"):
            gone = dict.fromkeys(n for n in os.environ if n.startswith("PSG_"))
            done = CliRunner().invoke(app, list(arguments), env={**gone, **named})
            if done.exception is not None and not isinstance(done.exception, SystemExit):
                raise done.exception
            return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)

        def narrow() -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            if room is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

        return subprocess.run(
            [sys.executable, "-m", "psg_cli", *arguments], cwd=tmp_path, env={**kept, **named, **env},
            capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120, check=False, preexec_fn=narrow,
        )  # fmt: skip

    return call


def facts(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    return orjson.loads(done.stdout)


def test_a_backup_goes_on_where_it_was_killed_or_found_no_room(
    server: EmbeddedServer, psg: Psg, tmp_path: Path
) -> None:
    projects = on(server, _filled)
    file, part = tmp_path / "b.gz", tmp_path / "b.gz.part"
    small = ("--section-bytes", "1")
    killed = psg("backup", str(file), *small, PSG_FAULT="backup_sealed:kill@1")
    assert killed.returncode == -signal.SIGKILL and not file.exists()
    with part.open("rb") as left:
        first = salvage(left)
    assert first is not None and len(first.heads) == 1 and part.stat().st_mode & 0o777 == 0o600

    full = psg("backup", str(file), *small, room=part.stat().st_size + 600)
    assert full.returncode == 1 and full.stderr.count("backup_file_failed: there is no room left for") == 1
    assert "run the same command again" in full.stderr and not file.exists()
    on(server, lambda db: Graph(db).create_project("came meanwhile", actor="t"))
    ended = psg("backup", str(file), "--json", *small)
    found = facts(ended)
    assert found["resumed"] and found["counts"]["projects"] == 4 and not part.exists()
    assert found["folded"] == found["counts"]["nodes"] and found["violations"] == []
    assert "going on with the unfinished backup: 1 projects" in ended.stderr

    told = psg("backup", str(file), "--verify")
    assert told.returncode == 0 and f"{found['folded']} nodes compared with their log: 0 violations" in told.stdout
    assert set(projects) == {p for p in _projects(file) if p in projects}
    # Another database, or one that went another way, is not what the unfinished one was of.
    part.write_bytes(file.read_bytes()[: first.end])
    on(server, _filled)
    anew = psg("backup", str(file), "--force", "--json")
    assert not facts(anew)["resumed"] and "is not in this database; it begins anew" in anew.stderr


def _projects(file: Path) -> list[str]:
    from psg.backup.archive import records

    with file.open("rb") as source:
        return [record["props"]["id"] for record in records(source) if record["kind"] == "head"]


def test_no_room_at_all_leaves_nothing_and_a_folder_keeps_the_newest(
    server: EmbeddedServer, psg: Psg, tmp_path: Path
) -> None:
    on(server, _filled)
    folder = tmp_path / "kept"
    folder.mkdir()
    full = psg("backup", str(folder), room=64)
    assert full.returncode == 1 and "no room left" in full.stderr and list(folder.iterdir()) == []
    (folder / "mine.txt").write_text("stays")
    for day in range(1, 4):
        (folder / f"psg-2026010{day}T000000Z.backup.gz").write_bytes(b"old")
    found = facts(psg("backup", str(folder), "--keep", "2", "--json"))
    names = sorted(one.name for one in folder.iterdir())
    assert names == ["mine.txt", "psg-20260103T000000Z.backup.gz", Path(found["file"]).name]
    assert len(found["removed"]) == 2
    refused = psg("backup", str(tmp_path / "x.gz"), "--keep", "2")
    assert refused.returncode == 2 and "--keep counts the backups of a folder" in refused.stderr
    assert psg("backup", str(tmp_path / "none" / "x.gz")).stderr.count("backup_file_failed") == 1


@pytest.mark.long
def test_a_killed_restore_is_gone_on_with_and_nothing_starts_before(
    server: EmbeddedServer, psg: Psg, tmp_path: Path
) -> None:
    on(server, _filled)
    file, other = tmp_path / "b.gz", tmp_path / "other.gz"
    facts(psg("backup", str(file), "--json"))
    before = on(server, whole)
    on(server, lambda db: Graph(db).create_project("another", actor="t"))
    facts(psg("backup", str(other), "--json"))

    refused = psg("restore", str(file))
    assert refused.returncode == 1 and refused.stderr.startswith("database_not_empty:")
    assert "--replace" in refused.stderr
    session = {"id": uuid4()}
    on(server, lambda db: db.write(statement(LIVE, "write"), **session))
    in_use = psg("restore", str(file), "--replace")
    assert in_use.returncode == 1 and in_use.stderr.startswith("database_in_use:"), in_use.stderr
    on(server, lambda db: db.write(statement("MATCH (s:Session {id: $id}) DELETE s", "write"), **session))

    for fault in ("after_commit/restore_remove_heads", "before_commit/restore_links"):
        killed = psg("restore", str(file), "--replace", PSG_FAULT=f"{fault}:kill@1")
        assert killed.returncode == -signal.SIGKILL, (fault, killed.stderr)
    for command in (("serve", "--port", "0"), ("orchestrate",), ("verify",), ("restore", str(other))):
        stopped = psg(*command)
        assert stopped.returncode == 1 and stopped.stderr.startswith("restore_unfinished:"), (command, stopped)
    done = psg("restore", str(file))
    assert done.returncode == 0 and "0 violations" in done.stdout, done.stderr + done.stdout
    assert on(server, whole) == before


LIVE = """CREATE (s:Session {id: $id, host: 'there', pid: 7, lease_until: datetime.realtime().epochMillis + 60000})"""


def test_what_was_edited_and_sealed_again_differs_from_its_log(server: EmbeddedServer, tmp_path: Path) -> None:
    """Whoever computes all checksums anew still has to rewrite the history of what was changed."""
    from io import BytesIO

    from psg.backup.archive import ArchiveWriter, records

    on(server, _filled)
    copy = BytesIO()
    on(server, lambda db: backup(db, copy))
    edited = BytesIO()
    header, *content = records(copy)
    writer = ArchiveWriter(edited, {k: v for k, v in header.items() if k not in ("kind", "format", "version")})
    for record in content:
        if record["kind"] == "node" and "Plan" in record["labels"]:
            record["props"]["title"] = "another title"
        if record["kind"] not in ("section", "trailer"):
            writer.write([record])
    writer.close()
    assert check(edited).violations == []
    found = check(edited, fold=True)
    assert len(found.violations) == 3 and "title is 'another title', by the log" in found.violations[0]
    with pytest.raises(BackupInvalid):
        check(BytesIO(edited.getvalue()[:-9]))
