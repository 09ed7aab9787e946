"""Turns of workers outside: offered by the engine, taken under a lease, answered under a fence (issue: Agents)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from world import World, registry, step

from psg.audit import verify
from psg.commands.policies import set_kill_switch
from psg.errors import NotFound, ValidationFailed
from psg.model.ids import new_id
from psg.plan.policy import ApprovalSpec, IdempotencySpec, PolicySpec, RetrySpec, TimeoutSpec
from psg_neo4j import Database
from psg_runtime.ael import CapabilityRegistry
from psg_runtime.turns import (
    Turn,
    TurnAnswered,
    TurnElsewhere,
    TurnOver,
    claim_turn,
    complete_turn,
    heartbeat_turn,
    release_turn,
)

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


def tools(**fields: Any) -> CapabilityRegistry:
    made = registry()
    made.register(name="reviewer", type="agent", adapter="external", **fields)
    made.register(name="lookup", type="tool", adapter="external")
    return made


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    """A project whose audit is clean at the end of each test."""
    made = await World.create(db)
    yield made
    report = await verify(db, made.project_id)
    assert report.violations == []


async def take(world: World, worker: str = "w1", agent: str = "reviewer", **how: Any) -> Turn:
    turn = await claim_turn(
        world.graph, [agent], worker=worker, project_id=world.project_id, wait_ms=how.pop("wait_ms", 20_000), **how
    )
    assert turn is not None
    return turn


async def nothing(world: World, wait_ms: int = 0) -> None:
    found = await claim_turn(world.graph, ["reviewer"], worker="idle", project_id=world.project_id, wait_ms=wait_ms)
    assert found is None


async def answer(world: World, turn: Turn, **said: Any) -> Any:
    return await complete_turn(
        world.graph, turn.project_id, turn.step_id, turn.fence, worker=said.pop("worker", turn.worker), **said
    )


def review(key: str = "a", *dependencies: str, **fields: Any) -> Any:
    return step(key, *dependencies, type="agent", name="reviewer", **fields)


async def test_a_turn_is_taken_and_its_answer_is_the_result(world: World) -> None:
    plan_id = await world.started(
        review("a", params={"text": "{{params.text}}"}), step("b", "a", name="lookup", params={"of": "{{a.output.n}}"}),
        params={"text": "hello"},
    )  # fmt: skip
    async with world.running(tools()):
        turn = await take(world)
        assert (turn.step_key, turn.params, turn.agent, turn.lost) == ("a", {"text": "hello"}, "reviewer", 0)
        assert turn.plan_title == "a plan" and turn.idempotency_key
        parked = (await world.steps(plan_id))["a"]
        assert (parked["status"], parked["owner" if "owner" in parked else "parked"]) == ("in_progress", "turn")
        await nothing(world)
        done = await answer(world, turn, output={"n": 7})
        second = await take(world, agent="lookup")
        assert second.params == {"of": 7}
        assert (await answer(world, turn, output={"n": 7})).replayed, "the same answer again"
        assert done.replayed is False
        await answer(world, second, output="found")
        assert await world.finished(plan_id) == ["completed"]
    steps = await world.steps(plan_id)
    assert (steps["a"]["output"], steps["b"]["output"]) == ({"n": 7}, "found")
    assert steps["a"]["attempt"] == 1
    assert steps["a"].get("turn_answer") is None
    taken = await world.events(type="turn_taken")
    assert [e["changes"]["worker"] for e in taken] == ["w1", "w1"]


async def test_an_answer_counts_once_and_only_of_who_holds_the_turn(world: World) -> None:
    plan_id = await world.started(review())
    async with world.running(tools()):
        turn = await take(world)
        with pytest.raises(TurnElsewhere):
            await answer(world, turn, worker="w2", output="stolen")
        with pytest.raises(TurnElsewhere):
            await heartbeat_turn(world.graph, world.project_id, turn.step_id, turn.fence, worker="w2")
        with pytest.raises(TurnOver):
            await complete_turn(world.graph, world.project_id, turn.step_id, turn.fence - 1, worker="w1", output=1)
        with pytest.raises(NotFound):
            await complete_turn(world.graph, world.project_id, new_id(), 1, worker="w1", output=1)
        for bad in ({"output": float("nan")}, {"output": 1, "error": "both"}, {"output": 2**70}):
            with pytest.raises(ValidationFailed):
                await answer(world, turn, **bad)
        await answer(world, turn, output="mine")
        with pytest.raises(TurnAnswered):
            await answer(world, turn, output="another")
        await world.finished(plan_id)
        with pytest.raises(TurnAnswered):
            await answer(world, turn, output="another")
        with pytest.raises(TurnOver):
            await heartbeat_turn(world.graph, world.project_id, turn.step_id, turn.fence, worker="w1")
    assert (await world.steps(plan_id))["a"]["output"] == "mine"
    evidence = await world.events(type="stale_result")
    assert [(e["changes"]["worker"], e["changes"]["refused"]) for e in evidence] == [
        ("w2", "turn_elsewhere"), ("w1", "turn_over"),
    ]  # fmt: skip


async def test_a_lost_worker_loses_its_turn_and_the_next_has_a_higher_fence(world: World) -> None:
    plan_id = await world.started(review())
    async with world.running(tools()):
        dead = await take(world, "dead", lease_ms=500)
        turn = await take(world, "heir")
        assert (turn.fence > dead.fence, turn.lost, turn.attempt) == (True, 1, 1)
        with pytest.raises(TurnOver):
            await answer(world, dead, output="late")
        await answer(world, turn, output="good")
        assert await world.finished(plan_id) == ["completed"]
    assert (await world.steps(plan_id))["a"]["output"] == "good"


async def test_a_turn_that_every_worker_dies_of_fails_as_worker_lost(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr("psg_runtime.ael.adapters.external.LOSSES_MAX", 1)
    plan_id = await world.started(review(retries=3))
    async with world.running(tools()):
        for name in ("one", "two"):
            await take(world, name, lease_ms=500)
        assert await world.finished(plan_id) == ["failed"]
    assert (await world.steps(plan_id))["a"]["error"]["code"] == "worker_lost"


async def test_heartbeats_keep_a_turn_beyond_its_lease(world: World) -> None:
    plan_id = await world.started(review())
    async with world.running(tools()):
        turn = await take(world, lease_ms=1_000)
        for _ in range(4):
            await anyio.sleep(0.4)  # the time that passes is what is tested
            until = await heartbeat_turn(world.graph, world.project_id, turn.step_id, turn.fence, worker="w1")
            assert until > turn.lease_until
        await answer(world, turn, output="kept")
        assert await world.finished(plan_id) == ["completed"]


async def test_a_failed_turn_is_tried_again_by_the_policy_of_its_step(world: World) -> None:
    plan_id = await world.started(review(retries=1))
    async with world.running(tools()):
        first = await take(world)
        await answer(world, first, error={"message": "no luck", "category": "nonsense"})
        second = await take(world)
        assert (second.attempt, second.idempotency_key) == (2, first.idempotency_key)
        await answer(world, second, error={"message": "never", "retryable": False, "code": "given_up"})
        assert await world.finished(plan_id) == ["failed"]
    error = (await world.steps(plan_id))["a"]["error"]
    assert (error["code"], error["message"], error["category"]) == ("given_up", "never", "module_error")


async def test_shapes_hold_for_what_goes_out_and_what_comes_back(world: World) -> None:
    shaped = tools(
        input_schema={"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
        output_schema={"type": "object", "properties": {"m": {"type": "integer"}}, "required": ["m"]},
    )
    good = await world.started(review("a", params={"n": 1}))
    bad = await world.started(review("b", params={"n": "x"}))
    async with world.running(shaped):
        turn = await take(world)
        assert await world.finished(bad) == ["failed"], "it never was offered"
        await answer(world, turn, output={"m": "no number"})
        assert await world.finished(good) == ["failed"]
    assert [(await world.steps(p))[k]["error"]["code"] for p, k in ((good, "a"), (bad, "b"))] == [
        "validation_failed", "validation_failed",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("timeout", "held", "code"),
    [
        ({"queue_ms": 300}, False, "queue_timeout"),
        ({"total_ms": 400}, False, "total_timeout"),
        ({"total_ms": 600}, True, "total_timeout"),
        ({"attempt_ms": 400}, True, "action_timeout"),
        ({"heartbeat_ms": 400}, True, "heartbeat_timeout"),
    ],
)
async def test_the_clocks_of_the_step_run_for_turns_too(
    world: World, timeout: dict[str, int], held: bool, code: str
) -> None:
    plan_id = await world.started(review(policy=PolicySpec(timeout=TimeoutSpec(**timeout))))
    async with world.running(tools()):
        turn = await take(world) if held else None
        assert await world.finished(plan_id) == ["failed"]
        if turn is not None:
            with pytest.raises(TurnOver):
                await answer(world, turn, output="late")
    assert (await world.steps(plan_id))["a"]["error"]["code"] == code
    await nothing(world)


async def test_an_attempt_that_took_too_long_is_offered_again(world: World) -> None:
    policy = PolicySpec(timeout=TimeoutSpec(attempt_ms=400), retry=RetrySpec(max_retries=1, base_ms=10))
    plan_id = await world.started(review(policy=policy))
    async with world.running(tools()):
        slow = await take(world, "slow")
        turn = await take(world, "quick")
        assert (turn.attempt, turn.lost, slow.attempt) == (2, 0, 1)
        await answer(world, turn, output=1)
        assert await world.finished(plan_id) == ["completed"]


async def test_a_paused_plan_offers_nothing_and_takes_answers(world: World) -> None:
    plan_id = await world.started(review("a"), review("b"))
    async with world.running(tools()):
        turn = await take(world, lease_ms=600)

        async def both_offered() -> bool:
            return (await world.steps(plan_id))["b"].get("offered_to") is not None

        await world.until(both_offered)
        await world.graph.pause_plan(world.project_id, plan_id)
        await nothing(world, wait_ms=900)  # longer than the lease: in a pause it does not run out
        await heartbeat_turn(world.graph, world.project_id, turn.step_id, turn.fence, worker="w1")
        await answer(world, turn, output=1)
        await world.graph.resume_plan(world.project_id, plan_id)
        await answer(world, await take(world), output=2)
        assert await world.finished(plan_id) == ["completed"]
    assert {s["output"] for s in (await world.steps(plan_id)).values()} == {1, 2}


async def test_a_pause_stops_the_clocks_of_offers_and_leases(world: World) -> None:
    limits = PolicySpec(timeout=TimeoutSpec(queue_ms=1_500, total_ms=4_000))
    plan_id = await world.started(review("a", policy=limits), review("b"))
    async with world.running(tools()):
        held = await take(world, lease_ms=1_500)
        other = "b" if held.step_key == "a" else "a"

        async def offered() -> bool:
            return "Offered" in (await world.steps(plan_id))[other]["labels"]

        await world.until(offered)
        await world.graph.pause_plan(world.project_id, plan_id)
        before = await world.steps(plan_id)
        await anyio.sleep(1.6)  # the time that passes is what is tested
        await world.graph.resume_plan(world.project_id, plan_id)
        after = await world.steps(plan_id)
        assert after[held.step_key]["turn_lease"] - before[held.step_key]["turn_lease"] >= 1_500
        assert after["a"]["turn_total"] - before["a"]["turn_total"] >= 1_500
        await answer(world, held, output=1)
        await answer(world, await take(world), output=2)
        assert await world.finished(plan_id) == ["completed"]


async def test_cancelling_takes_offers_and_turns_away(world: World) -> None:
    plan_id = await world.started(review("a"), review("b"))
    async with world.running(tools()):
        turn = await take(world)
        await world.graph.cancel_plan(world.project_id, plan_id)
        await nothing(world)
        with pytest.raises(TurnOver, match="failed"):
            await heartbeat_turn(world.graph, world.project_id, turn.step_id, turn.fence, worker="w1")
        with pytest.raises(TurnOver):
            await answer(world, turn, output=1)
    assert {s["status"] for s in (await world.steps(plan_id)).values()} <= {"failed", "skipped"}


@pytest.mark.parametrize("held", [False, True])
async def test_a_kill_switch_denies_turns_offered_and_taken(world: World, held: bool) -> None:
    plan_id = await world.started(review())
    async with world.running(tools()):
        turn = await take(world) if held else None
        if not held:

            async def offered() -> bool:
                return "Offered" in (await world.steps(plan_id))["a"]["labels"]

            await world.until(offered)
        await set_kill_switch(world.graph, True, project_id=world.project_id, reason="stop")
        if turn is None:
            await nothing(world)
        else:
            with pytest.raises(TurnOver, match="kill switch"):
                await heartbeat_turn(world.graph, world.project_id, turn.step_id, turn.fence, worker="w1")
        assert await world.finished(plan_id) == ["failed"]
    assert (await world.steps(plan_id))["a"]["error"]["code"] == "kill_switch_active"


async def test_an_answer_under_a_kill_switch_is_denied(world: World) -> None:
    plan_id = await world.started(review())
    async with world.running(tools()):
        turn = await take(world)
        await set_kill_switch(world.graph, True, project_id=world.project_id)
        await answer(world, turn, output="too late to count")
        assert await world.finished(plan_id) == ["failed"]
    assert (await world.steps(plan_id))["a"]["error"]["code"] == "kill_switch_active"


async def test_a_turn_given_back_is_offered_again_without_a_loss(world: World) -> None:
    plan_id = await world.started(review())
    async with world.running(tools()):
        turn = await take(world)
        await release_turn(world.graph, world.project_id, turn.step_id, turn.fence, worker="w1")
        with pytest.raises(TurnOver):
            await release_turn(world.graph, world.project_id, turn.step_id, turn.fence, worker="w1")
        again = await take(world, "w2")
        assert (again.lost, again.attempt, again.fence > turn.fence) == (0, 1, True)
        await answer(world, again, output=1)
        assert await world.finished(plan_id) == ["completed"]


async def test_approval_ledger_and_turn_go_together(world: World) -> None:
    plan_id = await world.started(
        review(approval=ApprovalSpec(), policy=PolicySpec(idempotency=IdempotencySpec(enabled=True)))
    )
    async with world.running(tools()):
        await nothing(world, wait_ms=300)

        async def asked() -> bool:
            return bool(await world.query("MATCH (c:Confirm {project_id: $project_id})-[:GATES]->() RETURN c.id AS id"))

        await world.until(asked)
        (row,) = await world.query("MATCH (c:Confirm {project_id: $project_id})-[:GATES]->() RETURN c.id AS id")
        await world.graph.decide_confirm(world.project_id, row["id"], "approved")
        turn = await take(world)
        await answer(world, turn, output="once")
        assert await world.finished(plan_id) == ["completed"]
    assert (await world.steps(plan_id))["a"]["output"] == "once"
    effects = await world.query("MATCH (e:Effect {project_id: $project_id}) RETURN e.key AS key, e.output AS output")
    assert [e["key"] for e in effects] == [turn.idempotency_key]


async def test_a_repeated_claim_gives_the_same_turn(world: World) -> None:
    plan_id = await world.started(review("a"), review("b"))
    async with world.running(tools()):
        command_id = new_id()
        first = await take(world, command_id=command_id)
        again = await take(world, command_id=command_id)
        assert (again.step_id, again.fence) == (first.step_id, first.fence)
        await answer(world, first, output=1)
        await answer(world, await take(world), output=2)
        assert await world.finished(plan_id) == ["completed"]


async def test_urgent_turns_are_taken_first_and_without_a_project_too(world: World) -> None:
    agent = f"agent-{new_id()}"
    made = registry()
    made.register(name=agent, type="agent", adapter="external")
    late, soon = (step(k, type="agent", name=agent, urgency=u) for k, u in (("late", 200), ("soon", 1)))
    plan_id = await world.started(late, soon)
    async with world.running(made):

        async def offered() -> bool:
            return all("Offered" in s["labels"] for s in (await world.steps(plan_id)).values())

        await world.until(offered)
        taken = []
        for _ in range(2):
            turn = await claim_turn(world.graph, ["nobody", agent], worker="w", wait_ms=5_000)
            assert turn is not None and turn.project_id == world.project_id
            taken.append(turn.step_key)
            await answer(world, turn, output=None)
        assert await world.finished(plan_id) == ["completed"]
    assert taken == ["soon", "late"]


async def test_two_workers_never_hold_one_turn(world: World) -> None:
    steps = [review(f"s{i}") for i in range(12)]
    plan_id = await world.started(*steps)
    held: list[tuple[str, int]] = []

    async def work(name: str) -> None:
        while (turn := await claim_turn(
            world.graph, ["reviewer"], worker=name, project_id=world.project_id, wait_ms=1_500
        )) is not None:  # fmt: skip
            held.append((turn.step_id, turn.fence))
            await answer(world, turn, output=name)

    async with world.running(tools()), anyio.create_task_group() as tasks:
        for at in range(6):
            tasks.start_soon(work, f"w{at}")
        assert await world.finished(plan_id) == ["completed"]
        tasks.cancel_scope.cancel()
    assert len(held) == len(set(held)) == len(steps)


@pytest.mark.parametrize(
    ("agents", "how"),
    [
        ([], {}), ([""], {}), (["a"], {"worker": ""}), (["a"], {"lease_ms": 1}), (["a"] * 101, {}),
        (["a"], {"project_id": "x"}),
    ],
)  # fmt: skip
async def test_claims_that_make_no_sense_are_refused(db: Database, agents: list[str], how: dict[str, Any]) -> None:
    world = World(db, new_id(), new_id())
    with pytest.raises(ValidationFailed):
        await claim_turn(world.graph, agents, **{"worker": "w", "project_id": world.project_id, **how})
