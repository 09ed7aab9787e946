"""The capability behind every stage: an operation of a module of the stage's project (CORE-07, CORE-24)."""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pydantic import BaseModel

import psg_cypher
from psg.errors import ActionTimeout
from psg.graph import Graph
from psg.workflows import Invocations
from psg_runtime.ael import ActionContext, CapabilityRegistry, Parked
from psg_runtime.core_orchestrator.compiling import INVOKE
from psg_runtime.core_orchestrator.errors import InvocationRefused, OutputMissing
from psg_runtime.core_orchestrator.ports import Modules
from psg_runtime.modules.errors import OperationNotAllowed
from psg_runtime.modules.operation_names import capability_of

IN_PLACE_MS = 250
SLEEP_MOST_MS = 5_000
_EXECUTES = frozenset(("core.execute", "plan.execute"))
ModulesOf = Callable[[str], Awaitable[Modules]]
"""The modules that work on a project."""
Record = Callable[[str, float, bool], None]
"""Told of each operation of a module: its type, how many milliseconds it took, whether it succeeded."""


class StageRunner:
    """Does what stages ask for; ``modules_of`` finds the modules of the project that a stage belongs to.

    It does so for plans of workflows only, in the name that ``graph`` has with the plan, whatever a step says.

    ``record`` is told of each operation, for the metrics of modules.
    """

    def __init__(self, graph: Graph, modules_of: ModulesOf, record: Record | None = None) -> None:
        self._graph = graph
        self._modules_of = modules_of
        self._record = record

    def register(self, registry: CapabilityRegistry) -> None:
        """Offer it to plans, unless the registry offers one already."""
        if not registry.versions(INVOKE):
            registry.register(
                name=INVOKE, type="tool", call=self.invoke, description="An operation of a module: a workflow's stage."
            )

    async def invoke(
        self,
        module: str,
        operation: str,
        ctx: ActionContext,
        inputs: dict[str, Any] | None = None,
        stage: str | None = None,
        correlation_id: str | None = None,
        outputs: list[str] | None = None,
    ) -> Any:
        """Have a module do an operation and return its result, or of it what ``outputs`` names.

        A repeated attempt of the same step has the same idempotency key. Raises what the module raises,
        ``InvocationRefused`` and ``OutputMissing``.
        """
        actor = await self._actor(ctx, module, operation)
        modules = await self._modules_of(ctx.project_id)
        ensure = getattr(modules, "ensure_module", None)
        if ensure is not None:
            await ensure(module)
        given = inputs or {}
        key = ctx.idempotency_key or f"{ctx.plan_id}:{ctx.step_id}"
        more = _taken(modules.invoke, idempotency_key=key, actor=actor)
        waits = executes_plan(modules, module, operation, given)
        if waits:
            given = {**given, "timeout_ms": IN_PLACE_MS}
        began, done = time.monotonic(), False
        try:
            result = await modules.invoke(module, operation, given, correlation_id=correlation_id, **more)
            done = True
        except ActionTimeout:
            if not waits:
                raise
            done = True
            return Parked(due_in_ms=min(SLEEP_MOST_MS, IN_PLACE_MS * 2 ** min(ctx.fence, 10)))
        finally:
            if self._record is not None:
                self._record(module, (time.monotonic() - began) * 1000, done)
        if isinstance(result, Parked):
            return result
        return _chosen(_plain(result), outputs, f"{module}.{operation}", stage or ctx.step_key)

    async def _actor(self, ctx: ActionContext, module: str, operation: str) -> str:
        """In whose name a step calls a module: who had the workflow executed that it was stored with."""
        row = await self._graph.db.read_one(
            psg_cypher.statement("plan_invokes"), project_id=ctx.project_id, plan_id=ctx.plan_id
        )
        mark = Invocations.of(None if row is None else row["invokes"])
        if mark is None or not mark.allows(ctx.plan_id, ctx.step_id, ctx.step_key, (module, operation)):
            raise InvocationRefused(
                f"step {ctx.step_key!r}: only the stages of a workflow call modules, and this step is none of one; "
                "have a workflow executed that does it",
                step=ctx.step_key, module=module, operation=operation,
            )  # fmt: skip
        return mark.actor


def executes_plan(modules: Modules, module: str, operation: str, inputs: Mapping[str, Any]) -> bool:
    """Whether an operation waits for the end of another plan, without a word about how long.

    Its stage sleeps in the graph meanwhile: waiting in place it would hold a worker that the other plan may need.
    """
    registrations = getattr(modules, "registrations", None)
    registration = registrations().get(module) if registrations is not None else None
    if registration is None or registration.source != "platform" or {"wait", "timeout_ms", "timeoutMs"} & set(inputs):
        return False
    try:
        return capability_of(module, operation, registration.capabilities, registration.operation_names) in _EXECUTES
    except OperationNotAllowed:
        return False


def _taken(invoke: Callable[..., Any], **offered: Any) -> dict[str, Any]:
    """Those of the keyword arguments that modules of another make take as well."""
    try:
        known = inspect.signature(invoke).parameters
    except (TypeError, ValueError):
        return {}
    return {name: value for name, value in offered.items() if name in known}


def _plain(result: Any) -> Any:
    if isinstance(result, BaseModel):
        return result.model_dump(mode="json", by_alias=True)
    to_dict = getattr(result, "to_dict", None)
    return to_dict() if callable(to_dict) else result


def _chosen(result: Any, outputs: list[str] | None, operation: str, stage: str) -> Any:
    if not outputs:
        return result
    given = result if isinstance(result, Mapping) else {outputs[0]: result} if len(outputs) == 1 else {}
    missing = [name for name in outputs if name not in given]
    if missing:
        has = ", ".join(map(str, given)) or "nothing"
        raise OutputMissing(
            f"stage `{stage}`: `{operation}` gave no {', '.join(missing)}; it gave {has}", stage=stage, missing=missing
        )
    return {name: given[name] for name in outputs}
