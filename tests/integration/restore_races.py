"""Races of those who restore: each batch is stored once, by whichever of them is first."""

from __future__ import annotations

from typing import Any

import anyio

import psg_cypher


async def at_once(times: int, work: Any) -> None:
    async with anyio.create_task_group() as tasks:
        for n in range(times):
            tasks.start_soon(work, n)


async def restore_nodes(race: Any) -> None:
    """Whoever goes on with a restore cannot store a batch that its killed predecessor still commits."""
    marker = {"marker": race.p, "sha256": "x"}
    await race.db.write(psg_cypher.statement("restore_begin"), state="storing", **marker)
    statement = race.statement("restore_nodes")
    made: list[int] = []
    rows = [{"labels": ["Event"], "props": {"project_id": race.p, "seq": n}} for n in range(20)]

    async def store(_: int) -> None:
        for seq in (1, 2):
            batch = rows[:10] if seq == 1 else rows[10:]
            made.append((await race.db.write(statement, seq=seq, rows=batch, **marker))[0]["made"])

    await at_once(8, store)
    assert sorted(made) == [0] * 14 + [10, 10]
    assert len(await race.raw("sequence", p=race.p)) == 20
    await race.raw("unlock", id=race.p)


async def restore_links(race: Any) -> None:
    await race.project()
    marker = {"marker": race.p, "sha256": "x"}
    await race.db.write(psg_cypher.statement("restore_begin"), state="storing", **marker)
    statement = race.statement("restore_links")
    rows = [{"project_id": race.p, "from": race.p, "to": race.p, "type": "DERIVED_FROM", "props": {}}]
    made: list[int] = []

    async def store(_: int) -> None:
        made.append((await race.db.write(statement, seq=1, rows=rows, **marker))[0]["made"])

    await at_once(8, store)
    assert sorted(made) == [0] * 7 + [1]
    await race.raw("unlock", id=race.p)
