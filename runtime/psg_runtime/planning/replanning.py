"""A plan without the step that failed (ORCH-29)."""

from __future__ import annotations

from psg.errors import PsgError
from psg.model.ids import new_id
from psg_runtime.contracts import OrchestratorPlan, PlanStep
from psg_runtime.contracts.conversion import step_spec_fields
from psg_runtime.contracts.moments import now
from psg_runtime.expressions import default_engine, step_template
from psg_runtime.planning.errors import ReplanImpossible


def without_step(plan: OrchestratorPlan, failed_step_id: str) -> OrchestratorPlan:
    """Return a new plan, derived from ``plan``, without a step.

    What depended on the step now depends on what the step depended on. A step that reads what the failed one would
    have given (in params, condition or compensation) cannot be executed without it and goes too, and so on. Raises
    ``ReferenceMissing`` for an unknown step, ``ReplanImpossible`` when nothing is left, or when the plan's success is
    judged by what is gone.
    """
    plan.step(failed_step_id)
    kept = {step.id: list(step.dependencies) for step in plan.steps}
    reads = {step.id: _references(step) for step in plan.steps}
    gone: set[str] = set()
    going = [failed_step_id]
    while going:
        leaving = going.pop()
        inherited = kept.pop(leaving)
        gone.add(leaving)
        for dependencies in kept.values():
            if leaving in dependencies:
                at = dependencies.index(leaving)
                dependencies[at : at + 1] = [d for d in inherited if d not in dependencies]
        going += [i for i in kept if leaving in reads[i] and i not in going]
    _check_left(plan, kept.keys(), gone, failed_step_id)
    steps = [step.model_copy(update={"dependencies": kept[step.id]}) for step in plan.steps if step.id in kept]
    return plan.model_copy(
        update={"id": new_id(), "steps": steps, "created_at": now(), "derived_from": plan.id}
    )


def _check_left(plan: OrchestratorPlan, kept: object, gone: set[str], failed: str) -> None:
    if not kept:
        raise ReplanImpossible(f"Without step `{failed}` nothing is left of plan {plan.id}.", id=plan.id)
    for text in plan.extension("success_criteria") or ():
        missing = sorted(_read_by_condition(text) & gone)
        if missing:
            message = f"The success of plan {plan.id} is judged by `{missing[0]}`, which goes with step `{failed}`."
            raise ReplanImpossible(message, id=plan.id, missing=missing)


def _references(step: PlanStep) -> frozenset[str]:
    """The steps whose status or output a step reads; of what does not compile nothing is known, so it reads nothing."""
    fields = step_spec_fields(step)
    found: frozenset[str] = frozenset()
    compensation = step.extension("compensation") or {}
    for params in (fields["params"], compensation.get("params") or {}):
        try:
            found |= step_template(step.type, params).references
        except PsgError:
            continue
    if isinstance(fields.get("condition"), str):
        found |= _read_by_condition(fields["condition"])
    return found - {step.id}


def _read_by_condition(text: str) -> frozenset[str]:
    try:
        return default_engine().compile_condition(text).references
    except PsgError:
        return frozenset()
