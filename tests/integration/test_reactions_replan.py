"""Plans that go on after a failure: one new plan each, without what failed, a draft unless trusted, a few at most."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from world import World, registry, step

from psg.audit import verify
from psg.errors import ActionFailed
from psg_runtime.orchestrator.reactions import Reactions

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.fixture
async def world(db: Any) -> AsyncIterator[World]:
    made = await World.create(db)
    yield made
    report = await verify(db, made.project_id)
    assert report.ok, report.violations


class Planted(ActionFailed):
    retryable = False


class Work:
    """Counts what was executed; what is in ``broken`` fails."""

    def __init__(self, *broken: str) -> None:
        self.done: Counter[str] = Counter()
        self.broken = set(broken)
        self.tools = registry(work=self.work)

    async def work(self, key: str) -> str:
        self.done[key] += 1
        if key in self.broken:
            raise Planted(f"{key} is broken")
        return key


def work(key: str, *dependencies: str, **fields: Any) -> Any:
    return step(key, *dependencies, name="work", params={"key": key}, **fields)


async def derived(world: World) -> list[dict[str, Any]]:
    return await world.query(
        "MATCH (u:Plan {project_id: $project_id})-[:DERIVED_FROM]->(p:Plan) WHERE u.derivation = 'replan' "
        "RETURN u.id AS id, p.id AS origin, u.status AS status ORDER BY u.sys_created_ms"
    )


async def reacted(world: World, plan_id: str) -> dict[str, Any]:
    """What was done about the end of a plan, once it was."""

    async def told() -> bool:
        return bool(await world.events(type="plan_reacted", entity=plan_id))

    await world.until(told)
    (event,) = await world.events(type="plan_reacted", entity=plan_id)
    return event["changes"]


@pytest.mark.req("ORCH-29")
async def test_the_new_plan_leaves_out_what_failed_and_waits_for_approval(world: World) -> None:
    it = Work("bad")
    plan_id = await world.started(
        work("a"), work("bad", "a"), work("after", "bad"),
        step("reads", "bad", name="work", params={"key": "{{bad.output}}"}),
        on_failure="replan",
    )  # fmt: skip
    async with world.running(it.tools):
        assert await world.finished(plan_id) == ["failed"]
        told = await reacted(world, plan_id)
        (new,) = await derived(world)
        assert told["replan"] == new["id"]
        assert new["status"] == "draft" and new["origin"] == plan_id
        steps = await world.steps(new["id"])
        assert {k: s["status"] for k, s in steps.items()} == {"a": "completed", "after": "pending"}
        await world.graph.propose_plan(world.project_id, new["id"])
        await world.graph.approve_plan(world.project_id, new["id"])
        await world.graph.start_plan(world.project_id, new["id"])
        assert await world.finished(new["id"]) == ["completed"]
    assert it.done == {"a": 1, "bad": 1, "after": 1}


async def test_a_trusted_replan_begins_at_once_and_there_are_so_many_in_a_row(world: World) -> None:
    broken = [f"bad{i}" for i in range(6)]
    it = Work(*broken)
    plan_id = await world.started(
        work("a"), *[work(key, *([broken[i - 1]] if i else ["a"])) for i, key in enumerate(broken)], on_failure="replan"
    )
    async with world.running(it.tools, replans_approved=True):

        async def four_over() -> bool:
            return [p["status"] for p in await derived(world)] == ["failed"] * 3

        await world.until(four_over)
        last = (await derived(world))[-1]
        told = await reacted(world, last["id"])
        assert "3 replans in a row" in told["error"]["message"]
    assert it.done == {"a": 1, "bad0": 1, "bad1": 1, "bad2": 1, "bad3": 1}
    assert (await derived(world))[0]["origin"] == plan_id


async def test_many_at_once_make_one_plan(world: World) -> None:
    it = Work("bad")
    plan_id = await world.started(work("a"), work("bad", "a"), on_failure="replan")
    async with world.running(it.tools):
        assert await world.finished(plan_id) == ["failed"]
        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(Reactions(world.graph).react, world.project_id)
        await reacted(world, plan_id)
    assert len(await derived(world)) == 1


async def test_when_nothing_is_left_without_the_failed_step_that_is_told(world: World) -> None:
    plan_id = await world.started(work("bad"), on_failure="replan")
    async with world.running(Work("bad").tools):
        assert await world.finished(plan_id) == ["failed"]
        told = await reacted(world, plan_id)
    assert told["error"]["code"] == "replan_impossible"
    assert await derived(world) == []
