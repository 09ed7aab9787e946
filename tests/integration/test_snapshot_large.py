"""A large plan is taken back in one commit that nobody can see half of."""

from __future__ import annotations

import time
from typing import Any

import anyio
import pytest
from world import World, step

from psg import snapshots
from psg.audit import verify

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.mark.timeout(600)
@pytest.mark.req("L3-57")
@pytest.mark.parametrize("size", [1_000, pytest.param(10_000, marks=pytest.mark.long)])
async def test_a_finished_run_of_many_steps_is_taken_back_at_once(
    db: Any, size: int, record_property: Any
) -> None:
    world = await World.create(db)
    plan_id = await world.run(*[step(f"s{i}", *([f"s{i % 100}"] if i >= 100 else [])) for i in range(size)])
    (snapshot,) = await snapshots.listing(db, world.project_id, plan_id=plan_id)
    saved = await snapshots.plan_as_of(db, world.project_id, plan_id, snapshot.seq)
    statuses: set[tuple[str, int]] = set()

    async def watch() -> None:
        while True:
            rows = await world.query(
                "MATCH (s:Step) WHERE s.project_id = $project_id AND s.plan = $plan AND s.position >= 0 "
                "RETURN s.status AS status, count(*) AS n", plan=plan_id,
            )  # fmt: skip
            statuses.update((row["status"], row["n"]) for row in rows if len(rows) == 1)
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        began = time.perf_counter()
        answer = await snapshots.restore(world.graph, world.project_id, snapshot.id)
        record_property("restore_s", time.perf_counter() - began)
        print(f"restore of {size} steps: {time.perf_counter() - began:.2f} s")
        tasks.cancel_scope.cancel()
    assert answer.ids["restored"] == size + 1
    assert statuses <= {("completed", size), ("pending", size)}
    began = time.perf_counter()
    now = await snapshots.plan_as_of(db, world.project_id, plan_id, await world.head_seq())
    print(f"as of: {time.perf_counter() - began:.2f} s")
    for state in (saved, now):
        for node in (state, *state["steps"]):
            for name in ("seq", "fence", "revision", "sys_updated_ms"):
                node.pop(name, None)
    assert now == saved
    assert (await verify(db, world.project_id)).violations == []
