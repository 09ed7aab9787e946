"""``Planner``: from a goal to a plan, and from a failure to another plan (ORCH-27, ORCH-29)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

import structlog

from psg.errors import DuplicateId, ValidationFailed
from psg_runtime.ael import AdapterLayer, CapabilityRegistry
from psg_runtime.contracts import OrchestratorGoal, OrchestratorPlan
from psg_runtime.planning.checking import check_plan
from psg_runtime.planning.errors import NoPlanFound
from psg_runtime.planning.proposals import LlmPlanner
from psg_runtime.planning.replanning import without_step
from psg_runtime.planning.templates import PlanTemplate
from psg_runtime.replay.memory import PlanReplay

log = structlog.get_logger(__name__)


class Planner:
    """Makes plans from templates, and from a language model where no template fits.

    ``templates`` are ``PlanTemplate`` or mappings of one. With ``registry`` (or the ``AdapterLayer`` itself) a plan
    that names what nobody can do is refused. ``llm`` proposes what no template has: its plans are drafts. ``replay``
    records the plans made.
    """

    def __init__(
        self,
        templates: Iterable[PlanTemplate | Mapping[str, Any]] = (),
        *,
        registry: CapabilityRegistry | AdapterLayer | None = None,
        llm: LlmPlanner | None = None,
        replay: PlanReplay | None = None,
    ) -> None:
        self._templates: dict[str, PlanTemplate] = {}
        self._layer = AdapterLayer(registry) if isinstance(registry, CapabilityRegistry) else registry
        self._llm = llm
        self._replay = replay
        for template in templates:
            self.add(template)

    def add(self, template: PlanTemplate | Mapping[str, Any]) -> PlanTemplate:
        """Add a template; raises ``ValidationFailed``, ``DuplicateId`` for a name that is taken."""
        made = PlanTemplate.parse(template)
        if made.name in self._templates:
            raise DuplicateId(f"There is a template `{made.name}` already.", name=made.name)
        self._templates[made.name] = made
        return made

    async def plan(
        self, goal: OrchestratorGoal | Mapping[str, Any], *, template: str | None = None
    ) -> OrchestratorPlan:
        """Return a checked plan for a goal.

        Its template is the one named, here or as ``template`` in the goal's constraints; else the one that fits best,
        the first of equals; else the language model is asked. Raises ``NoPlanFound``, and what the checks of a plan
        raise (``psg_runtime.planning.checking``).
        """
        wanted = OrchestratorGoal.parse(goal)
        named = template if template is not None else (wanted.constraints or {}).get("template")
        found = self._fitting(wanted) if named is None else self._named(named)
        if found is not None:
            plan = found.plan(wanted)
            check_plan(plan, self._layer)
        elif self._llm is not None:
            plan = await self._llm.propose(wanted)
        else:
            known = ", ".join(self._templates) or "none"
            message = f"No template fits the goal `{wanted.id}` (there is {known}), and no language model may plan."
            raise NoPlanFound(message, goal=wanted.id)
        log.info("plan_made", plan=plan.id, goal=wanted.id, template=found and found.name, draft=bool(plan.draft))
        return self._recorded(plan)

    async def replan(
        self, plan: OrchestratorPlan | Mapping[str, Any], failed_step_id: str, error: Any = None
    ) -> OrchestratorPlan:
        """Return a new plan, derived from ``plan``, that does without the step that failed with ``error``.

        Its dependents inherit its dependencies; those that read its output go with it. A plan made from a draft is a
        draft. Raises ``ReferenceMissing`` for an unknown step, ``ReplanImpossible`` when nothing is left.
        """
        old = OrchestratorPlan.parse(plan)
        old.check()
        made = without_step(old, failed_step_id)
        check_plan(made, self._layer)
        log.info("plan_remade", plan=made.id, derived_from=old.id, without=failed_step_id, failed=bool(error))
        return self._recorded(made)

    def approve(self, plan: OrchestratorPlan | Mapping[str, Any], *, by: str) -> OrchestratorPlan:
        """Return the draft as a plan that may be executed; ``by`` is who looked at it. It is checked once more."""
        draft = OrchestratorPlan.parse(plan)
        if not isinstance(by, str) or not by.strip():
            raise ValidationFailed("An approval needs `by`: who looked at the plan.")
        check_plan(draft, self._layer)
        return draft.model_copy(update={"draft": None, "approved_by": by})

    def _fitting(self, goal: OrchestratorGoal) -> PlanTemplate | None:
        best = max(self._templates.values(), key=lambda t: t.fit(goal), default=None)
        return best if best is not None and best.fit(goal) > 0 else None

    def _named(self, name: Any) -> PlanTemplate:
        if name in self._templates:
            return self._templates[name]
        near = get_close_matches(str(name), self._templates, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"there is {', '.join(self._templates) or 'none'}"
        raise NoPlanFound(f"There is no template `{name}`: {hint}", name=str(name))

    def _recorded(self, plan: OrchestratorPlan) -> OrchestratorPlan:
        if self._replay is not None:
            self._replay.record(plan.id, "plan_created", plan)
        return plan
