"""Executions of workflows across processes: begun in one, run in another, steered from a third, none lost."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import Neo4jServer
from processes import orchestrator_env, programs
from workflow_lab import stage, until, workflow
from world import World

from psg.audit import verify
from psg_neo4j import Database
from psg_runtime.core_orchestrator import CoreOrchestrator, WorkflowCancelled, WorkflowTimeout

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
PROGRAM = Path(__file__).parents[1] / "programs" / "core_process.py"
Start = Callable[..., Any]


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    made = await World.create(db)
    yield made
    report = await verify(db, made.project_id)
    assert report.violations == []


@asynccontextmanager
async def cores(server: Neo4jServer, project_id: str, marks: Path) -> AsyncIterator[Start]:
    """Start core orchestrators as processes; each is ready when ``start`` returns, and gone after the block."""
    async with programs() as start_program:

        async def start(**env: str) -> subprocess.Popen[str]:
            return await start_program(PROGRAM, orchestrator_env(server, project_id, PSG_TEST_MARKS=str(marks), **env))

        yield start


def mark(name: str, *dependencies: str, **inputs: str) -> dict[str, Any]:
    return stage(name, *dependencies, operation="mark", inputs=inputs)


def begun(marks: Path) -> list[str]:
    log = marks / "log"
    return [line.split()[0] for line in log.read_text().splitlines()] if log.exists() else []


def remote(world: World) -> CoreOrchestrator:
    """A core orchestrator that runs no stages itself; the module's operations are known elsewhere only."""
    return CoreOrchestrator(world.graph, world.project_id, run_stages=False)


async def known(core: CoreOrchestrator) -> None:
    await core.register_module({"moduleType": "lab", "version": "1.0.0", "capabilities": ["lab.mark"]})


@pytest.mark.req("CORE-04", "CORE-05", "CORE-06")
async def test_any_process_steers_what_another_runs(world: World, neo4j_server: Neo4jServer, tmp_path: Path) -> None:
    async with cores(neo4j_server, world.project_id, tmp_path) as start:
        process = await start()
        core = remote(world)
        await known(core)
        definition = workflow(mark("a"), mark("b", until="go"), mark("c"), mode="sequential")
        execution = await core.start_workflow(definition)
        await until(lambda: begun(tmp_path) == ["a", "b"])
        assert (await core.get_workflow_status(execution.id)).status == "running"
        await core.pause_workflow(execution.id)
        (tmp_path / "go").touch()
        await world.step_is(execution.id, "b", "completed")
        assert begun(tmp_path) == ["a", "b"]
        await core.resume_workflow(execution.id)
        result = await core.wait_for_workflow(execution.id)
        assert result.outputs["c"] == {"as": "c", "pid": process.pid} and begun(tmp_path) == ["a", "b", "c"]
        # Cancelled from here, stopped there.
        execution = await core.start_workflow(workflow(mark("x", until="never"), mark("y"), mode="sequential"))
        await until(lambda: "x" in begun(tmp_path))
        await core.cancel_workflow(execution.id)
        with pytest.raises(WorkflowCancelled):
            await core.wait_for_workflow(execution.id)
        assert "y" not in begun(tmp_path)


@pytest.mark.req("CORE-50")
async def test_a_killed_process_loses_nothing_and_its_turn_passes_on(
    world: World, neo4j_server: Neo4jServer, tmp_path: Path
) -> None:
    config = '{"maxConcurrentWorkflows": 1}'
    async with cores(neo4j_server, world.project_id, tmp_path) as start:
        first = await start(PSG_TEST_CONFIG=config)
        core = CoreOrchestrator(world.graph, world.project_id, {"maxConcurrentWorkflows": 1}, run_stages=False)
        await known(core)
        definition = workflow(mark("a"), mark("b", until="go"), mark("c"), mode="sequential")
        one = await core.start_workflow(definition)
        two = await core.start_workflow(workflow(mark("z")))
        assert (one.began, two.began) == (True, False)
        await until(lambda: begun(tmp_path) == ["a", "b"])
        first.send_signal(signal.SIGKILL)
        first.wait()
        await start(PSG_TEST_CONFIG=config)
        await until(lambda: begun(tmp_path) == ["a", "b", "b"])
        assert (await core.get_workflow_status(two.id)).status == "pending"
        (tmp_path / "go").touch()
        # The one that waited is begun by the process that is left, without anybody here doing anything.
        await world.finished(one.id)
        await world.step_is(two.id, "z", "completed")
        assert (await core.wait_for_workflow(two.id)).status == "completed"
    assert begun(tmp_path) == ["a", "b", "b", "c", "z"]


@pytest.mark.req("CORE-51")
async def test_whoever_is_left_ends_what_is_overdue(world: World, neo4j_server: Neo4jServer, tmp_path: Path) -> None:
    async with cores(neo4j_server, world.project_id, tmp_path) as start:
        first = await start()
        core = remote(world)
        await known(core)
        execution = await core.start_workflow(
            workflow(mark("a", until="never"), mark("b"), mode="sequential", timeout=4_000)
        )
        await until(lambda: begun(tmp_path) == ["a"])
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        await start()
        with pytest.raises(WorkflowTimeout):
            await core.wait_for_workflow(execution.id)
    assert "b" not in begun(tmp_path)
