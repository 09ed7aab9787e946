"""Budgets under control and faults: killed workers, pause, cancel, kill switch, retries, loops, waits."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from processes import Start, orchestrators
from world import World, registry, step

from psg.audit import verify
from psg.budgets import spending
from psg.commands.policies import set_kill_switch
from psg.errors import ActionFailed

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j, pytest.mark.timeout(180)]


@pytest.fixture
async def world(db: Any) -> AsyncIterator[World]:
    made = await World.create(db)
    yield made
    report = await verify(db, made.project_id)
    assert report.ok, report.violations


@pytest.fixture
async def start_process(neo4j_server: Any, world: World) -> AsyncIterator[Start]:
    async with orchestrators(neo4j_server, world.project_id) as start:
        yield start


async def account(world: World, plan_id: str) -> tuple[int, int]:
    """Calls that are spent, and that are reserved, of a plan."""
    found = await spending(world.db, world.project_id, plan_id)
    assert found is not None
    return found.spent["calls"], found.reserved["calls"]


class Gatekeeper:
    """A tool that says when it was entered and waits to be let go."""

    def __init__(self) -> None:
        self.entered, self.release = anyio.Event(), anyio.Event()

    async def hold(self) -> None:
        self.entered.set()
        await self.release.wait()


async def test_the_share_of_a_killed_process_comes_back_with_its_step(
    world: World, start_process: Start, tmp_path: Path
) -> None:
    params = {"seconds": 600, "effects": str(tmp_path / "effects")}
    plan_id = await world.started(step("a", name="slow", params=params), budget={"calls": 1})
    victim = await start_process()

    async def entered() -> bool:
        return (tmp_path / "effects").exists()

    await world.until(entered)
    assert await account(world, plan_id) == (0, 1)
    victim.kill()
    slow = Gatekeeper()

    async def again(seconds: float, effects: str) -> None:
        await slow.hold()

    async with world.running(registry(slow=again)):
        await slow.entered.wait()
        assert await account(world, plan_id) == (0, 1), "what the dead one had is free, and reserved anew"
        assert (await world.query("MATCH (r:Reservation {project_id: $project_id}) RETURN r.fence AS f")) == [{"f": 2}]
        slow.release.set()
        assert await world.finished(plan_id) == ["completed"]
    assert await account(world, plan_id) == (1, 0)


@pytest.mark.parametrize("fault", ["after_effect:kill@1", "before_advance:kill@2", "after_advance:kill@2"])
async def test_killed_around_the_commit_a_call_is_debited_once(
    world: World, start_process: Start, tmp_path: Path, fault: str
) -> None:
    params = {"seconds": 0, "effects": str(tmp_path / "effects")}
    plan_id = await world.started(step("a", name="slow", params=params), step("b", "a"), budget={"calls": 2})
    victim = await start_process(PSG_FAULT=fault)
    with anyio.fail_after(60):
        await anyio.to_thread.run_sync(victim.wait)
    assert victim.returncode == -signal.SIGKILL

    async def slow(seconds: float, effects: str) -> None:
        return None

    async with world.running(registry(slow=slow)):
        assert await world.finished(plan_id) == ["completed"]
    assert await account(world, plan_id) == (2, 0)


async def test_a_paused_plan_pays_for_what_runs_and_reserves_nothing_more(world: World) -> None:
    tool = Gatekeeper()
    plan_id = await world.started(step("a", name="hold"), step("b", "a"), budget={"calls": 5})
    async with world.running(registry(hold=tool.hold)):
        await tool.entered.wait()
        await world.graph.pause_plan(world.project_id, plan_id)
        assert await account(world, plan_id) == (0, 1)
        tool.release.set()
        await world.step_is(plan_id, "a", "completed")
        assert await account(world, plan_id) == (1, 0)
        await world.graph.resume_plan(world.project_id, plan_id)
        assert await world.finished(plan_id) == ["completed"]
    assert await account(world, plan_id) == (2, 0)


async def test_a_cancelled_plan_frees_its_share_and_what_was_cut_off_is_not_counted(world: World) -> None:
    tool = Gatekeeper()
    plan_id = await world.started(step("a", name="hold"), budget={"calls": 5})
    async with world.running(registry(hold=tool.hold)):
        await tool.entered.wait()
        await world.graph.cancel_plan(world.project_id, plan_id)
        assert await account(world, plan_id) == (0, 0)
    assert await account(world, plan_id) == (0, 0)


async def test_a_kill_switch_stops_a_call_that_was_made_and_so_is_paid_for(world: World) -> None:
    tool = Gatekeeper()
    plan_id = await world.started(step("a", name="hold"), step("b", "a"), step("c"), budget={"calls": 5})
    async with world.running(registry(hold=tool.hold)):
        await tool.entered.wait()
        await world.step_is(plan_id, "c", "completed")
        await set_kill_switch(world.graph, True, project_id=world.project_id)
        assert await world.finished(plan_id) == ["failed"]
        again = await world.started(step("a"), budget={"calls": 5})
        assert await world.finished(again) == ["failed"]
    assert await account(world, plan_id) == (2, 0)
    assert await account(world, again) == (0, 0), "what was denied called nobody"


async def test_who_waits_for_another_attempt_holds_nothing(world: World) -> None:
    async def broken(ctx: Any) -> None:
        ctx.spend(tokens=3, cost=0.5)
        raise ActionFailed("again")

    policy = {"retry": {"max_retries": 1, "base_ms": 600_000, "max_ms": 600_000}}
    plan_id = await world.started(step("a", name="broken", policy=policy), budget={"calls": 5, "cost": 10})

    async def waits() -> bool:
        return bool(await world.query("MATCH (t:Timer {project_id: $project_id}) RETURN t.id"))

    async with world.running(registry(broken=broken)):
        await world.until(waits)
        found = await spending(world.db, world.project_id, plan_id)
        assert found is not None
        told = found.to_dict()
        assert told["reserved"] == {"tokens": 0, "cost": 0, "calls": 0, "wall_ms": 0}
        assert (told["spent"]["calls"], told["spent"]["tokens"], told["spent"]["cost"]) == (1, 3, 0.5)
        await world.graph.cancel_plan(world.project_id, plan_id)


async def test_waits_call_nobody_and_cost_nothing(world: World) -> None:
    plan_id = await world.run(
        step("wait", type="wait", params={"duration_ms": 1}), step("if", "wait", type="conditional", condition="true"),
        budget={"calls": 0, "tokens": 0},
    )  # fmt: skip
    assert await world.plan_status(plan_id) == "completed"
    assert await account(world, plan_id) == (0, 0)


@pytest.mark.parametrize(("items", "status", "calls"), [(3, "completed", 3), (4, "failed", 0)])
async def test_a_loop_asks_for_all_of_its_items(world: World, items: int, status: str, calls: int) -> None:
    called: list[int] = []

    async def one(n: int) -> dict[str, Any]:
        called.append(n)
        return {"usage": {"tokens": 2}}

    params = {"items": list(range(items)), "do": {"name": "one", "params": {"n": "{{item}}"}}}
    plan_id = await world.run(step("all", type="foreach", params=params), tools=registry(one=one), budget={"calls": 3})
    assert (await world.plan_status(plan_id), len(called)) == (status, calls)
    found = await spending(world.db, world.project_id, plan_id)
    assert found is not None and (found.spent["calls"], found.spent["tokens"]) == (calls, 2 * calls)
    error = (await world.steps(plan_id))["all"]["error"]
    assert error is None or error["details"]["asked"] == 4
