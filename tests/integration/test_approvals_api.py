"""Approvals through the API and the example: inbox, votes of different actors, delegation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from graphql_api import Api, running_api
from world import World

from psg.audit import verify
from psg_graphql.global_id import global_id
from psg_runtime.ael import AdapterLayer, AelSettings, CapabilityRegistry
from psg_runtime.launch import create_plan
from psg_runtime.plan_file import load_plan

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
EXAMPLE = Path(__file__).parents[2] / "examples/approval-quorum.yaml"
INBOX = """query($project: ID!, $actor: String, $role: String) {
  inbox(projectId: $project, actor: $actor, role: $role) {
    nodes { id reason step { key } approval { quorum approvals approvers roles voided proposedBy delegations } }
  }
}"""
DECIDE = """mutation($input: DecideConfirmInput!) {
  decideConfirm(input: $input) { __typename ... on ConfirmPayload { confirm { status } } ... on Failure { code } }
}"""
DELEGATE = """mutation($input: DelegateApprovalInput!) {
  delegateApproval(input: $input) { __typename ... on Failure { code message } }
}"""


@pytest.fixture
async def world(db: Any) -> AsyncIterator[World]:
    made = await World.create(db)
    yield made
    report = await verify(db, made.project_id)
    assert report.ok, report.violations


@pytest.fixture
async def api(db: Any) -> AsyncIterator[Api]:
    async with running_api(db) as made:
        yield made


async def as_actor(api: Api, actor: str, query: str, **variables: Any) -> dict[str, Any]:
    answer = (await api.post(query, variables, **{"X-PSG-Actor": actor})).json()
    assert answer.get("errors") is None, answer
    return answer["data"]


async def inbox(api: Api, world: World, actor: str | None = None, role: str | None = None) -> list[dict[str, Any]]:
    data = await api.ask(INBOX, project=world.project_id, actor=actor, role=role)
    return data["inbox"]["nodes"]


async def vote(api: Api, actor: str, confirm: str, status: str = "approved", **more: str) -> dict[str, Any]:
    given = {"id": confirm, "status": status, **more}
    return (await as_actor(api, actor, DECIDE, input=given))["decideConfirm"]


async def test_the_example_is_released_when_everybody_has_approved(world: World, api: Api, tmp_path: Path) -> None:
    spec = load_plan(EXAMPLE)
    plan_id = (await create_plan(world.graph, world.project_id, world.context_id, spec, actor="pat")).ids["plan"]
    await world.graph.propose_plan(world.project_id, plan_id, actor="pat")
    (asked,) = await inbox(api, world, "ann")
    assert asked["approval"] == {
        "quorum": 2, "approvals": 0, "approvers": ["ann", "bob", "kim"], "roles": [], "voided": False,
        "proposedBy": "pat", "delegations": {},
    }  # fmt: skip
    assert await inbox(api, world, "pat") == [] and await inbox(api, world, "mallory") == []
    assert len(await inbox(api, world)) == 1
    assert (await vote(api, "mallory", asked["id"]))["code"] == "not_entitled"
    assert (await vote(api, "ann", asked["id"]))["confirm"]["status"] == "pending"
    assert (await vote(api, "ann", asked["id"]))["code"] == "already_decided"
    assert await inbox(api, world, "ann") == [] and len(await inbox(api, world, "bob")) == 1
    told = (await as_actor(api, "bob", DELEGATE, input={"id": asked["id"], "to": "zoe"}))["delegateApproval"]
    assert told["__typename"] == "ConfirmPayload"
    assert (await vote(api, "zoe", asked["id"]))["confirm"]["status"] == "approved"
    assert await world.plan_status(plan_id) == "approved"
    await world.graph.start_plan(world.project_id, plan_id)
    async with world.running(ael=AdapterLayer(CapabilityRegistry(), AelSettings(file_root=tmp_path))):
        await world.step_is(plan_id, "notes", "completed")

        async def there() -> bool:
            return bool(await inbox(api, world, role="release-manager"))

        await world.until(there)
        (asked,) = await inbox(api, world, role="release-manager")
        assert (asked["step"]["key"], asked["reason"]) == ("publish", "Publish now?")
        manager = {"role": "release-manager"}
        assert (await vote(api, "eve", asked["id"], **manager))["code"] == "validation_failed"
        assert not (tmp_path / "release/published.txt").exists()
        done = await vote(api, "eve", asked["id"], reason="green", **manager)
        assert done["confirm"]["status"] == "approved"
        assert await world.finished(plan_id) == ["completed"]
    assert (tmp_path / "release/published.txt").read_text() == "11 bytes of notes"


async def test_handing_over_what_is_not_one_s_own_is_refused(world: World, api: Api) -> None:
    spec = load_plan(EXAMPLE)
    plan_id = (await create_plan(world.graph, world.project_id, world.context_id, spec)).ids["plan"]
    await world.graph.propose_plan(world.project_id, plan_id, actor="pat")
    (asked,) = await inbox(api, world, "ann")
    for actor, to, code in (("mallory", "eve", "not_entitled"), ("ann", "bob", "validation_failed")):
        told = (await as_actor(api, actor, DELEGATE, input={"id": asked["id"], "to": to}))["delegateApproval"]
        assert told["code"] == code
    nobody = global_id("Confirm", world.project_id, "00000000-0000-4000-8000-00000000dead")
    told = (await as_actor(api, "ann", DELEGATE, input={"id": nobody, "to": "eve"}))["delegateApproval"]
    assert told["code"] == "not_found"
