"""Checks that every reference of a plan names a parameter, or a step that is done before it is read."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from psg.errors import ExpressionInvalid, PlanInvalid
from psg.plan.spec import PlanSpec, StepSpec
from psg_runtime.expressions.engine import Expression, ExpressionEngine, default_engine
from psg_runtime.expressions.syntax import RESERVED_KEYS
from psg_runtime.expressions.template import step_template
from psg_runtime.secrets.places import refusal, refusal_message
from psg_runtime.secrets.reference import SecretReference


@dataclass(frozen=True, slots=True)
class ReferenceProblem:
    """One thing wrong with the expressions of a plan; ``location`` is its path in the plan document."""

    step: str
    location: tuple[str | int, ...]
    message: str
    reference: str | None = None


def check_references(spec: PlanSpec, *, param_names: frozenset[str] | None = None) -> None:
    """Raise PlanInvalid when an expression of the plan does not compile or reads what it cannot have.

    ``param_names`` are the declared plan parameters (default: those that have a value).
    The error's details carry every problem.
    """
    problems = reference_problems(spec, param_names=param_names)
    if problems:
        more = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
        raise PlanInvalid(
            f"Invalid Plan: {f'step `{problems[0].step}`: ' if problems[0].step else ''}{problems[0].message}{more}",
            problems=[
                {"step": p.step, "location": list(p.location), "message": p.message, "reference": p.reference}
                for p in problems
            ],
        )


def reference_problems(
    spec: PlanSpec, *, param_names: frozenset[str] | None = None, engine: ExpressionEngine | None = None
) -> list[ReferenceProblem]:
    """Everything wrong with the expressions of a plan, in document order."""
    known_params = frozenset(spec.params) if param_names is None else param_names
    checker = _Checker(spec, known_params, engine or default_engine())
    found = [problem for index, step in enumerate(spec.steps) for problem in checker.step(index, step)]
    found += [p for index, text in enumerate(spec.success_criteria) for p in checker.criterion(index, text)]
    return found


class _Checker:
    def __init__(self, spec: PlanSpec, param_names: frozenset[str], engine: ExpressionEngine) -> None:
        self._dependencies = {step.key: step.dependencies for step in spec.steps}
        self._param_names = param_names
        self._engine = engine

    def step(self, index: int, step: StepSpec) -> Iterator[ReferenceProblem]:
        base: tuple[str | int, ...] = ("steps", index)
        if step.key in RESERVED_KEYS:
            yield ReferenceProblem(step.key, (*base, "key"), f"`{step.key}` is reserved; choose another id.")
        if step.condition is not None:
            try:
                expression = self._engine.compile_condition(step.condition).expression
            except ExpressionInvalid as error:
                yield ReferenceProblem(step.key, (*base, "condition"), error.message)
            else:
                yield from self._expression(step, (*base, "condition"), expression, loops=0)
        try:
            template = step_template(step.type, step.params, engine=self._engine)
        except ExpressionInvalid as error:
            inner = error.details.get("location", [])
            yield ReferenceProblem(step.key, (*base, "params", *inner), error.message)
            return
        for location, expression in template.expressions:
            if step.type == "plan" and location[:1] == ("plan",) and len(location) > 1:
                continue  # a document of its own, checked when it begins
            loops = 0 if step.type != "foreach" or location[:1] != ("do",) else 1 + (location[1:3] == ("params", "do"))
            yield from self._expression(step, (*base, "params", *location), expression, loops=loops)
            yield from self._secret(step, base, location, expression)
        if step.compensation is not None:
            yield from self._compensation(step, (*base, "compensation", "params"))

    def _compensation(self, step: StepSpec, at: tuple[str | int, ...]) -> Iterator[ReferenceProblem]:
        """An inverse reads a run that is over: the outputs of any step, that of its own too."""
        assert step.compensation is not None
        inverse = step.compensation
        try:
            template = step_template(inverse.type, inverse.params, engine=self._engine)
        except ExpressionInvalid as error:
            yield ReferenceProblem(step.key, (*at, *error.details.get("location", [])), error.message)
            return
        for location, expression in template.expressions:
            yield from self._over(step.key, (*at, *location), expression)
            reason = refusal(inverse.type, inverse.name, location) if expression.syntax.secret else None
            if expression.syntax.secret and reason is not None:
                message = f"{refusal_message(SecretReference(expression.syntax.secret), location, reason)}."
                yield ReferenceProblem(step.key, (*at, *location), message, f"secrets.{expression.syntax.secret}")

    def criterion(self, index: int, text: str) -> Iterator[ReferenceProblem]:
        """What is wrong with a success criterion."""
        at = ("success_criteria", index)
        try:
            expression = self._engine.compile_condition(text).expression
        except ExpressionInvalid as error:
            yield ReferenceProblem("", at, error.message)
            return
        yield from self._over("", at, expression)

    def _over(self, step: str, at: tuple[str | int, ...], expression: Expression) -> Iterator[ReferenceProblem]:
        """What is wrong with an expression that is evaluated when the plan is over."""
        syntax = expression.syntax
        for name in sorted(syntax.namespaces & {"item", "index", "outer"}):
            yield ReferenceProblem(step, at, f"`{expression.text}`: there is no `{name}` here.", name)
        for name in sorted(syntax.param_names - self._param_names):
            message = f"unknown reference `params.{name}`: the plan declares no such parameter."
            yield ReferenceProblem(step, at, message + _near(name, self._param_names), f"params.{name}")
        for key in sorted(syntax.steps - self._dependencies.keys()):
            message = f"unknown reference `{key}`: the plan has no such step.{_near(key, self._dependencies)}"
            yield ReferenceProblem(step, at, message, key)

    def _secret(
        self, step: StepSpec, base: tuple[str | int, ...], location: tuple[str | int, ...], expression: Expression
    ) -> Iterator[ReferenceProblem]:
        secret = expression.syntax.secret
        if secret is None:
            return
        kind, name, place, params = step.type, step.name, location, step.params
        reason = refusal(kind, name, place)
        while reason is None and kind == "foreach":
            do = params["do"]
            kind, name, place, params = do.get("type", "tool"), do.get("name"), place[2:], do.get("params", {})
            reason = refusal(kind, name, place)
        if reason is not None:
            message = f"{refusal_message(SecretReference(secret), place, reason)}."
            yield ReferenceProblem(step.key, (*base, "params", *location), message, f"secrets.{secret}")

    def _expression(
        self, step: StepSpec, at: tuple[str | int, ...], expression: Expression, *, loops: int
    ) -> Iterator[ReferenceProblem]:
        syntax = expression.syntax
        for name in sorted(syntax.namespaces & ({"item", "index"} if loops == 0 else set())):
            message = f"`{expression.text}`: `{name}` exists only inside `do` of a foreach step."
            yield ReferenceProblem(step.key, at, message, name)
        if "outer" in syntax.namespaces and loops < 2:
            message = f"`{expression.text}`: `outer` exists only inside the `do` of a foreach in a foreach."
            yield ReferenceProblem(step.key, at, message, "outer")
        for name in sorted(syntax.param_names - self._param_names):
            hint = _near(name, self._param_names)
            message = f"unknown reference `params.{name}`: the plan declares no such parameter.{hint}"
            yield ReferenceProblem(step.key, at, message, f"params.{name}")
        for key in sorted(syntax.steps):
            if refusal := self._step_reference(step, key):
                yield ReferenceProblem(step.key, at, refusal, key)

    def _step_reference(self, step: StepSpec, key: str) -> str | None:
        if key == step.key:
            return f"`{key}` refers to itself."
        if key not in self._dependencies:
            return f"unknown reference `{key}`: the plan has no such step.{_near(key, self._dependencies)}"
        if not self._reaches(step, key):
            return f"`{key}` may not be done when `{step.key}` runs: add `{key}` to the dependencies of `{step.key}`."
        return None

    def _reaches(self, step: StepSpec, key: str) -> bool:
        if key in step.dependencies:
            return True
        seen, queue = set(step.dependencies), deque(step.dependencies)
        while queue:
            for before in self._dependencies.get(queue.popleft(), ()):
                if before == key:
                    return True
                if before not in seen:
                    seen.add(before)
                    queue.append(before)
        return False


def _near(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), n=3)
    return f" Did you mean {' or '.join(f'`{n}`' for n in near)}?" if near else ""
