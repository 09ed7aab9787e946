"""The layer that does actions, with a span for each attempt that goes on with the trace of the plan's start."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import psg_cypher
from psg import tracing
from psg.errors import PsgError
from psg.graph import Graph
from psg_runtime.ael import Action, ActionResult, AdapterLayer, AelSettings, CapabilityRegistry, Parked

_PLANS_KEPT = 10_000
_DEEPEST = 20


class TracedLayer(AdapterLayer):
    """An ``AdapterLayer`` whose attempts are spans: steps that any process runs are in the trace of one request."""

    def __init__(
        self, graph: Graph, registry: CapabilityRegistry, settings: AelSettings | None = None, **more: Any
    ) -> None:
        super().__init__(registry, settings, **more)
        self._db = graph.db
        self._parents: OrderedDict[tuple[str, str], str | None] = OrderedDict()

    async def execute(self, action: Action | Mapping[str, Any], /) -> ActionResult | Parked:
        """Do one action within its span (see ``AdapterLayer.execute``)."""
        done = Action.parse(action)
        parent = await self._parent(done.project_id, done.plan_id)
        facts = {
            "psg__project_id": done.project_id, "psg__plan_id": done.plan_id, "psg__step_id": done.step_id,
            "psg__step_key": done.step_key, "psg__attempt": done.attempt, "psg__executor": done.executor_kind,
        }  # fmt: skip
        with tracing.span(f"step {done.step_key}", "consumer", parent=parent, **facts) as span:
            result = await super().execute(done)
            if span is not None and isinstance(result, Parked):
                span.set_attribute("psg.parked", True)
            return result

    async def _parent(self, project_id: str, plan_id: str) -> str | None:
        """The span that the plan's run began in, or that of the plan it is part of; remembered for each plan."""
        key = (project_id, plan_id)
        if key not in self._parents:
            try:
                found = await self._read(project_id, plan_id)
            except PsgError:  # a trace is never worth a step
                return None
            self._parents[key] = found
            if len(self._parents) > _PLANS_KEPT:
                self._parents.popitem(last=False)
        return self._parents[key]

    async def _read(self, project_id: str, plan_id: str) -> str | None:
        asked: str | None = plan_id
        for _ in range(_DEEPEST):
            row = asked and await self._db.read_one(
                psg_cypher.statement("plan_traceparent"), project_id=project_id, plan_id=asked
            )
            if not row:
                return None
            found: str | None = row["traceparent"]
            if found is not None and tracing.TRACEPARENT.fullmatch(found):
                return found
            asked = row["parent"]
        return None


def layer_of(graph: Graph, registry: CapabilityRegistry, settings: AelSettings) -> AdapterLayer:
    """Return the layer of an orchestrator: one that makes spans where traces are made, else the plain one."""
    return TracedLayer(graph, registry, settings) if tracing.enabled() else AdapterLayer(registry, settings)
