"""The SDK on a real platform: plans as Python, runs awaited and watched, workers as functions (issue: Agent SDK)."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from graphql_api import running_api
from world import World, registry

import psg_client
from psg.audit import verify
from psg_client import (
    Conflict,
    NotFound,
    OpenProject,
    Plan,
    Platform,
    Refused,
    RunFailed,
    RunTimeout,
    StepWorker,
    TurnFailed,
    ValidationError,
    WorkerTurn,
)
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    """A project whose audit is clean at the end of each test."""
    made = await World.create(db)
    yield made
    assert (await verify(db, made.project_id)).violations == []


@asynccontextmanager
async def opened(world: World, *, running: bool = True) -> AsyncIterator[tuple[Platform, OpenProject]]:
    """A platform of the test's own, connected, and the test's project."""
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(running_api(world.db))
        if running:
            await stack.enter_async_context(world.running(registry(add=lambda a, b: {"sum": a + b})))
        psg = await stack.enter_async_context(psg_client.connect(f"{api.url}/graphql", actor="user:sdk"))
        yield psg, await psg.project(world.project_id)


@asynccontextmanager
async def serving(worker: StepWorker) -> AsyncIterator[StepWorker]:
    async with anyio.create_task_group() as tasks:
        await tasks.start(worker.run)
        try:
            yield worker
        finally:
            worker.stop()


async def test_a_plan_of_three_steps_is_done_by_functions_of_this_program(world: World) -> None:
    async with opened(world) as (psg, project):
        worker = psg.worker(project=project, drain_s=1)

        @worker.step("fetch")
        def fetch(topic: str, limit: int = 2) -> dict[str, Any]:  # a plain function, in a thread
            return {"texts": [f"{topic} {n}" for n in range(limit)]}

        @worker.step("review")
        async def review(turn: WorkerTurn) -> dict[str, Any]:
            return {"verdict": "good", "key": turn.key, "seen": turn.params["text"]}

        plan = Plan("Survey", params={"topic": "graphs"})
        first = plan.step("first", worker="fetch", params={"topic": plan.param("topic")})
        plan.step("check", worker="review", params={"text": f"about {first.output['texts'][1]}"})
        plan.step("count", tool="add", params={"a": 1, "b": 2}, after=first)
        async with serving(worker):
            run = await project.start(plan)
            result = await run.result(timeout=60)
    assert result["check"] == {"verdict": "good", "key": "check", "seen": "about graphs 1"}
    assert result["count"] == {"sum": 3} and result.status == "completed" and set(result) == {"first", "check", "count"}
    assert {e["actor"] for e in await world.events(type="turn_taken")} == {"user:sdk"}


async def test_a_run_started_again_under_its_key_is_the_same_run(world: World) -> None:
    async with opened(world) as (_, project):
        plan = Plan("Nightly")
        plan.step("only", tool="add", params={"a": 1, "b": 2})
        run = await project.start(plan, key="2026-11-21")
        assert (await run.result(timeout=60))["only"] == {"sum": 3}
        again = await project.start(plan, key="2026-11-21")
        other = await project.start(plan, key="2026-11-22")
        assert again.id == run.id and other.id != run.id
        assert (await again.result(timeout=60))["only"] == {"sum": 3}
        await other.wait(timeout=60)
        plan.step("more", tool="add", params={"a": 1, "b": 1})
        with pytest.raises(Conflict, match="command"):
            await project.start(plan, key="2026-11-21")
    assert len(await world.events(type="plan_created")) <= 2


class Died(Exception):
    """The program ended here."""


@pytest.mark.parametrize("verb", ["propose", "approve", "start"])
async def test_a_program_that_died_between_two_commands_finds_its_run_however_far_others_brought_it(
    world: World, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    async def died(**_: Any) -> None:
        raise Died

    async with opened(world, running=False) as (psg, project):
        plan = Plan("Kept")
        plan.step("only", tool="file.read", params={"path": "x"})
        client, made = psg.client, []
        steps = [client.propose_plan, client.approve_plan, client.start_plan, client.cancel_plan]
        done_by_itself = ["propose", "approve", "start"].index(verb)
        for others in range(done_by_itself, len(steps) + 1):
            with monkeypatch.context() as patched, pytest.raises(Died):
                patched.setattr(client, f"{verb}_plan", died)
                await project.start(plan, key=f"{others}")
            found = {p.id for p in await project.runs()} - {run.id for run in made}
            for command in steps[done_by_itself:others]:
                await command(id=next(iter(found)))
            made.append(await project.start(plan, key=f"{others}"))
            assert {made[-1].id} == found
            assert await made[-1].status() == ("cancelled" if others == len(steps) else "in_progress")


async def test_a_run_that_may_not_be_approved_or_started_any_more_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def draft(**_: Any) -> None:
        return None

    async with opened(world, running=False) as (psg, project):
        plan = Plan("Not proposed")
        plan.step("only", tool="file.read", params={"path": "x"})
        for verb in ("propose", "approve"):  # as if it had been taken back in this moment
            with monkeypatch.context() as patched, pytest.raises(Refused):
                patched.setattr(psg.client, f"{verb}_plan", draft)
                await project.start(plan, key=verb)


async def test_a_failed_run_says_which_step_failed_and_with_what(world: World) -> None:
    async with opened(world) as (psg, project):
        worker = psg.worker(project=project, drain_s=1)

        @worker.step("odd")
        async def odd(n: int) -> None:
            raise TurnFailed("no such thing", code="no_thing", retryable=False)

        plan = Plan("Fails")
        plan.step("bad", worker="odd", params={"n": 1})
        plan.step("misfit", worker="odd", params={"m": 1})
        plan.step("good", tool="add", params={"a": 1, "b": 2})
        async with serving(worker):
            run = await project.start(plan)
            with pytest.raises(RunFailed, match="bad: no such thing") as failed:
                await run.result(timeout=60)
        assert failed.value.code == "run_failed" and failed.value.result["good"] == {"sum": 3}
        assert failed.value.details["steps"]["bad"]["code"] == "no_thing"
        assert failed.value.details["steps"]["misfit"]["code"] == "params_invalid"
        assert "argument: 'n'" in failed.value.details["steps"]["misfit"]["message"]
        assert str(await run.why("bad")) == "bad is failed: it failed: no_thing: no such thing"


async def test_waiting_has_an_end_and_the_run_goes_on(world: World) -> None:
    async with opened(world) as (_, project):
        plan = Plan("Long")
        plan.step("never", worker="nobody serves this")
        run = await project.start(plan)
        with pytest.raises(RunTimeout) as late:
            await run.result(timeout=0.5)
        assert isinstance(late.value, TimeoutError) and late.value.retryable
        assert await run.status() == "in_progress"

        async def offered() -> bool:
            return "waits for a worker" in str(await run.why("never"))

        await world.until(offered)
        await run.cancel()
        assert (await run.wait(timeout=30)).status == "cancelled"
        with pytest.raises(RunFailed) as ended:
            await run.result(timeout=30)
        assert ended.value.code == "run_cancelled"


async def test_the_events_of_a_run_end_with_it_and_resume_behind_any_of_them(world: World) -> None:
    async with opened(world) as (_, project):
        plan = Plan("Watched")
        first = plan.step("a", tool="add", params={"a": 1, "b": 2})
        plan.step("b", tool="add", params={"a": first.output["sum"], "b": 2})
        run = await project.start(plan)
        with anyio.fail_after(60):
            seen = [event async for event in run.events()]
            assert [e.seq for e in seen] == sorted({e.seq for e in seen})
            assert [e.to_status for e in seen if e.entity_id == run.id and e.to_status][-1] == "completed"
            for index in range(0, len(seen), 5):
                rest = [e.seq async for e in run.events(after=seen[index].cursor)]
                assert rest == [e.seq for e in seen[index + 1 :]]
            stages = [e async for e in run.events(families=["runtime_execution"])]
        assert stages and {e.family for e in stages} == {"runtime_execution"}


async def test_decisions_are_asked_for_and_given(world: World) -> None:
    async with opened(world) as (_, project):
        plan = Plan("Gated")
        gate = plan.step("gate", "confirm", params={"reason": "May it go out?"})
        plan.step("out", tool="add", params={"a": 1, "b": 2}, after=[gate])
        run = await project.start(plan)
        with anyio.fail_after(60):
            await world.until(run.approvals)
            waiting = await run.approvals()
            assert [a.step for a in waiting] == ["gate"]
            assert "waits for a decision" in str(await run.why("gate"))
            reason = await run.why("out")
            assert reason.waits_for == ("gate",) and "gate (in_progress)" in str(reason)
            assert [a.step for a in await project.approvals()] == ["gate"]
            await waiting[0].approve("looks fine")
            with pytest.raises(Refused):
                await waiting[0].approve("twice")
            assert (await run.result())["out"] == {"sum": 3}


async def test_a_plan_that_others_approve_is_started_by_who_waits_for_it(world: World) -> None:
    async with opened(world) as (psg, project):
        plan = Plan("Careful", approval={"quorum": 1})
        plan.step("only", tool="add", params={"a": 1, "b": 2})
        run = await project.start(plan)
        assert await run.status() == "proposed"
        assert "waits for approval" in str(await run.why("only"))
        async with anyio.create_task_group() as tasks:
            answers: list[Any] = []

            async def wait() -> None:
                answers.append(await run.result(timeout=60))

            tasks.start_soon(wait)
            async with psg_client.connect(psg.client.url, actor="user:boss") as boss:
                (asked,) = await (await (await boss.project(world.project_id)).run(run.id)).approvals()
                await asked.approve("go")
        assert answers[0]["only"] == {"sum": 3}


async def test_a_run_is_paused_and_resumed_and_looked_at(world: World) -> None:
    async with opened(world, running=False) as (_, project):
        plan = Plan("Steered")
        first = plan.step("a", tool="file.read", params={"path": "x"})
        plan.step("b", tool="file.read", params={"path": "y"}, after=first)
        run = await project.start(plan)
        assert [s.key for s in await run.frontier()] == ["a"]
        assert "ready" in str(await run.why("a"))
        assert (await run.pause()).paused and "paused" in str(await run.why("a"))
        assert not (await run.resume()).paused
        await run.add_step(Plan("more").step("c", "wait", params={"duration_ms": 1}))
        assert [s.key for s in await run.steps()] == ["a", "b", "c"]
        assert await run.output("a") is None
        with pytest.raises(NotFound, match="it has a, b, c"):
            await run.output("d")
        await run.cancel()


async def test_plans_as_text_are_read_by_the_server(world: World, tmp_path: Path) -> None:
    text = "title: T\nparams: {n: 1}\nsteps:\n  - {id: s, name: add, params: {a: '{{params.n}}', b: 2}}\n"
    (tmp_path / "plan.yaml").write_text(text)
    async with opened(world) as (_, project):
        run = await project.start(Plan.from_yaml(tmp_path / "plan.yaml", params={"n": 40}))
        assert (await run.result(timeout=60))["s"] == {"sum": 42}
        document = {"title": "D", "steps": [{"id": "s", "name": "add", "params": {"a": 1, "b": 1}}]}
        assert (await (await project.start(Plan.from_dict(document))).result(timeout=60))["s"] == {"sum": 2}
        (tmp_path / "plan.yaml").write_text(text.replace("id: s", "idd: s"))
        with pytest.raises(ValidationError, match=r"plan\.yaml, line 4") as caught:
            await project.start(Plan.from_yaml(str(tmp_path / "plan.yaml")))
        assert caught.value.details["column"] == 6
        nobody = Plan("Nobody")
        nobody.step("x", tool="what nobody offers")
        with pytest.raises((Refused, ValidationError), match="what nobody offers"):
            await project.start(nobody)


async def test_runs_are_found_the_latest_first(world: World) -> None:
    async with opened(world, running=False) as (_, project):
        made = []
        for title in ("first", "second", "third"):
            plan = Plan(title)
            plan.step("a", worker="nobody")
            made.append(await project.start(plan, approve=False))
        assert [found.title for found in await project.runs(first=2)] == ["third", "second"]
        assert [found.id for found in await project.runs()] == [run.id for run in reversed(made)]


async def test_a_stream_may_be_left_in_the_middle(world: World) -> None:
    async with opened(world, running=False) as (_, project):
        plan = Plan("Left")
        plan.step("a", worker="nobody")
        run = await project.start(plan)
        for stream in (run.events, project.events, run.progress):
            async for _ in stream():  # type: ignore[operator]
                break
            gc.collect()  # the connection is closed by whoever collects it, without a word
            await run.status()
        with anyio.move_on_after(0.2) as scope:
            async for _ in run.events():
                pass
        assert scope.cancelled_caught
        await run.cancel()
