"""A project of a test's own on the shared server, with what tests ask about it; audited when the test ends."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from conftest import Neo4jServer, in_other_loop

from psg.graph import Graph
from psg.plan.spec import PlanSpec, StepSpec
from psg_cypher import parse_statements
from psg_neo4j import Database
from psg_neo4j.embedded import EmbeddedServer, ServerSettings
from psg_neo4j.migrations import migrate

META = {"protocol_version": "1.0.0", "schema_version": "1.0.0"}
KIT = Path(os.environ.get("MPLP_KIT") or Path(__file__).parents[3] / "shared" / "mplp")
needs_kit = pytest.mark.skipif(
    not (KIT / "schemas").is_dir(), reason="the conformance kit is not here (../shared/mplp or MPLP_KIT)"
)

ASK = {
    item.name: item
    for item in parse_statements(
        """
// name: head :read :one
MATCH (h:ProjectHead {id: $project_id}) RETURN h.seq AS seq
// name: node :read :one
MATCH (n:PsgNode {project_id: $project_id, id: $id}) RETURN n {.*} AS node, labels(n) AS labels
// name: events :read :many
MATCH (e:Event {project_id: $project_id}) WHERE e.seq > $after RETURN e {.*} AS event ORDER BY e.seq
// name: whole :read :many
MATCH (n:PsgNode {project_id: $project_id})
RETURN n.id AS id, labels(n) AS labels, properties(n) AS props,
  COLLECT { MATCH (n)-[e]->(m) RETURN [type(e), properties(e).at, m.id] ORDER BY type(e), e.at, m.id } AS edges
ORDER BY id
// name: edges :read :many
MATCH (a:Step {project_id: $project_id, plan: $plan_id})-[:DEPENDS_ON]->(b)
RETURN a.key AS step, b.key AS dependency, a.rank AS rank, b.rank AS below
""",
        "ask.cypher",
    )
}


def uuid4() -> str:
    return str(uuid.uuid4())


def context_document(**fields: Any) -> dict[str, Any]:
    base = {
        "meta": META, "context_id": uuid4(), "root": {"domain": "d", "environment": "e"}, "title": "t",
        "status": "active",
    }  # fmt: skip
    return base | fields


def plan_document(context_id: str, *statuses: str, status: str = "draft", **fields: Any) -> dict[str, Any]:
    """A plan document whose steps have ``statuses`` and depend each on the one before."""
    ids = [uuid4() for _ in statuses or ("pending",)]
    steps = [
        {"step_id": ids[i], "description": f"step {i}", "status": s, "dependencies": ids[max(0, i - 1) : i]}
        for i, s in enumerate(statuses or ("pending",))
    ]
    base = {
        "meta": META, "plan_id": uuid4(), "context_id": context_id, "title": "t", "objective": "o", "status": status,
        "steps": steps,
    }  # fmt: skip
    return base | fields


def trace_document(context_id: str, plan_id: str | None = None, **fields: Any) -> dict[str, Any]:
    trace_id = uuid4()
    base = {
        "meta": META, "trace_id": trace_id, "context_id": context_id, "status": "running",
        "root_span": {"trace_id": trace_id, "span_id": uuid4()},
    }  # fmt: skip
    return base | ({"plan_id": plan_id} if plan_id else {}) | fields


def confirm_document(target_type: str, target_id: str, **fields: Any) -> dict[str, Any]:
    base = {
        "meta": META, "confirm_id": uuid4(), "target_type": target_type, "target_id": target_id, "status": "pending",
        "requested_by_role": "agent", "requested_at": "2026-01-01T00:00:00.000Z",
    }  # fmt: skip
    return base | fields


def role_document(**fields: Any) -> dict[str, Any]:
    return {"meta": META, "role_id": uuid4(), "name": "reviewer"} | fields


def steps_of(dependencies: dict[str, Iterable[str]]) -> list[StepSpec]:
    return [StepSpec(key=key, name="noop", dependencies=list(wanted)) for key, wanted in dependencies.items()]


def plan_spec(dependencies: dict[str, Iterable[str]] | None = None, **fields: Any) -> PlanSpec:
    return PlanSpec(title="t", objective="o", steps=steps_of(dependencies or {"a": ()}), **fields)


@pytest.fixture(scope="session")
def quiet_server(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Neo4jServer]:
    """A server of all workers on which no test runs an orchestrator: a running plan stays as it is."""
    base = tmp_path_factory.getbasetemp()
    home = (base if worker_id == "master" else base.parent) / "quiet"
    # Cold, on a busy machine, planning a large statement can take longer than clients may block each other.
    held = in_other_loop(lambda: EmbeddedServer.attach(home, settings=ServerSettings(linger=5.0)))
    server = Neo4jServer(held.uri, held.user, held.password)

    async def prepare() -> None:
        async with server.database() as database:
            await migrate(database)
            await Graph(database).warm()

    in_other_loop(prepare)
    yield server
    held.close()


@dataclass
class Sample:
    """A project with an active context, and a Graph to change it."""

    db: Database
    graph: Graph
    project_id: str
    context_id: str

    async def plan(self, dependencies: dict[str, Iterable[str]] | None = None) -> tuple[str, dict[str, str]]:
        """A draft plan; its id and the ids of its steps by key."""
        answer = await self.graph.create_plan(self.project_id, self.context_id, plan_spec(dependencies))
        return answer.ids["plan"], answer.ids["steps"]

    async def running_plan(self, dependencies: dict[str, Iterable[str]] | None = None) -> tuple[str, dict[str, str]]:
        plan_id, steps = await self.plan(dependencies)
        await self.graph.propose_plan(self.project_id, plan_id)
        await self.graph.approve_plan(self.project_id, plan_id)
        await self.graph.start_plan(self.project_id, plan_id)
        return plan_id, steps

    async def head(self) -> int:
        row = await self.db.read_one(ASK["head"], project_id=self.project_id)
        assert row is not None
        return row["seq"]

    async def node(self, node_id: str) -> dict[str, Any]:
        row = await self.db.read_one(ASK["node"], project_id=self.project_id, id=node_id)
        assert row is not None
        return row["node"] | {"labels": set(row["labels"])}

    async def events(self, after: int = 0) -> list[dict[str, Any]]:
        rows = await self.db.read(ASK["events"], project_id=self.project_id, after=after)
        return [row["event"] | {"changes": orjson.loads(row["event"]["changes"])} for row in rows]

    async def whole(self) -> list[dict[str, Any]]:
        """Everything in the project but the log."""
        return await self.db.read(ASK["whole"], project_id=self.project_id)

    async def edges(self, plan_id: str) -> list[dict[str, Any]]:
        return await self.db.read(ASK["edges"], project_id=self.project_id, plan_id=plan_id)

    @asynccontextmanager
    async def untouched(self) -> AsyncIterator[None]:
        """Nothing inside the block leaves a trace: neither in the graph nor in the log."""
        before, seq = await self.whole(), await self.head()
        yield
        assert await self.head() == seq
        assert await self.whole() == before
        assert len(await self.events()) == seq


async def make_sample(db: Database, graph: Graph | None = None) -> Sample:
    graph = graph or Graph(db)
    project_id = (await graph.create_project(f"sample {uuid4()}")).project_id
    document = context_document()
    await graph.create_document(project_id, "context", document)
    return Sample(db, graph, project_id, document["context_id"])


async def assert_sound(sample: Sample) -> None:
    """The log has no gap, and the audit finds nothing."""
    events = await sample.events()
    assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
    assert await sample.head() == len(events)
    await audited(sample)


async def audited(sample: Sample) -> None:
    try:
        from psg.audit import verify
    except ImportError:
        return
    report = await verify(sample.db, sample.project_id)
    assert not report.violations, [f"{v.kind}: {v.message}" for v in report.violations]


@asynccontextmanager
async def sound_sample(db: Database) -> AsyncIterator[Sample]:
    """A sample project that has to be sound when the block ends."""
    sample = await make_sample(db)
    yield sample
    await assert_sound(sample)
