"""``Executor(registry, replay, options)``: runs a plan without a database, by the engine's own decisions (ORCH-27)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import structlog

from psg.errors import Refused, ValidationFailed
from psg.model.codec import dumps
from psg_runtime.ael import ActionExecutionLayer, AdapterLayer, CapabilityRegistry
from psg_runtime.contracts import ExecutionResult, OrchestratorPlan
from psg_runtime.hooks import HookChain
from psg_runtime.in_memory.options import ExecutorOptions
from psg_runtime.in_memory.run import Run
from psg_runtime.orchestrator.policy import policy_of_text
from psg_runtime.replay.memory import PlanReplay

_GRAPH_ONLY = {"approval": (), "budget": (), "on_failure": ("continue", "stop")}
_CLOCKS = ("queue_ms", "heartbeat_ms")


class PlanNotApproved(Refused):
    """A draft is executed only after somebody approved it: `planner.approve(plan, by=…)`."""

    code = "plan_not_approved"


class Executor:
    """Executes plans of the contracts in this process; the graph's orchestrator is the durable way to do the same.

    ``registry`` holds the capabilities, or is an Action Execution Layer of its own. ``replay`` records what happens.
    ``options`` are ``ExecutorOptions``, a mapping of them, or keywords. One executor may run any number of plans at
    the same time.
    """

    def __init__(
        self,
        registry: CapabilityRegistry | ActionExecutionLayer | None = None,
        replay: PlanReplay | None = None,
        options: ExecutorOptions | Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        given = options if options is not None else {}
        if more:
            if not isinstance(given, Mapping):
                raise ValidationFailed("Give the executor's options either as ExecutorOptions or as keywords.")
            given = {**given, **more}
        self.options = ExecutorOptions.parse(given)
        self.hooks = HookChain(self.options.policy_hooks or (), timeout_ms=self.options.hook_timeout_ms)
        self.replay = replay
        self.ael: ActionExecutionLayer = _layer(registry)
        self.log = _logger(self.options.log_level)
        self._runs: dict[str, list[Run]] = {}

    async def execute(
        self, plan: OrchestratorPlan | Mapping[str, Any], context: Mapping[str, Any] | None = None
    ) -> ExecutionResult:
        """Run a plan to its end and return what came of it; a failing step is a result, never an exception.

        ``context`` is what hooks are told about the caller (``userId``, ``consentGiven``, …). Raises
        ``ValidationFailed``, ``DuplicateId``, ``ReferenceMissing`` or ``DependencyCycle`` for what is no plan,
        ``PlanNotApproved`` for a draft, before anything runs.
        """
        checked = OrchestratorPlan.parse(plan)
        checked.check()
        if checked.draft:
            raise PlanNotApproved(
                f"Plan {checked.id} is a draft and was not approved; look at it, then planner.approve(plan, by=…).",
                id=checked.id,
            )  # fmt: skip
        _refuse_graph_only(checked)
        if context is not None and not isinstance(context, Mapping):
            raise ValidationFailed(f"The context must be a mapping, not {type(context).__name__}.")
        run = Run(checked, dict(context or {}), self.ael, self.hooks, self.options, self.replay, self.log)
        self._runs.setdefault(checked.id, []).append(run)
        try:
            return await run.execute()
        finally:
            self._runs[checked.id].remove(run)
            if not self._runs[checked.id]:
                del self._runs[checked.id]

    def cancel(self, plan_id: str) -> bool:
        """Cancel the running executions of a plan: what runs fails, what waits is skipped. ``False``: none runs."""
        runs = self._runs.get(plan_id, ())
        for run in runs:
            run.cancel()
        return bool(runs)


def _layer(registry: Any) -> ActionExecutionLayer:
    if registry is None:
        return AdapterLayer(CapabilityRegistry())
    if isinstance(registry, CapabilityRegistry):
        return AdapterLayer(registry)
    if callable(getattr(registry, "execute", None)):
        layer: ActionExecutionLayer = registry
        return layer
    raise ValidationFailed(f"The executor needs a CapabilityRegistry, not {type(registry).__name__}.")


def _refuse_graph_only(plan: OrchestratorPlan) -> None:
    """What only the graph can keep promises about is refused here, not ignored."""
    places: list[tuple[str, Any]] = [(f"plan {plan.id}", plan), *((f"step `{s.id}`", s) for s in plan.steps)]
    for place, part in places:
        for name, harmless in _GRAPH_ONLY.items():
            if part.extension(name) not in (None, *harmless):
                raise _refused(place, name)
        policy = _policy(place, part.extension("policy"))
        for name in _CLOCKS:
            if (policy.get("timeout") or {}).get(name) is not None:
                raise _refused(place, f"policy.timeout.{name}")
        if policy.get("idempotency"):
            raise _refused(place, "policy.idempotency")
    if subplan := next((step.id for step in plan.steps if step.type == "plan"), None):
        raise ValidationFailed(f"The step `{subplan}` is a sub-plan: run it on the graph.", step=subplan)


def _policy(place: str, given: Any) -> dict[str, Any]:
    try:
        return policy_of_text(None if given is None else dumps(given))
    except ValueError as error:
        raise ValidationFailed(f"The {place} has a policy that is none: {error}.", field="policy") from None


def _refused(place: str, what: str) -> ValidationFailed:
    message = f"The {place} has `{what}`, which the in-memory executor cannot keep: run it on the graph."
    return ValidationFailed(message, field=what)


def _logger(level: str | None) -> Any:
    if level is None:
        return structlog.get_logger(__name__)
    wrapper = structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()])
    return structlog.wrap_logger(None, wrapper_class=wrapper)
