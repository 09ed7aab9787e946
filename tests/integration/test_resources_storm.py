"""Holders of resources killed at random while they take and give back: all of it returns, nothing is held twice."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from test_resources import Process, forget, manager, until

from psg.audit.report import Report
from psg.audit.resources import audit_resources
from psg.model.ids import new_id
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j, pytest.mark.long]

KILLS = 12


@pytest.fixture
async def name(db: Database) -> AsyncIterator[str]:
    made = f"t{new_id().replace('-', '')}"
    yield made
    await forget(db, made)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("strategy", ["fair", "priority", "performance"])
async def test_killed_holders_give_back_and_nothing_is_held_twice(
    neo4j_server: Any, db: Database, name: str, strategy: Any
) -> None:
    m, chance = manager(db, strategy=strategy), random.Random(7)
    await m.define_pool(name, 5)
    alive: list[Process] = []

    async def start() -> None:
        process = Process(neo4j_server, PSG_RESOURCE_LEASE_MS="1000", PSG_RESOURCE_POLL_MS="20")
        alive.append(process)
        assert await process.answer() == "ready"
        request = {"resources": {name: chance.choice([1, 2])}, "timeout": 20_000, "priority": chance.randint(0, 100)}
        process.order(race={"request": request, "times": 10_000})

    async def clean() -> None:
        report = Report()
        await audit_resources(db, report)
        assert [v for v in report.violations if v.node_id == name] == []

    try:
        for _ in range(3):
            await start()
        for _ in range(KILLS // 3):
            await anyio.sleep(chance.random())
            await clean()
            victim = alive.pop(chance.randrange(len(alive)))
            victim.popen.kill()
            victim.popen.communicate()
            await start()
    finally:
        for process in alive:
            process.popen.kill()
            process.popen.communicate()

    async def returned() -> bool:
        await m.optimize_resource_allocation()
        pool = (await m.get_resource_usage(name)).pools[name]
        return (pool.used, pool.waiting) == (0, 0)

    await until(returned)
    await clean()
    whole = await m.allocate_resources({"resources": {name: 5}})
    await m.release_resources(whole.id)
