"""Capabilities in the graph: what was registered, by whom at once, and which plans use it."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import anyio
import orjson
import pytest
from graphql_api import Api, running_api
from world import World, step

from psg import capabilities
from psg.audit import verify
from psg.capabilities import Offer
from psg.errors import CapabilityDenied, UnknownCapability
from psg_graphql.global_id import parse_global_id
from psg_neo4j import Database
from psg_runtime.ael import CapabilityRegistry
from psg_runtime.capability_catalog import publish
from psg_runtime.launch import start_plan

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


def named() -> str:
    """A name that no other test has: capabilities belong to all projects of the database."""
    return f"t{uuid.uuid4().hex}"


def offer(name: str, version: str = "", **fields: Any) -> Offer:
    given: dict[str, Any] = {
        "type": "tool", "description": "d", "schema_hash": "h1", "input_schema": {"type": "object"},
        "output_schema": None, "enabled": True, "source": "python",
    }  # fmt: skip
    return Offer(name=name, version=version, **(given | fields))


def registry_of(**callables: Callable[..., Any]) -> CapabilityRegistry:
    made = CapabilityRegistry()
    for name, call in callables.items():
        made.register(name=name, type="tool", call=call)
    return made


@pytest.mark.req("ORCH-10")
async def test_registering_tells_what_is_new_the_same_changed_and_in_conflict(db: Database) -> None:
    plain, versioned = named(), named()
    offers = [offer(plain), offer(versioned, "1.0.0")]
    pinned = f"{versioned}@1.0.0"
    assert await capabilities.register(db, offers) == {
        "new": sorted([plain, pinned]), "same": [], "changed": [], "conflict": []
    }  # fmt: skip
    assert (await capabilities.register(db, offers))["same"] == sorted([plain, pinned])
    changed = [replace(one, schema_hash="h2", description="other", enabled=False) for one in offers]
    answer = await capabilities.register(db, changed)
    assert (answer["changed"], answer["conflict"]) == ([plain], [pinned])
    (stored,) = await capabilities.versions(db, plain)
    assert (stored.schema_hash, stored.description, stored.enabled) == ("h2", "other", False)
    (kept,) = await capabilities.versions(db, versioned)
    assert (kept.schema_hash, kept.description, kept.enabled) == ("h1", "d", True)
    assert kept.registered_ms > 0
    # What a version promises stays; what is said about it, and whether it is on, may change.
    await capabilities.register(db, [offer(versioned, "1.0.0", description="better", enabled=False)])
    (kept,) = await capabilities.versions(db, versioned)
    assert (kept.description, kept.enabled) == ("better", False)


async def test_many_processes_register_the_same_at_once(db: Database) -> None:
    names = [named() for _ in range(5)]
    verdicts: list[dict[str, list[str]]] = []

    async def process(number: int) -> None:
        mine = [offer(name, "1.0.0", schema_hash=f"h{number}") for name in names]
        mine += [offer(name, schema_hash=f"h{number}") for name in names]
        verdicts.append(await capabilities.register(db, mine if number % 2 else reversed(mine)))

    async with anyio.create_task_group() as tasks:
        for number in range(8):
            tasks.start_soon(process, number)
    for name in names:
        stored = await capabilities.versions(db, name)
        assert [one.version for one in stored] == ["", "1.0.0"]
        pinned = f"{name}@1.0.0"
        assert sum(pinned in v["new"] for v in verdicts) == 1
        assert sum(pinned in v["conflict"] for v in verdicts) == 7
        assert sum(name in v["new"] for v in verdicts) == 1
        # The one that was there first is the one that stays.
        winner = next(i for i, v in enumerate(verdicts) if pinned in v["new"])
        assert pinned not in verdicts[winner]["conflict"]


async def test_a_version_with_other_schemas_than_registered_is_turned_off(db: Database) -> None:
    name, world = named(), await World.create(db)
    first, second = CapabilityRegistry(), CapabilityRegistry()
    first.register(name=name, type="tool", version="1.0.0", call=lambda a: a)
    second.register(name=name, type="tool", version="1.0.0", call=lambda a, b: b)
    second.register(name=name, type="tool", version="1.1.0", call=lambda a, b: b)
    assert (await publish(db, first))["new"] == [f"{name}@1.0.0"]
    found = await publish(db, second)
    assert (found["new"], found["conflict"]) == ([f"{name}@1.1.0"], [f"{name}@1.0.0"])
    with pytest.raises(CapabilityDenied, match="registered with other schemas before"):
        second.get(f"{name}@1.0.0")
    assert second.get(name).reference == f"{name}@1.1.0"
    plan_id = await world.approved(step("a", name=f"{name}@1.0.0", params={"a": 1, "b": 2}))
    with pytest.raises(UnknownCapability, match="cannot start"):
        await start_plan(world.graph, second, world.project_id, plan_id)


async def test_what_is_only_declared_is_not_registered(db: Database) -> None:
    name, off = named(), named()
    registry = CapabilityRegistry()
    registry.register(name=name, type="tool", input_schema={"type": "object"})
    registry.register(name=off, type="tool", enabled=False, call=lambda: 1)
    assert (await publish(db, registry))["new"] == [off]
    assert [one.enabled for one in await capabilities.versions(db, off)] == [False]


@pytest.mark.req("ORCH-10", "ORCH-14")
async def test_steps_that_name_a_version_run_with_it(db: Database) -> None:
    world, registry, name = await World.create(db), CapabilityRegistry(), named()
    for version in ("1.0.0", "2.0.0"):
        registry.register(name=name, type="tool", version=version, call=lambda n, version=version: [version, 2 * n])
    await publish(db, registry)
    plan_id = await world.approved(
        step("new", name=name, params={"n": 1}),
        step("old", name=f"{name}@1.0.0", params={"n": 2}),
    )
    async with world.running(registry):
        await start_plan(world.graph, None, world.project_id, plan_id)
        assert await world.finished(plan_id) == ["completed"]
    steps = await world.steps(plan_id)
    assert {key: s["output"] for key, s in steps.items()} == {"new": ["2.0.0", 2], "old": ["1.0.0", 4]}
    missing = await world.approved(step("a", name=f"{name}@3.0.0"))
    with pytest.raises(UnknownCapability, match=rf"{name}@3\.0\.0"):
        await start_plan(world.graph, registry, world.project_id, missing)
    assert (await verify(db, world.project_id)).violations == []


async def using(world: World, name: str, after: str = "", limit: int = 100, **more: Any) -> list[str]:
    return await capabilities.plans_using(world.db, world.project_id, name, after, limit, **more)


async def test_the_plans_that_use_a_capability_by_name_version_and_role(db: Database) -> None:
    world, other = await World.create(db), await World.create(db)
    by_name = await world.draft(step("a", name="search"), step("b", name="search"))
    by_pin = await world.draft(step("a", name="search@1.0.0"))
    by_role = await world.draft(step("a", type="agent", agent_role="search"))
    tool_of_role = await world.draft(step("a", name="research", agent_role="search"))
    deleted = await world.draft(step("a", name="search"))
    await world.graph.delete(world.project_id, "Plan", deleted)
    await world.draft(step("a", name="search2"))
    elsewhere = await other.draft(step("a", name="search"))

    assert await using(world, "search") == sorted([by_name, by_pin, by_role])
    assert await using(world, "search@1.0.0") == [by_pin]
    assert await using(world, "search", version="1.0.0") == sorted([by_name, by_pin, by_role])
    assert await using(world, "search", version="2.0.0") == sorted([by_name, by_role])
    assert await using(world, "research") == [tool_of_role]
    assert await using(other, "search") == [elsewhere]
    assert await using(world, "nobody") == []


async def test_large_plans_and_many_plans_come_page_by_page(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capabilities, "WINDOW", 4)
    world = await World.create(db)
    plans = [await world.draft(*(step(f"s{i}", name="wide") for i in range(size))) for size in (1, 9, 2, 4, 5, 1, 3)]
    plans.append(await world.draft(step("a", name="wide@1.0.0")))
    paged: list[str] = []
    while page := await using(world, "wide", paged[-1] if paged else "", 3):
        assert len(page) <= 3
        paged += page
    assert paged == sorted(plans)


CAPABILITIES = """query($name: String, $project: ID!, $after: String, $first: Int! = 50) {
  capabilities(name: $name, first: $first, after: $after) { totalCount pageInfo { hasNextPage endCursor } nodes {
    name version reference type description enabled source schemaHash inputSchema outputSchema offeredBy registeredAt
    usedBy(projectId: $project, first: 1) { totalCount nodes { id title } pageInfo { hasNextPage endCursor } } } } }"""
USING = """query($project: ID!, $capability: String!, $first: Int! = 50, $after: String) {
  plansUsing(projectId: $project, capability: $capability, first: $first, after: $after) {
    totalCount nodes { id } pageInfo { hasNextPage endCursor } } }"""


async def test_capabilities_over_graphql(db: Database) -> None:
    name = named()
    registry = CapabilityRegistry()
    schema = {"type": "object", "properties": {"q": {"type": "string"}}}
    for version in ("1.0.0", "2.0.0"):
        registry.register(
            name=name, type="service", version=version, description="Finds.", input_schema=schema, call=lambda q: q
        )
    await publish(db, registry)
    world = await World.create(db)
    plans = [await world.draft(step("a", name=name), title=f"p{i}") for i in range(3)]
    pinned = await world.draft(step("a", name=f"{name}@2.0.0"))
    async with running_api(db) as api, world.running(registry):
        found = (await api.ask(CAPABILITIES, name=name, project=world.project_id))["capabilities"]
        assert (found["totalCount"], found["pageInfo"]["hasNextPage"]) == (2, False)
        one, two = found["nodes"]
        used, used_two = one.pop("usedBy"), two.pop("usedBy")
        hash_one, registered = one.pop("schemaHash"), one.pop("registeredAt")
        assert one == {
            "name": name, "version": "1.0.0", "reference": f"{name}@1.0.0", "type": "service", "description": "Finds.",
            "enabled": True, "source": "python", "inputSchema": schema, "outputSchema": None, "offeredBy": 1,
        }  # fmt: skip
        assert len(hash_one) == 64
        assert registered.endswith("Z")
        assert (used["totalCount"], len(used["nodes"]), used["pageInfo"]["hasNextPage"]) == (3, 1, True)
        assert used_two["totalCount"] == 4

        ids: list[str] = []
        after = None
        while True:
            page = (await api.ask(USING, project=world.project_id, capability=name, first=3, after=after))["plansUsing"]
            ids += [parse_global_id(node["id"]).node_id for node in page["nodes"]]
            assert page["totalCount"] == 4
            if not page["pageInfo"]["hasNextPage"]:
                break
            after = page["pageInfo"]["endCursor"]
        assert ids == sorted([*plans, pinned])

        names: list[str] = []
        after = None
        while True:
            part = (await api.ask(CAPABILITIES, project=world.project_id, first=100, after=after))["capabilities"]
            names += [node["reference"] for node in part["nodes"]]
            if not part["pageInfo"]["hasNextPage"]:
                break
            after = part["pageInfo"]["endCursor"]
        assert len(names) == len(set(names))
        assert {f"{name}@1.0.0", f"{name}@2.0.0"} <= set(names)
        wrong = await api.refused(USING, project=world.project_id, capability="")
        assert wrong["extensions"]["code"] == "validation_failed"
        await the_command_line_tells_the_same(api, world, name, [*plans, pinned])


async def the_command_line_tells_the_same(api: Api, world: World, name: str, plans: list[str]) -> None:
    async def cli(*arguments: str) -> Any:
        command = [sys.executable, "-m", "psg_cli", "capabilities", *arguments, "--api-url", f"{api.url}/graphql"]
        result = await anyio.run_process(command, check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout.decode()

    listed = orjson.loads(await cli("--json"))
    assert {"offered_by": 1, "reference": f"{name}@2.0.0"}.items() <= next(
        one for one in listed if one["reference"] == f"{name}@2.0.0"
    ).items()
    assert f"{name}@1.0.0" in await cli("--type", "service")
    used = orjson.loads(await cli("--used-by", name, "--project", world.project_id, "--json"))
    assert [one["uuid"] for one in used] == sorted(plans)
    assert await cli("--used-by", f"{name}@1.0.0", "--project", world.project_id, "--json") == "[]\n"
