"""Workflows as the API offers them: begun here, run by an orchestrator elsewhere, steered, told."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from graphql_api import Api, running_api
from workflow_lab import workflow
from world import World, registry

from psg.audit import verify
from psg_neo4j import Database
from psg_runtime.core_orchestrator import stages_served

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
FIELDS = """... on WorkflowPayload { execution { executionId planId workflowId workflowName correlationId status timeout
  stagesTotal stagesDone createdAt startedAt completedAt duration error stages { stageId status output attempts } } }"""
WORKFLOW = """query($project: ID!, $id: String!) { workflow(projectId: $project, executionId: $id) {
  status stagesDone error stages { stageId status output error reason attempts duration } } }"""
WORKFLOWS = """query($project: ID!, $status: WorkflowRunStatus) {
  workflows(projectId: $project, status: $status) { executionId status stages { stageId } } }"""


@pytest.fixture
async def world(db: Database) -> World:
    return await World.create(db)


@pytest.fixture
async def api(db: Database) -> AsyncIterator[Api]:
    async with running_api(db) as running:
        yield running


def context(name: str, **fields: Any) -> dict[str, Any]:
    made = {"id": name, "name": name, "moduleType": "context", "operation": "createContext", "inputs": {"name": name}}
    return {**made, **fields}


async def test_a_workflow_is_executed_and_steered_through_the_api(api: Api, world: World) -> None:
    project = world.project_id
    definition = workflow(
        context("a"), context("b", inputs={"name": "${a.title} and ${input.more}"}), mode="sequential", timeout=60_000
    )
    tools = registry()
    async with stages_served(world.graph, tools):
        asked = {"projectId": project, "definition": definition, "inputs": {"more": "b"}}
        wrong = await api.command(
            "executeWorkflow", "ExecuteWorkflowInput", FIELDS, **asked | {"inputs": {}}
        )
        assert wrong["code"] == "workflow_invalid" and "${input.more}" in wrong["message"]
        async with world.running(tools):
            command_id = str(uuid.uuid4())
            made = await api.command("executeWorkflow", "ExecuteWorkflowInput", FIELDS, **asked, commandId=command_id)
            execution = made["execution"]
            assert execution["status"] in ("running", "completed") and execution["timeout"] == 60_000
            again = await api.command("executeWorkflow", "ExecuteWorkflowInput", FIELDS, **asked, commandId=command_id)
            assert again["replayed"] and again["execution"]["executionId"] == execution["executionId"]
            await world.finished(execution["executionId"])
        told = (await api.ask(WORKFLOW, project=project, id=execution["executionId"]))["workflow"]
        assert (told["status"], told["stagesDone"], told["error"]) == ("completed", 2, None)
        assert [s["stageId"] for s in told["stages"]] == ["a", "b"]
        assert told["stages"][1]["output"]["title"] == "a and b"
        listed = (await api.ask(WORKFLOWS, project=project, status="completed"))["workflows"]
        assert [(one["executionId"], one["stages"]) for one in listed] == [(execution["executionId"], None)]
        assert (await api.ask(WORKFLOWS, project=project, status="failed"))["workflows"] == []


async def test_an_execution_is_paused_resumed_and_cancelled_through_the_api(api: Api, world: World) -> None:
    project, tools = world.project_id, registry()
    nap = {"key": "nap", "type": "wait", "params": {"duration_ms": 600_000}}
    definition = workflow(
        context("c"),
        context("p", moduleType="plan", operation="createPlan", inputs={"contextId": "${c.contextId}", "steps": [nap]}),
        context("e", moduleType="core", operation="executePlan", inputs={"planId": "${p.planId}"}),
    )

    async def steer(how: str, execution_id: str) -> dict[str, Any]:
        found = {"projectId": project, "executionId": execution_id}
        return await api.command(f"{how}Workflow", "WorkflowInput", FIELDS, **found)

    async with stages_served(world.graph, tools), world.running(tools):
        asked = {"projectId": project, "definition": definition}
        made = await api.command("executeWorkflow", "ExecuteWorkflowInput", FIELDS, **asked)
        execution = made["execution"]["executionId"]
        await world.step_is(execution, "p", "completed")
        assert (await steer("pause", execution))["execution"]["status"] == "paused"
        refused = await steer("pause", execution)
        assert refused["__typename"] == "Refused" and "paused already" in refused["message"]
        assert (await steer("resume", execution))["execution"]["status"] == "running"
        cancelled = (await steer("cancel", execution))["execution"]
        assert cancelled["status"] == "cancelled"
        assert [s["status"] for s in cancelled["stages"]][:2] == ["completed", "completed"]
        assert (await steer("cancel", execution))["code"] == "invalid_transition"
        unknown = await steer("cancel", str(uuid.uuid4()))
        assert unknown["__typename"] == "NotFound" and unknown["code"] == "execution_not_found"
        assert (await api.ask(WORKFLOW, project=project, id="nothing"))["workflow"] is None
        wrong = {"projectId": project, "definition": [1], "inputs": [2]}
        refused = await api.command("executeWorkflow", "ExecuteWorkflowInput", FIELDS, **wrong)
        assert refused["code"] == "validation_failed"
    assert (await verify(world.db, project)).violations == []
