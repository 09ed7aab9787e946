"""A workflow as a plan of the graph: a stage is a step that calls a module (CORE-07 to CORE-12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from psg.errors import PlanInvalid
from psg.plan.policy import WEEK_MS, CompensationSpec, OnFailure, PolicySpec, RetrySpec, TimeoutSpec
from psg.plan.spec import PlanSpec, StepSpec
from psg.workflows import Invocations
from psg_runtime.core_orchestrator.checking import Checked, Checking, topological
from psg_runtime.core_orchestrator.definition import WorkflowDefinition, WorkflowStage
from psg_runtime.core_orchestrator.errors import WorkflowInvalid
from psg_runtime.core_orchestrator.ports import ModuleCatalog
from psg_runtime.core_orchestrator.references import literal
from psg_runtime.expressions import check_references

INVOKE = "module.invoke"
"""The capability that a stage's step calls."""
GOAL = "workflow:"
"""What the goal of a workflow's plan begins with; the definition's id follows."""
GRACE_MS = 5_000
_GUARD_CHARS = 9_000


def check_workflow(
    definition: Any, inputs: Mapping[str, Any] | None = None, catalog: ModuleCatalog | None = None
) -> WorkflowDefinition:
    """Return the definition when it can be run; raises ``WorkflowInvalid`` naming every mistake.

    ``inputs`` are the values it would be run with (``None``: not known yet), ``catalog`` the modules there are.
    """
    made = WorkflowDefinition.of(definition)
    _checked(made, inputs, catalog)
    return made


def compile_workflow(
    definition: WorkflowDefinition,
    inputs: Mapping[str, Any],
    *,
    correlation_id: str,
    timeout_ms: int,
    catalog: ModuleCatalog | None = None,
) -> PlanSpec:
    """Return the plan that runs a workflow; ``timeout_ms`` holds where the definition names none.

    Raises ``WorkflowInvalid`` naming every mistake.
    """
    checking = _checked(definition, inputs, catalog)
    limit = definition.timeout or timeout_ms
    params = {
        "input": dict(inputs),
        "workflow": {
            "definition": definition.to_dict(), "correlation_id": correlation_id, "timeout_ms": limit,
            "keys": checking.keys,
        },
    }  # fmt: skip
    try:
        spec = PlanSpec(
            title=definition.name, objective=f"Workflow {definition.id}, version {definition.version}",
            goal_id=(GOAL + definition.id)[:200], params=params, on_failure=_on_failure(definition),
            steps=_steps(checking, {"correlation_id": correlation_id}, limit),
        )  # fmt: skip
        check_references(spec)
    except PlanInvalid as error:
        raise WorkflowInvalid.of(definition.id, [error.message]) from error
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        told = [f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in found]
        raise WorkflowInvalid.of(definition.id, told) from None
    return spec


def invocations(definition: WorkflowDefinition, spec: PlanSpec, actor: str) -> Invocations:
    """Return the mark that lets the plan of a workflow call modules for ``actor``, and its undoing too."""
    keys = spec.params["workflow"]["keys"]
    calls = {keys[stage.id]: (stage.module_type, stage.operation) for stage in definition.stages}
    inverses = {keys[stage.id]: stage.compensation for stage in definition.stages}
    undo = {key: (call.module_type, call.operation) for key, call in inverses.items() if call is not None}
    return Invocations(actor, calls, undo)


def _checked(
    definition: WorkflowDefinition, inputs: Mapping[str, Any] | None, catalog: ModuleCatalog | None
) -> Checking:
    checking = Checking(definition, inputs, catalog)
    checking.run()
    if checking.problems:
        raise WorkflowInvalid.of(definition.id, checking.problems)
    return checking


def _on_failure(definition: WorkflowDefinition) -> OnFailure:
    handling = definition.error_handling
    if handling is not None and handling.strategy is not None:
        return handling.strategy
    return "stop" if definition.execution_mode == "sequential" else "continue"


def _steps(checking: Checking, said: Mapping[str, str], limit: int) -> list[StepSpec]:
    definition, stages = checking.definition, checking.stages
    order = topological({name: checked.needs for name, checked in stages.items()})
    steps = []
    for place, name in enumerate(order):
        checked = stages[name]
        before = order[place - 1] if place and definition.execution_mode == "sequential" else None
        steps.append(_step(checking, checked, before, said, limit, place))
    return steps


def _step(
    checking: Checking, checked: Checked, before: str | None, said: Mapping[str, str], limit: int, place: int
) -> StepSpec:
    """One stage; ``before`` is the one it follows in a sequence, whatever came of that one, unless it needs it."""
    stage, keys = checked.stage, checking.keys
    follows = before is not None and before not in checked.needs
    condition = checked.condition
    if follows and checked.needs:
        guard = _guard(checking, checked)
        condition = guard if condition is None else f"({guard}) && ({condition})"
    dependencies = [keys[name] for name in checked.needs]
    return StepSpec(
        key=keys[stage.id], name=INVOKE, description=stage.name, order_index=place,
        dependencies=[*dependencies, *([keys[before]] if follows and before is not None else [])],
        join="settled" if follows else "not_skipped", condition=condition,
        params=_call(stage.id, stage.module_type, stage.operation, checked.inputs, said, stage.outputs),
        policy=_policy(checking.definition, stage, limit), compensation=_compensation(checked, said),
    )  # fmt: skip


def _call(
    stage_id: str, module: str, operation: str, inputs: Mapping[str, Any], said: Mapping[str, str],
    outputs: Sequence[str] | None,
) -> dict[str, Any]:  # fmt: skip
    call = {
        "stage": literal(stage_id), "module": literal(module), "operation": literal(operation), "inputs": dict(inputs),
        **said,
    }  # fmt: skip
    return call if not outputs else {**call, "outputs": [literal(name) for name in outputs]}


def _guard(checking: Checking, checked: Checked) -> str:
    """What a stage needs of those it depends on, where it also follows one it does not depend on (C-31)."""
    keys = checking.keys
    behind: dict[str, None] = {}
    todo = list(checked.needs)
    while todo:
        name = todo.pop()
        if name not in behind:
            behind[name] = None
            todo += checking.stages[name].needs
    whole = [f'{keys[name]}.status != "failed"' for name in behind]
    some = " || ".join(f'{keys[name]}.status == "completed"' for name in checked.needs)
    guard = " && ".join([*whole, f"({some})"])
    if len(guard) > _GUARD_CHARS:
        direct = " && ".join(f'{keys[name]}.status != "failed"' for name in checked.needs)
        guard = f"{direct} && ({some})"
    return guard


def _policy(definition: WorkflowDefinition, stage: WorkflowStage, limit: int) -> PolicySpec:
    """The clocks behind the workflow's own are a net: they strike only where nobody is left to keep that one."""
    net = min(limit + GRACE_MS, WEEK_MS)
    retry = stage.retry_policy or definition.retry_policy
    handling = definition.error_handling
    more: dict[str, Any] = {}
    if retry is not None:
        more["retry"] = retry.spec()
    if handling is not None and handling.recovery is not None:
        more["recovery"] = handling.recovery
        if retry is None and "retry_policy" in handling.recovery.model_fields_set:
            more["retry"] = RetrySpec(**handling.recovery.retry_policy.as_retry)
    return PolicySpec(timeout=TimeoutSpec(attempt_ms=stage.timeout or net, total_ms=net), **more)


def _compensation(checked: Checked, said: Mapping[str, str]) -> CompensationSpec | None:
    inverse = checked.stage.compensation
    if inverse is None:
        return None
    call = _call(
        checked.stage.id, inverse.module_type, inverse.operation, checked.compensation or {}, said, None
    )
    return CompensationSpec(name=INVOKE, params=call)
