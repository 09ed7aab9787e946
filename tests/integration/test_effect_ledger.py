"""The effect ledger: one effect for one key, across attempts, plans and orchestrators that die."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from processes import killed_at
from world import World, registry, step

from psg.audit import verify
from psg_runtime.ael import ActionContext

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.fixture
async def world(db: Any) -> AsyncIterator[World]:
    made = await World.create(db)
    yield made
    report = await verify(db, made.project_id)
    assert report.ok, report.violations


def charging() -> tuple[Any, list[str]]:
    """A tool that notes the key of each call, and gives the number of the call."""
    keys: list[str] = []

    async def charge(amount: int = 0, ctx: ActionContext = None) -> dict[str, int]:  # type: ignore[assignment]
        keys.append(ctx.idempotency_key)
        return {"charged": amount, "call": len(keys)}

    return charge, keys


KEYED = {"idempotency": {"key": "charge-{{params.order}}"}}


async def effects(world: World) -> int:
    (row,) = await world.query("MATCH (e:Effect) WHERE e.project_id = $project_id AND e.key IS NOT NULL "
                               "RETURN count(e) AS n")  # fmt: skip
    return row["n"]


@pytest.mark.req("EXEC-06")
async def test_a_repeated_key_returns_the_recorded_result_and_calls_nobody_also_in_another_plan(world: World) -> None:
    charge, keys = charging()
    steps = [step("pay", name="charge", params={"amount": 5}, policy=KEYED)]
    one = await world.run(*steps, params={"order": 7}, tools=registry(charge=charge))
    two = await world.run(*steps, step("again", "pay", name="charge", policy=KEYED), params={"order": 7},
                          tools=registry(charge=charge))  # fmt: skip
    other = await world.run(*steps, params={"order": 8}, tools=registry(charge=charge))
    outputs = [(await world.steps(p))["pay"]["output"] for p in (one, two, other)]
    assert outputs == [{"charged": 5, "call": 1}, {"charged": 5, "call": 1}, {"charged": 5, "call": 2}]
    assert (await world.steps(two))["again"]["output"] == {"charged": 5, "call": 1}
    assert len(keys) == len(set(keys)) == 2 == await effects(world)
    (told,) = await world.query(
        "MATCH (g:TraceSegment {project_id: $project_id})-[:RECORDS]->(s:Step {plan: $p, key: 'again'}) "
        "RETURN g.payload AS p", p=two,
    )  # fmt: skip
    assert "recorded_by" in told["p"]


async def test_a_key_is_one_for_its_project_only_and_nothing_of_it_is_stored_in_clear(world: World, db: Any) -> None:
    elsewhere = await World.create(db)
    charge, keys = charging()
    for place in (world, elsewhere):
        await place.run(step("pay", name="charge", policy=KEYED), params={"order": "card-4711"},
                        tools=registry(charge=charge))  # fmt: skip
    assert len(set(keys)) == 2
    rows = await world.query("MATCH (e:Effect {project_id: $project_id}) RETURN e.key AS k")
    assert not any("4711" in row["k"] for row in rows)


async def test_two_attempts_with_one_key_at_the_same_time_call_once(world: World) -> None:
    opened, calls = anyio.Event(), []

    async def slow() -> str:
        calls.append(1)
        await opened.wait()
        return "once"

    plan_id = await world.started(*[step(f"s{i}", name="slow", policy=KEYED) for i in range(5)], params={"order": 1})
    async with world.running(registry(slow=slow)):
        for i in range(5):
            await world.step_is(plan_id, f"s{i}", "in_progress")
        while not calls:  # noqa: ASYNC110 - it is called in this very loop
            await anyio.sleep(0.01)
        opened.set()
        assert await world.finished(plan_id) == ["completed"]
    assert len(calls) == 1
    assert {s["output"] for s in (await world.steps(plan_id)).values()} == {"once"}


async def test_an_attempt_that_fails_gives_the_key_back(world: World) -> None:
    calls: list[int] = []

    async def flaky() -> int:
        calls.append(1)
        if len(calls) < 3:
            raise RuntimeError("not yet")
        return len(calls)

    policy = {**KEYED, "retry": {"max_retries": 1, "base_ms": 1}}
    one = await world.run(step("a", name="flaky", policy=policy), params={"order": 1}, tools=registry(flaky=flaky))
    two = await world.run(step("a", name="flaky", policy=policy), params={"order": 1}, tools=registry(flaky=flaky))
    assert [(await world.steps(p))["a"]["status"] for p in (one, two)] == ["failed", "completed"]
    assert len(calls) == 3


@pytest.mark.req("EXEC-07", "EXEC-08")
async def test_every_attempt_of_a_step_has_the_same_key_and_another_step_another(world: World) -> None:
    keys: dict[str, list[str]] = {}

    async def flaky(ctx: ActionContext, x: int = 0) -> None:
        keys.setdefault(ctx.step_key, []).append(ctx.idempotency_key)
        if len(keys[ctx.step_key]) < 3:
            raise RuntimeError("not yet")

    await world.run(
        *[step(k, name="flaky", params={"x": 1}, policy={"retry": {"max_retries": 2, "base_ms": 1}}) for k in "ab"],
        tools=registry(flaky=flaky),
    )
    assert [len(k) for k in keys.values()] == [3, 3]
    assert all(len(set(k)) == 1 and k[0] for k in keys.values()) and keys["a"][0] != keys["b"][0]


@pytest.mark.req("EXEC-19")
@pytest.mark.parametrize("key", ["{{params.missing}}", "{{", "{{params.order}}", "{{secrets.TOKEN}}", "{{params}}"])
async def test_a_key_that_cannot_be_made_denies(world: World, key: str) -> None:
    charge, keys = charging()
    plan_id = await world.run(
        step("a", name="charge", policy={"idempotency": {"key": key}}), params={"order": None},
        tools=registry(charge=charge),
    )  # fmt: skip
    error = (await world.steps(plan_id))["a"]["error"]
    assert (error["code"], error["details"]["fail_closed"]) == ("denied", True) and not keys


async def test_steps_without_a_key_of_their_own_never_touch_the_ledger(world: World) -> None:
    charge, _ = charging()
    off = {"idempotency": {"enabled": False, "key": "same"}}
    await world.run(step("a", name="charge"), step("b", name="charge", policy=off), tools=registry(charge=charge))
    assert await effects(world) == 0


async def test_the_result_is_in_the_ledger_exactly_when_it_is_in_the_graph(world: World) -> None:
    """Recorded in one commit: a result that came too late is in neither."""
    opened, entered = anyio.Event(), anyio.Event()

    async def hold() -> str:
        entered.set()
        with anyio.CancelScope(shield=True):
            await opened.wait()
        return "late"

    plan_id = await world.started(step("a", name="hold", policy=KEYED), params={"order": 1})
    async with world.running(registry(hold=hold)):
        await entered.wait()
        await world.graph.cancel_plan(world.project_id, plan_id)
        opened.set()
    (row,) = await world.query("MATCH (e:Effect) WHERE e.project_id = $project_id AND e.key IS NOT NULL "
                               "RETURN e.at AS at, e.output AS output")  # fmt: skip
    assert row == {"at": None, "output": None}




@pytest.mark.parametrize(
    ("point", "calls"),
    [
        ("before_advance:kill", 1), ("after_claim:kill", 1), ("after_effect:kill", 2), ("before_advance:kill@2", 2),
        ("after_advance:kill@2", 1),
    ],
)  # fmt: skip
async def test_killed_at_any_point_a_keyed_step_is_recorded_once_under_one_key(
    world: World, neo4j_server: Any, tmp_path: Path, point: str, calls: int
) -> None:
    """Before the claim, after it, after the effect, before and after the commit of the result."""
    effects_file = tmp_path / "effects"
    plan_id = await world.started(
        step("a", name="slow", params={"seconds": 0, "effects": str(effects_file)}, policy=KEYED), params={"order": 1}
    )
    await killed_at(neo4j_server, world.project_id, point, PSG_LEASE_MS="1000")

    async def slow(seconds: float, effects: str, ctx: ActionContext) -> str:
        with effects_file.open("a") as file:
            file.write(f"{ctx.idempotency_key}\n")
        return "done"

    async with world.running(registry(slow=slow)):
        assert await world.finished(plan_id) == ["completed"]
    keys = [line.split()[0] for line in effects_file.read_text().splitlines()]
    assert len(set(keys)) == 1 and len(keys) == calls
    assert await effects(world) == 1
    assert len(await world.events(type="step_completed", entity=(await world.steps(plan_id))["a"]["id"])) == 1
