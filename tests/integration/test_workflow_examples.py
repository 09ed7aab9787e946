"""The documented workflows run as they are shipped, from Python and from the command line."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
from conftest import Neo4jServer
from typer.testing import CliRunner
from world import World

from psg.audit import verify
from psg_cli.main import app
from psg_neo4j import Database
from psg_runtime import CoreOrchestrator, WorkflowDefinition
from psg_runtime.core_orchestrator import WorkflowFailed

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
EXAMPLES = Path(__file__).parents[2] / "examples"
PATTERNS = runpy.run_path(str(EXAMPLES / "workflow_patterns.py"))


@pytest.fixture
async def world(db: Database) -> World:
    return await World.create(db)


@pytest.mark.req("CORE-13", "CORE-14")
def test_the_examples_are_the_documented_ones() -> None:
    first, second = (WorkflowDefinition.of(PATTERNS["definition"](name)) for name in
                     ("context-plan-execute", "multi-party-approval"))  # fmt: skip
    assert [(s.id, s.module_type, s.operation) for s in first.stages] == [
        ("create-context", "context", "createContext"), ("create-plan", "plan", "createPlan"),
        ("execute-plan", "core", "executePlan"),
    ]  # fmt: skip
    assert [(s.id, s.module_type, s.operation, s.dependencies) for s in second.stages] == [
        ("validate-request", "confirm", "validateRequest", []),
        ("check-permissions", "role", "checkPermissions", ["validate-request"]),
        ("process-approval", "confirm", "processApproval", ["check-permissions"]),
    ]
    assert first.stages[0].inputs == {"name": "agent-collaboration", "type": "multi-agent"}
    assert second.stages[2].inputs["approvers"] == "${check-permissions.validApprovers}"


@pytest.mark.req("CORE-13", "CORE-14")
async def test_a_plan_is_executed_and_a_request_decided_by_valid_approvers_only(world: World) -> None:
    executed, approved = await PATTERNS["run"](world.graph, world.project_id)
    outputs = executed.outputs
    assert executed.status == "completed" and outputs["execute-plan"]["status"] == "completed"
    assert outputs["create-plan"]["contextId"] == outputs["create-context"]["contextId"]
    assert outputs["execute-plan"]["planId"] == outputs["create-plan"]["planId"]
    assert await world.plan_status(outputs["create-plan"]["planId"]) == "completed"
    checked, decided = approved.outputs["check-permissions"], approved.outputs["process-approval"]
    assert checked["validApprovers"] == ["release-manager", "security"]
    assert decided["approved"] and decided["quorum"] == 2
    assert {d["approver"] for d in decided["decisions"]} == {"release-manager", "security"}
    rows = await world.query(
        "MATCH (p:PsgNode:Plan {project_id: $project_id}) WHERE p.title = 'Release 1.0' RETURN p.status AS status"
    )
    assert [row["status"] for row in rows] == ["approved"]
    assert (await verify(world.db, world.project_id)).violations == []


@pytest.mark.req("CORE-14")
async def test_a_request_is_not_decided_by_who_may_not(world: World) -> None:
    async with CoreOrchestrator(world.graph, world.project_id, {"logLevel": "error"}) as core:
        request_id = await PATTERNS["request"](core, world.graph, world.project_id)
        inputs = {"requestId": request_id, "approvers": ["intern", "stranger"], "resource": "release"}
        with pytest.raises(WorkflowFailed, match="stage `process-approval`"):
            await core.execute_workflow(PATTERNS["definition"]("multi-party-approval"), inputs)
        one = {**inputs, "approvers": ["security", "security"]}
        result = await core.execute_workflow(PATTERNS["definition"]("multi-party-approval"), one)
        assert result.outputs["process-approval"]["approved"] is False  # one of two
        with pytest.raises(WorkflowFailed, match="stage `validate-request`"):
            unknown = {**one, "requestId": world.project_id}
            await core.execute_workflow(PATTERNS["definition"]("multi-party-approval"), unknown)


class Psg:
    """Calls ``psg workflow`` on the shared server, in one project."""

    def __init__(self, server: Neo4jServer, project_id: str, folder: Path) -> None:
        kept = {n: v for n, v in os.environ.items() if not n.startswith("PSG_")}
        self._environment = {
            **kept, "PSG_NEO4J_URI": server.uri, "PSG_NEO4J_USER": server.user, "PSG_NEO4J_PASSWORD": server.password,
            "PSG_PROJECT": project_id, "NO_COLOR": "1",
        }  # fmt: skip
        self._folder = folder

    async def __call__(self, *arguments: str, status: int = 0) -> Any:
        command = [sys.executable, "-m", "psg_cli", "workflow", *arguments]
        ended = await anyio.run_process(command, env=self._environment, cwd=self._folder, check=False)
        assert ended.returncode == status, ended.stdout.decode() + ended.stderr.decode()
        if "--json" in arguments and status == 0:
            return orjson.loads(ended.stdout)
        return ended.stdout.decode() + ended.stderr.decode()


@pytest.mark.req("CORE-13")
async def test_workflows_from_the_command_line(world: World, neo4j_server: Neo4jServer, tmp_path: Path) -> None:
    psg = Psg(neo4j_server, world.project_id, tmp_path)
    file = str(EXAMPLES / "workflow-context-plan-execute.yaml")
    done = await psg("run", file, "--json")
    assert done["status"] == "completed"
    assert list(done["stageResults"]) == ["create-context", "create-plan", "execute-plan"]
    execution = done["executionId"]
    status = await psg("status", execution, "--json")
    assert status["status"] == "completed" and status["correlationId"] == done["correlationId"]
    assert "only one in progress can be paused" in await psg("pause", execution, status=1)


def test_a_file_is_checked_without_a_database() -> None:
    file = str(EXAMPLES / "workflow-multi-party-approval.yaml")
    checked = CliRunner().invoke(app, ["workflow", "check", file])
    assert checked.exit_code == 0 and "correct" in checked.output
    refused = CliRunner().invoke(app, ["workflow", "check", file, "-i", "requestId=x", "-i", "approvers=[]"])
    assert refused.exit_code == 1 and "${input.resource}" in refused.output and "requestId}" not in refused.output
    assert CliRunner().invoke(app, ["workflow", "check", file, "-i", "text"]).exit_code == 2
