"""How sessions on the graph end: completed, failed by name, stopped, cancelled, interrupted."""

from __future__ import annotations

import anyio
import pytest
from sessions import Sessions, agents, begin, clean, turn, who
from world import World

from psg import snapshots
from psg_neo4j import Database
from psg_runtime.coordination.advance import advance_session

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.fixture
async def world(db: Database) -> World:
    return await World.create(db)


@pytest.fixture
def sessions(world: World) -> Sessions:
    return Sessions(world)


@pytest.mark.req("DD-53")
async def test_a_turn_that_fails_ends_the_session_in_its_name(world: World, sessions: Sessions) -> None:
    async def broken() -> None:
        raise RuntimeError("broken")

    collab = await sessions.collab("broadcast", {"a": "x", "b": "y"})
    plan = await world.approved(
        turn("s1", agent_role="x"), turn("s2", agent_role="y"), turn("s3", "s1", agent_role="x")
    )
    async with world.running(agents(x=who, y=broken)):
        await begin(world, collab, plan)
        view = await sessions.over(collab)
        assert await world.finished(plan) == ["failed"]
    failed = next(t for t in view.turns if t.participant_id == "b")
    assert view.state == "failed"
    assert view.reason.startswith(f"MAP invariant violated: turn {failed.turn_id} did not complete")
    steps = await world.steps(plan)
    assert {k: s["status"] for k, s in steps.items()} == {"s1": "completed", "s2": "failed", "s3": "skipped"}
    assert steps["s1"]["output"] == {"by": "a", "step": "s1"}
    completed = [c["turn_id"] for c in await sessions.happened("map_turn_completed")]
    assert len(completed) == 1 and failed.turn_id not in completed
    await clean(world)


@pytest.mark.req("DD-53")
async def test_an_agent_that_never_answers_is_named(world: World, sessions: Sessions) -> None:
    collab = await sessions.collab("round_robin", {"a": None, "b": None})
    plan = await world.approved(turn("s1", order_index=0), turn("s2", order_index=1, timeout_ms=100), turn("s3"))
    async with world.running(agents(a=who, b=anyio.sleep_forever)):
        await begin(world, collab, plan)
        view = await sessions.over(collab)
    assert view.state == "failed" and "'s2'" in view.reason and "'b'" in view.reason
    assert (await world.steps(plan))["s2"]["error"]["code"] == "action_timeout"
    assert [t.step_key for t in view.turns] == ["s1", "s2"]
    await clean(world)


async def test_a_session_that_changes_nothing_stops(world: World, sessions: Sessions) -> None:
    async def same() -> str:
        return "as before"

    collab = await sessions.collab("pair", {"a": None, "b": None})
    plan = await world.approved(*(turn(f"s{i}") for i in range(8)))
    async with world.running(agents(a=same, b=same)):
        await begin(world, collab, plan, loop_after=3)
        view = await sessions.over(collab)
        assert await world.finished(plan) == ["cancelled"]
    assert (view.state, len(view.turns)) == ("stopped", 3)
    assert "3 turns" in view.reason
    assert [t.participant_id for t in view.turns] == ["a", "b", "a"]
    async with world.running():
        await world.until(lambda: closed(world, plan))
    await clean(world)


async def closed(world: World, plan: str) -> bool:
    return all(s["status"] in ("completed", "skipped", "failed") for s in (await world.steps(plan)).values())


async def test_a_suspended_session_dispatches_nothing_until_it_is_active(world: World, sessions: Sessions) -> None:
    here, go = anyio.Event(), anyio.Event()

    async def wait() -> None:
        here.set()
        await go.wait()

    collab = await sessions.collab("round_robin", {"a": None, "b": None})
    plan = await world.approved(turn("s1"), turn("s2"))
    async with world.running(agents(a=wait, b=who)):
        await begin(world, collab, plan)
        await here.wait()
        await world.graph.transition(world.project_id, "Collab", collab, "suspended")
        go.set()
        await world.step_is(plan, "s1", "completed")
        await world.until(lambda: told(sessions))
        assert (await world.steps(plan))["s2"]["status"] == "blocked"
        await world.graph.transition(world.project_id, "Collab", collab, "active")
        view = await sessions.over(collab)
    assert view.state == "completed"
    await clean(world)


async def told(sessions: Sessions) -> bool:
    return len(await sessions.happened("map_turn_completed")) == 1


async def test_a_cancelled_collab_gives_its_plan_back(world: World, sessions: Sessions) -> None:
    collab = await sessions.collab("round_robin", {"a": None, "b": None})
    plan = await world.approved(turn("s1"), turn("s2"))
    await begin(world, collab, plan, check_offers=False)
    await world.graph.transition(world.project_id, "Collab", collab, "cancelled")
    assert await advance_session(world.graph, world.project_id, plan)
    view = await sessions.view(collab)
    assert (view.state, view.plan_paused) == ("cancelled", True)
    assert {s["status"] for s in (await world.steps(plan)).values()} == {"pending"}
    await clean(world)
    await world.graph.cancel_plan(world.project_id, plan)
    await clean(world)


async def test_a_cancelled_plan_ends_its_session(world: World, sessions: Sessions) -> None:
    collab = await sessions.collab("round_robin", {"a": None, "b": None})
    plan = await world.approved(turn("s1"), turn("s2"))
    await begin(world, collab, plan, check_offers=False)
    await world.graph.cancel_plan(world.project_id, plan)
    async with world.running():
        view = await sessions.over(collab)
    assert view.state == "cancelled"
    assert {s["status"] for s in (await world.steps(plan)).values()} == {"skipped"}
    await clean(world)


async def test_a_project_that_is_taken_back_into_a_session_goes_on_with_another(
    world: World, sessions: Sessions
) -> None:
    collab = await sessions.collab("round_robin", {"a": None, "b": None})
    plan = await world.approved(*(turn(f"s{i}", order_index=i) for i in range(3)))
    await begin(world, collab, plan, check_offers=False)
    snapshot = await snapshots.take(world.graph, world.project_id)
    async with world.running(agents(a=who, b=who)):
        await sessions.over(collab)
    await snapshots.restore(world.graph, world.project_id, snapshot)
    await clean(world)
    assert (await sessions.view(collab)).state == "interrupted"
    assert {s["status"] for s in (await world.steps(plan)).values()} == {"pending", "blocked"}
    await begin(world, collab, plan, check_offers=False)
    async with world.running(agents(a=who, b=who)):
        view = await sessions.over(collab)
    assert (view.state, view.number, view.plan_status) == ("completed", 2, "completed")
    assert [t.participant_id for t in view.turns] == ["a", "b", "a"]
    await clean(world)


async def test_a_broadcast_with_equal_answers_is_no_loop(world: World, sessions: Sessions) -> None:
    async def same() -> str:
        return "same"

    collab = await sessions.collab("broadcast", {"a": "x", "b": "x"})
    plan = await world.approved(*(turn(f"s{i}", agent_role="x") for i in range(4)))
    async with world.running(agents(x=same)):
        await begin(world, collab, plan, loop_after=2)
        view = await sessions.over(collab)
    assert (view.state, len(view.turns)) == ("completed", 4)


async def test_a_turn_waits_in_the_queue_from_its_dispatch_on(world: World, sessions: Sessions) -> None:
    """What was blocked for long was not kept waiting by anybody who could have claimed it."""
    collab = await sessions.collab("pair", {"a": None, "b": None})
    plan = await world.approved(turn("s1"), turn("s2", policy={"timeout": {"queue_ms": 60_000}}))
    await begin(world, collab, plan, check_offers=False)
    await world.damage("MATCH (p:Plan {project_id: $project_id, id: $plan}) SET p.started_ms = 1", plan=plan)
    async with world.running(agents(a=who, b=who)):
        view = await sessions.over(collab)
    assert (view.state, view.reason) == ("completed", None)


async def test_a_collab_that_is_deleted_gives_its_plan_back(world: World, sessions: Sessions) -> None:
    collab = await sessions.collab("round_robin", {"a": None, "b": None})
    plan = await world.approved(turn("s1"), turn("s2"))
    await begin(world, collab, plan, check_offers=False)
    await world.graph.delete(world.project_id, "Collab", collab)
    assert await advance_session(world.graph, world.project_id, plan)
    assert {s["status"] for s in (await world.steps(plan)).values()} == {"pending"}
    assert not await advance_session(world.graph, world.project_id, plan)
    await clean(world)
    other = await sessions.collab("pair", {"a": None, "b": None})
    async with world.running(agents(a=who, b=who)):
        await begin(world, other, plan)
        assert (await sessions.over(other)).state == "completed"
    await clean(world)
