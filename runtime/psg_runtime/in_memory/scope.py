"""What expressions of a plan in memory can read: the results of steps before, and the plan's parameters."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from psg_runtime.contracts import OrchestratorPlan, PlanStep, StepResult
from psg_runtime.contracts.conversion import step_spec_fields
from psg_runtime.expressions import Template, default_engine, step_template


class Scope:
    """The values of one execution."""

    def __init__(self, plan: OrchestratorPlan) -> None:
        self.steps = {step.id: step for step in plan.steps}
        self._fields = {step.id: step_spec_fields(step) for step in plan.steps}
        self._params = plan.extension("params") or {}
        self._ended: dict[str, dict[str, Any]] = {}

    def ended(self, result: StepResult) -> None:
        """Take what came of a step; the output of a skipped one is null (C-31)."""
        self._ended[result.step_id] = {"status": result.status, "output": result.output}

    def values(self, names: Iterable[str] | None = None) -> dict[str, Any]:
        """The scope of expressions, with the named steps only (None: all that ended)."""
        wanted = self._ended if names is None else {n: self._ended[n] for n in names if n in self._ended}
        return {"steps": dict(wanted), "params": self._params}

    def condition(self, step: PlanStep) -> str | None:
        """The condition of a step."""
        found: str | None = self._fields[step.id].get("condition")
        return found

    def condition_holds(self, step: PlanStep) -> bool:
        """Decide the condition of a step; raises when it cannot be decided."""
        condition = default_engine().compile_condition(self.condition(step) or "")
        return condition.evaluate(self.values(self._before(step, condition.references)))

    def params(self, step: PlanStep) -> tuple[Any, dict[str, Any]]:
        """The params of a step with every template resolved, and the scope they were resolved in."""
        template: Template = step_template(step.type, self._fields[step.id]["params"])
        values = self.values(self._before(step, template.references))
        return template.resolve(values), values

    def _before(self, step: PlanStep, references: frozenset[str]) -> set[str]:
        """The steps among the references that the step waits for: others may or may not be done, by chance."""
        wanted = set(references) & set(self.steps)
        found = wanted & set(step.dependencies)
        seen, queue = set(step.dependencies), deque(step.dependencies)
        while queue and found != wanted:
            for name in self.steps[queue.popleft()].dependencies:
                if name not in seen:
                    seen.add(name)
                    queue.append(name)
                    found |= {name} & wanted
        return found
