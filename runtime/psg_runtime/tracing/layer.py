"""The layer that does actions, with a span and a log line for each attempt, in the trace of the plan's start."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import structlog
from structlog.contextvars import bound_contextvars

import psg_cypher
from psg import tracing
from psg.errors import PsgError
from psg.graph import Graph
from psg_runtime.ael import Action, ActionResult, AdapterLayer, AelSettings, CapabilityRegistry, Parked

log = structlog.get_logger(__name__)

_PLANS_KEPT = 10_000
_DEEPEST = 20


class TracedLayer(AdapterLayer):
    """An ``AdapterLayer`` whose attempts are spans: steps that any process runs are in the trace of one request.

    Log lines of whatever does an action name project, plan, step, attempt and trace.
    """

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
        named = bound_contextvars(
            project_id=done.project_id, plan_id=done.plan_id, step_id=done.step_id, step=done.step_key,
            attempt=done.attempt, trace_id=tracing.trace_id_of(parent),
        )  # fmt: skip
        spanned = tracing.span(f"step {done.step_key}", "consumer", parent=parent, **facts)
        with named, spanned as span, _logged() as told:
            result = await super().execute(done)
            told["outcome"] = "parked" if isinstance(result, Parked) else "completed"
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


@contextmanager
def _logged() -> Iterator[dict[str, str]]:
    """One line for an attempt, with its outcome and time; a failure by its code, since messages may quote anything."""
    began, told = time.monotonic(), {"outcome": "cancelled"}
    try:
        yield told
    except Exception as error:
        told = {"outcome": "failed", "code": str(getattr(error, "code", None) or type(error).__name__)}
        raise
    finally:
        log.info("step_attempted", **told, took_ms=round((time.monotonic() - began) * 1000, 1))


def layer_of(
    graph: Graph, registry: CapabilityRegistry, settings: AelSettings, *, logged: bool = False
) -> AdapterLayer:
    """Return the layer of an orchestrator: one that tells of attempts where somebody wants that, else the plain one."""
    wanted = logged or tracing.enabled()
    return TracedLayer(graph, registry, settings) if wanted else AdapterLayer(registry, settings)
