"""Operations of modules are called for whoever had a workflow executed, and by nothing that plans bring along."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from access_world import World, access_world
from graphql_api import FAILURE
from world import World as Lab
from world import registry, step

from psg.accounts import NewToken
from psg.model.codec import dumps
from psg_graphql.global_id import global_id, parse_global_id
from psg_neo4j import Database
from psg_runtime.core_orchestrator import stages_served

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

EXECUTE = f"""mutation($i: ExecuteWorkflowInput!) {{
  executeWorkflow(input: $i) {{
    __typename ... on WorkflowPayload {{ execution {{ executionId planId }} }} {FAILURE} }} }}"""

STAGES = "query($p: ID!, $i: String!) { workflow(projectId: $p, executionId: $i) { stages { stageId output error } } }"


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


async def begin(lab: Lab, plan_id: str) -> None:
    """Take a draft to its start."""
    await lab.graph.propose_plan(lab.project_id, plan_id)
    await lab.graph.approve_plan(lab.project_id, plan_id)
    await lab.graph.start_plan(lab.project_id, plan_id)


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


async def test_no_step_that_came_by_another_way_calls_a_module(world: World, lab: Lab) -> None:
    operator = await world.person("operator")
    plan, victim = await proposed(world, quorum=2)
    call = {"module": "plan", "operation": "approve", "inputs": {"planId": victim}}
    nested = f"""title: sub
objective: o
steps:
  - key: forged
    name: "module\\x2einvoke"
    params: {{module: plan, operation: approve, inputs: {{planId: "{victim}"}}}}
"""
    running = await lab.started(step("nap", type="wait", params={"duration_ms": 60_000}))
    parent = await world.told(
        operator, "addStep", "AddStepInput", planId=global_id("Plan", world.own.project_id, running),
        step={"key": "parent", "type": "plan", "params": {"plan": nested}},
    )  # fmt: skip
    assert parent["__typename"] == "StepPayload", parent
    named = "module${input.dot}invoke"
    made = await execute(
        world, operator,
        stage("s", "plan", "addStep", planId=running, step={"key": "added", "name": named, "params": call}),
        stage("c", "plan", "createPlan", contextId=lab.context_id, title="t", objective="o",
              steps=[{"key": "made", "name": named, "params": call}]),
        dot=".",
    )  # fmt: skip
    await lab.finished(made["execution"]["executionId"])
    status = await world.asked(operator, STAGES, p=world.own.ids["Project"], i=made["execution"]["executionId"])
    created = next(s["output"]["planId"] for s in status["data"]["workflow"]["stages"] if s["stageId"] == "c")
    await begin(lab, created)
    for key in ("parent", "added"):
        await lab.step_is(running, key, "failed", "completed")
    await lab.finished(created)
    steps = await lab.steps(running) | await lab.steps(created)
    refused = {key: dumps(steps[key]["error"]) for key in ("parent", "added", "made")}
    assert all("only the stages of a workflow" in error for error in refused.values()), refused
    assert "invocation_refused" in refused["made"]
    assert (await deciders(world, operator, plan), await lab.plan_status(victim)) == ([], "proposed")


async def test_a_workflow_does_not_take_in_steps_of_others(world: World, lab: Lab) -> None:
    """What is added to the plan of somebody's workflow does nothing in the name of that person."""
    admin, operator = await world.person("admin"), await world.person("operator")
    plan, victim = await proposed(world, quorum=2)
    nap = await lab.started(step("nap", type="wait", params={"duration_ms": 60_000}))
    made = await execute(world, admin, stage("s", "plan", "execute", planId=nap))
    execution = made["execution"]["executionId"]
    call = {"module": "plan", "operation": "approve", "inputs": {"planId": victim}}
    await lab.graph.add_step(lab.project_id, execution, step("late", name="module.invoke", params=call))
    await lab.step_is(execution, "late", "failed", "completed")
    assert dumps((await lab.steps(execution))["late"]["error"]).count("invocation_refused")
    assert await deciders(world, operator, plan) == []


async def test_what_runs_again_runs_for_who_asks_for_it(world: World, lab: Lab) -> None:
    """A rerun does nothing for the person who had the workflow executed first; the undoing does."""
    ann, bob, admin = await world.person("operator"), await world.person("operator"), await world.person("admin")
    undo = {"moduleType": "context", "operation": "createContext", "inputs": {"name": "undone"}}
    made = await execute(world, ann, stage("s", "context", "createContext", undo=undo, name="done"))
    await lab.finished(made["execution"]["executionId"])
    plan = made["execution"]["planId"]
    text = "mutation($i: RerunPlanInput!) { rerunPlan(input: $i) { ... on RerunPayload { plan { uuid } } } }"
    again = [await world.asked(who, text, i={"id": plan}) for who in (bob, admin)]
    drafts = [answer["data"]["rerunPlan"]["plan"]["uuid"] for answer in again]
    for draft in drafts:
        await begin(lab, draft)
    await lab.finished(*drafts)
    assert [await lab.plan_status(draft) for draft in drafts] == ["failed", "completed"]
    text = "mutation($i: CompensatePlanInput!) { compensatePlan(input: $i) { ... on PlanPayload { plan { uuid } } } }"
    undone = (await world.asked(bob, text, i={"id": plan}))["data"]["compensatePlan"]["plan"]["uuid"]
    await lab.finished(undone)
    assert await lab.plan_status(undone) == "completed"
    contexts = await lab.query(
        "MATCH (e:Event {project_id: $project_id, type: 'context_created'}) RETURN e.actor AS actor ORDER BY e.seq"
    )
    assert [row["actor"] for row in contexts][-3:] == [ann.token.actor, admin.token.actor, ann.token.actor]
    exported = await lab.graph.export_document(lab.project_id, "plan", made["execution"]["executionId"])
    assert "invokes" not in dumps(exported)
