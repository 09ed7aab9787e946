"""Two projects with the same things in them, and people with one role each: real tokens, real requests."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
from graphql_api import FAILURE, Api, running_api
from workflow_lab import workflow
from world import QUICK

import psg_cypher
from psg.accounts import Accounts, NewToken, Origin
from psg_cypher import parse_statements
from psg_graphql.global_id import parse_global_id
from psg_neo4j import Database
from psg_runtime.ael import AdapterLayer, CapabilityRegistry
from psg_runtime.core_orchestrator import stages_served
from psg_runtime.orchestrator import Orchestrator, OrchestratorSettings

(FORGET,) = parse_statements(
    """
// name: forget :write :none
CALL () { MATCH (n:ApiToken) WHERE n.actor = $actor DETACH DELETE n }
CALL () { MATCH (n:Grant) WHERE n.actor = $actor DETACH DELETE n }
CALL () { MATCH (n:AuditRecord) WHERE n.actor STARTS WITH $actor DETACH DELETE n }
""",
    "access_raw.cypher",
)
OPERATOR = Origin("operator")
SECRET = "an operator's token of tests"
PERSON_ROLES = ("viewer", "operator", "approver", "agent", "admin")


@dataclass
class Place:
    """A project, and global ids of one thing of each kind in it, by type."""

    ids: dict[str, str] = field(default_factory=dict)

    @property
    def project_id(self) -> str:
        return parse_global_id(self.ids["Project"]).project_id


@dataclass
class World:
    """A running API that asks for tokens; ``own`` and ``other`` are projects, ``people`` have roles in ``own``."""

    api: Api
    accounts: Accounts
    own: Place
    other: Place
    people: dict[str, NewToken] = field(default_factory=dict)
    made: list[NewToken] = field(default_factory=list)

    async def person(self, *roles: str, project: str | None = None, name: str | None = None) -> NewToken:
        """Somebody with these roles, in ``own`` unless told otherwise (``*``: everywhere)."""
        name = name or f"{'-'.join(roles) or 'nobody'}-{uuid.uuid4().hex[:8]}"
        for role in roles:
            await self.accounts.grant(name, project or self.own.project_id, role, by=OPERATOR)
        made = await self.accounts.create_token(name, by=OPERATOR)
        self.made.append(made)
        return made

    async def asked(self, who: NewToken, text: str, **variables: Any) -> dict[str, Any]:
        """The answer to an operation of somebody."""
        response = await self.api.post(text, variables, authorization=f"Bearer {who.text}")
        answer: dict[str, Any] = response.json()
        return answer

    async def told(self, who: NewToken, field_: str, kind: str, /, **given: Any) -> dict[str, Any]:
        """The result of a mutation of somebody."""
        text = f"mutation($input: {kind}!) {{ it: {field_}(input: $input) {{ __typename {FAILURE} }} }}"
        answer = await self.asked(who, text, input=given)
        result: dict[str, Any] = (answer.get("data") or {}).get("it") or answer["errors"][0]["extensions"]
        return result

    async def head(self, place: Place) -> int:
        """How many events the log of a project has."""
        row = await self.api.graph.db.read_one(psg_cypher.statement("log_head"), project_id=place.project_id)
        return 0 if row is None else int(row["seq"])


async def fill(api: Api) -> Place:
    """A new project with one thing of each kind."""
    place = Place()
    project, plan, steps = await api.plan({"a": []})
    place.ids |= {"Project": project, "Plan": plan, "Step": steps["a"]}
    found = await api.ask("query($id: ID!) { plan(id: $id) { context { id } } }", id=plan)
    context = place.ids["Context"] = found["plan"]["context"]["id"]

    async def make(name: str, label: str, /, **given: Any) -> None:
        lower = label[0].lower() + label[1:]
        fields = f"... on {label}Payload {{ it: {lower} {{ id }} }}"
        made = await api.command(f"create{label}", f"Create{label}Input", fields, **given)
        assert "it" in made, made
        place.ids[label] = made["it"]["id"]

    await make("role", "Role", projectId=project, name="r")
    await make("trace", "Trace", contextId=context)
    await make("confirm", "Confirm", targetId=plan, requestedByRole="author")
    await make("dialog", "Dialog", contextId=context)
    await make(
        "collab", "Collab", contextId=context, title="t", purpose="p", mode="broadcast",
        participants=[{"participantId": "one", "kind": "agent"}, {"participantId": "two", "kind": "agent"}],
    )  # fmt: skip
    await make("extension", "Extension", contextId=context, name="e", extensionType="capability", version="1.0.0")
    await make("core", "Core", projectId=project, modules=[
        {"moduleId": "context", "version": "1.0.0", "status": "enabled"}
    ])  # fmt: skip
    await make("network", "Network", contextId=context, name="n", topologyType="mesh")
    text = "mutation($input: SetValueInput!) { it: setValue(input: $input) { __typename } }"
    kept = await api.ask(text, input={"projectId": project, "key": "x", "value": 1})
    assert kept["it"]["__typename"] == "ValuePayload", kept
    return place


async def execute(api: Api, *places: Place) -> None:
    """Have a workflow executed in each place; its execution is added to the ids."""
    stage = {"id": "s", "name": "s", "moduleType": "context", "operation": "createContext", "inputs": {"name": "s"}}
    tools, fields = CapabilityRegistry(), "... on WorkflowPayload { execution { executionId } }"
    settings = OrchestratorSettings(**QUICK, projects=tuple(place.project_id for place in places))
    async with stages_served(api.graph, tools), anyio.create_task_group() as tasks:
        orchestrator = Orchestrator(api.graph, AdapterLayer(tools), settings)
        await tasks.start(orchestrator.run)  # a plan is started where somebody is there to run it
        for place in places:
            asked = {"projectId": place.ids["Project"], "definition": workflow(stage)}
            begun = await api.command("executeWorkflow", "ExecuteWorkflowInput", fields, **asked)
            assert "execution" in begun, begun
            place.ids["Execution"] = begun["execution"]["executionId"]
        orchestrator.stop()


@asynccontextmanager
async def access_world(db: Database, **settings: Any) -> AsyncIterator[World]:
    """The world, with nobody in it yet; accounts that were made are removed at its end."""
    async with running_api(db, token=SECRET, auth="token", **settings) as api:
        world = World(api, Accounts(db), await fill(api), await fill(api))
        try:
            yield world
        finally:
            for made in world.made:
                await db.write(FORGET, actor=made.token.actor)
