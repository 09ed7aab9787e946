"""Operations of modules are called for whoever had a workflow executed, and by nothing that plans bring along."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from access_world import World, access_world
from graphql_api import FAILURE
from world import World as Lab
from world import registry

from psg.accounts import NewToken
from psg_graphql.global_id import parse_global_id
from psg_neo4j import Database
from psg_runtime.core_orchestrator import stages_served

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

EXECUTE = f"""mutation($i: ExecuteWorkflowInput!) {{
  executeWorkflow(input: $i) {{
    __typename ... on WorkflowPayload {{ execution {{ executionId planId }} }} {FAILURE} }} }}"""


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    async with access_world(db) as world:
        yield world


@pytest.fixture
async def lab(db: Database, world: World) -> AsyncIterator[Lab]:
    """The project ``own`` with an orchestrator that runs what is begun there."""
    lab = Lab(db, world.own.project_id, parse_global_id(world.own.ids["Context"]).node_id)
    tools = registry()
    async with stages_served(lab.graph, tools), lab.running(tools):
        yield lab


def stage(
    name: str, module: str, operation: str, /, undo: dict[str, Any] | None = None, **given: Any
) -> dict[str, Any]:
    made = {"id": name, "name": name, "moduleType": module, "operation": operation, "inputs": given}
    return made if undo is None else made | {"compensation": undo}


async def execute(
    world: World, who: NewToken, *stages: dict[str, Any], worker: str | None = None, **inputs: Any
) -> dict[str, Any]:
    """Have a workflow executed by somebody, or by a worker of theirs."""
    workflow = {"id": "w", "name": "w", "version": "1.0.0", "executionMode": "sequential", "stages": list(stages)}
    given = {"projectId": world.own.ids["Project"], "definition": workflow, "inputs": inputs}
    headers = {"authorization": f"Bearer {who.text}"}
    if worker is not None:
        headers["x-psg-actor"] = f"{who.token.actor}/{worker}"
    answer = (await world.api.post(EXECUTE, {"i": given}, **headers)).json()
    result: dict[str, Any] = answer["data"]["executeWorkflow"]
    return result


async def proposed(world: World, **approval: Any) -> tuple[str, str]:
    """A plan that waits for approvals: its global id and its id."""
    made = await world.api.create_plan(world.own.ids["Context"], {"a": []}, approval=approval)
    plan: str = made["plan"]["id"]
    await world.api.on_plan("proposePlan", plan)
    return plan, parse_global_id(plan).node_id


async def deciders(world: World, who: NewToken, plan: str) -> list[str]:
    """Who decided about a plan."""
    text = "query($p: ID!) { confirms(projectId: $p) { nodes { planId decisions { actor } } } }"
    found = (await world.asked(who, text, p=world.own.ids["Project"]))["data"]["confirms"]["nodes"]
    return [d["actor"] for confirm in found if confirm["planId"] == plan for d in confirm["decisions"]]


async def test_what_undoes_a_stage_is_judged_as_the_stage_is(world: World) -> None:
    operator = await world.person("operator")
    _, victim = await proposed(world)
    head = await world.head(world.own)
    role = parse_global_id(world.own.ids["Role"]).node_id
    for module, operation, given, needs in (
        ("role", "delete", {"roleId": role}, "delete"),
        ("plan", "approve", {"planId": victim}, "approve"),
        ("confirm", "processApproval", {}, "administer"),
    ):
        undo = {"moduleType": module, "operation": operation, "inputs": given}
        answer = await execute(world, operator, stage("s", "context", "createContext", undo=undo, name="n"))
        assert (answer.get("code"), answer.get("details", {}).get("action", needs)) == ("forbidden", needs), answer
    assert await world.head(world.own) == head


async def test_one_person_approves_once_by_workflows_too(world: World, lab: Lab) -> None:
    ann = await world.person("operator", "approver")
    plan, victim = await proposed(world, quorum=2)
    for worker in ("1", "2"):
        made = await execute(world, ann, stage("s", "plan", "approve", planId=victim), worker=worker)
        await lab.finished(made["execution"]["executionId"])
    assert await deciders(world, ann, plan) == [ann.token.actor]
    assert await lab.plan_status(victim) == "proposed"


async def test_a_workflow_approves_in_roles_that_are_granted(world: World) -> None:
    ann, admin = await world.person("operator", "approver"), await world.person("admin")
    _, victim = await proposed(world, quorum=2, roles=["security"])
    head = await world.head(world.own)
    called = {"planId": victim, "role": "${input.role}"}
    undo = {"moduleType": "plan", "operation": "approve", "inputs": {"planId": victim, "role": "security"}}
    for forged in (
        stage("s", "plan", "approve", planId=victim, role="security"), stage("s", "plan", "approve", **called),
        stage("s", "plan", "approvePlan", planId=victim, Role="security"),
        stage("s", "context", "createContext", undo=undo, name="n"),
    ):  # fmt: skip
        assert (await execute(world, ann, forged, role="security")).get("code") == "forbidden", forged
    assert await world.head(world.own) == head
    registered = await execute(world, admin, stage("s", "plan", "approve", **called), role="security")
    assert registered["code"] == "unknown_capability", "allowed: only, nobody runs stages here"
