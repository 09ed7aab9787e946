"""Plain CEL over variables of the caller's choice, for rules that are no part of a plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cel_expr_python import cel  # type: ignore[import-untyped]

from psg.errors import EvaluationFailed, ExpressionInvalid
from psg_runtime.expressions.syntax import MAX_EXPRESSION_CHARS, shortened


class Predicate:
    """A compiled CEL expression that is true or false; raises ``ExpressionInvalid`` when it does not compile.

    Unlike the conditions of steps it has no notation of ours: ``variables`` are its names, as they are.
    """

    __slots__ = ("_program", "text", "variables")

    def __init__(self, text: str, variables: Iterable[str]) -> None:
        self.text = text
        self.variables = tuple(variables)
        if not text.strip() or len(text) > MAX_EXPRESSION_CHARS:
            reason = f"a rule has from 1 to {MAX_EXPRESSION_CHARS} characters, not {len(text)}"
            raise ExpressionInvalid(f"Rule `{shortened(text)}`: {reason}.", reason=reason)
        try:
            self._program = cel.NewEnv(variables=dict.fromkeys(self.variables, cel.Type.DYN)).compile(text)
        except (RuntimeError, ValueError) as error:
            reason = str(error).split("\n", 1)[0]
            known = ", ".join(self.variables)
            message = f"Rule `{shortened(text)}`: {shortened(reason)} (it can read {known})."
            raise ExpressionInvalid(message, expression=text, reason=reason) from error
        kind = self._program.return_type()
        if kind not in (cel.Type.BOOL, cel.Type.DYN):
            reason = f"gives {kind.name().lower()}, not true or false"
            raise ExpressionInvalid(f"Rule `{shortened(text)}` {reason}.", expression=text, reason=reason)

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Decide it; ``values`` has every variable. Raises ``EvaluationFailed``, also for what is no boolean.

        The message names no value: what a rule looks at may be secret.
        """
        try:
            value = self._program.eval(data={name: values[name] for name in self.variables})
            failed = value.type() == cel.Type.ERROR
            answer = None if failed else value.plain_value()
        except Exception as error:
            raise self._failed("cannot be evaluated") from error
        if not isinstance(answer, bool):
            reason = "cannot be evaluated: a value is missing or of another type"
            raise self._failed(reason if failed else "gives neither true nor false")
        return answer

    def _failed(self, what: str) -> EvaluationFailed:
        return EvaluationFailed(f"Rule `{shortened(self.text)}` {what}.", expression=self.text, reason=what)
