"""Steps that are plans: one child each, whoever dies when; its end wakes the parent, the parent's end ends it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from processes import killed_at
from world import World, registry, step

from psg.audit import verify
from psg.errors import ActionFailed
from psg_runtime.ael import AdapterLayer
from psg_runtime.ael.settings import AelSettings

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
HOLD = {"id": "hold", "name": "hold"}
NEEDED = {"n": {"type": "integer", "required": True}}


@pytest.fixture
async def world(db: Any) -> AsyncIterator[World]:
    made = await World.create(db)
    yield made
    report = await verify(db, made.project_id)
    assert report.ok, report.violations


async def echo(value: Any) -> Any:
    return value


async def fail() -> None:
    raise Planted("planted failure")


class Planted(ActionFailed):
    retryable = False


def child(*steps: Any, **fields: Any) -> dict[str, Any]:
    return {"id": "child", "steps": list(steps) or [{"id": "a", "name": "noop"}], **fields}


def subplan(key: str, *dependencies: str, document: Any, params: Any = None, **fields: Any) -> Any:
    given = {"plan": document} | ({} if params is None else {"params": params})
    return step(key, *dependencies, type="plan", params=given, **fields)


async def children(world: World) -> list[dict[str, Any]]:
    return await world.query(
        "MATCH (c:Plan {project_id: $project_id})-[:SUBPLAN_OF]->(s:Step) "
        "RETURN c.id AS id, c.status AS status, s.plan AS parent ORDER BY c.started_ms"
    )


async def test_a_sub_plan_runs_with_its_own_trace_and_gives_the_outputs_of_its_last_steps(world: World) -> None:
    document = child(
        {"id": "first", "name": "echo", "params": {"value": "{{params.who}}"}},
        {"id": "last", "name": "echo", "dependencies": ["first"], "params": {"value": "hello {{first.output}}"}},
        params={"who": {"type": "string", "required": True}},
    )
    plan_id = await world.started(
        step("who", name="echo", params={"value": "world"}),
        subplan("sub", "who", document=document, params={"who": "{{who.output}}"}),
        step("after", "sub", name="echo", params={"value": "{{sub.output.outputs.last}}!"}),
    )
    async with world.running(registry(echo=echo)):
        assert await world.finished(plan_id) == ["completed"]
    steps = await world.steps(plan_id)
    (found,) = await children(world)
    assert steps["sub"]["output"] == {
        "plan_id": found["id"], "status": "completed", "outputs": {"last": "hello world"}
    }  # fmt: skip
    assert steps["after"]["output"] == "hello world!"
    assert found["status"] == "completed" and found["parent"] == plan_id
    traces = await world.query("MATCH (t:Trace {project_id: $project_id}) RETURN t.id AS id, t.status AS status")
    assert len(traces) == 2 and {t["status"] for t in traces} == {"completed"}
    assert steps["sub"]["attempt"] == 1


async def test_a_parked_parent_holds_no_worker(world: World) -> None:
    """With room for one step only, parent and child could never both run if the parent kept its place."""
    nested = child({"id": "inner", "type": "plan", "params": {"plan": child()}})
    plan_id = await world.started(subplan("sub", document=nested))
    async with world.running(capacity=1):
        assert await world.finished(plan_id) == ["completed"]
    assert len(await children(world)) == 2


async def test_a_child_that_fails_fails_the_step_and_a_retry_begins_another_child(world: World) -> None:
    calls = 0

    async def flaky() -> str:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise Planted("first time")
        return "second time"

    document = child({"id": "a", "name": "flaky"})
    plan_id = await world.started(subplan("sub", document=document, retries=1))
    async with world.running(registry(flaky=flaky)):
        assert await world.finished(plan_id) == ["completed"]
    assert [c["status"] for c in await children(world)] == ["failed", "completed"]
    assert (await world.steps(plan_id))["sub"]["output"]["outputs"] == {"a": "second time"}


async def test_the_failure_of_a_child_is_told_with_what_failed_in_it(world: World) -> None:
    plan_id = await world.started(subplan("sub", document=child({"id": "bad", "name": "fail"})), step("after", "sub"))
    async with world.running(registry(fail=fail)):
        assert await world.finished(plan_id) == ["failed"]
    steps = await world.steps(plan_id)
    error = steps["sub"]["error"]
    assert error["code"] == "subplan_failed" and "planted failure" in error["message"]
    assert [f["key"] for f in error["details"]["failed"]] == ["bad"]
    assert steps["after"]["skip_reason"] == "dependency_failed"


async def test_cancelling_the_parent_cancels_the_child_and_its_child(world: World) -> None:
    entered, release = anyio.Event(), anyio.Event()

    async def hold() -> None:
        entered.set()
        await release.wait()

    nested = child({"id": "inner", "type": "plan", "params": {"plan": child({"id": "hold", "name": "hold"})}})
    plan_id = await world.started(subplan("sub", document=nested))
    async with world.running(registry(hold=hold)):
        with anyio.fail_after(60):
            await entered.wait()
        await world.graph.cancel_plan(world.project_id, plan_id)

        async def all_cancelled() -> bool:
            return {c["status"] for c in await children(world)} == {"cancelled"}

        await world.until(all_cancelled)

        async def closed() -> bool:
            rows = await world.query("MATCH (p:Plan {project_id: $project_id}) WHERE p:Closing OR p:Reacting RETURN p")
            return not rows

        await world.until(closed)
    assert len(await children(world)) == 2
    assert (await world.steps(plan_id))["sub"]["error"]["code"] == "cancelled"


async def test_a_child_that_somebody_cancels_fails_the_step_for_good(world: World) -> None:
    entered, release = anyio.Event(), anyio.Event()

    async def hold() -> None:
        entered.set()
        await release.wait()

    plan_id = await world.started(subplan("sub", document=child({"id": "hold", "name": "hold"}), retries=3))
    async with world.running(registry(hold=hold)):
        with anyio.fail_after(60):
            await entered.wait()
        (found,) = await children(world)
        await world.graph.cancel_plan(world.project_id, found["id"])
        assert await world.finished(plan_id) == ["failed"]
    assert (await world.steps(plan_id))["sub"]["error"]["code"] == "subplan_cancelled"
    assert len(await children(world)) == 1


async def test_a_parent_that_stops_cancels_the_child(world: World) -> None:
    entered, release = anyio.Event(), anyio.Event()

    async def hold() -> None:
        entered.set()
        await release.wait()

    async def bad() -> None:
        await entered.wait()
        raise Planted("planted failure")

    plan_id = await world.started(
        subplan("sub", document=child({"id": "hold", "name": "hold"})), step("bad", name="bad"), on_failure="stop"
    )
    async with world.running(registry(hold=hold, bad=bad)):
        assert await world.finished(plan_id) == ["failed"]

        async def cancelled() -> bool:
            return [c["status"] for c in await children(world)] == ["cancelled"]

        await world.until(cancelled)
    assert (await world.steps(plan_id))["sub"]["error"]["code"] == "plan_stopped"


async def test_a_pause_of_the_parent_lets_the_child_go_on_and_the_parent_waits(world: World) -> None:
    entered, release = anyio.Event(), anyio.Event()

    async def hold() -> str:
        entered.set()
        await release.wait()
        return "held"

    plan_id = await world.started(
        subplan("sub", document=child(HOLD, {"id": "z", "name": "noop", "dependencies": ["hold"]})),
        step("after", "sub"),
    )
    async with world.running(registry(hold=hold)):
        with anyio.fail_after(60):
            await entered.wait()
        await world.graph.pause_plan(world.project_id, plan_id)
        release.set()

        async def child_over() -> bool:
            return [c["status"] for c in await children(world)] == ["completed"]

        await world.until(child_over)

        async def told() -> bool:
            return bool(await world.events(type="plan_reacted"))

        await world.until(told)
        assert (await world.steps(plan_id))["sub"]["status"] == "in_progress"
        assert (await verify(world.db, world.project_id)).violations == []
        await world.graph.resume_plan(world.project_id, plan_id)
        assert await world.finished(plan_id) == ["completed"]


@pytest.mark.parametrize(
    ("document", "params", "code", "words"),
    [
        ({"id": "x", "steps": []}, None, "plan_file_invalid", "at least one step"),
        (child({"id": "a", "name": "nobody_has_it"}), None, "unknown_capability", "nobody_has_it"),
        (child(params=NEEDED), None, "validation_failed", "`n` is required"),
        (child(params=NEEDED), {"n": "x"}, "validation_failed", "not of type integer"),
        (child(), {"typo": 1}, "validation_failed", "typo"),
        (child(approval={"quorum": 2}), None, "validation_failed", "put `approval` on the step"),
        ("no_such_template", None, "validation_failed", "no plan template"),
        ("../../etc/passwd", None, "validation_failed", "no name of a plan template"),
        (7, None, "validation_failed", "plan document"),
    ],
)
async def test_a_sub_plan_that_cannot_begin_fails_its_step_with_the_reason(
    world: World, tmp_path: Path, document: Any, params: Any, code: str, words: str
) -> None:
    plan_id = await world.started(subplan("sub", document=document, params=params))
    ael = AdapterLayer(registry(), AelSettings(plan_templates=tmp_path))
    async with world.running(ael=ael):
        assert await world.finished(plan_id) == ["failed"]
    error = (await world.steps(plan_id))["sub"]["error"]
    assert error["code"] == code, error
    assert words in error["message"], error
    assert await children(world) == []


async def test_a_template_that_begins_itself_is_refused_and_depth_is_bounded(world: World, tmp_path: Path) -> None:
    (tmp_path / "again.yaml").write_text("id: again\nsteps:\n  - {id: me, type: plan, params: {plan: again}}\n")
    deep: dict[str, Any] = child()
    for _ in range(4):
        deep = child({"id": "deeper", "type": "plan", "params": {"plan": deep}})
    again = await world.started(subplan("sub", document="again"))
    too_deep = await world.started(subplan("sub", document=deep))
    ael = AdapterLayer(registry(), AelSettings(plan_templates=tmp_path, subplan_depth=3))
    async with world.running(ael=ael):
        assert await world.finished(again, too_deep) == ["failed", "failed"]
    errors = [(await world.steps(p))["sub"]["error"]["message"] for p in (again, too_deep)]
    assert "begin itself again" in errors[0]
    assert "nested more than 3 deep" in errors[1]
    assert len(await children(world)) == 1 + 3


@pytest.mark.parametrize(
    "point",
    [
        "after_commit/plan_load", "after_effect", "after_advance",
        *(
            pytest.param(point, marks=pytest.mark.long)
            for point in (
                "after_claim", "before_commit", "after_commit", "before_commit@2", "after_commit@2", "after_advance@4",
            )
        ),
    ],
)  # fmt: skip
async def test_killed_anywhere_there_is_exactly_one_child(world: World, neo4j_server: Any, point: str) -> None:
    plan_id = await world.started(subplan("sub", document=child({"id": "only", "name": "noop"})), step("end", "sub"))
    name, _, nth = point.partition("@")
    await killed_at(neo4j_server, world.project_id, f"{name}:kill@{nth or 1}")
    async with world.running():
        assert await world.finished(plan_id) == ["completed"]
    assert [c["status"] for c in await children(world)] == ["completed"]
    plans = await world.query("MATCH (p:Plan {project_id: $project_id}) RETURN p.id AS id")
    assert len(plans) == 2


async def test_waits_and_sub_plans_that_need_an_approval_begin_after_it(world: World) -> None:
    """The step goes on because of the approval, not because its time is over or its plan has ended."""
    plan_id = await world.started(
        step("nap", type="wait", params={"duration_ms": 300}, approval={"reason": "may it sleep?"}),
        subplan("sub", document=child(), approval={"reason": "may it begin?"}),
    )
    async with world.running():

        async def asked() -> list[Any]:
            return await world.query("MATCH (c:Confirm {project_id: $project_id, status: 'pending'}) RETURN c.id AS id")

        async def both_asked() -> bool:
            return len(await asked()) == 2

        await world.until(both_asked)
        assert await children(world) == []
        for row in await asked():
            await world.graph.decide_confirm(world.project_id, row["id"], "approved", actor="somebody")
        assert await world.finished(plan_id) == ["completed"]
    steps = await world.steps(plan_id)
    assert steps["nap"]["output"]["resumed_by"] == "timer"
    assert [c["status"] for c in await children(world)] == ["completed"]
    assert steps["sub"]["output"]["outputs"] == {"a": None}


@pytest.mark.parametrize(
    "said",
    [
        {"policy": {"idempotency": {"enabled": True, "key": "book-{{params.n}}"}}},
        {"budget": {"calls": 1}},
        {"policy": {"timeout": {"total_ms": 60_000, "heartbeat_ms": 5_000, "queue_ms": 60_000}}},
    ],
    ids=["idempotency", "budget", "clocks"],
)
async def test_what_is_said_about_the_step_does_not_get_in_the_way_of_its_sleep(
    world: World, said: dict[str, Any]
) -> None:
    plan_id = await world.started(subplan("sub", document=child(), **said), params={"n": 1})
    async with world.running():
        assert await world.finished(plan_id, timeout_s=30) == ["completed"], await world.steps(plan_id)
    assert [c["status"] for c in await children(world)] == ["completed"]
    assert (await world.steps(plan_id))["sub"]["attempt"] == 1
