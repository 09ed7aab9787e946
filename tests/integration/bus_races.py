"""Races for the locks of the event bus's cursors, run by ``test_races_locks``."""

from __future__ import annotations

from collections import Counter
from typing import Any

import anyio
from sample_graph import uuid4

PROJECTS = 20


async def bus_take(race: Any) -> None:
    """Who takes a project that nobody holds is one of those who try, also when its cursor was never there."""
    statement, taken = race.statement("bus_take"), Counter[str]()

    async def take(_: int) -> None:
        owner = uuid4()
        for n in range(PROJECTS):
            cursor = f"bus {race.p} {n}"
            (row,) = await race.db.write(statement, cursor=cursor, owner=owner, lease_ms=60_000)
            taken[cursor] += row["taken"]

    async with anyio.create_task_group() as tasks:
        for n in range(6):
            tasks.start_soon(take, n)
    assert set(taken.values()) == {1} and len(taken) == PROJECTS


async def bus_acknowledge(race: Any) -> None:
    """What was acknowledged never goes back, and only whoever holds the project may say so."""
    owner, cursor = uuid4(), f"bus {race.p} 0"
    take, keep = race.statement("bus_take"), race.statement("bus_acknowledge")
    (held,) = await race.db.write(take, cursor=cursor, owner=owner, lease_ms=60_000)
    seen: list[int] = []

    async def acknowledge(n: int) -> None:
        for seq in range(n, 60, 6):
            given = {"cursor": cursor, "seq": seq, "lease_ms": 60_000}
            (row,) = await race.db.write(keep, owner=owner, fence=held["fence"], **given)
            assert row["seq"] >= seq
            seen.append(row["seq"])
            assert await race.db.write(keep, owner=uuid4(), fence=held["fence"], **given) == []
            assert await race.db.write(keep, owner=owner, fence=held["fence"] - 1, **given) == []

    async with anyio.create_task_group() as tasks:
        for n in range(6):
            tasks.start_soon(acknowledge, n)
    assert max(seen) == 59
    (last,) = await race.db.write(take, cursor=cursor, owner=owner, lease_ms=60_000)
    assert last["seq"] == 59
