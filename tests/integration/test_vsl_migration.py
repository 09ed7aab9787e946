"""The migration of data from schema 1.0.0 to 1.1.0, also killed half-way, and of a database of the first release."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import orjson
import pytest
from conftest import FreshNeo4j, Neo4jServer
from sample_graph import Sample, audited, make_sample, plan_document, uuid4

from psg.graph import Graph
from psg.model.ids import new_id
from psg_neo4j import Database
from psg_neo4j.migrations import migrate
from psg_runtime.vsl import InMemoryVSL, Neo4jVSL, SchemaVersionMismatch, ValueStore, migrate_1_0_to_1_1
from psg_runtime.vsl.schema_migration import SCHEMA_KEY

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

PRIORITIES: list[Any] = [None, "", "high", "medium", "low"]


async def in_memory() -> tuple[ValueStore, list[str]]:
    store = InMemoryVSL()
    await store.set(SCHEMA_KEY, "1.0.0")
    ids = sorted(new_id() for _ in PRIORITIES)
    for node_id, priority in zip(ids, PRIORITIES, strict=True):
        node = {"plan_id": node_id, "title": "t", "status": "draft", "steps": []}
        await store.write_node("Plan", node_id, node if priority is None else {**node, "priority": priority})
    await store.write_node("Context", "c", {"title": "t"})
    return store, ids


async def in_graph(sample: Sample) -> tuple[ValueStore, list[str]]:
    store = Neo4jVSL(sample.graph, sample.project_id)
    ids = sorted(new_id() for _ in PRIORITIES)
    for node_id, priority in zip(ids, PRIORITIES, strict=True):
        await store.write_node("Plan", node_id, plan_document(sample.context_id, "pending", plan_id=node_id))
        if priority is not None:
            await store.update_node("Plan", node_id, {"priority": priority})
    return store, ids


async def all_of(store: ValueStore) -> dict[str, Any]:
    nodes = {kind: await store.query_graph({"type": kind}) for kind in ("Plan", "Step", "Context")}
    return {**nodes, "version": await store.get(SCHEMA_KEY)}


@pytest.fixture(params=["in-memory", "Neo4j"])
async def store(request: pytest.FixtureRequest, neo4j_server: Neo4jServer) -> Any:
    if request.param == "in-memory":
        yield await in_memory()
        return
    async with neo4j_server.database() as db:
        sample = await make_sample(db)
        yield await in_graph(sample)
        await audited(sample)


@pytest.mark.req("DD-24", "DD-26", "DD-27")
async def test_plans_without_a_priority_get_medium_and_nothing_else(store: tuple[ValueStore, list[str]]) -> None:
    vsl, ids = store
    before = await all_of(vsl)
    planned = await migrate_1_0_to_1_1(vsl, dry_run=True)
    assert (planned.plans, planned.version) == (2, "1.0.0")
    assert await all_of(vsl) == before
    assert (await migrate_1_0_to_1_1(vsl)).plans == 2
    after = await all_of(vsl)
    assert after["version"] == "1.1.0"
    assert [plan["priority"] for plan in after["Plan"]] == ["medium", "medium", "high", "medium", "low"]
    assert [plan["plan_id"] for plan in after["Plan"]] == ids
    for changed in (before, after):
        changed["Plan"] = [{k: v for k, v in plan.items() if k != "priority"} for plan in changed["Plan"]]
    assert after == before | {"version": "1.1.0"}


@pytest.mark.req("DD-25")
async def test_any_other_version_is_refused_and_a_second_run_too(store: tuple[ValueStore, list[str]]) -> None:
    vsl, _ = store
    for version in ("1.1.0", "2.0.0", None, 1):
        await vsl.set(SCHEMA_KEY, version)
        before = await all_of(vsl)
        with pytest.raises(SchemaVersionMismatch, match=rf"^Expected v1\.0\.0, found {version}$"):
            await migrate_1_0_to_1_1(vsl)
        assert await all_of(vsl) == before
    await vsl.set(SCHEMA_KEY, "1.0.0")
    await migrate_1_0_to_1_1(vsl)
    with pytest.raises(SchemaVersionMismatch, match=r"^Expected v1\.0\.0, found 1\.1\.0$"):
        await migrate_1_0_to_1_1(vsl)


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.req("DD-27")
async def test_a_migration_that_is_killed_is_not_marked_and_goes_on(
    store: tuple[ValueStore, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    vsl, _ = store
    real = type(vsl).update_node
    done: list[str] = []

    async def once(self: ValueStore, type: str, id: str, fields: dict[str, Any], tx: Any = None) -> None:
        if done:
            raise Killed
        done.append(id)
        await real(self, type, id, fields, tx)

    monkeypatch.setattr(type(vsl), "update_node", once)
    with pytest.raises(Killed):
        await migrate_1_0_to_1_1(vsl)
    monkeypatch.undo()
    state = await all_of(vsl)
    assert state["version"] == "1.0.0"
    assert [p["plan_id"] for p in state["Plan"] if p.get("priority") == "medium"][:1] == done
    assert (await migrate_1_0_to_1_1(vsl)).plans == 1
    assert {p["priority"] for p in (await all_of(vsl))["Plan"]} == {"medium", "high", "low"}
    assert await vsl.get(SCHEMA_KEY) == "1.1.0"


@pytest.mark.req("DD-26")
async def test_a_protocol_export_never_has_a_priority(db: Database) -> None:
    sample = await make_sample(db)
    document = plan_document(sample.context_id, "pending")
    await sample.graph.create_document(sample.project_id, "plan", document)
    vsl = Neo4jVSL(sample.graph, sample.project_id)
    await migrate_1_0_to_1_1(vsl)
    assert (await vsl.read_node("Plan", document["plan_id"]) or {})["priority"] == "medium"
    assert await sample.graph.export_document(sample.project_id, "plan", document["plan_id"]) == document
    await audited(sample)


@pytest.mark.timeout(300)
@pytest.mark.req("DD-24", "DD-25", "DD-27")
@pytest.mark.long
async def test_the_command_line_migrates_all_projects_once(fresh_neo4j: FreshNeo4j) -> None:
    server = await fresh_neo4j()
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("PSG_")}, "PSG_NEO4J_URI": server.uri,
        "PSG_NEO4J_USER": server.user, "PSG_NEO4J_PASSWORD": server.password, "NO_COLOR": "1",
    }  # fmt: skip

    def psg(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "psg_cli", "migrate", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)

    early = psg("--schema", "1.1.0")
    assert early.returncode != 0 and early.stderr.startswith("schema_not_migrated:"), early.stderr
    async with server.database() as db:
        await migrate(db)
        samples = [await make_sample(db, Graph(db)) for _ in range(3)]
        for sample in samples:
            for _ in range(2):
                document = plan_document(sample.context_id, "pending")
                await sample.graph.create_document(sample.project_id, "plan", document)
        await migrate_1_0_to_1_1(Neo4jVSL(samples[0].graph, samples[0].project_id))
        facts = {"version": "1.1.0", "skipped": 1, "projects": 2, "plans": 4}
        assert orjson.loads(psg("--schema", "1.1.0", "--dry-run", "--json").stdout) == facts | {"dry_run": True}
        assert orjson.loads(psg("--schema", "1.1.0", "--json").stdout) == facts | {"dry_run": False}
        again = psg("--schema", "1.1.0")
        assert again.returncode != 0 and "Expected v1.0.0, found 1.1.0" in again.stderr
        other = psg("--schema", "2.0.0")
        assert other.returncode == 2 and "1.1.0 only" in other.stderr
        for sample in samples:
            vsl = Neo4jVSL(sample.graph, sample.project_id)
            assert {p["priority"] for p in await vsl.query_graph({"type": "Plan"})} == {"medium"}
            await audited(sample)


async def test_a_plan_that_is_gone_by_then_does_not_stop_the_migration(db: Database) -> None:
    sample = await make_sample(db)
    vsl = Neo4jVSL(sample.graph, sample.project_id)
    gone, kept = (plan_document(sample.context_id, "pending", plan_id=i) for i in sorted(uuid4() for _ in range(2)))
    for document in (gone, kept):
        await vsl.write_node("Plan", document["plan_id"], document)
    deleted: list[int] = []

    class Deleting(Neo4jVSL):
        async def update_node(self, type: str, id: str, fields: dict[str, Any], tx: Any = None) -> None:
            if not deleted:
                deleted.append(1)
                await self.delete_node("Plan", id)
            await super().update_node(type, id, fields, tx)

    assert (await migrate_1_0_to_1_1(Deleting(sample.graph, sample.project_id))).plans == 1
    assert await vsl.query_graph({"type": "Plan"}) == [kept | {"priority": "medium"}]
    await audited(sample)
