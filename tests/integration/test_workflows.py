"""Workflows run, pause, go on, are cancelled, fail and time out; all as one plan of the graph (WF)."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import anyio
import pytest
from structlog.testing import capture_logs
from workflow_lab import Lab, core_of, stage, until, workflow
from world import QUICK, World, registry, step

from psg import workflows
from psg.audit import verify
from psg.errors import DuplicateId, InvalidTransition, Refused, ValidationFailed
from psg_neo4j import Database
from psg_runtime.core_orchestrator import (
    CoreOrchestrator,
    ExecutionNotFound,
    WorkflowCancelled,
    WorkflowFailed,
    WorkflowInvalid,
    WorkflowTimeout,
)
from psg_runtime.orchestrator import OrchestratorSettings

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    made = await World.create(db)
    yield made
    report = await verify(db, made.project_id)
    assert report.violations == []


@pytest.mark.req("CORE-02", "CORE-03", "CORE-12", "CORE-15", "CORE-16")
async def test_a_workflow_runs_to_its_result(world: World) -> None:
    lab = Lab()
    async with core_of(world, lab) as core:
        definition = workflow(
            stage("first", inputs={"n": "${input.n}", "text": "{{no template}}"}),
            stage("second", "first", inputs={"sum": ["${first.n}", "n is ${first.n}"]}, outputs=["sum"]),
            stage("third", operation="note", outputs=["word"]),
        )
        result = await core.execute_workflow(definition, {"n": 5}, actor="ada")
        other = await core.execute_workflow(definition, {"n": 6}, actor="ada")
    assert result.status == "completed"
    assert result.outputs == {
        "first": {"as": "first", "n": 5, "text": "{{no template}}"},
        "second": {"sum": [5, "n is 5"]}, "third": {"word": "noted"},
    }  # fmt: skip
    assert list(result.stage_results) == ["first", "second", "third"]
    assert all(s.status == "completed" and s.attempts == 1 for s in result.stage_results.values())
    assert result.duration >= sum(result.stage_results[s].duration or 0 for s in ("first", "second"))
    assert result.to_dict().keys() >= {"executionId", "status", "outputs", "duration", "stageResults"}
    assert uuid.UUID(result.correlation_id).version == 4
    assert result.correlation_id != other.correlation_id and result.execution_id != other.execution_id
    assert set(lab.actors) == {"ada"}
    assert set(lab.correlations) == {result.correlation_id, other.correlation_id}
    assert other.outputs["first"]["n"] == 6
    # One engine: it is a plan of the graph, and each stage a step of it.
    assert await world.plan_status(result.execution_id) == "completed"
    assert set(await world.steps(result.execution_id)) == {"first", "second", "third"}
    entered = await world.events(type="workflow_waits")
    assert entered == []


@pytest.mark.req("CORE-15")
async def test_without_inputs_and_outside_of_a_block_it_runs_too(world: World) -> None:
    core = CoreOrchestrator(world.graph, world.project_id)
    lab = Lab()
    await core.register_module(lab.registration)
    result = await core.execute_workflow(workflow(stage("only")))
    assert result.outputs == {"only": {"as": "only"}}
    assert core.monitors == []
    with pytest.raises(WorkflowFailed) as failed:
        await core.execute_workflow(workflow(stage("only", operation="fail")))
    assert type(failed.value) is WorkflowFailed


@pytest.mark.req("CORE-08", "CORE-10")
async def test_each_mode_is_what_it_is_called(world: World) -> None:
    lab = Lab()
    async with core_of(world, lab) as core, anyio.create_task_group() as tasks:
        held = [stage(name, operation="hold") for name in ("a", "b", "c")]
        tasks.start_soon(core.execute_workflow, workflow(*held, stage("d", "a")))
        await until(lambda: lab.most >= 3)
        assert sorted(lab.calls) == ["a", "b", "c"]  # d waits for a
        lab.released.set()
    async with core_of(world, Lab()) as core:
        result = await core.execute_workflow(workflow(*(stage(n) for n in "cab"), mode="sequential"))
        order = [result.stage_results[n] for n in "cab"]
        for before, after in pairwise(order):
            assert before.completed_at is not None and after.started_at is not None
            assert before.completed_at <= after.started_at


@pytest.mark.req("CORE-08", "CORE-11")
async def test_conditions_decide_which_stages_run(world: World) -> None:
    lab = Lab()
    definition = workflow(
        stage("score", inputs={"n": "${input.n}"}),
        stage("high", "score", conditions=["${score.n} >= 10"]),
        stage("low", "score", conditions=[{"field": "${score.n}", "operator": "lessThan", "value": 10}]),
        stage("after-low", "low"),
        stage("always", "high", "score"),
        mode="conditional",
    )
    async with core_of(world, lab) as core:
        high = await core.execute_workflow(definition, {"n": 12})
        low = await core.execute_workflow(definition, {"n": 3})
    assert {name for name, s in high.stage_results.items() if s.status == "skipped"} == {"low", "after-low"}
    assert high.stage_results["low"].reason == "condition_false"
    assert "low" not in high.outputs and high.status == "completed"
    assert {name for name, s in low.stage_results.items() if s.status == "skipped"} == {"high"}
    assert lab.calls.count("always") == 2 and lab.calls.count("after-low") == 1
    assert lab.calls.count("high") == lab.calls.count("low") == 1


@pytest.mark.req("CORE-08", "CORE-11")
async def test_a_sequence_goes_on_behind_a_stage_that_was_skipped(world: World) -> None:
    lab = Lab()
    async with core_of(world, lab) as core:
        definition = workflow(
            stage("a"), stage("b", conditions=["false"]), stage("c"), stage("d", "a"), mode="sequential"
        )
        result = await core.execute_workflow(definition)
    assert lab.calls == ["a", "c", "d"]
    assert result.stage_results["b"].status == "skipped"


@pytest.mark.req("CORE-07", "CORE-10", "CORE-12")
async def test_an_invalid_definition_runs_nothing(world: World) -> None:
    lab = Lab()
    async with core_of(world, lab) as core:
        before = await world.head_seq()
        for wrong in (
            workflow(), workflow(stage("a"), stage("a")), workflow(stage("a", "b"), stage("b", "a")),
            workflow(stage("a"), stage("b", "nowhere")), workflow(stage("a"), stage("b", inputs={"x": "${z.y}"})),
            workflow(stage("a"), stage("b", moduleType="nothing")), workflow(stage("a"), stage("b", operation="fly")),
            workflow(stage("a", inputs={"x": "${input.none}"})), {"id": "w"},
        ):  # fmt: skip
            with pytest.raises(WorkflowInvalid):
                await core.execute_workflow(wrong, {})
        for inputs in ({"n": float("inf")}, {"n": {1, 2}}, {1: "x"}, ["n"]):
            with pytest.raises(ValidationFailed):
                await core.execute_workflow(workflow(stage("a")), inputs)  # type: ignore[arg-type]
        assert await core.list_workflows() == []
        assert await world.head_seq() == before
    assert lab.calls == []


@pytest.mark.req("CORE-12")
async def test_a_reference_that_turns_out_to_be_empty_fails_the_stage_and_names_it(world: World) -> None:
    async with core_of(world, Lab()) as core:
        with pytest.raises(WorkflowFailed, match=r"stage `b` .*nope") as failed:
            await core.execute_workflow(workflow(stage("a"), stage("b", "a", inputs={"x": "${a.nope}"})))
        with pytest.raises(WorkflowFailed, match=r"stage `a`: `lab.echo` gave no total; it gave as"):
            await core.execute_workflow(workflow(stage("a", outputs=["total"])))
    assert failed.value.details["stages"]["b"]["code"] == "evaluation_failed"


@pytest.mark.req("CORE-04")
async def test_a_pause_holds_back_and_a_resume_repeats_nothing(world: World) -> None:
    lab = Lab()
    async with core_of(world, lab) as core, anyio.create_task_group() as tasks:
        execution = await core.start_workflow(
            workflow(stage("a"), stage("b", operation="hold"), stage("c"), mode="sequential", timeout=60_000)
        )
        results: list[Any] = []

        async def wait() -> None:
            results.append(await core.wait_for_workflow(execution.id))

        tasks.start_soon(wait)
        await lab.until("b")
        await core.pause_workflow(execution.id)
        assert (await core.get_workflow_status(execution.id)).status == "paused"
        lab.released.set()  # what runs may finish
        await world.step_is(execution.id, "b", "completed")
        await anyio.sleep(0.3)  # time in which it would start, if it did
        assert lab.calls == ["a", "b"]
        with pytest.raises(Refused):
            await core.pause_workflow(execution.id)
        status = await core.get_workflow_status(execution.id)
        assert (status.status, status.stages_done) == ("paused", 2)
        assert [s.execution_id for s in await core.list_workflows(status="paused")] == [execution.id]
        await core.resume_workflow(execution.id)
        with pytest.raises(Refused):
            await core.resume_workflow(execution.id)
    assert lab.calls == ["a", "b", "c"]
    assert results[0].status == "completed"


@pytest.mark.req("CORE-05", "CORE-17", "CORE-18")
async def test_a_cancelled_workflow_starts_no_further_stage(world: World) -> None:
    lab = Lab()
    handled: list[tuple[str, Exception]] = []
    async with core_of(world, lab, on_error=lambda *told: handled.append(told)) as core:
        async with anyio.create_task_group() as tasks:
            raised: list[WorkflowCancelled] = []

            async def run() -> None:
                with pytest.raises(WorkflowCancelled) as cancelled:
                    await core.execute_workflow(
                        workflow(stage("a", operation="hold"), stage("b"), mode="sequential"), execution_id=execution_id
                    )
                raised.append(cancelled.value)

            execution_id = str(uuid.uuid4())
            tasks.start_soon(run)
            await lab.until("a")
            assert [m.execution_id for m in core.monitors] == [execution_id]
            await core.cancel_workflow(execution_id)
        assert core.monitors == []
        status = await core.get_workflow_status(execution_id)
        assert status.status == "cancelled" and status.over and status.stages is not None
        assert status.stages["b"].status == "skipped"
        with pytest.raises(InvalidTransition):
            await core.cancel_workflow(execution_id)
        with pytest.raises(Refused):
            await core.pause_workflow(execution_id)
    assert lab.calls == ["a"]
    assert [(name, type(error)) for name, error in handled] == [(execution_id, WorkflowCancelled)]
    assert raised[0] is handled[0][1]


@pytest.mark.req("CORE-06")
async def test_the_status_of_what_is_no_execution_is_an_error(world: World) -> None:
    plan_id = await world.draft(step("a"))
    async with core_of(world) as core:
        for unknown in (str(uuid.uuid4()), plan_id, "nonsense", "", None, 5):
            for ask in (
                core.get_workflow_status, core.pause_workflow, core.resume_workflow, core.cancel_workflow,
                core.wait_for_workflow,
            ):  # fmt: skip
                with pytest.raises(ExecutionNotFound):
                    await ask(unknown)  # type: ignore[arg-type]
        for wrong in ({"status": "strange"}, {"limit": 0}, {"limit": 10_000}):
            with pytest.raises(ValidationFailed):
                await core.list_workflows(**wrong)  # type: ignore[arg-type]


@pytest.mark.req("CORE-17", "CORE-18")
async def test_an_error_is_handled_and_raised_again_and_its_monitor_stopped(world: World) -> None:
    handled: list[tuple[str, Exception]] = []
    monitors: list[Any] = []

    class Watched(CoreOrchestrator):
        async def handle_workflow_error(self, execution_id: str, error: Exception) -> None:
            handled.append((execution_id, error))
            monitors.extend(self.monitors)
            await super().handle_workflow_error(execution_id, error)
            raise OSError("the handler breaks as well")

    lab = Lab()
    core = Watched(world.graph, world.project_id)
    await core.register_module(lab.registration)
    async with core:
        with pytest.raises(WorkflowFailed, match=r"stage `b` .*it broke") as failed:
            await core.execute_workflow(workflow(stage("a"), stage("b", "a", operation="fail"), stage("c", "b")))
        ((execution_id, error),) = handled
        assert error is failed.value and error.details["execution_id"] == execution_id
        assert error.category == "workflow_error" and error.details["stages"]["b"]["category"]
        assert any("broke as well" in note for note in error.__notes__)
        assert [m.execution_id for m in monitors] == [execution_id]
        assert monitors[0].stopped and core.monitors == []
        done = await core.execute_workflow(workflow(stage("a")))
        assert core.monitors == [] and len(handled) == 1
        # A caller that goes away stops its monitor too; the execution goes on.
        with anyio.move_on_after(0.2):
            await core.execute_workflow(workflow(stage("h", operation="hold")))
        assert core.monitors == [] and len(handled) == 1
        (running,) = await core.list_workflows(status="running")
        lab.released.set()
        assert (await core.wait_for_workflow(running.execution_id)).status == "completed"
    status = await core.get_workflow_status(execution_id)
    assert status.status == "failed" and status.error is not None and status.error["stage"] == "b"
    assert status.stages is not None and status.stages["c"].status == "skipped"
    assert done.status == "completed"


@pytest.mark.req("CORE-07")
async def test_errors_are_retried_go_on_or_are_undone_as_the_definition_says(world: World) -> None:
    lab = Lab()
    async with core_of(world, lab) as core:
        retried = await core.execute_workflow(
            workflow(stage("f", operation="flaky", inputs={"times": 2}), retryPolicy={"maxRetries": 2, "baseDelay": 1})
        )
        assert retried.stage_results["f"].attempts == 3 and retried.outputs["f"] == {"attempts": 3}
        for handling, calls in (("stop", ["a", "x"]), ("continue", ["a", "x", "y", "z"])):
            lab.calls.clear()
            failing = [stage("a"), stage("x", operation="fail"), stage("y"), stage("z", "a"), stage("q", "x")]
            with pytest.raises(WorkflowFailed):
                await core.execute_workflow(workflow(*failing, mode="sequential", errorHandling=handling))
            assert lab.calls == calls
        lab.calls.clear()
        undo = {"moduleType": "lab", "operation": "note", "inputs": {"as": "undo ${a.as}"}}
        with pytest.raises(WorkflowFailed):
            stages = [stage("a", compensation=undo), stage("b", "a", operation="fail")]
            await core.execute_workflow(workflow(*stages, errorHandling={"strategy": "rollback"}))
        await lab.until("undo a")
        assert lab.calls == ["a", "b", "undo a"]
        await world.until(lambda: none_runs(world))


async def none_runs(world: World) -> bool:
    return not await world.query("MATCH (p:Plan {project_id: $project_id}) WHERE p.status = 'in_progress' RETURN p")


@pytest.mark.req("CORE-51")
async def test_a_workflow_whose_time_is_over_has_failed(world: World) -> None:
    lab = Lab()
    async with core_of(world, lab, {"defaultWorkflowTimeout": 1500}) as core:
        with pytest.raises(WorkflowTimeout, match="within 1500 ms") as late:
            await core.execute_workflow(workflow(stage("a", operation="slow"), stage("b"), mode="sequential"))
        assert late.value.code == "workflow_timeout" and late.value.category == "workflow_error"
        status = await core.get_workflow_status(late.value.details["execution_id"])
        assert status.status == "failed" and status.error is not None and status.error["code"] == "workflow_timeout"
        assert status.stages is not None
        assert [s.status for s in status.stages.values()] == ["failed", "skipped"]
        # The definition's own comes first, and pauses are not counted.
        execution = await core.start_workflow(
            workflow(stage("h", operation="hold"), stage("i"), mode="sequential", timeout=1500)
        )
        await lab.until("h")
        await core.pause_workflow(execution.id)
        await anyio.sleep(1.8)
        assert (await core.get_workflow_status(execution.id)).status == "paused"
        lab.released.set()
        await core.resume_workflow(execution.id)
        assert (await core.wait_for_workflow(execution.id)).status == "completed"
    assert lab.calls == ["slow", "h", "i"]


@pytest.mark.req("CORE-50")
async def test_more_than_may_run_wait_for_their_turn(world: World) -> None:
    lab = Lab()
    async with core_of(world, lab, {"maxConcurrentWorkflows": 2}) as core:
        held = workflow(stage("a", operation="hold"))
        executions = [await core.start_workflow(held, {"n": n}) for n in range(5)]
        assert [e.began for e in executions] == [True, True, False, False, False]
        await until(lambda: lab.most >= 2)
        statuses = [(await core.get_workflow_status(e.id)).status for e in executions]
        assert statuses == ["running", "running", "pending", "pending", "pending"]
        with pytest.raises(Refused):
            await core.pause_workflow(executions[2].id)
        await core.cancel_workflow(executions[2].id)
        assert (await core.get_workflow_status(executions[2].id)).status == "cancelled"
        lab.released.set()
        for execution in (executions[i] for i in (0, 1, 3, 4)):
            assert (await core.wait_for_workflow(execution.id)).status == "completed"
        started = [(await core.get_workflow_status(executions[i].id)).started_at or "" for i in (0, 1, 3, 4)]
        assert started == sorted(started)
    assert lab.calls.count("a") == 4 and lab.most <= 2


@pytest.mark.req("CORE-13")
async def test_stages_that_execute_plans_leave_room_for_these(world: World) -> None:
    """More of them than there are workers; were they to wait in place, the plans could never run."""
    ran: list[str] = []

    async def work(name: str) -> str:
        ran.append(name)
        return name

    plan = {"key": "do", "name": "work", "params": {"name": "{{params.name}}"}}
    execute = {"id": "e", "name": "e", "moduleType": "core", "operation": "executePlan"}
    definition = workflow(
        {"id": "c", "name": "c", "moduleType": "context", "operation": "createContext", "inputs": {"name": "c"}},
        {
            "id": "p", "name": "p", "moduleType": "plan", "operation": "createPlan",
            "inputs": {"contextId": "${c.contextId}", "params": {"name": "${input.name}"}, "steps": "${input.steps}"},
        },
        execute | {"inputs": {"planId": "${p.planId}"}},
    )  # fmt: skip
    settings = OrchestratorSettings(**QUICK, capacity=2)
    tools = registry(work=work)
    async with CoreOrchestrator(
        world.graph, world.project_id, {"logLevel": "error"}, tools=tools, orchestrator_settings=settings
    ) as core, anyio.create_task_group() as tasks:
        for n in range(6):
            tasks.start_soon(core.execute_workflow, definition, {"name": f"n{n}", "steps": [plan]})
    assert sorted(ran) == [f"n{n}" for n in range(6)]
    assert {s.status for s in await core.list_workflows()} == {"completed"}


@pytest.mark.req("CORE-50")
async def test_many_at_once_never_are_more_than_may_run_whoever_begins_them(world: World) -> None:
    lab, config = Lab(), {"maxConcurrentWorkflows": 3}
    lab.released.set()
    other = World(world.db, world.project_id, world.context_id)  # with writers and signals of its own
    async with core_of(world, lab, config) as core, core_of(other, lab, config) as second:
        async with anyio.create_task_group() as tasks:
            for n in range(24):
                begin = (core, second)[n % 2].execute_workflow
                tasks.start_soon(begin, workflow(stage("a", operation="hold")), {"n": n})
        found = await core.list_workflows()
    assert len(found) == 24 and all(s.status == "completed" for s in found)
    # By the log: at no point in it were more begun than ended.
    running = most = 0
    for event in await world.events(entity_type="Plan", family="pipeline_stage"):
        running += (event["type"] == "plan_in_progress") - (event["type"] == "plan_completed")
        most = max(most, running)
    assert most == 3 and running == 0


@pytest.mark.req("CORE-52")
async def test_only_so_many_finished_executions_are_kept(world: World) -> None:
    async with core_of(world, Lab(), {"workflowHistoryRetention": 2}) as core:
        ids = [(await core.execute_workflow(workflow(stage("a")))).execution_id for _ in range(4)]
        await core.forget_workflows()
        assert await core.forget_workflows() == 0
        marked = await world.query("MATCH (p:Workflow) WHERE p.project_id = $project_id RETURN p.id AS id")
        assert {row["id"] for row in marked} == set(ids[2:])
        assert [s.execution_id for s in await core.list_workflows()] == ids[:1:-1]
        for gone in ids[:2]:
            with pytest.raises(ExecutionNotFound):
                await core.get_workflow_status(gone)
        assert (await core.get_workflow_status(ids[2])).status == "completed"


async def test_a_start_that_was_cut_off_is_finished_by_the_next(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    lab, execution_id = Lab(), str(uuid.uuid4())
    async with core_of(world, lab) as core:
        with monkeypatch.context() as cut:

            async def away(*_: object) -> None:
                raise RuntimeError("the process ends here")

            cut.setattr(workflows, "enter", away)
            with pytest.raises(RuntimeError):
                await core.start_workflow(workflow(stage("a")), execution_id=execution_id)
        with pytest.raises(ExecutionNotFound):
            await core.get_workflow_status(execution_id)
        result = await core.execute_workflow(workflow(stage("a")), execution_id=execution_id)
    assert result.execution_id == execution_id and lab.calls == ["a"]


async def test_an_execution_id_names_one_execution(world: World) -> None:
    lab = Lab()
    execution_id = str(uuid.uuid4())
    async with core_of(world, lab) as core:
        first = await core.execute_workflow(workflow(stage("a")), {"n": 1}, execution_id=execution_id)
        again = await core.execute_workflow(workflow(stage("a")), {"n": 1}, execution_id=execution_id)
        assert first == again and first.execution_id == execution_id
        with pytest.raises(DuplicateId):
            await core.execute_workflow(workflow(stage("a")), {"n": 2}, execution_id=execution_id)
        with pytest.raises(ValidationFailed):
            await core.execute_workflow(workflow(stage("a")), {}, execution_id="first")
    assert lab.calls == ["a"]


@pytest.mark.req("CORE-55")
async def test_the_log_has_what_its_level_asks_for(world: World) -> None:
    told: dict[str, set[str]] = {}
    for level in ("debug", "info", "warn", "error"):
        with capture_logs() as logs:
            async with core_of(world, Lab(), {"logLevel": level}) as core:
                await core.execute_workflow(workflow(stage("a")))
                with pytest.raises(WorkflowFailed):
                    await core.execute_workflow(workflow(stage("b", operation="fail")))
                with pytest.raises(WorkflowTimeout):
                    await core.execute_workflow(workflow(stage("c", operation="slow"), timeout=50))
        here = [line for line in logs if line.get("project_id") == world.project_id]
        told[level] = {line["event"] for line in here} - {"step_failed"}  # the orchestrator's, by PSG_LOG_LEVEL
    assert "stage" in told["debug"] and "stage" not in told["info"]
    assert "workflow_started" in told["info"] and "workflow_started" not in told["warn"]
    assert "workflow_timeout" in told["warn"] and "workflow_timeout" not in told["error"]
    assert told["error"] == {"workflow_error"}


@pytest.mark.req("CORE-55", "CORE-18")
async def test_progress_is_sampled_at_the_interval(world: World) -> None:
    samples: dict[int, int] = {}
    for interval in (50, 60_000):
        lab = Lab()
        config = {"metricsCollectionInterval": interval}
        async with core_of(world, lab, config) as core, anyio.create_task_group() as tasks:
            tasks.start_soon(core.execute_workflow, workflow(stage("a", operation="hold")))
            await lab.until("a")
            (monitor,) = core.monitors
            await anyio.sleep(1.0)
            lab.released.set()
            await monitor.over()
            samples[interval] = len(monitor.samples)
            assert monitor.samples[-1].status == "completed" and monitor.samples[-1].stages_done == 1
    assert samples[60_000] == 2  # the first and the last
    assert samples[50] >= 4
