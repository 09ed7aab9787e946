"""A plan that stops at a failure: nothing more begins, what runs finishes, what rests is closed, then it fails."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from processes import killed_at
from world import World, registry, step

from psg import snapshots
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


async def fail() -> None:
    raise Planted("planted failure")


async def test_what_waits_is_skipped_what_runs_finishes_what_rests_fails(world: World) -> None:
    release, running, parked = anyio.Event(), anyio.Event(), anyio.Event()

    async def slow() -> str:
        running.set()
        await release.wait()
        return "finished"

    async def after_the_others() -> None:
        await running.wait()
        await parked.wait()
        raise Planted("planted failure")

    plan_id = await world.started(
        step("bad", name="bad"), step("slow", name="slow"), step("after", "slow"),
        step("nap", type="wait", params={"duration_ms": 3_600_000}),
        step("ask", type="confirm", params={"reason": "?"}), step("last", "ask", "nap"),
        on_failure="stop",
    )  # fmt: skip
    async with world.running(registry(bad=after_the_others, slow=slow)):

        async def both_parked() -> bool:
            steps = await world.steps(plan_id)
            return steps["nap"].get("parked") == "timer" and steps["ask"].get("parked") == "confirm"

        await world.until(both_parked)
        parked.set()
        await world.step_is(plan_id, "last", "skipped")
        assert await world.plan_status(plan_id) == "in_progress"
        assert (await world.steps(plan_id))["slow"]["status"] == "in_progress"
        assert (await verify(world.db, world.project_id)).violations == []
        release.set()
        assert await world.finished(plan_id) == ["failed"]
    steps = await world.steps(plan_id)
    assert {k: s["status"] for k, s in steps.items()} == {
        "bad": "failed", "slow": "completed", "after": "skipped", "nap": "failed", "ask": "failed", "last": "skipped",
    }  # fmt: skip
    assert steps["slow"]["output"] == "finished"
    assert {steps[k]["skip_reason"] for k in ("after", "last")} == {"plan_stopped"}
    assert {steps[k]["error"]["code"] for k in ("nap", "ask")} == {"plan_stopped"}
    (confirm,) = await world.query("MATCH (c:Confirm {project_id: $project_id})-[:GATES]->() RETURN c.status AS status")
    assert confirm["status"] == "cancelled"


async def test_a_running_step_that_would_be_retried_is_not(world: World) -> None:
    entered = 0
    begun, failed = anyio.Event(), anyio.Event()

    async def flaky() -> None:
        nonlocal entered
        entered += 1
        begun.set()
        await failed.wait()
        raise ActionFailed("again, please")

    async def bad() -> None:
        await begun.wait()
        raise Planted("planted failure")

    plan_id = await world.started(
        step("bad", name="bad"), step("flaky", name="flaky", retries=50), on_failure="stop"
    )
    async with world.running(registry(bad=bad, flaky=flaky)):
        await world.step_is(plan_id, "bad", "failed")
        failed.set()
        assert await world.finished(plan_id) == ["failed"]
    assert (await world.steps(plan_id))["flaky"]["error"]["code"] == "plan_stopped"
    assert entered == 1


async def test_the_others_finish_when_the_plan_is_to_continue(world: World) -> None:
    plan_id = await world.started(step("bad", name="fail"), step("a"), step("b", "a"))
    async with world.running(registry(fail=fail)):
        assert await world.finished(plan_id) == ["failed"]
    assert (await world.steps(plan_id))["b"]["status"] == "completed"


async def test_a_stopping_plan_that_is_cancelled_is_cancelled(world: World) -> None:
    release = anyio.Event()

    async def slow() -> None:
        await release.wait()

    plan_id = await world.started(step("bad", name="fail"), step("slow", name="slow"), on_failure="stop")
    async with world.running(registry(fail=fail, slow=slow)):
        await world.step_is(plan_id, "bad", "failed")
        await world.step_is(plan_id, "slow", "in_progress")
        await world.graph.cancel_plan(world.project_id, plan_id)
        assert await world.plan_status(plan_id) == "cancelled"
    rows = await world.query("MATCH (p:Stopping {project_id: $project_id}) RETURN p.id AS id")
    assert rows == []


async def test_two_who_stop_a_large_plan_get_in_nobodys_way(world: World) -> None:
    """1,200 steps are three batches; each of two stops them all, nobody runs steps meanwhile."""
    steps = [step(f"s{i}", "bad") for i in range(1_200)]
    plan_id = await world.started(step("bad", name="fail"), step("slow", name="slow"), *steps, on_failure="stop")
    release = anyio.Event()

    async def slow() -> None:
        await release.wait()

    async with world.running(registry(fail=fail, slow=slow)):
        await world.step_is(plan_id, "bad", "failed")
        async with anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(Reactions(world.graph).stop, world.project_id)
        stored = await world.steps(plan_id)
        assert {s["status"] for k, s in stored.items() if k.startswith("s") and k != "slow"} == {"skipped"}
        release.set()
        assert await world.finished(plan_id) == ["failed"]
    skipped = await world.events(type="step_skipped", plan=plan_id)
    assert len(skipped) == len({e["entity"] for e in skipped}) == 1_200


async def test_a_stopping_plan_that_is_taken_back_stops_no_more(world: World) -> None:
    release = anyio.Event()
    broken = True

    async def slow() -> None:
        await release.wait()

    async def bad() -> None:
        if broken:
            raise Planted("planted failure")

    tools = registry(bad=bad, slow=slow)
    plan_id = await world.started(
        step("slow", name="slow"), step("bad", name="bad"), step("after", "bad", "slow"), on_failure="stop"
    )
    await world.graph.pause_plan(world.project_id, plan_id)
    saved = await snapshots.take(world.graph, world.project_id, plan_id=plan_id)
    await world.graph.resume_plan(world.project_id, plan_id)
    async with world.running(tools):
        await world.step_is(plan_id, "after", "skipped")
        await world.graph.pause_plan(world.project_id, plan_id)
        await snapshots.restore(world.graph, world.project_id, saved)
        assert (await verify(world.db, world.project_id)).violations == []
        broken = False
        release.set()
        await world.graph.resume_plan(world.project_id, plan_id)
        assert await world.finished(plan_id) == ["completed"]


@pytest.mark.parametrize("nth", ["1", "2", "3"])
async def test_killed_in_the_middle_of_stopping_another_one_goes_on(
    world: World, neo4j_server: Any, nth: str
) -> None:
    steps = [step(f"s{i}", "bad") for i in range(1_100)]
    plan_id = await world.started(
        step("bad", name="nobody_has_it_here", type="tool"), *steps, on_failure="stop"
    )
    await killed_at(neo4j_server, world.project_id, f"after_commit:kill@{nth}")
    async with world.running():
        assert await world.finished(plan_id) == ["failed"]
    stored = await world.steps(plan_id)
    assert {s["status"] for k, s in stored.items() if k != "bad"} == {"skipped"}
    skipped = await world.events(type="step_skipped", plan=plan_id)
    assert len(skipped) == len({e["entity"] for e in skipped}) == 1_100
