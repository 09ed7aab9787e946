"""Orchestrators killed while they stop, undo, judge or go on: somebody else ends it, and nothing is there twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from processes import killed_at
from world import World, step

from psg.audit import verify
from psg_runtime.orchestrator.compensation import compensation_id

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.fixture
async def world(db: Any) -> AsyncIterator[World]:
    made = await World.create(db)
    yield made
    report = await verify(db, made.project_id)
    assert report.ok, report.violations


async def nothing_left(world: World) -> None:
    async def none() -> bool:
        return not await world.query(
            "MATCH (p:Plan {project_id: $project_id}) WHERE p:Reacting OR p:Stopping OR p.status = 'in_progress' "
            "RETURN p.id AS id"
        )

    await world.until(none)


@pytest.mark.req("L3-59")
@pytest.mark.parametrize(
    "fault",
    [
        "after_commit/plan_load:kill@1", "before_commit:kill@2",
        *(
            pytest.param(fault, marks=pytest.mark.long)
            for fault in (
                "before_commit/plan_load:kill@1", "before_commit:kill@1", "after_commit:kill@1", "after_commit:kill@2",
            )
        ),
    ],
)  # fmt: skip
async def test_killed_while_it_undoes_everything_is_undone_once(world: World, neo4j_server: Any, fault: str) -> None:
    inverse = {"name": "noop"}
    plan_id = await world.started(
        step("a", compensation=inverse), step("b", "a", compensation=inverse),
        step("bad", "b", name="nobody_has_it"), on_failure="compensate", success_criteria=("a.status == 'completed'",),
    )  # fmt: skip
    await killed_at(neo4j_server, world.project_id, fault)
    async with world.running():
        assert await world.finished(plan_id) == ["failed"]
        await nothing_left(world)
    rows = await world.query(
        "MATCH (p:Plan {project_id: $project_id})-[:DERIVED_FROM]->(:Plan) RETURN p.id AS id, p.status AS status"
    )
    undo_id = compensation_id(plan_id, 0)
    assert rows == [{"id": undo_id, "status": "completed"}]
    told = Counter(e["entity"] for e in await world.events(type="step_completed", plan=undo_id))
    assert set(told.values()) == {1} and len(told) == 2
    for kind in ("plan_judged", "plan_reacted"):
        assert len(await world.events(type=kind, entity=plan_id)) == 1
