"""The specification's Executor: plans in memory, by the decisions of the engine."""

from __future__ import annotations

import json
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plans_in_memory import broken, graphs, plan, registry, run, statuses, step

from psg_runtime import CapabilityRegistry, ExecutionResult, Executor, PlanReplay

pytestmark = pytest.mark.anyio


@pytest.mark.req("ORCH-27", "ORCH-07", "ORCH-08", "ORCH-09")
async def test_a_plan_is_executed_and_every_step_has_a_result() -> None:
    async def generate(productId: str) -> dict[str, Any]:
        return {"id": 7, "of": productId}

    result = await run(
        step("step_1", name="generate", params={"productId": "prod_123"}),
        step("step_2", "step_1", params={"contentId": "{{step_1.output.id}}"}),
        calls={"generate": generate},
        context={"userId": "123"},
    )
    assert (result.plan_id, result.status, result.error) == ("p", "completed", None)
    assert result.output == {"contentId": 7}
    assert [(one.step_id, one.status, one.output) for one in result.steps] == [
        ("step_1", "completed", {"id": 7, "of": "prod_123"}),
        ("step_2", "completed", {"contentId": 7}),
    ]
    assert all(one.duration is not None and one.started_at and one.completed_at for one in result.steps)
    told = result.metadata
    assert (told.total_steps, told.completed_steps, told.failed_steps, told.total_cost) == (2, 2, 0, None)
    assert told.total_duration >= max(one.duration or 0 for one in result.steps)
    assert ExecutionResult.parse(json.loads(json.dumps(result.to_dict()))) == result


@pytest.mark.req("ORCH-04", "ORCH-27")
async def test_a_failure_skips_its_dependents_and_lets_the_others_finish() -> None:
    def broken() -> None:
        raise KeyError("nope")

    called: list[str] = []
    result = await run(
        step("bad", name="broken"),
        step("after", "bad", name="mark"),
        step("later", "after", name="mark"),
        step("other"),
        calls={"broken": broken, "mark": lambda: called.append("x")},
    )
    assert statuses(result) == {"bad": "failed", "after": "skipped", "later": "skipped", "other": "completed"}
    assert called == []
    assert result.status == "failed"
    assert result.error == "step `bad` failed: KeyError: 'nope'"
    bad, after = result.steps[0], result.steps[1]
    assert (bad.error, bad.error_code, after.reason) == ("KeyError: 'nope'", "action_failed", "dependency_failed")
    told = result.metadata
    assert (told.total_steps, told.completed_steps, told.failed_steps) == (4, 1, 1)
    assert result.output is None


@pytest.mark.req("ORCH-28")
async def test_independent_steps_run_together_only_when_that_is_wanted() -> None:
    running, most = 0, [0]

    async def meet() -> None:
        nonlocal running
        running += 1
        most[0] = max(most[0], running)
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
        running -= 1

    steps = [step(f"s{i}", name="meet") for i in range(4)]
    for option in ({"parallelExecution": True}, {"parallel_execution": True}):
        most[0] = 0
        assert (await run(*steps, calls={"meet": meet}, **option)).status == "completed"
        assert most[0] == 4
    most[0] = 0
    await run(*steps, calls={"meet": meet})
    assert most[0] == 1
    await run(*steps, calls={"meet": meet}, parallelExecution=True, maxParallel=2)
    assert most[0] == 2


@pytest.mark.req("ORCH-28", "ORCH-04")
async def test_two_independent_steps_wait_for_each_other_while_their_dependent_waits_for_both() -> None:
    events = [anyio.Event(), anyio.Event()]
    order: list[str] = []

    async def meet(i: int) -> None:
        order.append(f"start {i}")
        events[i].set()
        await events[1 - i].wait()
        order.append(f"end {i}")

    async def last() -> None:
        order.append("last")

    with anyio.fail_after(10):
        result = await run(
            step("a", name="meet", params={"i": 0}),
            step("b", name="meet", params={"i": 1}),
            step("c", "a", "b", name="last"),
            calls={"meet": meet, "last": last},
            parallelExecution=True,
        )
    assert result.status == "completed"
    assert order[-1] == "last" and len(order) == 5


async def test_one_after_another_is_by_urgency_then_order_index_then_position() -> None:
    order: list[str] = []
    await run(
        step("d", params={"k": "d"}, name="mark"),
        step("c", orderIndex=0, params={"k": "c"}, name="mark"),
        step("b", urgency=1, params={"k": "b"}, name="mark"),
        step("a", "b", urgency=0, params={"k": "a"}, name="mark"),
        calls={"mark": lambda k: order.append(k)},
    )
    assert order == ["b", "a", "d", "c"]


@pytest.mark.req("ORCH-30")
async def test_conditional_steps_of_pattern_5() -> None:
    called: list[str] = []

    def analyse(text: str) -> dict[str, str]:
        return {"sentiment": "positive"}

    def conditional(key: str, sentiment: str) -> dict[str, Any]:
        condition = '{{step_1.output.sentiment}} === "' + sentiment + '"'
        return {
            "id": key,
            "type": "conditional",
            "name": f"handle_{sentiment}",
            "description": "d",
            "params": {"condition": condition},
            "dependencies": ["step_1"],
        }

    steps = [
        {"id": "step_1", "type": "agent", "name": "analysis", "params": {"text": "x"}, "dependencies": []},
        conditional("yes", "positive"),
        conditional("no", "negative"),
        step("after_no", "no"),
        step("after_both", "yes", "no", params={"no": "{{no.output}}"}),
    ]
    made = registry(handle_positive=lambda: called.append("+"), handle_negative=lambda: called.append("-"))
    made.register(name="analysis", type="agent", call=analyse)
    result = await Executor(made).execute(plan(*steps))
    assert statuses(result) == {
        "step_1": "completed",
        "yes": "completed",
        "no": "skipped",
        "after_no": "skipped",
        "after_both": "completed",
    }
    assert called == ["+"]
    assert (result.steps[2].reason, result.steps[3].reason) == ("condition_false", "all_dependencies_skipped")
    assert result.steps[4].output == {"no": None}
    bare = CapabilityRegistry()
    bare.register(name="analysis", type="agent", call=analyse)
    assert statuses(await Executor(bare).execute(plan(*steps[:3])))["yes"] == "completed"


@pytest.mark.req("ORCH-30")
async def test_a_condition_that_cannot_be_decided_fails_the_step() -> None:
    result = await run(step("a"), step("b", "a", condition="a.output.missing == 1"))
    assert statuses(result) == {"a": "completed", "b": "failed"}
    assert "missing" in (result.steps[1].error or "") or "null" in (result.steps[1].error or "")


@pytest.mark.req("ORCH-06")
@pytest.mark.parametrize(
    "template", ["{{a.output.nope}}", "{{ghost.output}}", "{{b.output}}", "{{other.output}}", "{{"]
)
async def test_a_template_without_a_value_fails_the_step(template: str) -> None:
    result = await run(step("other"), step("a"), step("b", "a", params={"x": template}))
    assert statuses(result) == {"other": "completed", "a": "completed", "b": "failed"}
    assert result.steps[2].error


@pytest.mark.req("ORCH-05")
async def test_retries_and_timeouts_are_of_the_step() -> None:
    attempts: list[str] = []

    def flaky(key: str, needed: int) -> str:
        attempts.append(key)
        if attempts.count(key) < needed:
            raise OSError("again")
        return "done"

    async def slow() -> None:
        await anyio.sleep_forever()

    result = await run(
        step("a", name="flaky", params={"key": "a", "needed": 3}, retries=2),
        step("b", name="flaky", params={"key": "b", "needed": 3}, retries=1),
        step("c", name="slow", timeout=20),
        step("d", name="flaky", params={"key": "d", "nedded": 3}, retries=5),
        step("e", name="slow", policy={"timeout": {"total_ms": 20}}),
        step(
            "f",
            name="flaky",
            params={"key": "f", "needed": 9},
            policy={"retry": {"max_retries": 5, "non_retryable": ["action_failed"]}},
        ),
        calls={"flaky": flaky, "slow": slow},
    )
    assert statuses(result) == {
        "a": "completed",
        "b": "failed",
        "c": "failed",
        "d": "failed",
        "e": "failed",
        "f": "failed",
    }
    assert [one.attempts for one in result.steps] == [3, 2, 1, 1, 1, 1]
    assert (attempts.count("a"), attempts.count("b"), attempts.count("f")) == (3, 2, 1)
    assert [result.steps[i].error_code for i in (2, 3, 4)] == ["action_timeout", "validation_failed", "total_timeout"]
    assert "20 ms" in (result.steps[2].error or "")


@pytest.mark.req("ORCH-14")
async def test_unknown_and_disabled_capabilities_fail_their_steps_only() -> None:
    made = registry()
    made.register(name="off", type="tool", call=lambda: 1, enabled=False)
    result = await Executor(made).execute(plan(step("a", name="nope"), step("b", name="off"), step("c")))
    assert statuses(result) == {"a": "failed", "b": "failed", "c": "completed"}
    assert [one.error_code for one in result.steps[:2]] == ["unknown_capability", "capability_denied"]


@pytest.mark.req("ORCH-16", "ORCH-17", "ORCH-20")
async def test_hooks_stop_a_step_and_are_told_what_came_of_the_others() -> None:
    told, called = [], []

    def limit(step: Any, context: Any) -> dict[str, Any]:
        allow = step.params.get("n", 0) < 2 and context.userId == "123"
        return {"allow": allow, "reason": None if allow else "Rate limit exceeded"}

    async def audit(step: Any, result: Any, context: Any) -> None:
        told.append((step.name, result.status, result.duration is not None, context["userId"]))

    hooks = [{"name": "rate_limiter", "preExecution": limit}, {"name": "audit", "postExecution": audit}]
    made = registry(mark=lambda n: called.append(n), broken=lambda: 1 / 0)
    steps = [step("a"), step("b", "a", name="mark", params={"n": "{{params.n}}"}), step("c", "b")]
    wanted = plan(*steps, step("x", name="broken"), params={"n": 5})
    result = await Executor(made, options={"policyHooks": hooks}).execute(wanted, {"userId": "123"})
    assert statuses(result) == {"a": "completed", "b": "failed", "c": "skipped", "x": "failed"}
    assert (result.steps[1].error, result.steps[1].error_code) == ("Rate limit exceeded", "denied")
    assert called == []
    assert told == [("noop", "completed", True, "123"), ("broken", "failed", True, "123")]


@pytest.mark.req("ORCH-20", "EXEC-19")
async def test_a_hook_that_raises_denies_with_a_marker_and_one_that_fails_after_is_recorded() -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("no policy server")

    denied = await run(step("a"), policyHooks=[{"name": "h", "preExecution": broken}])
    assert (denied.status, denied.steps[0].fail_closed) == ("failed", True)
    assert "no policy server" in (denied.steps[0].error or "")
    after = await run(step("a"), policyHooks=[{"name": "h", "postExecution": broken}])
    assert after.status == "completed"
    assert after.steps[0].hook_errors == ["policy hook `h` failed: RuntimeError: no policy server"]


@pytest.mark.req("ORCH-21", "ORCH-23")
async def test_what_happens_is_recorded_by_itself() -> None:
    replay = PlanReplay()
    executor = Executor(registry(broken=lambda: 1 / 0), replay)
    assert (await executor.execute(plan(step("a"), step("b", "a")))).status == "completed"
    assert [one.event for one in replay.entries("p")] == [
        "plan_created",
        "execution_started",
        "step_started",
        "step_completed",
        "step_started",
        "step_completed",
        "execution_completed",
    ]
    failed = await executor.execute(plan(step("a"), step("b", name="broken"), step("c", "b")) | {"id": "q"})
    entries = replay.entries("q")
    assert [one.event for one in entries] == [
        "plan_created",
        "execution_started",
        "step_started",
        "step_completed",
        "step_started",
        "step_failed",
        "execution_failed",
    ]
    assert entries[5].data == failed.steps[1].to_dict()
    assert entries[5].data.error == failed.steps[1].error
    assert entries[6].data == failed.to_dict()


@settings(max_examples=60, deadline=None)
@given(graphs(), st.booleans())
def test_any_plan_ends_with_one_result_per_step_in_dependency_order(
    steps: list[dict[str, Any]], parallel: bool
) -> None:
    replay = PlanReplay()

    async def execute() -> ExecutionResult:
        made = registry(broken=broken)
        with anyio.fail_after(20):
            return await Executor(made, replay, parallel_execution=parallel).execute(plan(*steps))

    result = anyio.run(execute)
    assert [one.step_id for one in result.steps] == [one["id"] for one in steps]
    assert {one.status for one in result.steps} <= {"completed", "failed", "skipped"}
    ended: set[str] = set()
    by_id = {one["id"]: one for one in steps}
    for entry in replay.entries("p"):
        if entry.event == "step_started" and by_id[entry.data.stepId]["join"] != "any":
            ran = {d for d in by_id[entry.data.stepId]["dependencies"] if result.step(d).status != "skipped"}  # type: ignore[union-attr]
            assert ran <= ended
        if entry.event in ("step_completed", "step_failed"):
            ended.add(entry.data.stepId)
    assert (result.status == "failed") == any(one.status == "failed" for one in result.steps)
