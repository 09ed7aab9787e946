"""Active detection: what differs between a directory and the graph is found by its hash and reconciled by its class."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from drift_world import DriftWorld
from world import World

from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.fixture
async def drift(db: Database, tmp_path: Path) -> AsyncIterator[DriftWorld]:
    made = await DriftWorld.create(await World.create(db), tmp_path / "tree")
    yield made
    await made.verified()


@pytest.mark.req("L3-48", "L3-51", "DD-59", "DD-60")
async def test_each_class_is_found_and_reconciled_by_its_default(drift: DriftWorld) -> None:
    drift.write("src/a.py", "one\n")
    drift.write("src/b.py", "two\n")
    first = await drift.monitor.scan()
    assert (first.seen, first.added, first.drifted) == (2, 2, 2)
    assert (await drift.known("src/a.py")).content() == b"one\n"

    drift.write("src/a.py", "changed\n")
    (drift.path / "src/b.py").unlink()
    drift.write("new.txt", "three\n")
    report = await drift.monitor.scan()
    assert (report.added, report.modified, report.deleted) == (1, 1, 1)
    assert {(o.drift, o.strategy, o.result) for o in report.outcomes} == {
        ("added", "fs_wins", "taken"), ("modified", "fs_wins", "taken"), ("deleted", "psg_wins", "written")
    }  # fmt: skip
    assert drift.read("src/b.py") == "two\n"
    assert (await drift.known("src/a.py")).content() == b"changed\n"
    assert (await drift.monitor.scan()).drifted == 0
