"""Runs of the graph played back from its log, exported, and decided again."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from conftest import Neo4jServer
from typer.testing import CliRunner
from world import World, registry, step

from psg.errors import InvalidId, NotFound
from psg.model.codec import INLINE_BYTES
from psg_cli.main import app
from psg_graphql.global_id import global_id
from psg_neo4j import Database
from psg_runtime import GraphReplay, OrchestratorPlan, PlanReplay, StepResult
from psg_runtime.contracts import ExecutionResult
from psg_runtime.orchestrator.replanning import WithoutFailedStep, replan
from psg_runtime.replay import ReplayUnknown, redecide
from psg_runtime.replay.history import EVENTS, imported

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
KEEP = os.environ.get("PSG_KEEP_RECORDED")


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    yield await World.create(db)


def flaky(failures: int) -> Any:
    """A tool that fails so many times before it succeeds."""
    left = [failures]

    async def call(n: int = 0) -> dict[str, int]:
        if left[0]:
            left[0] -= 1
            raise OSError("again")
        return {"n": n}

    return call


async def branching(world: World) -> str:
    """A run with a retry, a condition both ways, a skipped rest and a failure."""

    async def broken() -> None:
        raise OSError("no disk")

    return await world.run(
        step("a", name="flaky", params={"n": 5}, retries=2),
        step("yes", "a", condition="a.output.n > params.limit"),
        step("no", "a", condition='{{a.output.n}} === "never"'),
        step("after_no", "no"),
        step("both", "yes", "no", name="flaky", params={"n": "{{a.output.n}}"}),
        step("bad", "both", name="broken", retries=1),
        step("doomed", "bad"),
        step("any", "yes", "bad", join="any"),
        tools=registry(flaky=flaky(2), broken=broken),
        params={"limit": 3},
    )


@pytest.mark.req("ORCH-21", "ORCH-22", "ORCH-23")
async def test_a_run_of_the_graph_is_told_in_the_specifications_events(world: World) -> None:
    plan_id = await branching(world)
    replay = GraphReplay(world.graph)
    seen: list[Any] = []

    async def callback(entry: Any) -> None:
        seen.append(entry)

    assert await replay.replay(plan_id, callback) == len(seen)
    assert seen == await replay.entries(plan_id)
    assert {one.event for one in seen} == set(EVENTS) - {"execution_completed"}
    assert [seen[0].event, seen[1].event, seen[-1].event] == ["plan_created", "execution_started", "execution_failed"]
    for key in ("a", "yes", "both", "bad", "any"):
        events = [one.event for one in seen if one.data.get("stepId") == key]
        assert events == ["step_started", "step_failed" if key == "bad" else "step_completed"]
    (failed,) = [one for one in seen if one.event == "step_failed"]
    result = StepResult.parse(failed.data)
    assert (result.step_id, result.status, result.error) == ("bad", "failed", "OSError: no disk")
    told = OrchestratorPlan.parse(seen[0].data)
    assert told.step("both").dependencies == ["yes", "no"]
    execution = ExecutionResult.parse(seen[-1].data)
    assert (execution.status, execution.metadata.total_steps, execution.metadata.failed_steps) == ("failed", 8, 1)
    assert {one.step_id: one.reason for one in execution.steps if one.status == "skipped"} == {
        "no": "condition_false", "after_no": "all_dependencies_skipped", "doomed": "dependency_failed",
    }  # fmt: skip
    assert execution.step("both") and execution.step("both").output == {"n": 5}  # type: ignore[union-attr]
    assert "bad" in (execution.error or "")


@pytest.mark.req("ORCH-24", "ORCH-25", "ORCH-26")
async def test_timeline_figures_and_export_are_those_of_a_history_in_memory(world: World) -> None:
    plan_id = await branching(world)
    replay = GraphReplay(world.graph, world.project_id)
    timeline = await replay.get_timeline(plan_id)
    assert [one.timestamp for one in timeline] == sorted(one.timestamp for one in timeline)
    assert all(one.duration >= 0 for one in timeline)
    retried = next(one for one in timeline if one.event == "step_completed" and one.stepId == "a")
    assert retried.duration >= 40  # two delays of 20 and 40 ms lie within
    stats = await replay.get_stats(plan_id)
    assert stats.eventCounts["step_completed"] == 4
    assert stats.totalDuration >= retried.duration and stats.averageStepDuration > 0
    memory = PlanReplay()
    assert memory.import_(await replay.export(plan_id)) == plan_id
    assert memory.entries(plan_id) == await replay.entries(plan_id)
    assert memory.get_stats(plan_id) == stats


async def test_a_run_is_decided_again_and_what_was_doctored_is_told(world: World) -> None:
    plan_id = await branching(world)
    _, _, run = imported(await GraphReplay(world.graph).export(plan_id))
    assert run is not None
    verdict = redecide(run)
    assert verdict.difference is None, str(verdict.difference)
    whats = [item["what"] for item in run["history"]]
    assert verdict.decisions == sum(whats.count(w) for w in ("claimed", "skipped", "retried", "failed", "ended")) == 13
    doctored = copy.deepcopy(run)
    doctored["plan"]["params"]["limit"] = 9
    found = redecide(doctored).difference
    assert found is not None and (found.step, found.decided) == ("yes", "skip (condition_false)")
    keep("branching", await GraphReplay(world.graph).export(plan_id))


async def test_a_run_that_was_changed_paused_and_cancelled_is_decided_again(world: World) -> None:
    started, gate = anyio.Event(), anyio.Event()

    async def hold() -> None:
        started.set()
        await gate.wait()

    graph = world.graph
    plan_id = await world.started(step("a", name="hold"), step("b", "a"), step("c", "b", name="stay"))

    async def stay() -> None:
        await anyio.sleep_forever()

    async with world.running(registry(hold=hold, stay=stay)):
        await started.wait()
        late = (await graph.add_step(world.project_id, plan_id, step("late", "a"))).ids["step"]
        ids = {key: one["id"] for key, one in (await world.steps(plan_id)).items()}
        await graph.add_dependency(world.project_id, ids["b"], late)
        await graph.pause_plan(world.project_id, plan_id)
        gate.set()
        await world.step_is(plan_id, "a", "completed")
        await graph.resume_plan(world.project_id, plan_id)
        await world.step_is(plan_id, "c", "in_progress")
        await graph.cancel_plan(world.project_id, plan_id)
        await world.finished(plan_id)
        await world.step_is(plan_id, "c", "failed")
    replay = GraphReplay(graph)
    entries, run = await replay.history(plan_id)
    assert [item["what"] for item in run["history"] if item["what"] in ("added", "linked")] == ["added", "linked"]
    assert run["steps"]["b"]["dependencies"] == ["a"]
    verdict = redecide(run)
    assert verdict.difference is None, str(verdict.difference)
    assert entries[-1].event in ("step_failed", "execution_failed")
    assert next(one for one in entries if one.event == "execution_failed").data.status == "cancelled"
    keep("changed_and_cancelled", await replay.export(plan_id))


async def test_waits_confirmations_loops_and_long_outputs(world: World) -> None:
    async def long() -> dict[str, str]:
        return {"text": "x" * 2 * INLINE_BYTES}

    plan_id = await world.started(
        step("long", name="long"),
        step("reads", "long", condition="size(long.output.text) > 5000"),
        step("w", "reads", type="wait", params={"duration_ms": 20}),
        step("each", "w", type="foreach", params={"items": [1, 2], "do": {"name": "noop", "params": {}}}),
        step("ask", "each", type="confirm", params={"reason": "go on?"}),
        step("end", "ask", "each", join="all"),
    )
    async with world.running(registry(long=long)):
        await world.until(lambda: asked(world))
        confirm_id = (await asked(world))[0]["id"]
        await world.graph.decide_confirm(world.project_id, confirm_id, "approved", role="human")
        assert await world.finished(plan_id) == ["completed"]
    replay = GraphReplay(world.graph)
    entries, run = await replay.history(plan_id)
    assert redecide(run).difference is None
    outputs = {one.data.stepId: one.data.get("output") for one in entries if one.event == "step_completed"}
    assert len(outputs["long"]["text"]) == 2 * INLINE_BYTES
    assert set(outputs) == {"long", "reads", "w", "each", "ask", "end"}
    assert entries[-1].event == "execution_completed"
    keep("waits_and_confirmations", await replay.export(plan_id))


async def asked(world: World) -> list[dict[str, Any]]:
    return await world.query("MATCH (c:Confirm {project_id: $project_id, status: 'pending'}) RETURN c.id AS id")


async def test_a_run_that_goes_on_is_told_up_to_now(world: World) -> None:
    started = anyio.Event()

    async def hold() -> None:
        started.set()
        await anyio.sleep_forever()

    plan_id = await world.started(step("a"), step("b", "a", name="hold"))
    replay = GraphReplay(world.graph)
    before = await replay.entries(plan_id)
    assert [one.event for one in before] == ["plan_created", "execution_started"]
    async with world.running(registry(hold=hold), drain_ms=0):
        await started.wait()
        entries, run = await replay.history(plan_id)
    assert [one.event for one in entries][2:] == ["step_started", "step_completed", "step_started"]
    assert redecide(run).difference is None


async def test_a_plan_that_goes_on_without_the_failed_step_is_decided_again(world: World) -> None:
    async def broken() -> None:
        raise OSError("no disk")

    jitter = {"retry": {"max_retries": 3, "base_ms": 1, "max_ms": 30, "factor": 3, "jitter": "full"}}
    tools = registry(broken=broken)
    old = await world.run(
        step("a"), step("no", condition="false"), step("bad", "a", name="broken", policy=jitter), step("b", "bad"),
        tools=tools,
    )  # fmt: skip
    _, run = await GraphReplay(world.graph).history(old)
    assert [item["what"] for item in run["history"]].count("retried") == 3
    assert redecide(run).difference is None, str(redecide(run).difference)
    new = await replan(world.graph, world.project_id, old, WithoutFailedStep(), approved=True)
    async with world.running(tools):
        assert await world.finished(new) == ["completed"]
    entries, again = await GraphReplay(world.graph).history(new)
    taken = {item["step"]: item["status"] for item in again["history"] if item["what"] == "taken_over"}
    assert taken == {"a": "completed", "no": "skipped"}
    assert [one.data.stepId for one in entries if one.event == "step_started"] == ["b"]
    assert redecide(again).difference is None, str(redecide(again).difference)


async def test_the_command_line_tells_a_run_and_keeps_it(
    world: World, neo4j_server: Neo4jServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_id = await world.run(step("a"), step("b", "a"))
    for name in ("uri", "user", "password"):
        monkeypatch.setenv(f"PSG_NEO4J_{name.upper()}", getattr(neo4j_server, name))
    file = tmp_path / "run.json"
    runner = CliRunner()

    async def psg(*arguments: str) -> Any:
        return await anyio.to_thread.run_sync(partial(runner.invoke, app, ["replay", *arguments]))

    told = await psg(plan_id, "--export", str(file), "--json")
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    assert [row["event"] for row in found["timeline"]][-1] == "execution_completed"
    assert found["verdict"] == {"decisions": 3, "difference": None}
    assert file.stat().st_mode & 0o077 == 0
    assert "no difference" in (await psg("--from", str(file))).stdout
    by_global_id = await psg(global_id("Plan", world.project_id, plan_id))
    assert by_global_id.exit_code == 0 and "step_completed" in by_global_id.stdout
    assert (await psg("5e0f1f6a-0000-4000-8000-000000000000")).exit_code == 1


@pytest.mark.req("EXEC-24")
async def test_secrets_are_in_no_export(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    marker = "marker-0123456789"
    monkeypatch.setenv("SOME_API_KEY", marker)
    plan_id = await world.run(step("token", description=f"says {marker}"), step("b", "token", params={}))
    text = await GraphReplay(world.graph).export(plan_id)
    assert marker not in text and json.loads(text)["count"] == 7
    _, _, run = imported(text)
    assert run is not None and redecide(run).decisions == 3


async def test_what_no_log_tells_of_is_refused(world: World) -> None:
    ghost = "5e0f1f6a-0000-4000-8000-000000000000"
    for replay in (GraphReplay(world.graph), GraphReplay(world.graph, world.project_id)):
        with pytest.raises(ReplayUnknown):
            await replay.entries(ghost)
        with pytest.raises(InvalidId):
            await replay.entries("plan")
    with pytest.raises(NotFound):
        await GraphReplay(world.graph, ghost).entries(ghost)


def keep(name: str, text: str) -> None:
    """Write a recorded run for tests/recorded, when somebody asks for it: PSG_KEEP_RECORDED=tests/recorded."""
    if KEEP:
        Path(KEEP, f"{name}.json").write_text(text)
