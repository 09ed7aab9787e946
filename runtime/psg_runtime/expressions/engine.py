"""Compiles and evaluates expressions; the only module that knows which CEL library does the work."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cel_expr_python import cel  # type: ignore[import-untyped]

from psg.errors import EvaluationFailed, ExpressionInvalid
from psg_runtime.expressions.syntax import Syntax, read_expression, shortened
from psg_runtime.secrets.reference import SecretReference, SecretText

_VARIABLES = dict.fromkeys(("steps", "params", "item", "index", "outer"), cel.Type.DYN)
_STATUS_CODE = re.compile(r"^[A-Z_]+: |\s*\[[A-Z_]+\]\s*$")
_POSITION = re.compile(r"ERROR: <input>:\d+:\d+: ")
_INTEGER_OUT_OF_RANGE = "Integer value"
_MAX_REASON_CHARS = 300
_CACHE_SIZE = 4096

Scope = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression over ``steps``, ``params``, ``item``, ``index`` and ``outer``."""

    text: str
    syntax: Syntax
    program: Any

    @property
    def references(self) -> frozenset[str]:
        """Step keys and namespaces (``params``, ``item``, ``index``) that the expression reads."""
        return self.syntax.steps | self.syntax.namespaces

    def evaluate(self, scope: Scope) -> Any:
        """The JSON value of the expression; raises EvaluationFailed naming what is missing or wrong.

        ``scope`` is ``{"steps": {key: {"output": …, "status": …}}, "params": {…}}``, inside foreach also
        ``item`` and ``index``, and ``outer`` with those of the loop around it. A reference without operators keeps the
        exact value; in calculations integers beyond 64 bits count as floating point numbers. A secret gives its name
        only (``SecretText``).
        """
        if self.syntax.secret is not None:
            return SecretText((SecretReference(self.syntax.secret),))
        if self.syntax.path is not None:
            return _follow(self.text, self.syntax.path, scope)
        variables = self._variables(scope)
        try:
            return self._run(variables)
        except EvaluationFailed as error:
            # Converting the data first, every time, would cost more than the evaluation.
            if not error.details["reason"].startswith(_INTEGER_OUT_OF_RANGE):
                raise
        return self._run(_within_64_bits(variables))

    def _run(self, variables: dict[str, Any]) -> Any:
        try:
            value = self.program.eval(data=variables)
            failure = str(value.value()) if value.type() == cel.Type.ERROR else None
        except Exception as error:
            raise _failed(self.text, _reason(str(error))) from error
        if failure is not None:
            raise _failed(self.text, _reason(failure))
        return _to_json(self.text, value.plain_value())

    def _variables(self, scope: Scope) -> dict[str, Any]:
        """Only what is referenced: every value that goes into CEL is converted."""
        steps = scope.get("steps", {})
        for key in self.syntax.steps:
            if key not in steps:
                raise _failed(self.text, f"step `{key}` has no result here", reference=key)
        data: dict[str, Any] = {"steps": {key: steps[key] for key in self.syntax.steps}}
        for name in self.syntax.namespaces:
            if name not in scope:
                raise _failed(self.text, f"`{name}` is not available here", reference=name)
            data[name] = scope[name]
        return data


@dataclass(frozen=True, slots=True)
class Condition:
    """An expression whose value must be true or false (ORCH-30)."""

    expression: Expression

    @property
    def text(self) -> str:
        return self.expression.text

    @property
    def references(self) -> frozenset[str]:
        """Step keys and namespaces that the condition reads."""
        return self.expression.references

    def evaluate(self, scope: Scope) -> bool:
        """Decide it; raises EvaluationFailed when a value is missing or the result is no boolean."""
        value = self.expression.evaluate(scope)
        if not isinstance(value, bool):
            raise _failed(self.text, f"the condition gives {_kind(value)}, not true or false")
        return value


class ExpressionEngine:
    """Compiles CEL with our notation for references; compiled expressions are cached by their text.

    CEL has no access to Python, RE2 regular expressions and a budget of loop iterations, so an expression of
    a stranger can neither reach out nor run for ever (DESIGN §6, C-22).
    """

    def __init__(self, cache_size: int = _CACHE_SIZE) -> None:
        self._env = cel.NewEnv(variables=_VARIABLES)
        self._cached = lru_cache(maxsize=cache_size)(self._compile)

    def compile(self, text: str) -> Expression:
        """Compile an expression as it stands between ``{{`` and ``}}``; raises ExpressionInvalid."""
        return self._cached(text)

    def compile_condition(self, text: str) -> Condition:
        """Compile a condition; raises ExpressionInvalid.

        It is CEL, or the specification's notation: ``{{step.output.x}} === "y"``.
        """
        expression = self._cached(text)
        if expression.syntax.secret is not None:
            reason = "a condition cannot read a secret"
            raise ExpressionInvalid(f"Condition `{shortened(text)}`: {reason}.", expression=text, reason=reason)
        kind = expression.program.return_type()
        if kind not in (cel.Type.BOOL, cel.Type.DYN):
            raise ExpressionInvalid(
                f"Condition `{shortened(text)}` gives {kind.name().lower()}, not true or false.",
                expression=text,
                reason="not a boolean",
            )
        return Condition(expression)

    def _compile(self, text: str) -> Expression:
        if not text.strip():
            raise ExpressionInvalid("The expression is empty.", expression=text, reason="empty")
        syntax = read_expression(text)
        try:
            program = self._env.compile(syntax.cel)
        except (RuntimeError, ValueError) as error:  # ValueError: text that is not Unicode
            reason = _reason(str(error))
            hint = _compile_hint(reason)
            message = f"Expression `{shortened(text)}`: {reason}.{hint}"
            raise ExpressionInvalid(message, expression=text, reason=reason) from error
        return Expression(text, syntax, program)


@lru_cache(maxsize=1)
def default_engine() -> ExpressionEngine:
    """The engine of this process."""
    return ExpressionEngine()


def _follow(text: str, path: tuple[str | int, ...], scope: Scope) -> Any:
    value: Any = scope
    for depth, part in enumerate(path):
        found = part < len(value) if isinstance(value, list) and isinstance(part, int) else False
        if not found and not (isinstance(value, Mapping) and part in value):
            raise _failed(text, _missing(path, depth, value), reference=text.strip())
        value = value[part]
    return value


def _missing(path: tuple[str | int, ...], depth: int, value: Any) -> str:
    if path[0] == "steps" and depth == 1:
        return f"step `{path[1]}` has no result here"
    if depth == 0:
        return f"`{path[0]}` is not available here"
    where = _written(path[1:depth] if path[0] == "steps" else path[:depth])
    if isinstance(value, Mapping):
        known = ", ".join(sorted(str(key) for key in value)[:10]) or "nothing"
        return f"`{where}` has no `{path[depth]}` (it has {known})"
    if isinstance(value, list) and isinstance(path[depth], int):
        return f"`{where}` has {len(value)} items, there is no item {path[depth]}"
    return f"`{where}` is {_kind(value)} and has no `{path[depth]}`"


def _written(path: tuple[str | int, ...]) -> str:
    return "".join(f"[{p}]" if isinstance(p, int) else ("." if i else "") + str(p) for i, p in enumerate(path))


def _within_64_bits(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _within_64_bits(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_within_64_bits(item) for item in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return float(max(min(value, 10**308), -(10**308)))
    return value


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    names = {
        bool: "a boolean",
        int: "a number",
        float: "a number",
        str: "text",
        list: "a list",
        dict: "a map",
    }
    return names.get(type(value), type(value).__name__)


def _to_json(text: str, value: Any) -> Any:
    """CEL's own types become JSON: timestamps ISO 8601 in UTC, durations seconds; the rest is refused."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _failed(text, "the result is not a finite number")
        return value
    if isinstance(value, list):
        return [_to_json(text, item) for item in value]
    if isinstance(value, dict):
        return {_key(text, key): _to_json(text, item) for key, item in value.items()}
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    raise _failed(text, f"the result is {_kind(value)}, which is not JSON")


def _key(text: str, key: Any) -> str:
    if not isinstance(key, str):
        raise _failed(text, "the result is a map whose keys are not text")
    return key


def _reason(message: str) -> str:
    first = _POSITION.sub("", _STATUS_CODE.sub("", message)).split("\n", 1)[0]
    for noise in (" expecting {", " out of range for '"):  # the second shows all the data
        first = first.split(noise, 1)[0]
    return shortened(first.replace(" (in container '')", "").strip().rstrip("."), _MAX_REASON_CHARS)


def _compile_hint(reason: str) -> str:
    if reason.startswith("undeclared reference"):
        return " Known are `KEY.output…`, `KEY.status`, `params.NAME` and, inside foreach, `item` and `index`."
    return ""


def _failed(text: str, reason: str, **details: Any) -> EvaluationFailed:
    message = f"Expression `{shortened(text)}`: {reason}."
    return EvaluationFailed(message, expression=text, reason=reason, **details)
