"""The database of a benchmark run: a fresh embedded server, and plans of any size in it."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import neo4j

from psg.graph import Graph
from psg.plan.policy import PolicySpec
from psg.plan.spec import PlanSpec, StepSpec
from psg_neo4j import Database
from psg_neo4j.embedded import EmbeddedServer, ServerSettings, stop
from psg_neo4j.migrations import migrate

META = {"protocol_version": "1.0.0", "schema_version": "1.0.0"}
SEED_BATCH = 5_000

# Copies of a step that the platform stored itself: only what tells one step from another is given.
_SEED: LiteralString = """
MATCH (p:PsgNode:Plan {project_id: $project_id, id: $plan_id})
UNWIND $batch.rows AS r
CREATE (s:PsgNode:Step) SET s = $batch.common, s += r.props
FOREACH (_ IN CASE WHEN r.props.waits = 0 THEN [1] ELSE [] END | SET s:Ready)
CREATE (s)-[:IN_PLAN]->(p)
"""
_COMMON: LiteralString = """
MATCH (s:PsgNode:Step {project_id: $project_id, id: $template}) RETURN s {.*, id: null, key: null, position: null} AS s
"""
_SEED_EDGES: LiteralString = """
UNWIND $batch.rows AS r
MATCH (s:PsgNode:Step {project_id: $project_id, id: r.id})
UNWIND range(0, size(r.needs) - 1) AS at
MATCH (d:PsgNode:Step {project_id: $project_id, id: r.needs[at]})
CREATE (s)-[:DEPENDS_ON {at: at}]->(d)
"""
# Sessions of the rounds before would be looked after for two leases: not what a fresh process meets.
_FORGET: LiteralString = "MATCH (s:Session) WHERE s.ended_ms IS NOT NULL DETACH DELETE s"
_SEED_TOTAL: LiteralString = """
MATCH (p:PsgNode:Plan {project_id: $project_id, id: $plan_id})
SET p.steps_total = $total, p.steps_open = $total, p.steps_next = $total
"""


@dataclass(frozen=True, slots=True)
class Shape:
    """``plans`` equal plans of ``layers`` by ``width`` steps; each depends on ``fan`` of the layer before."""

    plans: int
    layers: int
    width: int = 1
    fan: int = 1

    @property
    def steps(self) -> int:
        """Number of steps of all plans."""
        return self.plans * self.layers * self.width

    def dependencies(self, layer: int, place: int) -> list[tuple[int, int]]:
        """Layer and place of what the step at ``layer`` and ``place`` waits for."""
        if layer == 0:
            return []
        return [(layer - 1, (place + k) % self.width) for k in range(min(self.fan, self.width))]


@dataclass(frozen=True, slots=True)
class Load:
    """Plans ready to be started, in a project of their own; ``plans`` are their ids."""

    project_id: str
    context_id: str
    plans: list[str]
    steps: int


class Store:
    """The server of a run with two ways to it: ``graph`` is the platform's, ``driver`` the bare one of the limits."""

    def __init__(self, server: EmbeddedServer, db: Database, driver: neo4j.AsyncDriver) -> None:
        self.server = server
        self.db = db
        self.driver = driver
        self.graph = Graph(db)

    def session(self) -> neo4j.AsyncSession:
        """A bare session for writing, kept open by the limit programs."""
        return self.driver.session(database="neo4j", default_access_mode=neo4j.WRITE_ACCESS, fetch_size=-1)

    async def project(self) -> tuple[str, str]:
        """Make a project with one context; their ids."""
        project_id = (await self.graph.create_project(f"bench {uuid.uuid4()}")).project_id
        context_id = str(uuid.uuid4())
        await self.graph.create_document(project_id, "context", context_document(context_id))
        return project_id, context_id

    async def load(
        self, shape: Shape, advance: Callable[[int], object] = lambda _: None, policy: PolicySpec | None = None
    ) -> Load:
        """Store the plans of ``shape``, with ``policy`` for every step, and take them to approved."""
        async with self.session() as session:
            await (await session.run(_FORGET)).consume()
        project_id, context_id = await self.project()
        plans = []
        for _ in range(shape.plans):
            plans.append(await self._plan(project_id, context_id, shape, advance, policy))
        return Load(project_id, context_id, plans, shape.steps)

    async def _plan(
        self, project_id: str, context_id: str, shape: Shape, advance: Callable[[int], object],
        policy: PolicySpec | None,
    ) -> str:  # fmt: skip
        steps = [StepSpec(key="s0_0", name="noop")]
        spec = PlanSpec(title="bench", objective="to be measured", steps=steps, policy=policy)
        made = (await self.graph.create_plan(project_id, context_id, spec)).ids
        plan_id, template = made["plan"], made["steps"]["s0_0"]
        async with self.session() as session:
            found = await session.run(_COMMON, project_id=project_id, template=template)
            common = {k: v for k, v in (await found.single(strict=True))[0].items() if v is not None}
            for rows, edges in _seeds(shape, template):
                batch: dict[str, Any] = {"rows": rows, "common": common}
                await (await session.run(_SEED, project_id=project_id, plan_id=plan_id, batch=batch)).consume()
                await (await session.run(_SEED_EDGES, project_id=project_id, batch={"rows": edges})).consume()
                advance(len(rows))
            total = shape.layers * shape.width
            await (await session.run(_SEED_TOTAL, project_id=project_id, plan_id=plan_id, total=total)).consume()
        await self.graph.propose_plan(project_id, plan_id)
        await self.graph.approve_plan(project_id, plan_id)
        return plan_id


def _seeds(shape: Shape, template: str) -> Iterator[tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
    """Rows and edges of every step but the first, layer by layer, in batches."""
    ids: dict[tuple[int, int], str] = {(0, 0): template}
    rows: list[dict[str, Any]] = []
    edges: list[dict[str, Any]] = []
    for layer in range(shape.layers):
        for place in range(shape.width):
            needs = [ids[d] for d in shape.dependencies(layer, place)]
            if (layer, place) != (0, 0):
                step_id = ids[layer, place] = str(uuid.uuid4())
                position = layer * shape.width + place
                props = {
                    "id": step_id, "key": f"s{layer}_{place}", "position": position, "sched_order": position,
                    "waits": len(needs), "rank": layer << 20,
                }  # fmt: skip
                rows.append({"props": props})
                edges.append({"id": step_id, "needs": needs})
            if len(rows) == SEED_BATCH:
                yield rows, edges
                rows, edges = [], []
        for place in range(shape.width):
            ids.pop((layer - 1, place), None)
    if rows:
        yield rows, edges


def context_document(context_id: str) -> dict[str, Any]:
    """The smallest protocol context."""
    root = {"domain": "bench", "environment": "bench"}
    return {"meta": META, "context_id": context_id, "title": "bench", "status": "active", "root": root}


@asynccontextmanager
async def fresh_store() -> AsyncIterator[Store]:
    """An empty, migrated server with the settings that users get, thrown away at the end."""
    with tempfile.TemporaryDirectory(prefix="psg-bench-") as folder:
        home = Path(folder) / "neo4j"
        async with await EmbeddedServer.attach(home, settings=ServerSettings(transaction_timeout=60.0)) as server:
            try:
                auth = (server.user, server.password)
                async with (
                    server.database() as db,
                    neo4j.AsyncGraphDatabase.driver(
                        server.uri, auth=auth, warn_notification_severity=neo4j.NotificationMinimumSeverity.OFF,
                        notifications_min_severity=neo4j.NotificationMinimumSeverity.OFF,
                    ) as driver,
                ):  # fmt: skip
                    await migrate(db)
                    yield Store(server, db, driver)
            finally:
                await stop(home)
