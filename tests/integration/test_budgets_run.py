"""Budgets on stored runs: refused before the call, debited with the result, raced for, given back by the dead."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from world import World, registry, step

from psg.audit import verify
from psg.budgets import BudgetExhausted, reserve, set_budget, spending
from psg.errors import ActionFailed, NotFound, ValidationFailed
from psg.events.models import check_event
from psg.events.projection import protocol_event

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.fixture
async def world(db: Any) -> World:
    return await World.create(db)


def caller(calls: list[str], **usage: Any) -> Any:
    async def call(name: str = "") -> dict[str, Any]:
        calls.append(name)
        return {"usage": usage}

    return call


async def account(world: World, plan_id: str | None = None) -> dict[str, Any]:
    found = await spending(world.db, world.project_id, plan_id)
    assert found is not None
    return found.to_dict()


async def test_a_plan_stops_where_its_budget_ends(world: World) -> None:
    calls: list[str] = []
    steps = [step("a", name="call"), step("b", "a", name="call"), step("c", "b", name="call")]
    plan_id = await world.started(*steps, budget={"calls": 2, "tokens": 1_000})
    async with world.running(registry(call=caller(calls, tokens=7, cost=0.25))):
        assert await world.finished(plan_id) == ["failed"]
    stored = await world.steps(plan_id)
    assert [stored[k]["status"] for k in "abc"] == ["completed", "completed", "failed"]
    assert stored["c"]["error"]["code"] == "budget_exhausted"
    assert stored["c"]["error"]["details"] == {
        "scope": "plan", "dimension": "calls", "limit": 2, "spent": 2, "reserved": 0, "asked": 1
    }  # fmt: skip
    assert len(calls) == 2
    told = await account(world, plan_id)
    assert (told["spent"]["calls"], told["spent"]["tokens"], told["spent"]["cost"]) == (2, 14, 0.5)
    assert (told["remaining"]["calls"], told["remaining"]["tokens"]) == (0, 986)
    assert await account(world) == {**told, "limit": {}, "remaining": {}}
    kinds = [e["type"] for e in await world.events(family="cost_budget")]
    assert kinds.count("budget_debited") == 2 and kinds[-1] == "budget_exceeded"
    assert (await verify(world.db, world.project_id)).violations == []


async def test_a_budget_of_zero_calls_nobody(world: World) -> None:
    calls: list[str] = []
    plan_id = await world.started(step("a", name="call", budget={"tokens": 0}), step("b", name="call"))
    async with world.running(registry(call=caller(calls))):
        await world.finished(plan_id)
    stored = await world.steps(plan_id)
    assert (stored["a"]["error"]["code"], stored["b"]["status"], len(calls)) == ("budget_exhausted", "completed", 1)
    assert stored["a"]["error"]["details"]["scope"] == "step"


async def test_of_many_that_want_the_last_call_one_gets_it(world: World) -> None:
    calls: list[str] = []
    plan_id = await world.started(*[step(f"s{i}", name="call") for i in range(12)], budget={"calls": 5})
    async with world.running(registry(call=caller(calls))):
        await world.finished(plan_id)
    stored = await world.steps(plan_id)
    assert sorted(s["status"] for s in stored.values()) == ["completed"] * 5 + ["failed"] * 7
    assert len(calls) == 5
    assert (await account(world, plan_id))["spent"]["calls"] == 5


async def test_failed_attempts_are_paid_for_too(world: World) -> None:
    tries: list[int] = []

    async def flaky() -> dict[str, Any]:
        tries.append(1)
        if len(tries) < 3:
            raise ActionFailed("again")
        return {"usage": {"tokens": 4}}

    plan_id = await world.started(step("a", name="flaky", retries=5), budget={"calls": 10})
    async with world.running(registry(flaky=flaky)):
        assert await world.finished(plan_id) == ["completed"]
    assert (await account(world, plan_id))["spent"] == (await account(world))["spent"]
    spent = (await account(world, plan_id))["spent"]
    assert (spent["calls"], spent["tokens"]) == (3, 4)
    assert (await verify(world.db, world.project_id)).violations == []


async def test_retries_end_where_the_budget_does(world: World) -> None:
    async def broken() -> None:
        raise ActionFailed("again")

    plan_id = await world.started(step("a", name="broken", retries=50), budget={"calls": 3})
    async with world.running(registry(broken=broken)):
        assert await world.finished(plan_id) == ["failed"]
    stored = (await world.steps(plan_id))["a"]
    assert (stored["error"]["code"], stored["attempt"]) == ("budget_exhausted", 4)


async def test_the_project_s_budget_covers_every_plan_and_can_be_raised_while_they_run(world: World) -> None:
    await set_budget(world.graph, world.project_id, "project", world.project_id, {"calls": 1})
    calls: list[str] = []
    first = await world.started(step("a", name="call"))
    second = await world.started(step("a", name="call"))
    async with world.running(registry(call=caller(calls))):
        assert sorted(await world.finished(first, second)) == ["completed", "failed"]
        await set_budget(world.graph, world.project_id, "project", world.project_id, {"calls": 2})
        assert await world.finished(await world.started(step("a", name="call"))) == ["completed"]
        await set_budget(world.graph, world.project_id, "project", world.project_id, None)
        assert await world.finished(await world.started(step("a", name="call"))) == ["completed"]
    assert len(calls) == 3
    assert (await account(world))["spent"]["calls"] == 2, "who has no budget keeps no account"
    assert (await verify(world.db, world.project_id)).violations == []


async def test_what_runs_has_its_share_reserved_and_gives_it_back_when_it_is_over(world: World) -> None:
    begun, release = anyio.Event(), anyio.Event()

    async def slow() -> None:
        begun.set()
        await release.wait()

    plan_id = await world.started(step("a", name="slow"), budget={"calls": 1})
    async with world.running(registry(slow=slow)):
        await begun.wait()
        told = await account(world, plan_id)
        assert (told["reserved"]["calls"], told["spent"]["calls"], told["remaining"]["calls"]) == (1, 0, 0)
        release.set()
        await world.finished(plan_id)
    told = await account(world, plan_id)
    assert (told["reserved"]["calls"], told["spent"]["calls"]) == (0, 1)
    assert not await world.query("MATCH (r:Reservation {project_id: $project_id}) RETURN r")


async def test_the_share_of_a_worker_that_is_gone_comes_back_with_its_step(world: World) -> None:
    plan_id = await world.started(step("a", name="call"), budget={"calls": 1})
    (row,) = await world.damage(
        "MATCH (s:Step {project_id: $project_id, plan: $plan}) SET s.status = 'in_progress', s.fence = 1, "
        "s.owner = 'gone' RETURN s.id AS id",
        plan=plan_id,
    )
    gone = {"id": row["id"], "plan": plan_id, "fence": 1}
    await reserve(world.graph, world.project_id, "gone", gone, {"calls": 1})
    rival = {"id": row["id"], "plan": plan_id, "fence": 2}
    assert (await account(world, plan_id))["reserved"]["calls"] == 1
    await world.damage("MATCH (s:Step {project_id: $project_id, plan: $plan}) SET s.owner = 'next', s.fence = 2",
                       plan=plan_id)  # fmt: skip
    assert (await account(world, plan_id))["reserved"]["calls"] == 0
    again = await reserve(world.graph, world.project_id, "next", rival, {"calls": 1})
    assert again == await reserve(world.graph, world.project_id, "next", rival, {"calls": 1})
    found = await world.query("MATCH (r:Reservation {project_id: $project_id}) RETURN r.fence AS fence")
    assert found == [{"fence": 2}]
    with pytest.raises(BudgetExhausted, match="calls budget of this plan"):
        await reserve(world.graph, world.project_id, "x", {"id": row["id"], "plan": plan_id, "fence": 3}, {"calls": 2})


@pytest.mark.parametrize(
    "limits", [{"calls": -1}, {"calls": 1.5}, {"cost": float("inf")}, {"tokens": "many"}, {"coins": 1}]
)
async def test_a_limit_that_is_none_is_refused_and_changes_nothing(world: World, limits: dict[str, Any]) -> None:
    plan_id = await world.draft(step("a"), budget={"calls": 3})
    before = await world.head_seq()
    with pytest.raises(ValidationFailed, match=r"budget\."):
        await set_budget(world.graph, world.project_id, "plan", plan_id, limits)
    assert await world.head_seq() == before
    with pytest.raises(NotFound):
        await set_budget(world.graph, world.project_id, "step", plan_id, {"calls": 1})


@pytest.mark.req("L3-43")
async def test_what_budgets_tell_are_events_of_the_protocol(world: World) -> None:
    steps = [step(f"s{i}", *([f"s{i - 1}"] if i else []), name="call") for i in range(6)]
    plan_id = await world.run(*steps, tools=registry(call=caller([], tokens=7)), budget={"calls": 5})
    await set_budget(world.graph, world.project_id, "project", world.project_id, {"calls": 9})
    rows = await world.query("MATCH (e:Event {project_id: $project_id, family: 'cost_budget'}) RETURN e {.*} AS e")
    told = [check_event(protocol_event(row["e"])) for row in rows]
    assert {e["event_type"] for e in told} == {
        "budget_reserved", "budget_debited", "budget_warning", "budget_exceeded", "budget_set"
    }  # fmt: skip
    assert {e["event_family"] for e in told} == {"cost_budget"}
    of_steps = [e for e in told if e["event_type"] != "budget_set"]
    assert all(e["plan_id"] == plan_id and e["payload"]["step_id"] for e in of_steps)
    debits = [e["payload"]["amounts"] for e in told if e["event_type"] == "budget_debited"]
    assert [(d["calls"], d["tokens"]) for d in debits] == [(1, 7)] * 5


async def test_a_warning_comes_before_the_end(world: World) -> None:
    plan_id = await world.started(
        *[step(f"s{i}", *([f"s{i - 1}"] if i else []), name="call") for i in range(5)], budget={"calls": 5}
    )
    async with world.running(registry(call=caller([]))):
        await world.finished(plan_id)
    warnings = await world.events(type="budget_warning")
    assert [w["changes"]["event"]["payload"]["spent"] for w in warnings] == [{"calls": 4}]
