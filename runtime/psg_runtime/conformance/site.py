"""Where the checklist is run: a project of its own in the connected database, with three watched runs in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio

import psg_cypher
from psg.errors import PsgError
from psg.graph import Graph
from psg.model.ids import new_id
from psg.plan.spec import PlanSpec, StepSpec
from psg.read.nodes import Reader
from psg_runtime.ael import AdapterLayer, AelSettings, CapabilityRegistry
from psg_runtime.bus import ProtocolEvent, capture
from psg_runtime.orchestrator import Orchestrator, OrchestratorSettings

META = {"protocol_version": "1.0.0", "schema_version": "1.0.0"}
ACTOR = "conformance"
RUN_SECONDS = 60.0
AN_HOUR_MS = 3_600_000

Size = tuple[int, int]
"""Living nodes and relationships."""


class NotMet(PsgError):
    """The platform does not do what an item of the checklist demands."""

    code = "conformance_not_met"


def demand(held: bool, otherwise: str) -> None:
    """Raise ``NotMet`` saying ``otherwise`` unless ``held``."""
    if not held:
        raise NotMet(otherwise)


@dataclass(frozen=True, slots=True)
class Watched:
    """Three runs (one completed, one with a failure and skips, one cancelled), from their plans on.

    ``plans`` are their ids by how they ended, ``events`` all that was recorded, ``before`` and ``after`` what the
    project held.
    """

    plans: Mapping[str, str]
    events: Sequence[ProtocolEvent]
    before: Size
    after: Size


# Built-in steps only: any orchestrator of the platform may take them.
COMPLETED = (
    StepSpec(key="gather", type="conditional", agent_role="worker", params={"found": 3}),
    StepSpec(key="rest", type="wait", dependencies=["gather"], params={"duration_ms": 1}),
    StepSpec(key="report", type="conditional", dependencies=["gather", "rest"]),
)
FAILED = (
    StepSpec(key="works", type="conditional"),
    StepSpec(key="fails", type="tool", name="file.read", params={"path": "there/is/no/such.file"}),
    StepSpec(key="needs_it", type="conditional", dependencies=["fails"]),
    StepSpec(key="not_wanted", type="conditional", dependencies=["works"], condition="1 > 2"),
)
CANCELLED = (
    StepSpec(key="sleeps", type="wait", params={"duration_ms": AN_HOUR_MS}),
    StepSpec(key="would_follow", type="conditional", dependencies=["sleeps"]),
)


class Site:
    """A scratch project with one active context."""

    def __init__(self, graph: Graph, project_id: str, context_id: str) -> None:
        self.graph = graph
        self.project_id = project_id
        self.context_id = context_id
        self.reader = Reader(graph.db)

    @classmethod
    async def create(cls, graph: Graph) -> Site:
        """Make the project; it stays, as evidence."""
        project_id, context_id = new_id(), new_id()
        name, why = f"conformance {project_id[:8]}", "evidence of the L3 compliance checklist"
        await graph.create_project(name, why, project_id=project_id, actor=ACTOR)
        await graph.create_document(project_id, "context", context_document(context_id), actor=ACTOR)
        return cls(graph, project_id, context_id)

    async def draft(self, title: str, steps: Sequence[StepSpec]) -> str:
        """Store a draft plan and return its id."""
        spec = PlanSpec(title=title, objective="to show what the platform does", steps=list(steps))
        return (await self.graph.create_plan(self.project_id, self.context_id, spec, actor=ACTOR)).ids["plan"]

    async def started(self, title: str, steps: Sequence[StepSpec]) -> str:
        """Store a plan and take it to its start."""
        plan_id = await self.draft(title, steps)
        for command in (self.graph.propose_plan, self.graph.approve_plan, self.graph.start_plan):
            await command(self.project_id, plan_id, actor=ACTOR)
        return plan_id

    async def size(self) -> Size:
        """Count what the project holds now, in the graph itself."""
        row = await self.graph.db.read_one(psg_cypher.statement("project_size"), project_id=self.project_id)
        assert row is not None
        return row["nodes"], row["edges"]

    async def head(self) -> int:
        """Return the number of the last event."""
        row = await self.graph.db.read_one(psg_cypher.statement("log_head"), project_id=self.project_id)
        assert row is not None
        return row["seq"]

    async def status(self, label: str, node_id: str) -> str:
        """Return the stored status of a node."""
        return (await self.reader.one(label, self.project_id, node_id))["status"]

    async def steps(self, plan_id: str) -> list[dict[str, Any]]:
        """Return the steps of a plan by position."""
        return await self.reader.steps(self.project_id, plan_id, -1, 100)

    async def watch_runs(self) -> Watched:
        """Run the three plans with an orchestrator of this process (or whichever is quicker) and capture the events."""
        before = await self.size()
        async with capture(self.graph, self.project_id) as events, self._orchestrator():
            plans = {
                "completed": await self.started("a plan that is completed", COMPLETED),
                "failed": await self.started("a plan with a failure and skips", FAILED),
                "cancelled": await self.started("a plan that is cancelled", CANCELLED),
            }
            await self._until(plans["cancelled"], lambda plan, steps: steps[0]["status"] == "in_progress")
            await self.graph.cancel_plan(self.project_id, plans["cancelled"], actor=ACTOR)
            for name in ("completed", "failed"):
                await self._until(plans[name], lambda plan, steps: plan["status"] not in ("approved", "in_progress"))
        return Watched(plans, events, before, await self.size())

    @asynccontextmanager
    async def _orchestrator(self) -> AsyncIterator[None]:
        layer = AdapterLayer(CapabilityRegistry(), AelSettings())
        orchestrator = Orchestrator(self.graph, layer, OrchestratorSettings(projects=(self.project_id,)))
        async with anyio.create_task_group() as tasks:
            await tasks.start(orchestrator.run)
            try:
                yield
            finally:
                orchestrator.stop()

    async def _until(self, plan_id: str, reached: Callable[[Any, Any], bool]) -> None:
        """Wait for a state of a plan; raises ``NotMet`` when it does not come."""
        signals = self.graph.signals
        with anyio.move_on_after(RUN_SECONDS):
            while True:
                plan = await self.reader.one("Plan", self.project_id, plan_id)
                if reached(plan, await self.steps(plan_id)):
                    return
                await signals.wait(self.project_id, signals.latest(self.project_id), 0.1)
        raise NotMet(f"plan {plan_id} did not get on within {RUN_SECONDS:.0f} s")


def context_document(context_id: str) -> dict[str, Any]:
    """Return an active context as the protocol writes it."""
    return {
        "meta": META, "context_id": context_id, "title": "a context", "status": "active",
        "root": {"domain": "conformance", "environment": "check"},
    }  # fmt: skip


def plan_document(context_id: str, status: str = "draft", **fields: Any) -> dict[str, Any]:
    """Return a plan of one step as the protocol writes it."""
    step = {"step_id": new_id(), "description": "a step", "status": "pending"}
    return {
        "meta": META, "plan_id": new_id(), "context_id": context_id, "title": "a plan", "objective": "to be judged",
        "status": status, "steps": [step], **fields,
    }  # fmt: skip
