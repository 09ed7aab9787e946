"""What people do to a running plan, and what the frontier makes of it: pause, cancel, timers, confirms, conditions."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from world import World, chain, registry, step

from psg.audit import verify
from psg.errors import InvalidTransition, NotEditable, Refused

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.fixture
async def world(db: Any) -> Any:
    made = await World.create(db)
    yield made
    report = await verify(db, made.project_id)
    assert report.ok, report.violations


def gate() -> tuple[anyio.Event, Any, list[str]]:
    """A tool that waits until the event is set, and the keys that entered it."""
    opened, entered = anyio.Event(), []

    async def hold(key: str = "") -> str:
        entered.append(key)
        await opened.wait()
        return key

    return opened, hold, entered


async def test_a_paused_plan_lets_running_steps_finish_and_claims_nothing_until_resumed(world: World) -> None:
    opened, hold, entered = gate()
    plan_id = await world.started(step("a", name="hold"), step("b", "a"))
    async with world.running(registry(hold=hold)):
        await world.step_is(plan_id, "a", "in_progress")
        await world.graph.pause_plan(world.project_id, plan_id)
        opened.set()
        await world.step_is(plan_id, "a", "completed")
        stored = await world.steps(plan_id)
        assert stored["b"]["status"] == "pending" and "Ready" in stored["b"]["labels"]
        assert await world.plan_status(plan_id) == "in_progress"
        await world.graph.resume_plan(world.project_id, plan_id)
        assert await world.finished(plan_id) == ["completed"]
    assert entered == [""]


async def test_pause_and_resume_are_refused_where_they_make_no_sense(world: World) -> None:
    plan_id = await world.approved(step("a"))
    for ask in (world.graph.pause_plan, world.graph.resume_plan):
        with pytest.raises(Refused):
            await ask(world.project_id, plan_id)
    await world.graph.start_plan(world.project_id, plan_id)
    await world.graph.pause_plan(world.project_id, plan_id)
    with pytest.raises(Refused, match="paused already"):
        await world.graph.pause_plan(world.project_id, plan_id)


async def test_a_timer_freezes_while_its_plan_is_paused(world: World) -> None:
    plan_id = await world.started(step("w", type="wait", params={"duration_ms": 60_000}))
    async with world.running():
        async def parked() -> bool:
            return (await world.steps(plan_id))["w"].get("parked") == "timer"
        await world.until(parked)
        due = (await world.steps(plan_id))["w"]["due_at"]
        await world.graph.pause_plan(world.project_id, plan_id)
        # Pretend that the pause lasts since ten minutes and that the timer would have been due long ago.
        await world.damage("MATCH (p:PsgNode:Plan {project_id: $project_id, id: $p}) "
                           "SET p.paused_ms = p.paused_ms - 600000", p=plan_id)  # fmt: skip
        await world.damage("MATCH (s:Step {project_id: $project_id, plan: $p}) "
                           "SET s.due_at = s.due_at - 600000, s.sys_updated_ms = s.sys_updated_ms - 600000",
                           p=plan_id)  # fmt: skip
        other = await world.started(step("short", type="wait", params={"duration_ms": 1}))
        assert await world.finished(other) == ["completed"], "timers of this project were looked at"
        frozen = (await world.steps(plan_id))["w"]
        assert frozen["status"] == "in_progress" and "Timer" in frozen["labels"]
        await world.graph.resume_plan(world.project_id, plan_id)
        moved = (await world.steps(plan_id))["w"]["due_at"]
        assert 0 <= moved - due < 30_000
        await world.graph.cancel_plan(world.project_id, plan_id)


@pytest.mark.req("DD-43")
async def test_a_cancelled_plan_ends_its_steps_and_a_late_result_changes_nothing(world: World) -> None:
    opened, hold, _ = gate()
    plan_id = await world.started(step("a", name="hold"), step("b", "a"), step("c", type="confirm",
                                  params={"reason": "go on?"}))  # fmt: skip
    async with world.running(registry(hold=hold)):
        await world.step_is(plan_id, "a", "in_progress")
        async def asked() -> bool:
            return bool(await world.query("MATCH (c:Confirm {project_id: $project_id, status: 'pending'}) RETURN c.id"))
        await world.until(asked)
        await world.graph.cancel_plan(world.project_id, plan_id)
        stored = await world.steps(plan_id)
        assert {k: s["status"] for k, s in stored.items()} == {"a": "failed", "b": "skipped", "c": "failed"}
        assert stored["a"]["error"]["code"] == "cancelled" and stored["b"]["skip_reason"] == "cancelled"
        opened.set()
    assert (await world.steps(plan_id))["a"]["status"] == "failed"
    assert await world.plan_status(plan_id) == "cancelled"
    confirms = await world.query("MATCH (c:Confirm {project_id: $project_id})-[:GATES]->() RETURN c.status AS s")
    assert confirms == [{"s": "cancelled"}]
    with pytest.raises(InvalidTransition):
        await world.graph.cancel_plan(world.project_id, plan_id)


@pytest.mark.parametrize(("decision", "status"), [("approved", "completed"), ("rejected", "failed")])
async def test_a_confirm_step_waits_without_a_worker_and_follows_the_decision(
    world: World, decision: str, status: str
) -> None:
    plan_id = await world.started(step("ask", type="confirm", params={"reason": "publish?"}), step("then", "ask"))
    async with world.running() as orchestrator:
        async def asked() -> list[dict[str, Any]]:
            return await world.query("MATCH (c:Confirm {project_id: $project_id, status: 'pending'}) RETURN c.id AS id")
        await world.until(asked)
        async def idle() -> bool:
            return orchestrator.running == 0
        await world.until(idle)
        assert (await world.steps(plan_id))["ask"].get("owner") is None
        (confirm,) = await asked()
        await world.graph.decide_confirm(world.project_id, confirm["id"], decision, role="boss", reason="because")
        assert await world.finished(plan_id) == [status]
    stored = await world.steps(plan_id)
    if decision == "approved":
        assert stored["ask"]["output"]["decision"]["reason"] == "because"
    else:
        assert (stored["ask"]["error"]["code"], stored["then"]["status"]) == ("confirm_rejected", "skipped")


async def test_conditions_are_decided_before_the_claim_and_skips_follow_the_rules(world: World) -> None:
    async def count() -> dict[str, int]:
        return {"n": 3}

    plan_id = await world.run(
        step("count", name="count"),
        step("many", "count", condition="steps.count.output.n > 5"),
        step("few", "count", condition='{{count.output.n}} === 3'),
        step("join", "many", "few"),
        step("after_skip", "many"),
        step("broken", "count", condition="steps.count.output.missing > 1"),
        tools=registry(count=count),
    )
    stored = await world.steps(plan_id)
    assert {k: (s["status"], s.get("skip_reason")) for k, s in stored.items()} == {
        "count": ("completed", None), "many": ("skipped", "condition_false"), "few": ("completed", None),
        "join": ("completed", None), "after_skip": ("skipped", "all_dependencies_skipped"), "broken": ("failed", None),
    }  # fmt: skip
    assert stored["broken"]["error"]["code"] == "evaluation_failed"
    assert not await world.events(entity=stored["many"]["id"], type="step_in_progress")


async def test_a_failing_step_is_retried_as_often_as_it_may_and_each_attempt_is_recorded(world: World) -> None:
    calls: list[int] = []

    async def flaky() -> str:
        calls.append(1)
        if len(calls) < 3:
            raise RuntimeError("not yet")
        return "at last"

    plan_id = await world.run(step("flaky", name="flaky", retries=2), tools=registry(flaky=flaky))
    stored = (await world.steps(plan_id))["flaky"]
    assert (stored["status"], stored["attempt"], stored["output"]) == ("completed", 3, "at last")
    segments = await world.query(
        "MATCH (g:TraceSegment {project_id: $project_id}) RETURN g.status AS s, g.attempt AS a ORDER BY g.log_seq"
    )
    assert [(r["s"], r["a"]) for r in segments] == [("failed", 1), ("failed", 2), ("completed", 3)]
    assert len(await world.events(entity=stored["id"], family="pipeline_stage")) == 2


async def test_a_running_plan_takes_new_steps_and_dependencies(world: World) -> None:
    opened, hold, _ = gate()
    plan_id = await world.started(step("a", name="hold"), step("b", "a"))
    async with world.running(registry(hold=hold)):
        await world.step_is(plan_id, "a", "in_progress")
        ids = {k: s["id"] for k, s in (await world.steps(plan_id)).items()}
        added = (await world.graph.add_step(world.project_id, plan_id, step("c", "a"))).ids["step"]
        await world.graph.add_dependency(world.project_id, ids["b"], added)
        with pytest.raises(NotEditable):
            await world.graph.add_dependency(world.project_id, ids["a"], added)
        opened.set()
        assert await world.finished(plan_id) == ["completed"]
    log = [(e["type"], e["entity"]) for e in await world.events(family="pipeline_stage", plan=plan_id)]
    assert log.index(("step_completed", added)) < log.index(("step_in_progress", ids["b"]))


async def test_output_that_is_too_large_or_no_json_fails_the_step(world: World) -> None:
    async def huge() -> str:
        return "x" * 2_000_000

    async def odd() -> Any:
        return object()

    plan_id = await world.run(step("huge", name="huge"), step("odd", name="odd"), tools=registry(huge=huge, odd=odd))
    stored = await world.steps(plan_id)
    assert stored["huge"]["error"]["code"] == "output_too_large" and stored["odd"]["status"] == "failed"


async def test_a_step_that_takes_too_long_fails(world: World) -> None:
    async def late() -> None:
        await anyio.sleep_forever()

    plan_id = await world.run(step("late", name="late", timeout_ms=50), tools=registry(late=late))
    assert (await world.steps(plan_id))["late"]["error"]["code"] == "action_timeout"


async def test_many_plans_of_one_project_run_side_by_side(world: World) -> None:
    plans = [await world.started(*chain(5)) for _ in range(20)]
    async with world.running(capacity=8):
        assert set(await world.finished(*plans)) == {"completed"}


async def test_every_status_change_is_told_once_and_structure_adds_up(world: World) -> None:
    plan_id = await world.run(*chain(6), step("x", "s1", "s2"))
    stages = await world.events(family="pipeline_stage", plan=plan_id)
    assert len(stages) == 2 * 7 + 4  # each step in_progress and completed; the plan proposed, approved, started, ended
    rows = await world.query(
        "MATCH (n:PsgNode {project_id: $project_id}) OPTIONAL MATCH (n)-[e]->() "
        "RETURN count(DISTINCT n) AS nodes, count(e) AS edges"
    )
    deltas = await world.events(family="graph_update")
    assert rows == [{"nodes": sum(e["node_delta"] for e in deltas), "edges": sum(e["edge_delta"] for e in deltas)}]
