"""Modules and resource pools in the API and on the command line."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
from graphql_api import Api, running_api
from world import statement

from psg.graph import Graph
from psg_cli.serving_modules import modules_running
from psg_neo4j import Database
from psg_runtime.modules import MODULE_TYPES, ModuleManager, running_modules
from psg_runtime.resources import ResourceManager

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

DEFINE = """mutation($input: DefineResourcePoolInput!) { defineResourcePool(input: $input) {
  __typename ... on ResourcePoolPayload { pool { name limit strategy } } ... on Failure { code message category }
} }"""


@pytest.fixture
async def api(db: Database) -> AsyncIterator[Api]:
    async with running_api(db) as made:
        yield made


@pytest.fixture
async def name(db: Database) -> AsyncIterator[str]:
    made = f"t{uuid.uuid4().hex}"
    yield made
    await db.write(
        statement("MATCH (a:Allocation) WHERE a.pool IN [$name, '~' + $name] DELETE a", "write"), name=made
    )
    await db.write(statement("MATCH (p:ResourcePool {name: $name}) DELETE p", "write"), name=made)
    await db.write(statement("MATCH (m:ModuleInstance {module_type: $name}) DELETE m", "write"), name=made)


async def run(api: Api, *arguments: str) -> Any:
    """A command beside the API, as a process of its own: what both print must not mix."""
    env = {**os.environ, "PSG_API_URL": f"{api.url}/graphql", "NO_COLOR": "1"}
    return await anyio.run_process([sys.executable, "-m", "psg_cli", *arguments], env=env, check=False)


@pytest.mark.req("CORE-57")
async def test_modules_of_all_processes_are_told(api: Api, db: Database, name: str) -> None:
    manager = ModuleManager(Graph(db))
    await manager.register({
        "module_type": name, "version": "2.1.0", "capabilities": [f"{name}.echo"], "operations": {"echo": len},
        "configuration": {"limit": 3, "password": "correct-horse-battery"},
        "health_check": lambda: {"status": "unhealthy", "details": {"queue": 9}},
    })  # fmt: skip
    made = await manager.initialize_module(name)
    fields = "id type version status reason capabilities dependencies configuration health healthDetails operations"
    (told,) = (await api.ask(f"query($type: String) {{ modules(type: $type) {{ {fields} }} }}", type=name))["modules"]
    assert (told["id"], told["version"], told["status"], told["health"]) == (
        made.id, "2.1.0", "unavailable", "unhealthy"
    )  # fmt: skip
    assert told["capabilities"] == [f"{name}.echo"] and told["healthDetails"] == {"queue": 9}
    assert told["configuration"]["limit"] == 3 and "horse" not in str(told)
    assert any(m["type"] == name for m in (await api.ask("{ modules { type } }"))["modules"])
    shown = (await run(api, "modules", "--type", name, "--long")).stdout.decode()
    assert name in shown and "unavailable" in shown and "queue" in shown and f"{name}.echo" in shown
    await manager.shutdown_module(made.id)
    assert (await api.ask("query($type: String) { modules(type: $type) { id } }", type=name))["modules"] == []


@pytest.mark.req("CORE-57")
async def test_pools_are_defined_and_shown_with_their_holders(api: Api, db: Database, name: str) -> None:
    wanted = {"name": name, "capacity": 8, "maxUtilization": 0.5, "strategy": "priority"}
    for _ in range(2):
        made = (await api.ask(DEFINE, input=wanted))["defineResourcePool"]
        assert made["pool"] == {"name": name, "limit": 4.0, "strategy": "priority"}
    manager = ResourceManager(Graph(db))
    held = await manager.allocate_resources({"resources": {name: 3}, "holder": "me"})
    fields = "used free limit utilization shares { allocationId amount state holder }"
    query = f"query($name: String) {{ resources(name: $name) {{ {fields} }} }}"
    (pool,) = (await api.ask(query, name=name))["resources"]
    assert (pool["used"], pool["free"], pool["utilization"]) == (3.0, 1.0, 0.375)
    assert pool["shares"] == [{"allocationId": held.id, "amount": 3.0, "state": "granted", "holder": "me"}]
    refused = (await api.ask(DEFINE, input={"name": name, "capacity": 2}))["defineResourcePool"]
    assert (refused["__typename"], refused["code"]) == ("Refused", "resource_pool_in_use")
    for wrong in ({"name": "~", "capacity": 1}, {"name": name, "capacity": -1}):
        refused = (await api.ask(DEFINE, input=wrong))["defineResourcePool"]
        assert (refused["__typename"], refused["category"]) == ("ValidationError", "validation_error")
    shown = (await run(api, "resources", "show", name)).stdout.decode()
    assert held.id in shown and "granted" in shown and "me" in shown
    done = await run(api, "resources", "define", name, "16", "--strategy", "fair", "--json")
    assert orjson.loads(done.stdout)["limit"] == 16
    assert (await run(api, "resources", "define", name, "16", "--strategy", "random")).returncode == 2
    await manager.release_resources(held.id)


async def test_a_process_of_the_platform_runs_the_modules(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PSG_MODULE_HEALTH_CHECK_INTERVAL_MS", "7000")
    async with modules_running(Graph(db)) as manager:
        assert manager.settings.health_check_interval_ms == 7_000
        found = await manager.list_modules()
        assert len(found) >= 10 and {m.status for m in found} == {"running"}
        ids = [m.id for m in found]
        assert set(ids) <= {m.id for m in await manager.list_modules(everywhere=True)}
    other = ModuleManager(Graph(db))
    assert not set(ids) & {m.id for m in await other.list_modules(everywhere=True)}
    await db.write(statement("MATCH (m:ModuleInstance) WHERE m.id IN $ids DELETE m", "write"), ids=ids)


async def example(server: Any, name: str) -> str:
    env = {
        "PSG_NEO4J_URI": server.uri, "PSG_NEO4J_USER": server.user, "PSG_NEO4J_PASSWORD": server.password
    }  # fmt: skip
    path = Path(__file__).parents[2] / "examples" / name
    done = await anyio.run_process([sys.executable, str(path)], env={**os.environ, **env})
    return done.stdout.decode()


async def test_the_examples_do_what_they_say(neo4j_server: Any, db: Database) -> None:
    async with anyio.create_task_group() as tasks:
        told: dict[str, str] = {}

        async def run_one(name: str) -> None:
            told[name] = await example(neo4j_server, name)

        for name in ("own_module.py", "shared_resources.py"):
            tasks.start_soon(run_one, name)
    assert "runs: context, glossary, role, trace" in told["own_module.py"]
    assert "refused: module 'glossary' is out of service" in told["own_module.py"]
    assert told["own_module.py"].splitlines()[-1].startswith("{'words': 1")
    lines = told["shared_resources.py"].splitlines()
    assert lines[0].startswith("refused: pool 'example.gpu': 3 were asked for")
    assert sum(" runs with " in line for line in lines) == 5 and lines[-1] == "used in the end: 0"
    await db.write(statement("MATCH (p:ResourcePool {name: 'example.gpu'}) DELETE p", "write"))
    await db.write(statement("MATCH (a:Allocation {pool: '~example.gpu'}) DELETE a", "write"))


async def test_a_process_s_modules_are_seen_stopped_from_elsewhere_and_gone_when_it_is_killed(
    neo4j_server: Any, db: Database
) -> None:
    graph = Graph(db)
    project = f"modules {uuid.uuid4()}"
    await graph.create_project(project)
    env = {
        "PSG_NEO4J_URI": neo4j_server.uri, "PSG_NEO4J_USER": neo4j_server.user,
        "PSG_NEO4J_PASSWORD": neo4j_server.password, "PSG_MODULE_LEASE_MS": "1500",
    }  # fmt: skip
    command = [sys.executable, "-m", "psg_cli", "orchestrate", "--project", project]
    process = subprocess.Popen(  # noqa: ASYNC220 - it outlives this call
        command, env={**os.environ, **env}, stdout=subprocess.PIPE, text=True
    )

    async def own() -> dict[str, str]:
        found = await running_modules(graph)
        return {m.module_type: m.id for m in found if m.process.endswith(f":{process.pid}")}

    async def until(kinds: set[str]) -> None:
        with anyio.fail_after(30):
            while set(await own()) != kinds:  # noqa: ASYNC110 - what another process does is seen in the graph only
                await anyio.sleep(0.05)

    try:
        assert process.stdout is not None
        while await anyio.to_thread.run_sync(process.stdout.readline) != "ready\n":
            assert process.poll() is None
        await until(set(MODULE_TYPES))
        await ModuleManager(graph).shutdown_module((await own())["network"])
        await until(set(MODULE_TYPES) - {"network"})
        process.kill()
        await until(set())
    finally:
        process.kill()
        process.communicate()
