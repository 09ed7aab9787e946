"""Several real processes on one directory, some of them killed anywhere: everything is done once, nothing is lost."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from conftest import Neo4jServer
from drift_world import ROOT, DriftWorld
from world import World

from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j, pytest.mark.timeout(120)]
PROGRAM = Path(__file__).parents[1] / "programs" / "drift_process.py"
GAP = "\n\n\n\n"


@pytest.fixture
async def drift(db: Database, tmp_path: Path) -> AsyncIterator[DriftWorld]:
    made = await DriftWorld.create(await World.create(db), tmp_path / "tree")
    yield made
    await made.verified()


async def process(drift: DriftWorld, server: Neo4jServer, fault: str = "") -> int:
    """Run one process to its end and return how it ended."""
    env = {
        **os.environ, "PSG_TEST_URI": server.uri, "PSG_TEST_USER": server.user, "PSG_TEST_PASSWORD": server.password,
        "PSG_TEST_PROJECT": drift.world.project_id, "PSG_TEST_ROOT": ROOT, "PSG_TEST_PATH": str(drift.path),
        "PSG_FAULT": fault,
    }  # fmt: skip
    done = await anyio.run_process([sys.executable, str(PROGRAM)], env=env, check=False, stderr=None)
    return done.returncode


def text(first: str, last: str) -> str:
    return f"{first}{GAP}{last}\n"


async def edited(drift: DriftWorld, count: int) -> None:
    """Files that the graph and somebody outside changed, each in another place."""
    for number in range(count):
        drift.write(f"{number}.txt", text("first", "last"))
    await drift.monitor.scan()
    for number in range(count):
        drift.write(f"{number}.txt", text("first", f"file {number}"))
        await drift.expect(f"{number}.txt", text(f"graph {number}", "last"))


@pytest.mark.req("L3-55", "L3-48")
async def test_processes_that_die_anywhere_lose_nothing(drift: DriftWorld, neo4j_server: Neo4jServer) -> None:
    await edited(drift, 8)
    ends: list[int] = []

    async def run(fault: str = "") -> None:
        ends.append(await process(drift, neo4j_server, fault))

    async with anyio.create_task_group() as tasks:
        for fault in ("drift_claimed:kill@2", "drift_written:kill", "drift_exchanged:kill@3"):
            tasks.start_soon(run, fault)
    assert set(ends) <= {-signal.SIGKILL, 0} and -signal.SIGKILL in ends

    assert await process(drift, neo4j_server) == 0
    await drift.world.until(lambda: calm(drift), 30)
    for number in range(8):
        wanted = text(f"graph {number}", f"file {number}")
        assert drift.read(f"{number}.txt") == wanted
        assert (await drift.known(f"{number}.txt")).content() == wanted.encode()


async def calm(drift: DriftWorld) -> bool:
    """Scan until nothing is left, also nothing that a dead process had claimed."""
    return not (await drift.monitor.scan()).results


@pytest.mark.req("L3-48")
async def test_processes_at_once_detect_every_drift_once(drift: DriftWorld, neo4j_server: Neo4jServer) -> None:
    for number in range(40):
        drift.write(f"{number}.txt", str(number))
    async with anyio.create_task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(process, drift, neo4j_server)
    assert len(await drift.detected()) == 40
