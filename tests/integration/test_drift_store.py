"""Tracked resources are nodes like others: encrypted, gone back to, cut, backed up with everything else."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from conftest import FreshNeo4j
from drift_world import DriftWorld
from world import World

from psg import drift as graph_side
from psg import retention, snapshots
from psg.audit import verify
from psg.backup import backup, restore
from psg.model import codec
from psg.model.cipher import Cipher
from psg.retention import Policy
from psg_neo4j import Database
from psg_neo4j.migrations import migrate

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j, pytest.mark.timeout(120)]
BASE = "first\n\n\n\nlast\n"


@pytest.fixture
async def drift(db: Database, tmp_path: Path) -> AsyncIterator[DriftWorld]:
    made = await DriftWorld.create(await World.create(db), tmp_path / "tree")
    yield made
    await made.verified()


async def test_contents_are_encrypted_where_there_is_a_key(drift: DriftWorld) -> None:
    secret = "the secret of the file"
    with codec.using(Cipher("0f" * 32)):
        drift.write("a.txt", BASE)
        await drift.monitor.scan()
        await drift.expect("a.txt", BASE.replace("first", secret))
        drift.write("a.txt", BASE.replace("last", secret))
        assert (await drift.monitor.scan()).results == {"merged": 1}
        assert drift.read("a.txt") == BASE.replace("first", secret).replace("last", secret)
        await drift.set(modified="psg_wins")
        drift.write("a.txt", secret * 300)
        assert (await drift.monitor.scan()).results == {"written": 1}
        await drift.verified()
    stored = await drift.world.query(
        "MATCH (n) WHERE n.project_id = $project_id RETURN collect(properties(n)) AS all"
    )
    assert secret not in str(stored)


async def test_a_snapshot_brings_back_what_was_expected_then(drift: DriftWorld) -> None:
    graph, project = drift.world.graph, drift.world.project_id
    drift.write("a.txt", "one\n")
    await drift.monitor.scan()
    first = await drift.known("a.txt")
    saved = await snapshots.take(graph, project)
    await graph_side.untrack(graph, project, first.uri)
    drift.write("a.txt", "two\n")
    drift.write("b.txt", "new\n")
    await drift.monitor.scan()
    again = await snapshots.take(graph, project)
    await snapshots.restore(graph, project, saved)
    known = await drift.known("a.txt")
    assert (known.id, known.content()) == (first.id, b"one\n")
    await drift.verified()
    await snapshots.restore(graph, project, again)
    assert (await drift.known("a.txt")).content() == b"two\n"
    await snapshots.restore(graph, project, saved)
    assert (await drift.monitor.scan()).results == {"taken": 2}
    assert drift.read("a.txt") == "two\n" and (await drift.known("a.txt")).content() == b"two\n"


async def test_a_log_that_is_cut_still_explains_what_is_tracked(drift: DriftWorld) -> None:
    await drift.set(both="manual")
    drift.write("a.txt", "one\n")
    drift.write("b.txt", "x" * 10_000)
    await drift.monitor.scan()
    drift.write("a.txt", "two\n")
    await drift.monitor.scan()
    done = await retention.retain(drift.world.graph, drift.world.project_id, Policy(0, 0))
    assert done.removed["events"] > 0
    await drift.verified()
    drift.write("b.txt", "y" * 10_000)
    (drift.path / "a.txt").unlink()
    assert (await drift.monitor.scan()).results == {"taken": 1, "written": 1}
    assert drift.read("a.txt") == "two\n"


@pytest.mark.parametrize(("status", "there"), [("approved", True), ("rejected", False)])
async def test_what_is_new_or_gone_can_be_put_to_a_person_too(drift: DriftWorld, status: str, there: bool) -> None:
    await drift.set(added="manual", deleted="manual")
    drift.write("new.txt", "new\n")
    assert (await drift.monitor.scan()).results == {"conflict": 1}
    assert (await drift.known("new.txt")).content() is None
    await decide(drift, "new.txt", status)
    await drift.monitor.scan()
    assert (drift.path / "new.txt").exists() is there
    assert ((await drift.known("new.txt")).content() is not None) is there
    if there:
        (drift.path / "new.txt").unlink()
        await drift.monitor.scan()
        assert not (drift.path / "new.txt").exists() and (await drift.known("new.txt")).content() == b"new\n"
        await decide(drift, "new.txt", "rejected")
        await drift.monitor.scan()
        assert drift.read("new.txt") == "new\n"


async def decide(drift: DriftWorld, name: str, status: str) -> None:
    confirm = (await drift.known(name)).confirm
    assert confirm is not None
    await drift.world.graph.decide_confirm(drift.world.project_id, confirm, status)


@pytest.mark.long
async def test_a_backup_has_what_is_tracked(fresh_neo4j: FreshNeo4j, tmp_path: Path) -> None:
    one, other = await fresh_neo4j("one"), await fresh_neo4j("other")
    async with one.database() as source, other.database() as target:
        for db in (source, target):
            await migrate(db)
        drift = await DriftWorld.create(await World.create(source), tmp_path / "tree")
        drift.write("a.txt", "one\n")
        await drift.monitor.scan()
        archive = io.BytesIO()
        await backup(source, archive)
        archive.seek(0)
        await restore(target, archive)
        found = await graph_side.resource(target, drift.world.project_id, drift.uri("a.txt"))
        assert found.content() == b"one\n"
        assert (await verify(target)).ok
