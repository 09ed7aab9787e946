"""Snapshots and plans as they were, over GraphQL and from the command line."""

from __future__ import annotations

import sys
import uuid
from collections.abc import AsyncIterator
from typing import Any

import anyio
import orjson
import pytest
from graphql_api import Api, running_api

from psg.audit import verify
from psg_graphql.global_id import parse_global_id
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

SNAPSHOT = "... on SnapshotPayload { snapshot { uuid seq reason planId restores } }"
RESTORED = "... on RestorePayload { restored snapshot { uuid restores restoredAt } before { uuid seq } }"
PLAN = """query($id: ID!, $asOf: Long) { plan(id: $id, asOf: $asOf) {
  status revision stepsTotal stepsOpen frontier { key }
  steps { totalCount nodes { key status waitsFor dependencies { key status } plan { status } } } } }"""


@pytest.fixture
async def api(db: Database) -> AsyncIterator[Api]:
    async with running_api(db) as running:
        yield running


async def cli(api: Api, *arguments: str) -> Any:
    """What a command prints as JSON."""
    command = [sys.executable, "-m", "psg_cli", *arguments, "--api-url", f"{api.url}/graphql", "--json"]
    result = await anyio.run_process(command, check=False)
    assert result.returncode == 0, result.stderr
    return orjson.loads(result.stdout)


async def test_a_plan_is_read_as_it_was_and_taken_back(api: Api, db: Database) -> None:
    project_id, plan_id, _ = await api.plan({"a": [], "b": ["a"]})
    taken = await api.command(
        "takeSnapshot", "TakeSnapshotInput", SNAPSHOT, projectId=project_id, planId=plan_id, reason="to be sure"
    )
    snapshot = taken["snapshot"]
    assert (snapshot["reason"], snapshot["planId"], snapshot["restores"]) == ("to be sure", plan_id, 0)
    then = await api.ask(PLAN, id=plan_id)
    for name in ("proposePlan", "approvePlan", "startPlan"):
        await api.on_plan(name, plan_id)
    changed = await api.ask(PLAN, id=plan_id)
    was = await api.ask(PLAN, id=plan_id, asOf=snapshot["seq"])
    assert was == then
    b = was["plan"]["steps"]["nodes"][1]
    assert (b["waitsFor"], b["dependencies"]) == (1, [{"key": "a", "status": "pending"}])
    refused = await api.command(
        "restoreSnapshot", "RestoreSnapshotInput", RESTORED, projectId=project_id, snapshotId=snapshot["uuid"]
    )
    assert (refused["__typename"], refused["code"]) == ("Refused", "refused")
    await api.on_plan("pausePlan", plan_id)
    back = await api.command(
        "restoreSnapshot", "RestoreSnapshotInput", RESTORED, projectId=project_id, snapshotId=snapshot["uuid"]
    )
    # the plan, its approval and the decision
    assert (back["restored"], back["snapshot"]["restores"]) == (3, 1)
    now = await api.ask(PLAN, id=plan_id)
    now["plan"]["revision"] = then["plan"]["revision"]
    assert now == then != changed
    events = await api.ask(
        "query($p: ID!) { events(projectId: $p, first: 100) { ... on EventPage { events { op type } } } }", p=project_id
    )
    assert {"op": "restore", "type": "plan_restored"} in events["events"]["events"]
    listed = await api.ask(
        "query($p: ID!, $id: ID) { snapshots(projectId: $p, planId: $id) { uuid reason restoredAt } }",
        p=project_id, id=plan_id,
    )  # fmt: skip
    reasons = [s["reason"] for s in listed["snapshots"]]
    assert reasons == ["before restore", "before start", "to be sure"]
    assert (await verify(db, parse_global_id(project_id).project_id)).violations == []


async def test_steps_as_they_were_come_in_pages(api: Api) -> None:
    project_id, plan_id, _ = await api.plan({f"s{i}": [] for i in range(5)})
    text = """query($id: ID!, $asOf: Long, $after: String) { plan(id: $id, asOf: $asOf) {
      steps(first: 2, after: $after) { nodes { key } pageInfo { hasNextPage endCursor } } } }"""
    assert (await api.refused(text, id=plan_id, asOf=100))["extensions"]["code"] == "validation_failed"
    assert (await api.ask(text, id=plan_id, asOf=1))["plan"] is None
    found = await api.ask("query($p: ID!) { project(id: $p) { cursor } }", p=project_id)
    head, keys, after = int(found["project"]["cursor"]), [], None
    while True:
        page = (await api.ask(text, id=plan_id, asOf=head, after=after))["plan"]["steps"]
        keys += [node["key"] for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert keys == [f"s{i}" for i in range(5)]


async def test_a_snapshot_is_refused_where_it_does_not_belong(api: Api) -> None:
    project_id, _, _ = await api.plan()
    other = await api.project()
    taken = await api.command("takeSnapshot", "TakeSnapshotInput", SNAPSHOT, projectId=project_id)
    known = taken["snapshot"]["uuid"]
    for snapshot, code in ((known, "not_found"), (str(uuid.uuid4()), "not_found"), ("x", "invalid_id")):
        answer = await api.command(
            "restoreSnapshot", "RestoreSnapshotInput", RESTORED, projectId=other, snapshotId=snapshot
        )
        assert answer["code"] == code
    policy = await api.command(
        "setSnapshotPolicy", "SetSnapshotPolicyInput", "... on SnapshotPolicyPayload { beforeStart }",
        projectId=project_id, beforeStart=False,
    )  # fmt: skip
    assert policy["beforeStart"] is False


async def test_the_command_line_saves_lists_and_restores(api: Api) -> None:
    project_id, plan_id, _ = await api.plan({"a": [], "b": ["a"]})
    project = ["--project", parse_global_id(project_id).project_id]
    saved = await cli(api, "snapshot", "take", "--plan", plan_id, "--reason", "r", *project)
    await api.on_plan("proposePlan", plan_id)
    shown = await cli(api, "plan", "show", plan_id, "--as-of", str(saved["seq"]), *project)
    assert (shown["status"], [s["key"] for s in shown["steps"]]) == ("draft", ["a", "b"])
    restored = await cli(api, "snapshot", "restore", saved["uuid"], *project)
    assert restored["restored"] == 1
    listed = await cli(api, "snapshot", "list", "--plan", plan_id, *project)
    assert [(s["reason"], s["restores"]) for s in listed] == [("before restore", 0), ("r", 1)]
    assert (await cli(api, "snapshot", "policy", "--no-before-start", *project))["before_start"] is False
    assert (await cli(api, "plan", "show", plan_id, *project))["status"] == "draft"
