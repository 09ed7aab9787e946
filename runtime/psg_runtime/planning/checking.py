"""The checks that a plan passes whoever made it: the ones of plan files, and somebody can do what it names."""

from __future__ import annotations

from psg.errors import UnknownCapability
from psg.plan.spec import PlanSpec, StepSpec
from psg_runtime.ael import AdapterLayer
from psg_runtime.contracts import OrchestratorPlan, to_spec
from psg_runtime.expressions import check_references


def check_plan(plan: OrchestratorPlan, layer: AdapterLayer | None) -> PlanSpec:
    """Return the plan as the graph takes it.

    Raises ``DuplicateId``, ``ReferenceMissing``, ``DependencyCycle``, ``PlanInvalid`` (fields and expressions), and,
    with a layer, ``UnknownCapability`` and ``CapabilityDenied``.
    """
    plan.check()
    spec = to_spec(plan)
    check_references(spec)
    if layer is not None:
        steps = [_without_label(step, layer) for step in spec.steps]
        layer.check_plan(spec.model_copy(update={"steps": steps}))
    return spec


def _without_label(step: StepSpec, layer: AdapterLayer) -> StepSpec:
    """A conditional needs no capability (C-23): a name nobody offers is a label."""
    if step.type == "conditional" and step.name is not None:
        try:
            layer.registry.get(step.name)
        except UnknownCapability:
            return step.model_copy(update={"name": None})
    return step
