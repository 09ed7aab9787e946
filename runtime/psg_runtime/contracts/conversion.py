"""Between the specification's plan and the one the graph stores: nothing is lost either way."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from psg.errors import PlanInvalid
from psg.plan.spec import PlanSpec, StepSpec
from psg_runtime.contracts.plan import OrchestratorPlan, PlanStep

LABEL_ONLY = frozenset(("wait", "confirm", "foreach", "conditional", "llm", "plan"))
"""Step types that need no capability: their ``name`` may be the type itself, for want of a better one."""
_STEP_FIELDS = {"id": "key", "timeout": "timeout_ms"}
_PLAN_FIELDS = {"estimated_duration": "estimated_duration_ms"}
_OURS = frozenset(("id", "steps", "created_at", "derived_from", "draft", "approved_by"))


def to_spec(plan: OrchestratorPlan) -> PlanSpec:
    """Return the plan as ``Graph.create_plan`` takes it; its title is the plan's ``title`` or its id.

    Raises ``PlanInvalid`` naming step and field for what the graph cannot hold (a step's id must be a key).
    """
    fields = {_PLAN_FIELDS.get(k, k): v for k, v in plan if k not in _OURS and v is not None}
    fields["goal_id"] = plan.goal_id or None
    fields.setdefault("title", f"Plan {plan.id}")
    fields.setdefault("objective", fields["title"])
    if plan.estimated_duration is not None:
        fields["estimated_duration_ms"] = round(plan.estimated_duration)
    steps = [_step_spec(step) for step in plan.steps]
    try:
        return PlanSpec(**{**fields, "steps": steps})
    except ValidationError as error:
        raise _invalid(f"plan {plan.id}", error) from None


def step_spec_fields(step: PlanStep) -> dict[str, Any]:
    """Return the fields of a step under the names of ``StepSpec``; a conditional's condition is no param (ORCH-30)."""
    fields = {_STEP_FIELDS.get(k, k): v for k, v in step if v is not None}
    if step.type == "conditional" and "condition" not in fields and isinstance(step.params.get("condition"), str):
        fields["condition"] = step.params["condition"]
        fields["params"] = {k: v for k, v in step.params.items() if k != "condition"}
    if not step.name or (step.type in LABEL_ONLY and step.name == step.type):
        fields["name"] = None
    return fields


def _step_spec(step: PlanStep) -> StepSpec:
    try:
        return StepSpec(**step_spec_fields(step))
    except ValidationError as error:
        raise _invalid(f"step `{step.id}`", error) from None


def from_spec(spec: PlanSpec, *, plan_id: str | None = None, created_at: str | None = None) -> OrchestratorPlan:
    """Return a stored plan's specification as the contracts write it; ``to_spec`` gives the same back."""
    names = {ours: theirs for theirs, ours in _PLAN_FIELDS.items()}
    # by_alias: fields are read by name below, so that nested models stay plain data in snake_case.
    fields = spec.model_dump(exclude_unset=True, exclude={"steps"})
    given = {names.get(k, k): v for k, v in fields.items() if k in PlanSpec.model_fields and v is not None}
    given["steps"] = [_plan_step(step) for step in spec.steps]
    for name, value in (("id", plan_id), ("created_at", created_at)):
        if value is not None:
            given[name] = value
    return OrchestratorPlan.parse(given)


def _plan_step(step: StepSpec) -> dict[str, Any]:
    names = {ours: theirs for theirs, ours in _STEP_FIELDS.items()}
    fields = {names.get(k, k): v for k, v in step.model_dump(exclude_unset=True).items() if v is not None}
    fields.setdefault("type", step.type)
    if step.name is None and step.type in LABEL_ONLY:
        fields["name"] = step.type
    if step.type == "conditional" and step.condition is not None and "condition" not in step.params:
        fields["params"] = {**step.params, "condition": fields.pop("condition")}
    return fields


def _invalid(what: str, error: ValidationError) -> PlanInvalid:
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    told = "; ".join(f"{'.'.join(map(str, p['loc'])) or 'value'}: {p['msg']}" for p in problems[:10])
    return PlanInvalid(f"Invalid Plan: {what}: {told}.", problems=len(problems))
