"""Retention interrupted anywhere, called twice at once, and while others write: what stays is always consistent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

import anyio
import pytest
from conftest import Neo4jServer
from world import World, chain, registry, step

from psg.audit import verify
from psg.errors import PsgError
from psg.retention import Policy, RetentionRefused, building, facts, pruning, retain, set_policy, sweeping
from psg_neo4j import faults

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j, pytest.mark.timeout(240)]

EVERYTHING = Policy(keep_last=0)
POINTS = ("retention_built", "retention_enforced", "retention_stripped", "retention_swept")


@pytest.fixture
async def world(db: Any) -> World:
    return await World.create(db)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a small project takes several commits of each kind."""
    monkeypatch.setattr(building, "EVENT_PAGE", 7)
    monkeypatch.setattr(sweeping, "EVENT_PAGE", 7)
    monkeypatch.setattr(pruning, "BATCH", 2)


async def clean(world: World) -> None:
    report = await verify(world.db, world.project_id)
    assert report.violations == []


def tools() -> Any:
    async def say(text: str) -> str:
        return text

    return registry(say=say)


async def filled(world: World) -> list[str]:
    steps = [step("a", name="say", params={"text": "x"}), step("b", "a", name="say", params={"text": "y" * 5_000})]
    return [await world.run(*steps, *chain(2), tools=tools()) for _ in range(2)]


async def stubs(world: World) -> int:
    rows = await world.query(
        "MATCH (s:Step {project_id: $project_id}) WHERE s.output IS NULL AND s.pruned IS NOT NULL RETURN count(s) AS n"
    )
    return rows[0]["n"]


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("passage", [1, 2])
async def test_it_goes_on_from_wherever_it_was_interrupted(world: World, point: str, passage: int) -> None:
    await filled(world)
    head, left = await world.head_seq(), passage

    def interrupt() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise faults.FaultInjected

    with faults.arm(point, interrupt):
        try:
            await retain(world.graph, world.project_id, EVERYTHING)
        except faults.FaultInjected:
            assert left == 0
    await clean(world)
    async with world.running():  # others go on in the meantime
        await world.finished(await world.started(*chain(2)))
    await clean(world)
    await retain(world.graph, world.project_id, EVERYTHING)
    await clean(world)
    assert await stubs(world) == 4 and [e for e in await world.events() if e["seq"] <= head] == []
    seqs = [f["seq"] for f in await facts(world.db, world.project_id, limit=1000)]
    assert len(seqs) == len(set(seqs)) and seqs == sorted(seqs)


async def test_what_was_begun_is_given_up_when_the_policy_now_keeps_more(world: World) -> None:
    await filled(world)
    with faults.arm("retention_built", faults.FaultInjected), pytest.raises(faults.FaultInjected):
        await retain(world.graph, world.project_id, EVERYTHING)
    events = len(await world.events())
    outcome = await retain(world.graph, world.project_id, Policy(older_than_days=10))
    assert outcome.begins_behind == 0 and len(await world.events()) == events
    for label in ("Checkpoint", "CheckpointEntity"):
        assert await world.query(f"MATCH (n:{label} {{project_id: $project_id}}) RETURN n.id AS id") == []
    await clean(world)
    assert (await retain(world.graph, world.project_id, EVERYTHING)).pruned == 2
    await clean(world)


async def test_two_at_once_cut_a_log_once(world: World) -> None:
    await filled(world)
    head = await world.head_seq()
    refused: list[PsgError] = []

    async def one() -> None:
        try:
            await retain(world.graph, world.project_id, EVERYTHING, check=False)
        except RetentionRefused as error:
            refused.append(error)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one)
        tasks.start_soon(one)
    assert all(error.details.get("retry") for error in refused), [str(error) for error in refused]
    await retain(world.graph, world.project_id, EVERYTHING)
    await clean(world)
    assert await stubs(world) == 4 and min(e["seq"] for e in await world.events()) > head


async def test_others_write_on_while_it_works(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (building, sweeping):
        monkeypatch.setattr(module, "EVENT_PAGE", 50)
    await filled(world)
    made: list[str] = []
    over = anyio.Event()

    async def write() -> None:
        async with world.running(tools()):
            while not over.is_set():
                made.append(await world.started(step("a", name="say", params={"text": "z"}), *chain(3)))
                await world.finished(made[-1])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write)
        cut = 0
        for _ in range(3):
            cut += (await retain(world.graph, world.project_id, EVERYTHING)).removed.get("events", 0)
        over.set()
    await clean(world)
    assert cut > 50 and len(made) > 0
    assert await world.finished(*made) == ["completed"] * len(made)


async def test_an_audit_meanwhile_finds_nothing(world: World) -> None:
    await filled(world)
    over = anyio.Event()
    audits = 0

    async def audit() -> None:
        nonlocal audits
        while not over.is_set():
            await clean(world)
            audits += 1

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(audit)
        for _ in range(3):
            await retain(world.graph, world.project_id, EVERYTHING)
            await world.run(*chain(2))
        over.set()
    assert audits > 2


PROGRAM = """
import os, sys, anyio
from psg.graph import Graph
from psg.retention import retain
from psg_neo4j import Database

async def main():
    async with Database.connect(os.environ["URI"], os.environ["USER_NAME"], os.environ["PASSWORD"]) as db:
        await retain(Graph(db), sys.argv[1])

anyio.run(main)
"""


@pytest.mark.parametrize("fault", ["retention_built:kill", "retention_enforced:kill", "retention_swept:kill"])
async def test_a_killed_process_leaves_something_that_can_be_gone_on_with(
    world: World, neo4j_server: Neo4jServer, fault: str
) -> None:
    await filled(world)
    await set_policy(world.graph, world.project_id, EVERYTHING)
    environment = {
        **os.environ, "PSG_FAULT": fault, "URI": neo4j_server.uri, "USER_NAME": neo4j_server.user,
        "PASSWORD": neo4j_server.password,
    }  # fmt: skip
    ended = await anyio.run_process(
        [sys.executable, "-c", PROGRAM, world.project_id], env=environment, check=False, stderr=subprocess.PIPE
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    await clean(world)
    await retain(world.graph, world.project_id)
    await clean(world)
    assert await stubs(world) == 4
