"""Turns when something else happens: processes die, plans stop, snapshots come back, payloads are encrypted."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from processes import killed_at, orchestrators
from world import World, registry, step

from psg import snapshots
from psg.audit import verify
from psg.errors import ActionFailed
from psg.model import codec
from psg.model.cipher import Cipher
from psg.model.ids import new_id
from psg.plan.policy import BudgetSpec, IdempotencySpec, PolicySpec
from psg_neo4j import Database
from psg_runtime import GraphReplay
from psg_runtime.ael import AdapterLayer, CapabilityRegistry
from psg_runtime.hooks import HookChain, PolicyHook
from psg_runtime.orchestrator import Orchestrator
from psg_runtime.replay import redecide
from psg_runtime.turns import Turn, TurnOver, claim_turn, complete_turn

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
MARK = "planted-marker-77ab"


def tools(**calls: Any) -> CapabilityRegistry:
    made = registry(**calls)
    made.register(name="coder", type="agent", adapter="external")
    return made


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    """A project whose audit is clean at the end of each test."""
    made = await World.create(db)
    yield made
    assert (await verify(db, made.project_id)).violations == []


def code(key: str, *dependencies: str, **fields: Any) -> Any:
    return step(key, *dependencies, type="agent", name="coder", **fields)


async def take(world: World, worker: str = "w", wait_ms: int = 20_000, **how: Any) -> Turn:
    turn = await claim_turn(world.graph, ["coder"], worker=worker, project_id=world.project_id, wait_ms=wait_ms, **how)
    assert turn is not None
    return turn


async def answer(world: World, turn: Turn, output: Any) -> None:
    await complete_turn(world.graph, world.project_id, turn.step_id, turn.fence, worker=turn.worker, output=output)


async def offered(world: World, plan_id: str, key: str = "a") -> None:
    async def is_offered() -> bool:
        return "Offered" in (await world.steps(plan_id))[key]["labels"]

    await world.until(is_offered)


async def test_a_claim_of_any_project_that_is_repeated_gives_the_same_turn_and_no_second(world: World) -> None:
    other = await World.create(world.db)
    plans = [await place.started(code("a")) for place in (world, other)]
    both = {world.project_id, other.project_id}

    async def claim(command_id: str) -> Turn | None:
        return await claim_turn(world.graph, ["coder"], worker="w", command_id=command_id, among=lambda: both)

    async with world.running(tools(), projects=tuple(both)):
        for place, plan_id in zip((world, other), plans, strict=True):
            await offered(place, plan_id)
        lost = new_id()
        first = await claim(lost)  # its answer does not arrive; nothing is offered there any more
        assert first is not None
        assert await claim(lost) == first
        second = await claim(new_id())
        assert second is not None and {first.project_id, second.project_id} == both
        assert await claim(lost) == first, "with nothing offered anywhere"
        assert await claim(new_id()) is None
        for turn in (first, second):
            await complete_turn(world.graph, turn.project_id, turn.step_id, turn.fence, worker="w", output=1)
        assert [*await world.finished(plans[0]), *await other.finished(plans[1])] == ["completed"] * 2


@pytest.mark.parametrize("fault", [None, "after_claim:kill@1", "after_effect:kill@1"])
async def test_a_turn_outlives_the_orchestrator_that_offered_it(
    world: World, neo4j_server: Any, fault: str | None
) -> None:
    plan_id = await world.started(code("a"))
    if fault is not None:
        await killed_at(neo4j_server, world.project_id, fault)
    async with orchestrators(neo4j_server, world.project_id) as start:
        process = await start()
        turn = await take(world)
        process.kill()
        await answer(world, turn, "kept")
        await start()
        assert await world.finished(plan_id) == ["completed"]
    assert (await world.steps(plan_id))["a"]["output"] == "kept"


async def test_a_plan_that_stops_takes_turns_back(world: World) -> None:
    async def fail() -> None:
        raise ActionFailed("no", retryable=False)

    plan_id = await world.started(code("a"), step("gate", type="wait", params={"duration_ms": 300}),
                                  step("bad", "gate", name="fail"), on_failure="stop")  # fmt: skip
    async with world.running(tools(fail=fail)):
        turn = await take(world)
        assert await world.finished(plan_id) == ["failed"]
        with pytest.raises(TurnOver):
            await answer(world, turn, "late")
    assert (await world.steps(plan_id))["a"]["error"]["code"] == "plan_stopped"


async def test_a_restore_leaves_offers_and_turns_to_be_had(world: World) -> None:
    plan_id = await world.started(code("a"), code("b"), code("c"))
    async with world.running(tools()):
        for key in "abc":
            await offered(world, plan_id, key)
        held = await take(world, lease_ms=60_000)
        await world.graph.pause_plan(world.project_id, plan_id)
        saved = await snapshots.take(world.graph, world.project_id, plan_id=plan_id)
        await answer(world, held, "before")
        await snapshots.restore(world.graph, world.project_id, saved)
        assert (await verify(world.db, world.project_id)).violations == []
        await world.graph.resume_plan(world.project_id, plan_id)
        for number in range(2):
            await answer(world, await take(world, f"w{number}"), number)
        assert await world.finished(plan_id) == ["completed"]
    assert sorted(str(s["output"]) for s in (await world.steps(plan_id)).values()) == ["0", "1", "before"]


async def test_what_a_turn_holds_is_encrypted(db: Database) -> None:
    with codec.using(Cipher("1f" * 32)):
        world = await World.create(db)
        plan_id = await world.started(code("a", params={"secret": MARK}))
        async with world.running(tools()):
            turn = await take(world)
            assert turn.params == {"secret": MARK}
            await answer(world, turn, {"back": MARK})
            (row,) = await world.query("MATCH (s:Step {project_id: $project_id}) RETURN s {.*} AS s")
            assert MARK not in json.dumps(row["s"])
            assert await world.finished(plan_id) == ["completed"]
        assert (await world.steps(plan_id))["a"]["output"] == {"back": MARK}
        (row,) = await world.query("MATCH (s:Step {project_id: $project_id}) RETURN s {.*} AS s")
        assert MARK not in json.dumps(row["s"])
        assert MARK not in json.dumps(await world.query("MATCH (e:Event {project_id: $project_id}) RETURN e {.*} AS e"))
        assert (await verify(db, world.project_id)).violations == []


async def test_hooks_are_asked_once_and_told_once(world: World) -> None:
    asked: list[str] = []

    def before(step: Any, context: Any) -> dict[str, bool]:
        asked.append("before")
        return {"allow": True}

    def after(step: Any, result: Any, context: Any) -> None:
        asked.append(f"after {result['status']} {result['output']}")

    plan_id = await world.started(code("a"))
    hooks = HookChain([PolicyHook("one", before, after)])
    made = Orchestrator(world.graph, AdapterLayer(tools()), world._settings({}), hooks=hooks)
    async with anyio.create_task_group() as tasks:
        await tasks.start(made.run)
        await answer(world, await take(world), "done")
        assert await world.finished(plan_id) == ["completed"]
        made.stop()
    assert asked == ["before", "after completed done"]


async def test_what_a_worker_says_it_used_is_spent_once(world: World) -> None:
    plan_id = await world.started(code("a"), code("b", "a"), budget=BudgetSpec(tokens=10, calls=1))
    async with world.running(tools()):
        await answer(world, await take(world), {"usage": {"input_tokens": 3, "output_tokens": 4}})
        assert await world.finished(plan_id) == ["failed"]
    steps = await world.steps(plan_id)
    assert (steps["a"]["spent_tokens"], steps["a"]["spent_calls"]) == (7, 1)
    assert steps["b"]["error"]["code"] == "budget_exhausted"


async def test_one_key_is_with_one_worker_at_a_time(world: World) -> None:
    policy = PolicySpec(idempotency=IdempotencySpec(key="charge-{{params.order}}"))
    plan_id = await world.started(code("a", policy=policy), code("b", policy=policy), params={"order": 1})
    async with world.running(tools()):
        turn = await take(world)
        assert await claim_turn(
            world.graph, ["coder"], worker="other", project_id=world.project_id, wait_ms=1_000
        ) is None  # fmt: skip
        await answer(world, turn, "charged")
        assert await world.finished(plan_id) == ["completed"]
    assert [s["output"] for s in (await world.steps(plan_id)).values()] == ["charged", "charged"]


async def test_a_run_with_turns_and_results_that_stood_in_can_be_decided_again(world: World) -> None:
    given = {"recovery": {"retry_policy": {"max_retries": 1, "base_delay": 10}, "critical": False}}
    policy = PolicySpec.model_validate(given)
    plan_id = await world.started(code("a", policy=policy), code("b", "a"))
    async with world.running(tools()):
        for _ in range(2):
            turn = await take(world)
            await complete_turn(
                world.graph, world.project_id, turn.step_id, turn.fence, worker="w", error={"message": "no"}
            )
        await take(world, "dead", lease_ms=500)
        await answer(world, await take(world), "done")
        assert await world.finished(plan_id) == ["completed"]
    _, run = await GraphReplay(world.graph).history(plan_id)
    verdict = redecide(run)
    assert verdict.difference is None, str(verdict.difference)
    assert verdict.decisions == 4, "two claims, a retry, the end"


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("SET s.turn_worker = 'ghost'", "it is offered, but ghost holds it"),
        ("REMOVE s:Offered", "neither offered, nor held under a lease, nor on its way back"),
        ("REMOVE s:Offered SET s.turn_worker = 'w', s.turn_lease = 1", "nothing will take it back"),
        ("SET s.turn = null", "nothing says what is to be done"),
        ("SET s.parked = null", "but offered to coder"),
    ],
)
async def test_the_audit_sees_a_turn_that_nobody_can_take(db: Database, damage: str, said: str) -> None:
    world = await World.create(db)
    plan_id = await world.started(code("a"))
    async with world.running(tools()):
        await offered(world, plan_id)
    await world.damage(f"MATCH (s:Step {{project_id: $project_id}}) {damage}")
    found = [v for v in (await verify(db, world.project_id)).violations if v.kind == "turn"]
    assert any(said in v.message for v in found), found


@pytest.mark.long
async def test_a_thousand_turns_in_parallel_lose_none(world: World) -> None:
    plan_id = await world.started(*(code(f"s{i}") for i in range(1_000)))
    done: list[str] = []

    async def work(name: str) -> None:
        while (turn := await claim_turn(
            world.graph, ["coder"], worker=name, project_id=world.project_id, wait_ms=5_000
        )) is not None:  # fmt: skip
            done.append(turn.step_key)
            await answer(world, turn, turn.step_key)

    async with world.running(tools()), anyio.create_task_group() as tasks:
        for at in range(20):
            tasks.start_soon(work, f"w{at}")
        assert await world.finished(plan_id, timeout_s=300) == ["completed"]
        tasks.cancel_scope.cancel()
    assert sorted(done) == sorted(f"s{i}" for i in range(1_000))
    assert all(s["output"] == key for key, s in (await world.steps(plan_id)).items())


@pytest.mark.long
async def test_workers_that_die_at_random_lose_and_double_nothing(world: World) -> None:
    """Some go silent with a turn, some of these answer long after: what was accepted is what is stored."""
    chance = random.Random(7)
    steps = [code(f"s{i}") for i in range(60)]
    plan_id = await world.started(*steps)
    accepted: dict[str, list[str]] = {s.key: [] for s in steps}
    late: list[Turn] = []
    over = anyio.Event()

    async def say(turn: Turn) -> None:
        said = f"{turn.worker}:{turn.fence}"
        try:
            await answer(world, turn, said)
            accepted[turn.step_key].append(said)
        except TurnOver:
            assert (await world.steps(plan_id))[turn.step_key]["output"] != said

    async def work(name: str) -> None:
        number = 0
        while not over.is_set():
            number += 1
            turn = await claim_turn(
                world.graph, ["coder"], worker=f"{name}.{number}", project_id=world.project_id, lease_ms=600,
                wait_ms=1_000,
            )  # fmt: skip
            if turn is None:
                continue
            if chance.random() < 0.25:
                late.append(turn)
                continue
            if late and chance.random() < 0.5:
                await say(late.pop(0))
            await say(turn)

    async with world.running(tools(), lease_ms=1_000), anyio.create_task_group() as tasks:
        for at in range(6):
            tasks.start_soon(work, f"w{at}")
        assert await world.finished(plan_id, timeout_s=150) == ["completed"]
        over.set()
    for turn in late:
        await say(turn)
    stored = {key: s["output"] for key, s in (await world.steps(plan_id)).items()}
    assert {key: [value] for key, value in stored.items()} == accepted
