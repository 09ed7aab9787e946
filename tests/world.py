"""What integration tests need again and again: a project of their own, plans in it, orchestrators that run them."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio

import psg_cypher
from psg.graph import Graph
from psg.model.codec import loads
from psg.plan.spec import PlanSpec, StepSpec
from psg_neo4j import Database
from psg_runtime.ael import AdapterLayer, CapabilityRegistry
from psg_runtime.orchestrator import Orchestrator, OrchestratorSettings

META = {"protocol_version": "1.0.0", "schema_version": "1.0.0"}
QUICK = {"lease_ms": 2_000, "poll_ms": 20, "steal_after_ms": 0, "drain_ms": 5_000, "retry_base_ms": 20}


def statement(text: str, mode: str = "read") -> psg_cypher.Statement:
    """A statement for looking at (or damaging) the store from a test only."""
    return psg_cypher.Statement(
        name="test", text=text, mode=mode, cardinality="many", description="", file="test"  # type: ignore[arg-type]
    )


def plan(*steps: StepSpec, **fields: Any) -> PlanSpec:
    """A plan of these steps."""
    return PlanSpec(title=fields.pop("title", "a plan"), objective="to be tested", steps=list(steps), **fields)


def step(key: str, *dependencies: str, **fields: Any) -> StepSpec:
    """A tool step called ``noop`` unless ``fields`` say otherwise."""
    fields.setdefault("name", "noop" if fields.get("type", "tool") == "tool" else None)
    return StepSpec(key=key, dependencies=list(dependencies), **fields)


def registry(**callables: Callable[..., Any]) -> CapabilityRegistry:
    """A registry with ``noop`` and these tools."""

    async def noop() -> None:
        return None

    made = CapabilityRegistry()
    for name, call in {"noop": noop, **callables}.items():
        made.register(name=name, type="tool", call=call)
    return made


class World:
    """A project of one's own in the shared database."""

    def __init__(self, db: Database, project_id: str, context_id: str) -> None:
        self.db = db
        self.graph = Graph(db)
        self.project_id = project_id
        self.context_id = context_id

    @classmethod
    async def create(cls, db: Database, *, context_status: str = "active") -> World:
        """Make a project with one context."""
        graph = Graph(db)
        project_id = (await graph.create_project(f"test-{uuid.uuid4()}")).project_id
        context_id = str(uuid.uuid4())
        document = {
            "meta": META, "context_id": context_id, "title": "a context", "status": context_status,
            "root": {"domain": "test", "environment": "test"},
        }  # fmt: skip
        await graph.create_document(project_id, "context", document)
        return cls(db, project_id, context_id)

    async def draft(self, *steps: StepSpec, **fields: Any) -> str:
        """Store a draft plan and return its id."""
        spec = plan(*steps, **fields)
        return (await self.graph.create_plan(self.project_id, self.context_id, spec)).ids["plan"]

    async def approved(self, *steps: StepSpec, **fields: Any) -> str:
        """Store a plan and take it to approved."""
        plan_id = await self.draft(*steps, **fields)
        await self.graph.propose_plan(self.project_id, plan_id)
        await self.graph.approve_plan(self.project_id, plan_id)
        return plan_id

    async def started(self, *steps: StepSpec, **fields: Any) -> str:
        """Store a plan and start it."""
        plan_id = await self.approved(*steps, **fields)
        await self.graph.start_plan(self.project_id, plan_id)
        return plan_id

    async def query(self, text: str, **params: Any) -> list[dict[str, Any]]:
        """Rows of a reading statement; ``$project_id`` is given."""
        return await self.db.read(statement(text), project_id=self.project_id, **params)

    async def damage(self, text: str, **params: Any) -> list[dict[str, Any]]:
        """Write behind the platform's back; ``$project_id`` is given."""
        return await self.db.write(statement(text, "write"), project_id=self.project_id, **params)

    async def steps(self, plan_id: str) -> dict[str, dict[str, Any]]:
        """The steps of a plan by key, with output and error decoded."""
        rows = await self.query(
            "MATCH (s:Step {project_id: $project_id, plan: $plan}) RETURN s {.*} AS s, labels(s) AS labels",
            plan=plan_id,
        )
        decoded = ("output", "error")
        return {
            r["s"]["key"]: r["s"] | {"labels": r["labels"]} | {k: loads(r["s"].get(k)) for k in decoded} for r in rows
        }

    async def plan_status(self, plan_id: str) -> str:
        """The status of a plan."""
        rows = await self.query(
            "MATCH (p:PsgNode:Plan {project_id: $project_id, id: $plan}) RETURN p.status AS status", plan=plan_id
        )
        return rows[0]["status"]

    async def events(self, **wanted: Any) -> list[dict[str, Any]]:
        """The log in order, ``changes`` decoded, only events whose properties equal ``wanted``."""
        rows = await self.query("MATCH (e:Event {project_id: $project_id}) RETURN e {.*} AS e ORDER BY e.seq")
        events = [r["e"] | {"changes": loads(r["e"]["changes"])} for r in rows]
        return [e for e in events if all(e.get(k) == v for k, v in wanted.items())]

    async def head_seq(self) -> int:
        """Where the log ends."""
        rows = await self.query("MATCH (h:ProjectHead {id: $project_id}) RETURN h.seq AS seq")
        return rows[0]["seq"]

    async def until(self, condition: Callable[[], Any], timeout_s: float = 60.0) -> None:
        """Wait until an awaitable condition holds, looking again whenever the log may have grown."""
        with anyio.fail_after(timeout_s):
            while not await condition():
                await self.graph.signals.wait(self.project_id, self.graph.signals.latest(self.project_id), 0.05)

    async def finished(self, *plan_ids: str, timeout_s: float = 60.0) -> list[str]:
        """Wait until plans are over and return their statuses."""

        async def over() -> bool:
            return all([await self.plan_status(p) not in ("approved", "in_progress") for p in plan_ids])

        await self.until(over, timeout_s)
        return [await self.plan_status(p) for p in plan_ids]

    async def step_is(self, plan_id: str, key: str, *statuses: str) -> None:
        """Wait until a step has one of these statuses."""

        async def reached() -> bool:
            return (await self.steps(plan_id))[key]["status"] in statuses

        await self.until(reached)

    def orchestrator(self, tools: CapabilityRegistry | None = None, **settings: Any) -> Orchestrator:
        """An orchestrator in this process, with quick reactions."""
        return Orchestrator(self.graph, AdapterLayer(tools or registry()), self._settings(settings))

    def _settings(self, settings: dict[str, Any]) -> OrchestratorSettings:
        """Only this project: other tests run plans in the same database with other tools."""
        return OrchestratorSettings(**{**QUICK, "projects": (self.project_id,), **settings})

    @asynccontextmanager
    async def running(
        self, tools: CapabilityRegistry | None = None, ael: Any = None, **settings: Any
    ) -> AsyncIterator[Orchestrator]:
        """An orchestrator at work during the block, stopped in an orderly way after it."""
        made = self.orchestrator(tools, **settings)
        if ael is not None:
            made = Orchestrator(self.graph, ael, self._settings(settings))
        async with anyio.create_task_group() as tasks:
            await tasks.start(made.run)
            try:
                yield made
            finally:
                made.stop()

    async def run(self, *steps: StepSpec, tools: CapabilityRegistry | None = None, **fields: Any) -> str:
        """Start a plan, run it to its end, and return its id."""
        plan_id = await self.started(*steps, **fields)
        async with self.running(tools):
            await self.finished(plan_id)
        return plan_id


def chain(length: int, **fields: Any) -> Sequence[StepSpec]:
    """Steps that each depend on the one before."""
    return [step(f"s{i}", *([f"s{i - 1}"] if i else []), **fields) for i in range(length)]
