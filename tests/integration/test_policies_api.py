"""Project policies and kill switches over GraphQL and from the command line."""

from __future__ import annotations

import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
from graphql_api import Api, running_api

from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

KILLED = """mutation($input: SetKillSwitchInput!) { setKillSwitch(input: $input) { __typename
  ... on KillSwitchPayload { changed seq switches { scope planId actionType reason actor setAt } }
  ... on Failure { code message } } }"""
SWITCHES = "query($p: ID) { killSwitches(projectId: $p) { scope planId actionType reason } }"
POLICY = "query($id: ID!) { project(id: $id) { policy } }"


@pytest.fixture
async def api(db: Database) -> AsyncIterator[Api]:
    async with running_api(db) as running:
        yield running


async def cli(api: Api, *arguments: str, status: int = 0) -> Any:
    """What a command prints as JSON."""
    command = [sys.executable, "-m", "psg_cli", *arguments, "--api-url", f"{api.url}/graphql", "--json"]
    result = await anyio.run_process(command, check=False)
    assert result.returncode == status, result.stderr
    return orjson.loads(result.stdout or b"null")


async def test_a_project_policy_is_set_read_and_taken_away(api: Api) -> None:
    project_id = await api.project()
    policy = {"retry": {"max_retries": 2, "jitter": "full"}, "timeout": {"total_ms": 60_000}}
    fields = "... on ProjectPolicyPayload { policy }"
    done = await api.command("setProjectPolicy", "SetProjectPolicyInput", fields, projectId=project_id, policy=policy)
    assert done["policy"] == policy
    assert (await api.ask(POLICY, id=project_id))["project"]["policy"] == policy
    for wrong in ({"retry": {"max_retries": -1}}, {"timeout": {"total_ms": 10**15}}, [], "x", {"retries": 1}):
        refused = await api.command(
            "setProjectPolicy", "SetProjectPolicyInput", fields, projectId=project_id, policy=wrong
        )
        assert refused["code"] == "validation_failed" and refused["message"].startswith("policy")
    assert (await api.ask(POLICY, id=project_id))["project"]["policy"] == policy
    gone = await api.command("setProjectPolicy", "SetProjectPolicyInput", fields, projectId=project_id)
    assert gone["policy"] is None


async def test_kill_switches_are_set_and_listed(api: Api) -> None:
    project_id, plan_id, _ = await api.plan()

    async def switch(**given: Any) -> dict[str, Any]:
        return (await api.ask(KILLED, input=given))["setKillSwitch"]

    done = await switch(on=True, projectId=project_id, planId=plan_id, actionType="tool", reason="odd")
    assert done["changed"] and done["seq"] and done["switches"][0]["setAt"]
    said = {"scope": "project", "planId": plan_id, "actionType": "tool", "reason": "odd"}
    assert said in (await api.ask(SWITCHES, p=project_id))["killSwitches"]
    assert said not in (await api.ask(SWITCHES))["killSwitches"]
    off = await switch(on=False, projectId=project_id, planId=plan_id, actionType="tool")
    assert off["changed"] and off["switches"] == []
    assert (await switch(on=True, planId=plan_id))["code"] == "validation_failed"
    assert (await switch(on=True, projectId=str(uuid.uuid4())))["code"] == "not_found"
    other = await api.project()
    assert (await switch(on=True, projectId=other, planId=plan_id))["code"] in ("not_found", "invalid_id")


async def test_the_command_line_sets_both(api: Api, tmp_path: Path) -> None:
    project_id, plan_id, _ = await api.plan()
    name = f"t{uuid.uuid4().hex}"
    done = await cli(api, "kill", "on", "--action-type", name, "--reason", "everywhere")
    try:
        assert done["changed"] and done["seq"] is None
        assert name in [s["action_type"] for s in await cli(api, "kill", "list")]
    finally:
        await cli(api, "kill", "off", "--action-type", name)
    await cli(api, "kill", "on", "--plan", plan_id)
    uuid_of_project = (await api.ask("query($id: ID!) { project(id: $id) { uuid } }", id=project_id))["project"]["uuid"]
    found = await cli(api, "kill", "list", "--project", uuid_of_project)
    assert [s["plan_id"] for s in found if s["scope"] == "project"] == [plan_id]

    file = tmp_path / "policy.yaml"
    file.write_text("retry: {max_retries: 1}\n")
    assert await cli(api, "policy", "set", str(file), "--project", uuid_of_project) == {"retry": {"max_retries": 1}}
    file.write_text("retry: {max_retries: -1}\n")
    await cli(api, "policy", "set", str(file), "--project", uuid_of_project, status=1)
    assert await cli(api, "policy", "show", "--project", uuid_of_project) == {"retry": {"max_retries": 1}}
    await cli(api, "policy", "set", "--project", uuid_of_project, status=2)
    assert await cli(api, "policy", "set", "--none", "--project", uuid_of_project) is None
    await cli(api, "policy", "set", str(tmp_path / "none.yaml"), "--project", uuid_of_project, status=2)
