"""The in-memory Executor's edges: cancellation, waits, refusals, options, logging."""

from __future__ import annotations

import json
from typing import Any

import anyio
import pytest
import structlog
from plans_in_memory import broken, plan, registry, run, statuses, step

from psg.errors import DependencyCycle, LeaseLost, ReferenceMissing, ValidationFailed
from psg_runtime import ExecutionResult, Executor, InMemoryAEL, OrchestratorPlan, PlanReplay
from psg_runtime.in_memory import ExecutorOptions, PlanNotApproved

pytestmark = pytest.mark.anyio


async def test_a_cancelled_execution_says_so_and_has_an_end_in_its_history() -> None:
    replay, started = PlanReplay(), anyio.Event()

    async def hold() -> None:
        started.set()
        await anyio.sleep_forever()

    executor = Executor(registry(hold=hold), replay)
    results: list[ExecutionResult] = []

    async def execute() -> None:
        results.append(await executor.execute(plan(step("a"), step("b", "a", name="hold"), step("c", "b"))))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(execute)
        await started.wait()
        assert executor.cancel("p") is True
    (result,) = results
    assert (result.status, result.error) == ("cancelled", "the execution was cancelled")
    assert statuses(result) == {"a": "completed", "b": "failed", "c": "skipped"}
    assert [one.reason for one in result.steps] == [None, "cancelled", "cancelled"]
    assert replay.entries("p")[-1].event == "execution_failed"
    assert executor.cancel("p") is False


async def test_the_callers_cancellation_passes_through_and_is_recorded() -> None:
    replay = PlanReplay()

    async def hold() -> None:
        await anyio.sleep_forever()

    with anyio.move_on_after(0.05) as scope:
        await Executor(registry(hold=hold), replay).execute(plan(step("a", name="hold"), step("b", "a")))
    assert scope.cancelled_caught
    assert [one.event for one in replay.entries("p")][-2:] == ["step_failed", "execution_failed"]
    assert replay.entries("p")[-1].data.status == "cancelled"


async def test_control_flow_of_a_capability_is_not_swallowed() -> None:
    async def lost() -> None:
        raise LeaseLost("gone")

    with pytest.raises(LeaseLost):
        await run(step("a", name="lost"), step("b"), calls={"lost": lost}, parallelExecution=True)


async def test_waits_and_confirmations() -> None:
    asked: list[Any] = []

    async def confirm(request: Any) -> dict[str, Any]:
        asked.append(request)
        return {"status": request["reason"]}

    steps = [
        {"id": "w", "type": "wait", "name": "wait", "params": {"duration_ms": 1}},
        {"id": "y", "type": "confirm", "params": {"reason": "approved"}, "dependencies": ["w"]},
        {"id": "n", "type": "confirm", "params": {"reason": "rejected"}, "dependencies": ["w"]},
    ]
    result = await run(*steps, confirm=confirm)
    assert statuses(result) == {"w": "completed", "y": "completed", "n": "failed"}
    assert asked[0]["stepId"] == "y"
    at_once = await run(*steps, confirm=lambda request: {"status": "approved"})
    assert set(statuses(at_once).values()) == {"completed"}
    alone = await run(*steps)
    assert statuses(alone) == {"w": "completed", "y": "failed", "n": "failed"}
    assert "nobody is there" in (alone.steps[1].error or "")


async def test_foreach_and_join_are_the_engines() -> None:
    result = await run(
        {
            "id": "each",
            "type": "foreach",
            "params": {"items": [1, 2], "do": {"name": "noop", "params": {"n": "{{item}}"}}},
        },
        step("bad", name="broken"),
        step("any", "each", "bad", join="any"),
        step("settled", "bad", join="settled"),
        calls={"broken": lambda: 1 / 0},
    )
    assert result.steps[0].output == [{"n": 1}, {"n": 2}]
    assert statuses(result) == {"each": "completed", "bad": "failed", "any": "completed", "settled": "completed"}


async def test_success_criteria_are_judged_at_the_end() -> None:
    executor = Executor(registry(broken=broken))
    steps = [step("a", params={"n": 5})]
    criteria = ["a.output.n == 5", "params.x == 1"]
    good = await executor.execute(plan(*steps, successCriteria=criteria, params={"x": 1}))
    assert (good.status, good.goal_met) == ("completed", True)
    assert good.to_dict()["criteria"] == [{"text": text, "met": True, "error": None} for text in criteria]
    for criterion in ("a.output.n > 5", "a.output.missing == 1"):
        bad = await executor.execute(plan(*steps, success_criteria=[criterion]))
        assert (bad.status, bad.goal_met) == ("completed", False)
        assert bad.criteria and bad.criteria[0]["met"] is False
    failed = await executor.execute(plan(*steps, step("b", name="broken"), success_criteria=["a.output.n == 5"]))
    assert (failed.status, failed.goal_met) == ("failed", False)
    assert (await executor.execute(plan(*steps))).goal_met is None


async def test_a_plan_that_stops_at_a_failure_begins_nothing_more() -> None:
    steps = [step("bad", name="broken"), step("other", orderIndex=9), step("after", "bad"), step("far", "other")]
    result = await Executor(registry(broken=broken)).execute(plan(*steps, onFailure="stop"))
    assert statuses(result) == {"bad": "failed", "other": "skipped", "after": "skipped", "far": "skipped"}
    assert {one.reason for one in result.steps[1:]} == {"plan_stopped"}
    assert result.status == "failed"


async def test_hooks_are_asked_before_each_attempt_and_told_once() -> None:
    asked: list[str] = []

    def limit(given: Any, context: Any) -> dict[str, Any]:
        asked.append(given.id)
        return {"allow": len(asked) < 3, "reason": "Rate limit exceeded"}

    told: list[Any] = []
    hook = {"name": "h", "preExecution": limit, "postExecution": lambda s, r, c: told.append((r.error, r.attempts))}
    result = await run(step("a", name="broken", retries=5), calls={"broken": broken}, policyHooks=[hook])
    assert (result.steps[0].error, result.steps[0].attempts) == ("Rate limit exceeded", 2)
    assert told == [("Rate limit exceeded", 2)]


async def test_costs_that_outputs_report_are_summed() -> None:
    result = await run(
        step("a", params={"usage": {"cost": 0.25}}),
        step("b", params={"usage": {"cost": 0.5}}),
        step("c", params={"usage": {"cost": "free"}}),
    )
    assert result.metadata.total_cost == 0.75
    assert result.output == {key: {"usage": {"cost": cost}} for key, cost in (("a", 0.25), ("b", 0.5), ("c", "free"))}


@pytest.mark.parametrize("output", [{1, 2}, object(), float("nan"), 2**70, {"x": b"bytes"}])
async def test_an_output_that_is_no_json_fails_the_step(output: Any) -> None:
    result = await run(step("a", name="odd"), calls={"odd": lambda: output})
    assert json.dumps(result.to_dict(), allow_nan=False)
    assert result.steps[0].status == ("completed" if output != output else "failed")


async def test_what_is_no_plan_or_cannot_be_kept_in_memory_is_refused_before_anything_runs() -> None:
    called: list[int] = []
    executor = Executor(registry(mark=lambda: called.append(1)))
    mark = step("m", name="mark")
    with pytest.raises(DependencyCycle):
        await executor.execute(plan(mark, step("a", "b"), step("b", "a")))
    with pytest.raises(ReferenceMissing):
        await executor.execute(plan(mark, step("a", "ghost")))
    with pytest.raises(PlanNotApproved):
        await executor.execute(plan(mark, draft=True))
    for refused in (
        plan(mark, approval={"quorum": 1}),
        plan(mark, step("a", budget={"calls": 1})),
        plan(mark, onFailure="compensate"),
        plan(mark, policy={"timeout": {"heartbeat_ms": 5}}),
        plan(mark, step("a", policy={"idempotency": {"enabled": True}})),
        plan(mark, {"id": "s", "type": "plan", "name": "plan"}),
    ):
        with pytest.raises(ValidationFailed, match="run it on the graph"):
            await executor.execute(refused)
    for policy in ({"retry": {"max_retries": -1}}, {"retry": {"base_ms": "x"}}, {"surprise": 1}, 5):
        with pytest.raises(ValidationFailed, match="policy that is none"):
            await executor.execute(plan(mark, policy=policy))
    with pytest.raises(ValidationFailed, match="context"):
        await executor.execute(plan(mark), context=[])  # type: ignore[arg-type]
    assert called == []


@pytest.mark.parametrize(
    "options",
    [{"parallel": True}, {"maxParallel": 0}, {"logLevel": "loud"}, {"policyHooks": [5]}, {"hookTimeoutMs": -1}, 5],
)
def test_options_that_are_none_are_refused(options: Any) -> None:
    with pytest.raises(ValidationFailed):
        Executor(registry(), None, options)


def test_options_may_be_given_in_three_ways() -> None:
    for executor in (
        Executor(registry(), None, {"parallelExecution": True}),
        Executor(registry(), parallel_execution=True),
        Executor(registry(), options=ExecutorOptions(parallel_execution=True)),
    ):
        assert executor.options.parallel_execution
    with pytest.raises(ValidationFailed):
        Executor(registry(), None, ExecutorOptions(), parallel_execution=True)
    with pytest.raises(ValidationFailed):
        Executor("registry")  # type: ignore[arg-type]


async def test_another_layer_can_do_the_work() -> None:
    result = await Executor(InMemoryAEL()).execute(plan(step("a"), step("b", "a")))
    assert statuses(result) == {"a": "completed", "b": "completed"}


@pytest.mark.req("ORCH-31")
async def test_log_level_debug_is_verbose_and_shows_no_params(capsys: pytest.CaptureFixture[str]) -> None:
    with structlog.testing.capture_logs() as quiet:
        await run(step("a", params={"q": "marker-value"}), log_level="warning")
    with structlog.testing.capture_logs() as usual:
        await run(step("a"), log_level="info")
    with structlog.testing.capture_logs() as verbose:
        await run(step("a", params={"q": "marker-value"}), logLevel="debug")
    assert quiet == []
    assert {one["event"] for one in usual} == {"execution_started", "step_completed", "execution_completed"}
    assert {one["event"] for one in verbose} > {one["event"] for one in usual}
    assert "step_started" in {one["event"] for one in verbose}
    assert "marker-value" not in repr(verbose)


@pytest.mark.req("ORCH-31")
def test_a_plan_can_be_printed_as_json() -> None:
    made = OrchestratorPlan.parse(plan(step("a", params={"x": None, "y": [1.5, "ä"]})))
    assert OrchestratorPlan.parse(json.loads(json.dumps(made.to_dict(), indent=2))) == made
