"""Role x root field x own or other project, each by a real request of somebody with a real token."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import islice
from typing import Any

import anyio
import orjson
import pytest
from access_world import PERSON_ROLES, World, access_world, execute
from graphql import GraphQLSchema, get_named_type, is_enum_type, is_input_object_type, is_list_type, is_non_null_type
from graphql import is_leaf_type as is_leaf

from psg.accounts import NewToken
from psg_graphql.global_id import global_id, parse_global_id
from psg_graphql.schema import make_schema
from psg_graphql.settings import ApiSettings
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

# Who may, in the project where the role is granted: written down here on its own.
MAY = {
    "operator admin": """createContext createRole createPlan createPlanFromText createConfirm createCollab
        createExtension createCore createNetwork updateContext transitionContext updateRole proposePlan revisePlan
        startPlan pausePlan resumePlan cancelPlan compensatePlan rerunPlan addStep addDependency removeDependency
        updateCollab transitionCollab updateExtension transitionExtension updateCore transitionCore updateNetwork
        transitionNetwork transitionNetworkNode addParticipant addNetworkNode startSession takeSnapshot setKillSwitch
        executeWorkflow pauseWorkflow resumeWorkflow cancelWorkflow trackResource untrackResource expectContent
        dependOnResource refreshDependent configureHealthAlerts""",
    "approver admin": "approvePlan decideConfirm delegateApproval",
    "agent admin": "claimTurn heartbeatTurn completeTurn releaseTurn",
    "operator agent admin": """createTrace createDialog updateDialog transitionDialog addMessage recordEvent
        reportFileUpdate setValue deleteValue""",
    "admin": """importDocuments setBudget restoreSnapshot setSnapshotPolicy setProjectPolicy deleteNode grantRole
        revokeRole""",
    "": "createProject defineResourcePool",  # of the platform
}
ONLY_ADMINS_READ = {"auditRecords", "grants"}
OF_THE_PLATFORM = {"resources", "cypher"}
FOR_ANYBODY = {"health", "viewer", "apiTokens", "projects", "savedQuestions"}
FOR_ALL = FOR_ANYBODY | {"capabilities", "modules", "systemHealth", "healthHistory"}
BY_THE_ID_OF_SOMETHING_ELSE = {"acknowledgeAlert", "createApiToken", "revokeApiToken"}  # tests of their own
NODE_FIELDS = {"node", "project", "plan", "step", "trace", "confirm", "role", "dialog", "collab", "extension", "core",
               "network", "session", "nodes"}  # fmt: skip
NULL_WHERE_THERE_IS_NONE = NODE_FIELDS | {"workflow", "value"}

SCHEMA: GraphQLSchema = make_schema(ApiSettings())._schema
UUID = str(uuid.uuid4())


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    async with access_world(db, heartbeat_s=0.1) as world:
        for role in PERSON_ROLES:
            world.people[role] = await world.person(role)
        world.people["nobody"] = await world.person()
        await execute(world.api, world.own, world.other)
        yield world


def literal(kind: Any, name: str, ids: dict[str, str], field: str) -> str:
    """An argument that names this project wherever it can; what it names else does not exist."""
    if is_non_null_type(kind):
        return literal(kind.of_type, name, ids, field)
    if is_list_type(kind):
        return f"[{literal(kind.of_type, name, ids, field)}]" if name in ("ids", "projectIds") else "[]"
    if kind.name == "ID":
        return f'"{identifier(name, ids, field)}"'
    if is_input_object_type(kind):
        given = {n: f for n, f in kind.fields.items() if wanted(n, f)}
        return "{" + ", ".join(f"{n}: {literal(f.type, n, ids, field)}" for n, f in given.items()) + "}"
    if is_enum_type(kind):
        return next(iter(kind.values))
    known = {"executionId": f'"{ids["Execution"]}"', "role": '"approver"', "uuid": f'"{UUID}"',
             "timestamp": '"2026-01-01T00:00:00Z"'}  # fmt: skip
    plain = {"Int": "1", "Long": "1", "Float": "1", "Boolean": "false", "JSON": "{}", "UUID": f'"{UUID}"',
             "Timestamp": '"2026-01-01T00:00:00Z"'}  # fmt: skip
    return known.get(name) or plain.get(kind.name, '"x"')


def wanted(name: str, field: Any) -> bool:
    """Arguments that are needed, and all that name things."""
    named = get_named_type(field.type).name == "ID" or name in ("role", "status")
    return bool(is_non_null_type(field.type) or named)


def identifier(name: str, ids: dict[str, str], field: str) -> str:
    if name == "projectId":
        return ids["Project"]
    if field in NODE_FIELDS:
        label = {"session": "Collab", "node": "Plan", "nodes": "Plan"}.get(field, field.title())
        return ids[label]
    label = {"contextId": "Context", "stepId": "Step", "dependsOn": "Step", "collabId": "Collab", "roleId": "Role"}
    return global_id(label.get(name, "Plan"), parse_global_id(ids["Project"]).project_id, UUID)


def call(name: str, field: Any, ids: dict[str, str]) -> str:
    """One root field with its arguments and a selection."""
    args = ", ".join(f"{n}: {literal(a.type, n, ids, name)}" for n, a in field.args.items() if wanted(n, a))
    kind = get_named_type(field.type)
    if is_leaf(kind):
        return f"{name}{f'({args})' if args else ''}"
    failure = "... on Failure { code }" if name in (SCHEMA.mutation_type or SCHEMA.query_type).fields else ""  # type: ignore[union-attr]
    return f"{name}{f'({args})' if args else ''} {{ __typename {failure} }}"


def batched(names: Iterable[str], size: int) -> Iterator[tuple[str, ...]]:
    """Names in groups: the fields of a mutation are done one after the other."""
    left = iter(names)
    while group := tuple(islice(left, size)):
        yield group


async def all_of(tasks: list[Any], at_once: int = 6) -> None:
    limit = anyio.CapacityLimiter(at_once)

    async def one(task: Any) -> None:
        async with limit:
            await task()

    async with anyio.create_task_group() as group:
        for task in tasks:
            group.start_soon(one, task)


def test_the_lists_of_this_test_name_every_root_field_once() -> None:
    assert SCHEMA.mutation_type and SCHEMA.query_type
    named = [name for names in MAY.values() for name in names.split()] + sorted(BY_THE_ID_OF_SOMETHING_ELSE)
    assert sorted(named) == sorted(SCHEMA.mutation_type.fields)
    known = FOR_ALL | OF_THE_PLATFORM | NULL_WHERE_THERE_IS_NONE | ONLY_ADMINS_READ
    for name, field in SCHEMA.query_type.fields.items():
        takes = {n for n, a in field.args.items() if get_named_type(a.type).name == "ID"}
        assert takes or name in known, f"{name} names no project: who may ask it?"


async def test_mutations_of_each_role_in_the_own_and_in_another_project(world: World) -> None:
    fields = SCHEMA.mutation_type.fields  # type: ignore[union-attr]
    roles_of = {name: roles.split() for roles, names in MAY.items() for name in names.split()}
    wrong: list[str] = []

    async def ask(role: str, place: str, names: tuple[str, ...]) -> None:
        ids = getattr(world, place).ids
        calls = " ".join(call(name, fields[name], ids) for name in names)
        answer = await world.asked(world.people[role], f"mutation {{ {calls} }}")
        assert answer.get("data"), (role, place, answer)
        for name in names:
            denied = answer["data"][name].get("code") == "forbidden"
            if denied == (place == "own" and role in roles_of[name]):
                wrong.append(f"{role} {name} {place}: {answer['data'][name]}")

    denied_here = {role: [n for n, may in roles_of.items() if role not in may] for role in world.people}
    before = await world.head(world.own), await world.head(world.other)
    tasks = [lambda r=r, n=n: ask(r, "own", n) for r in denied_here for n in batched(denied_here[r], 10)]
    tasks += [lambda r=r, n=n: ask(r, "other", n) for r in world.people for n in batched(roles_of, 10)]
    await all_of(tasks)
    assert (await world.head(world.own), await world.head(world.other)) == before, "what is denied changes nothing"
    await all_of([
        lambda r=r, n=n: ask(r, "own", n)
        for r in world.people for n in batched([n for n, may in roles_of.items() if r in may], 10)
    ])  # fmt: skip
    assert not wrong, "\n".join(sorted(wrong))


async def test_queries_of_each_role_in_the_own_and_in_another_project(world: World) -> None:
    fields = SCHEMA.query_type.fields  # type: ignore[union-attr]
    wrong: list[str] = []

    async def ask(role: str, place: str, name: str) -> None:
        answer = await world.asked(world.people[role], f"{{ {call(name, fields[name], getattr(world, place).ids)} }}")
        codes = [error["extensions"]["code"] for error in answer.get("errors") or ()]
        data = (answer.get("data") or {}).get(name)
        if name in FOR_ALL:
            open_to = role != "nobody" or name in FOR_ANYBODY
        else:
            open_to = place == "own" and role != "nobody" and name not in OF_THE_PLATFORM
            open_to = open_to and (role == "admin" or name not in ONLY_ADMINS_READ)
        if name in NULL_WHERE_THERE_IS_NONE:
            fine = not codes and (data not in (None, [None])) == open_to
        else:
            fine = ("forbidden" in codes) != open_to
        if not fine:
            wrong.append(f"{role} {name} {place}: {data} {codes}")

    await all_of([
        lambda r=r, p=p, n=n: ask(r, p, n) for r in world.people for p in ("own", "other") for n in fields
    ])  # fmt: skip
    assert not wrong, "\n".join(sorted(wrong))


async def test_subscriptions_of_each_role_in_the_own_and_in_another_project(world: World) -> None:
    wrong: list[str] = []
    texts = {
        "events": "subscription($p: ID!) { events(projectId: $p) { __typename } }",
        "alerts": "subscription($p: ID!) { alerts(projectId: $p) { __typename } }",
        "planProgress": "subscription($p: ID!) { planProgress(planId: $p) { __typename } }",
    }
    assert sorted(texts) == sorted(SCHEMA.subscription_type.fields)  # type: ignore[union-attr]

    async def ask(role: str, place: str, name: str) -> None:
        ids = getattr(world, place).ids
        kind = "Plan" if name == "planProgress" else "Project"
        item = await first_item(world, world.people[role], texts[name], p=ids[kind])
        denied = [e["extensions"]["code"] for e in item.get("errors") or ()] == ["forbidden"]
        if denied == (place == "own" and role != "nobody"):
            wrong.append(f"{role} {name} {place}: {item}")

    await all_of([lambda r=r, p=p, n=n: ask(r, p, n) for r in world.people for p in ("own", "other") for n in texts])
    assert not wrong, "\n".join(sorted(wrong))


async def first_item(world: World, who: NewToken, text: str, **variables: Any) -> dict[str, Any]:
    """What a subscription tells first, over server-sent events."""
    headers = {"accept": "text/event-stream", "authorization": f"Bearer {who.text}"}
    body = {"query": text, "variables": variables}
    async with world.api.http.stream("POST", "/graphql", json=body, headers=headers) as response:
        async for line in response.aiter_lines():
            if line.startswith("data: "):
                found: dict[str, Any] = orjson.loads(line[6:])
                return found
    raise AssertionError("nothing came")
