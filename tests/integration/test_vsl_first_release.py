"""A database that the first release wrote, brought to this release and its data to schema 1.1.0.

``first_release.json`` holds all nodes and relationships of a project that the code of the first release made: a plan
that ran and failed, a draft, a proposed plan, a deleted one, a role; with the schema of migrations 0001 and 0002.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from conftest import FreshNeo4j

import psg_cypher
from psg.audit import verify
from psg.documents.exporting import export_project
from psg.graph import Graph
from psg_cypher import parse_statements
from psg_neo4j import Database
from psg_neo4j.migrations import migrate
from psg_runtime.vsl import Neo4jVSL, atomic_plan_transition, migrate_projects

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j, pytest.mark.timeout(600)]

STORED = orjson.loads(Path(__file__).with_name("first_release.json").read_bytes())
LOAD = {
    item.name: item
    for item in parse_statements(
        """
// name: nodes :write :none
UNWIND range(0, size($nodes) - 1) AS i
CREATE (n:$($nodes[i].labels)) SET n = $nodes[i].props, n:Loaded, n._at = i
// name: relationships :write :none
UNWIND $relationships AS r
MATCH (a:Loaded {_at: r[0]}), (b:Loaded {_at: r[3]})
CREATE (a)-[e:$(r[1])]->(b) SET e = r[2]
// name: loaded :write :none
MATCH (n:Loaded) REMOVE n:Loaded, n._at
""",
        "load.cypher",
    )
}


async def load(db: Database) -> None:
    """Make the database as the first release left it."""
    await migrate(db, migrations=psg_cypher.migrations()[:2])
    await db.write_within(60, LOAD["nodes"], nodes=STORED["nodes"])
    await db.write_within(60, LOAD["relationships"], relationships=STORED["relationships"])
    await db.write_within(60, LOAD["loaded"])


async def documents(db: Database) -> list[tuple[str, dict[str, Any]]]:
    return [item async for item in export_project(db, STORED["project_id"])]


@pytest.mark.req("DD-24", "DD-26", "DD-27")
@pytest.mark.long
async def test_a_database_of_the_first_release_is_upgraded(fresh_neo4j: FreshNeo4j) -> None:
    server = await fresh_neo4j()
    async with server.database() as db:
        await load(db)
        await migrate(db)
        assert (await verify(db)).violations == []
        graph, project_id = Graph(db), STORED["project_id"]
        vsl = Neo4jVSL(graph, project_id)
        before = await documents(db)
        assert len(before) > 5
        assert await vsl.get("psg_schema_version") == "1.0.0"
        done = await migrate_projects(graph)
        assert (done.projects, done.plans) == (1, 3)
        assert await vsl.get("psg_schema_version") == "1.1.0"
        plans = {plan["plan_id"]: plan for plan in await vsl.query_graph({"type": "Plan"})}
        assert {name: plans[node_id]["status"] for name, node_id in STORED["plans"].items()} == {
            "failed": "failed", "draft": "draft", "proposed": "proposed",
        }  # fmt: skip
        assert {plan["priority"] for plan in plans.values()} == {"medium"}
        assert await documents(db) == before
        snapshot = await vsl.create_snapshot()
        await atomic_plan_transition(vsl, STORED["plans"]["draft"], "proposed")
        await vsl.restore_snapshot(snapshot)
        assert await documents(db) == before
        assert (await verify(db)).violations == []
