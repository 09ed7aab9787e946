"""Policies in the engine: retries, the four clocks, what is inherited, and what cannot be read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from world import World, registry, step

from psg.audit import verify
from psg.commands.policies import project_policy, set_project_policy
from psg.errors import ActionFailed, ValidationFailed
from psg_runtime.ael import ActionContext

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
EVENTS_EARLIER = "MATCH (e:Event {project_id: $project_id}) SET e.at = e.at - $ms"


@pytest.fixture
async def world(db: Any) -> AsyncIterator[World]:
    made = await World.create(db)
    yield made
    report = await verify(db, made.project_id)
    assert report.ok, report.violations


class Teapot(ActionFailed):
    code = "teapot"


def failing(error: Exception | None = None) -> tuple[Any, list[int]]:
    calls: list[int] = []

    async def fail() -> None:
        calls.append(1)
        raise error or RuntimeError("no")

    return fail, calls


async def delays(world: World) -> list[int]:
    return [e["changes"]["delay_ms"] for e in await world.events(type="step_retry")]


@pytest.mark.req("ORCH-05")
async def test_delays_grow_by_the_factor_up_to_the_longest_and_n_retries_are_n_plus_one_attempts(world: World) -> None:
    fail, calls = failing()
    retry = {"max_retries": 4, "base_ms": 2, "factor": 3, "max_ms": 20}
    plan_id = await world.run(step("f", name="fail", policy={"retry": retry}), tools=registry(fail=fail))
    assert (await world.steps(plan_id))["f"]["status"] == "failed"
    assert await delays(world) == [2, 6, 18, 20]
    assert len(calls) == 5


async def test_full_jitter_draws_each_delay_below_what_it_would_be_and_the_same_again(world: World) -> None:
    from psg_runtime.orchestrator.decide import drawn

    fail, _ = failing()
    retry = {"max_retries": 3, "base_ms": 40, "jitter": "full"}
    plan_id = await world.run(step("f", name="fail", policy={"retry": retry}), tools=registry(fail=fail))
    step_id = (await world.steps(plan_id))["f"]["id"]
    assert await delays(world) == [drawn(40 * 2**k, f"{step_id}:{k + 1}:{k + 1}") for k in range(3)]


@pytest.mark.parametrize("said", ["teapot", "other"])
async def test_a_code_that_is_not_retryable_ends_the_step_at_once(world: World, said: str) -> None:
    fail, calls = failing(Teapot("short and stout"))
    policy = {"retry": {"max_retries": 2, "base_ms": 1, "non_retryable": [said]}}
    await world.run(step("f", name="fail", policy=policy), tools=registry(fail=fail))
    assert len(calls) == (1 if said == "teapot" else 3)


async def test_the_server_that_says_when_to_come_again_is_heard_beyond_the_longest_delay(world: World) -> None:
    fail, _ = failing(Teapot("busy", retry_after_ms=150))
    policy = {"retry": {"max_retries": 1, "base_ms": 1, "max_ms": 10}}
    await world.run(step("f", name="fail", policy=policy), tools=registry(fail=fail))
    assert await delays(world) == [150]


async def test_a_retry_that_would_outlive_the_total_time_is_not_begun(world: World) -> None:
    fail, calls = failing()
    policy = {"retry": {"max_retries": 5, "base_ms": 60_000}, "timeout": {"total_ms": 30_000}}
    plan_id = await world.run(step("f", name="fail", policy=policy), tools=registry(fail=fail))
    error = (await world.steps(plan_id))["f"]["error"]
    assert (error["code"], error["details"]["last_error"]["code"]) == ("total_timeout", "action_failed")
    assert len(calls) == 1 and await delays(world) == []


async def test_the_total_time_cuts_an_attempt_that_runs(world: World) -> None:
    plan_id = await world.run(
        step("f", name="late", policy={"timeout": {"total_ms": 60}, "retry": {"max_retries": 3}}),
        tools=registry(late=anyio.sleep_forever),
    )
    stored = (await world.steps(plan_id))["f"]
    assert (stored["error"]["code"], stored["attempt"]) == ("total_timeout", 1)


async def test_a_wait_step_sleeps_no_longer_than_its_total_time(world: World) -> None:
    plan_id = await world.run(
        step("w", type="wait", params={"duration_ms": 600_000}, policy={"timeout": {"total_ms": 80}})
    )
    assert (await world.steps(plan_id))["w"]["error"]["code"] == "total_timeout"


async def test_an_attempt_without_a_sign_of_life_is_cut_and_tried_again(world: World) -> None:
    calls: list[int] = []

    async def silent_once(ctx: ActionContext) -> str:
        calls.append(1)
        if len(calls) == 1:
            await anyio.sleep_forever()
        for n in range(6):
            await anyio.sleep(0.05)
            ctx.report(fraction=n / 6)
        return "alive"

    policy = {"timeout": {"heartbeat_ms": 200}, "retry": {"max_retries": 1, "base_ms": 1}}
    plan_id = await world.run(step("f", name="beat", policy=policy), tools=registry(beat=silent_once))
    assert (await world.steps(plan_id))["f"]["output"] == "alive"
    (segment, _) = await world.query(
        "MATCH (g:TraceSegment {project_id: $project_id}) RETURN g.payload AS p ORDER BY g.log_seq"
    )
    assert "heartbeat_timeout" in segment["p"]


async def test_a_thread_gives_its_signs_of_life_too(world: World) -> None:
    def beat(ctx: ActionContext) -> str:
        import time

        for _ in range(6):
            time.sleep(0.05)
            ctx.report("still here")
        return "done"

    plan_id = await world.run(
        step("f", name="beat", policy={"timeout": {"heartbeat_ms": 200}}), tools=registry(beat=beat)
    )
    assert (await world.steps(plan_id))["f"]["output"] == "done"


async def test_a_step_that_nobody_claims_in_time_fails_while_another_holds_the_only_place(world: World) -> None:
    opened = anyio.Event()
    plan_id = await world.started(
        step("long", name="hold", order_index=0),
        step("late", order_index=1, policy={"timeout": {"queue_ms": 150}}),
        step("patient", order_index=2),
        step("after", "late"),
    )
    async with world.running(registry(hold=opened.wait), capacity=1):
        await world.step_is(plan_id, "late", "failed")
        stored = await world.steps(plan_id)
        assert stored["long"]["status"] == "in_progress" and stored["patient"]["status"] == "pending"
        opened.set()
        assert await world.finished(plan_id) == ["failed"]
    error = stored["late"]["error"]
    assert error["code"] == "queue_timeout" and error["details"]["waited_ms"] > 150
    ended = await world.steps(plan_id)
    assert (ended["patient"]["status"], ended["after"]["status"]) == ("completed", "skipped")


async def test_the_queue_clock_is_judged_at_the_claim_and_stands_still_while_the_plan_is_paused(world: World) -> None:
    late = {"timeout": {"queue_ms": 60_000}}
    plan_id = await world.started(step("paused", policy=late))
    await world.graph.pause_plan(world.project_id, plan_id)
    # The plan became ready two minutes ago and was paused ten seconds later.
    earlier = "MATCH (p:PsgNode:Plan {project_id: $project_id, id: $p}) SET p.started_ms = p.started_ms - 120000"
    await world.damage(earlier, p=plan_id)
    await world.damage(EVENTS_EARLIER, ms=110_000)
    await world.graph.resume_plan(world.project_id, plan_id)
    other = await world.started(step("late", policy=late))
    await world.damage(earlier, p=other)
    async with world.running():
        assert await world.finished(plan_id, other) == ["completed", "failed"]
    assert (await world.steps(other))["late"]["error"]["code"] == "queue_timeout"


async def test_the_total_clock_stands_still_while_the_plan_is_paused(world: World) -> None:
    calls: list[int] = []

    async def flaky() -> str:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("not yet")
        return "in time"

    policy = {"timeout": {"total_ms": 100_000}, "retry": {"max_retries": 1, "base_ms": 60_000}}
    plan_id = await world.started(step("f", name="flaky", policy=policy))
    async with world.running(registry(flaky=flaky)):
        async def waits() -> bool:
            return "Timer" in (await world.steps(plan_id))["f"]["labels"]
        await world.until(waits)
        await world.graph.pause_plan(world.project_id, plan_id)
        # All this was ten minutes ago; the plan has been paused since.
        await world.damage(EVENTS_EARLIER, ms=600_000)
        await world.damage("MATCH (s:Step {project_id: $project_id, plan: $p}) "
                           "SET s.started_ms = s.started_ms - 600000, s.due_at = 1", p=plan_id)  # fmt: skip
        await world.graph.resume_plan(world.project_id, plan_id)
        await world.damage("MATCH (s:Step {project_id: $project_id, plan: $p}) SET s.due_at = 1", p=plan_id)
        assert await world.finished(plan_id) == ["completed"]
    assert len(calls) == 2


async def test_step_overrides_plan_overrides_project_and_the_project_policy_holds_from_the_next_attempt_on(
    world: World,
) -> None:
    fail, _ = failing()
    await set_project_policy(world.graph, world.project_id, {"retry": {"max_retries": 1, "base_ms": 1}}, actor="ops")
    assert await project_policy(world.db, world.project_id) == {"retry": {"max_retries": 1, "base_ms": 1}}
    one = await world.started(step("a", name="fail"), step("b", name="fail", retries=0))
    two = await world.started(
        step("c", name="fail"), step("d", name="fail", policy={"retry": {"max_retries": 3}}),
        policy={"retry": {"max_retries": 2}},
    )  # fmt: skip
    async with world.running(registry(fail=fail)):
        await world.finished(one, two)
    stored = {**await world.steps(one), **await world.steps(two)}
    assert {key: s["attempt"] for key, s in stored.items()} == {"a": 2, "b": 1, "c": 3, "d": 4}
    (event,) = await world.events(type="project_policy_set")
    assert (event["actor"], event["changes"]["after"]) == ("ops", {"retry": {"max_retries": 1, "base_ms": 1}})


@pytest.mark.parametrize(
    "policy",
    [
        {"retry": {"max_retries": -1}}, {"retry": {"max_retries": 10**9}}, {"timeout": {"total_ms": 0}},
        {"timeout": {"attempt_ms": 10**12}}, {"retry": {"factor": float("inf")}}, {"retry": {"jitter": "some"}},
        {"retries": 1}, {"retry": []}, [], {"retry": {"base_ms": True, "max_ms": "x"}},
        {"retry": {"non_retryable": ["x" * 20_000]}},
    ],
)  # fmt: skip
async def test_a_policy_without_bounds_is_refused(world: World, policy: Any) -> None:
    with pytest.raises(ValidationFailed, match="policy"):
        await set_project_policy(world.graph, world.project_id, policy)
    assert await project_policy(world.db, world.project_id) is None


@pytest.mark.req("EXEC-19")
@pytest.mark.parametrize("text", ['{"retry": {"max_retries": -5}}', "{", '["x"]'])
@pytest.mark.parametrize("where", ["step", "plan", "project"])
async def test_a_stored_policy_that_cannot_be_read_denies_and_harms_nobody_else(
    world: World, text: str, where: str
) -> None:
    calls: list[int] = []

    async def count() -> None:
        calls.append(1)

    plan_id = await world.started(step("f", name="count"))
    match = {
        "step": "MATCH (n:Step {project_id: $project_id, plan: $p})",
        "plan": "MATCH (n:PsgNode:Plan {project_id: $project_id, id: $p})",
        "project": "MATCH (n:ProjectHead {id: $project_id}) WHERE $p IS NOT NULL",
    }[where]
    await world.damage(f"{match} SET n.policy = $policy", p=plan_id, policy=text)
    async with world.running(registry(count=count)):
        assert await world.finished(plan_id) == ["failed"]
    error = (await world.steps(plan_id))["f"]["error"]
    assert (error["code"], error["details"]["status"], error["details"]["fail_closed"]) == (
        "policy_invalid", "denied", True,
    )  # fmt: skip
    assert not calls
    await world.damage(f"{match} SET n.policy = null", p=plan_id)
