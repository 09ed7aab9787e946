"""The read and write paths of contexts and plans over the real HTTP API, and what an unknown id gives."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from graphql_api import Api, running_api
from sample_graph import uuid4

import psg_cypher
from psg.audit import verify
from psg_graphql.global_id import global_id, parse_global_id
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

CONTEXT = "... on ContextPayload { context { id uuid title summary status revision tags } }"
READ_CONTEXT = "query($id: ID!) { node(id: $id) { __typename ... on Context { id title summary status revision } } }"
READ_PLAN = """query($id: ID!) { plan(id: $id) { id title objective status revision context { id }
  steps { nodes { key status } } } }"""
PLAN_LIFE = (
    ("proposePlan", "proposed"), ("revisePlan", "draft"), ("proposePlan", "proposed"), ("approvePlan", "approved"),
    ("startPlan", "in_progress"), ("cancelPlan", "cancelled"),
)  # fmt: skip
# Words that only the inside of the server knows; an answer with one of them has leaked it.
INSIDE = ("Traceback", "neo4j", "Neo.", "psg_", "cypher", "MATCH (", ".py", "NoneType", "KeyError", "Exception")


@pytest.fixture
async def api(db: Database) -> AsyncIterator[Api]:
    async with running_api(db) as running:
        yield running


async def stored(api: Api, project_id: str) -> tuple[int, list[dict[str, Any]]]:
    """How many events a project has, and what its pages list."""
    text = """query($p: ID!) { project(id: $p) { cursor } contexts(projectId: $p) { nodes { id revision status } }
      plans(projectId: $p) { nodes { id revision status } } }"""
    found = await api.ask(text, p=project_id)
    head = await api.graph.db.read_one(
        psg_cypher.statement("log_head"), project_id=parse_global_id(project_id).project_id
    )
    assert head is not None
    return head["seq"], [*found["contexts"]["nodes"], *found["plans"]["nodes"]]


async def clean(api: Api, project_id: str) -> None:
    report = await verify(api.graph.db, parse_global_id(project_id).project_id)
    assert report.violations == []


@pytest.mark.req("L3-07", "L3-08", "DD-06")
async def test_a_context_is_created_read_updated_and_goes_through_its_statuses(api: Api) -> None:
    project_id = await api.project()
    made = await api.command(
        "createContext", "CreateContextInput", CONTEXT, projectId=project_id, title="a frame", status="draft",
        tags=["x", "y"],
    )  # fmt: skip
    context = made["context"]
    assert (context["title"], context["status"], context["tags"], context["revision"]) == (
        "a frame", "draft", ["x", "y"], 1
    )  # fmt: skip
    node = (await api.ask(READ_CONTEXT, id=context["id"]))["node"]
    assert node == {
        "__typename": "Context", "id": context["id"], "title": "a frame", "summary": None, "status": "draft",
        "revision": 1,
    }  # fmt: skip
    changed = await api.command(
        "updateContext", "UpdateContextInput", CONTEXT, id=context["id"], changes={"summary": "what it is about"}
    )
    assert (changed["context"]["summary"], changed["context"]["revision"]) == ("what it is about", 2)
    for status in ("active", "suspended", "active", "archived", "closed"):
        moved = await api.command(
            "transitionContext", "TransitionContextInput", CONTEXT, id=context["id"], status=status
        )
        assert moved["context"]["status"] == status
        assert (await api.ask(READ_CONTEXT, id=context["id"]))["node"]["status"] == status
    refused = await api.command(
        "transitionContext", "TransitionContextInput", CONTEXT, id=context["id"], status="active"
    )
    assert refused["code"] == "invalid_transition" and refused["message"].startswith("Invalid transition: closed")
    assert (await api.ask(READ_CONTEXT, id=context["id"]))["node"]["revision"] == 7
    await clean(api, project_id)


@pytest.mark.req("L3-07", "L3-08", "DD-06")
async def test_a_plan_is_created_read_and_goes_through_its_statuses(api: Api) -> None:
    project_id = await api.project()
    context_id = await api.context(project_id)
    made = await api.create_plan(context_id, {"a": [], "b": ["a"]})
    plan_id = made["plan"]["id"]
    plan = (await api.ask(READ_PLAN, id=plan_id))["plan"]
    assert plan == {
        "id": plan_id, "title": "t", "objective": "o", "status": "draft", "revision": 1,
        "context": {"id": context_id},
        "steps": {"nodes": [{"key": "a", "status": "pending"}, {"key": "b", "status": "pending"}]},
    }  # fmt: skip
    for number, (command, status) in enumerate(PLAN_LIFE):
        assert (await api.on_plan(command, plan_id))["plan"]["status"] == status
        read = (await api.ask(READ_PLAN, id=plan_id))["plan"]
        assert (read["status"], read["revision"]) == (status, number + 2)
    refused = await api.on_plan("approvePlan", plan_id)
    assert refused["code"] == "invalid_transition" and "cancelled" in refused["message"]
    assert (await api.ask(READ_PLAN, id=plan_id))["plan"]["status"] == "cancelled"
    await clean(api, project_id)


@pytest.mark.req("L3-07", "DD-06")
async def test_reading_an_unknown_id_finds_nothing_and_tells_nothing_of_the_inside(api: Api) -> None:
    project_id = await api.project()
    mine = parse_global_id(project_id).project_id
    for project in (mine, uuid4()):
        for label in ("Context", "Plan", "Step", "Trace", "Confirm", "Role"):
            unknown = global_id(label, project, uuid4())
            answer = await api.post("query($id: ID!) { node(id: $id) { id } }", {"id": unknown})
            assert (answer.status_code, answer.json()) == (200, {"data": {"node": None}})
        for field in ("plan", "step", "trace", "confirm"):
            unknown = global_id(field.title(), project, uuid4())
            answer = await api.post(f"query($id: ID!) {{ {field}(id: $id) {{ id }} }}", {"id": unknown})
            assert (answer.status_code, answer.json()) == (200, {"data": {field: None}})
    for field in ("exportDocument", "frontier"):
        name = "planId" if field == "frontier" else "id"
        fields = "{ id }" if field == "frontier" else ""
        text = f"query($id: ID!) {{ {field}({name}: $id) {fields} }}"
        unknown = global_id("Plan", mine, uuid4())
        answer = await api.post(text, {"id": unknown})
        body = answer.json()
        if body.get("errors"):
            (error,) = body["errors"]
            assert error["extensions"]["code"] == "not_found" and "does not exist" in error["message"]
        else:
            assert body["data"] == {field: []}
        assert not [word for word in INSIDE if word in answer.text]


@pytest.mark.req("L3-07", "L3-08", "DD-06")
async def test_writing_to_an_unknown_id_is_a_not_found_result_and_changes_nothing(api: Api) -> None:
    project_id = await api.project()
    await api.context(project_id)
    before = await stored(api, project_id)
    mine = parse_global_id(project_id).project_id
    for project in (mine, uuid4()):
        plan_id, context_id = (global_id(label, project, uuid4()) for label in ("Plan", "Context"))
        answers = [await api.on_plan(name, plan_id) for name, _ in PLAN_LIFE]
        answers += [await api.on_plan(name, plan_id) for name in ("pausePlan", "resumePlan")]
        answers.append(
            await api.command("transitionContext", "TransitionContextInput", CONTEXT, id=context_id, status="closed")
        )
        answers.append(
            await api.command("updateContext", "UpdateContextInput", CONTEXT, id=context_id, changes={"title": "new"})
        )
        answers.append(
            await api.command("deleteNode", "DeleteNodeInput", "... on DeletePayload { id }", id=plan_id)
        )
        for answer in answers:
            assert (answer["__typename"], answer["code"]) == ("NotFound", "not_found"), answer
            assert not [word for word in INSIDE if word in str(answer)]
        made = await api.create_plan(context_id, {"a": []})
        assert made["code"] in ("reference_missing", "not_found") and "does not exist" in made["message"]
    assert await stored(api, project_id) == before
    await clean(api, project_id)
