"""Templates: any JSON value whose strings may hold ``{{expression}}`` placeholders (ORCH-06, C-22)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import orjson

from psg.errors import ExpressionInvalid
from psg_runtime.expressions.engine import Expression, ExpressionEngine, Scope, default_engine
from psg_runtime.expressions.syntax import placeholder_end
from psg_runtime.secrets.reference import SecretReference, SecretText

_MAX_DEPTH = 64
_Resolver = Callable[[Scope], Any]
_Location = tuple[str | int, ...]


class Template:
    """A compiled template.

    A string that is exactly one placeholder gives the native value, otherwise values are put into the text
    (objects, lists, numbers, null as JSON); text with ``{{secrets.NAME}}`` in it becomes a SecretText. Top-level
    keys named in ``keep`` are compiled but resolved by somebody else: ``resolve`` gives them as written.
    Raises ExpressionInvalid when a placeholder does not compile.
    """

    __slots__ = ("_engine", "_resolver", "expressions", "value")

    def __init__(
        self, value: Any, *, engine: ExpressionEngine | None = None, keep: frozenset[str] = frozenset()
    ) -> None:
        self.value = value
        self._engine = engine or default_engine()
        #: Every placeholder with the place where it stands in the value.
        self.expressions: list[tuple[_Location, Expression]] = []
        self._resolver = self._compile(value, (), keep)

    @property
    def references(self) -> frozenset[str]:
        """Step keys and namespaces that the placeholders read."""
        return frozenset().union(*(expression.references for _, expression in self.expressions))

    def resolve(self, scope: Scope) -> Any:
        """The value with every placeholder replaced; raises EvaluationFailed naming what is missing."""
        return self.value if self._resolver is None else self._resolver(scope)

    def _compile(self, value: Any, at: _Location, keep: frozenset[str] = frozenset()) -> _Resolver | None:
        """A function that resolves the value, or None when it holds no placeholder."""
        if len(at) > _MAX_DEPTH:
            raise ExpressionInvalid(f"The value is nested more than {_MAX_DEPTH} levels deep.")
        if isinstance(value, str):
            return self._compile_text(value, at) if "{{" in value else None
        if isinstance(value, dict):
            return self._compile_map(value, at, keep)
        if isinstance(value, list):
            items = [self._compile(item, (*at, i)) for i, item in enumerate(value)]
            if not any(items):
                return None
            pairs = list(zip(value, items, strict=True))
            return lambda scope: [item if get is None else get(scope) for item, get in pairs]
        return None

    def _compile_map(self, value: dict[str, Any], at: _Location, keep: frozenset[str]) -> _Resolver | None:
        getters = {}
        for key, item in value.items():
            if "{{" in key:
                raise _invalid(f"placeholders are not allowed in keys: `{key}`", key, at)
            getters[key] = self._compile(item, (*at, key))
            if key in keep:
                getters[key] = None
        if not any(getters.values()):
            return None
        entries = [(key, item, getters[key]) for key, item in value.items()]
        return lambda scope: {key: item if get is None else get(scope) for key, item, get in entries}

    def _compile_text(self, text: str, at: _Location) -> _Resolver:
        parts: list[str | Expression] = []
        for part in self._split(text, at):
            parts.append(part)
            if isinstance(part, Expression):
                self.expressions.append((at, part))
        if len(parts) == 1 and isinstance(parts[0], Expression):
            return parts[0].evaluate
        if any(isinstance(p, Expression) and p.syntax.secret is not None for p in parts):
            return lambda scope: SecretText(tuple(_secret_part(p, scope) for p in parts))
        return lambda scope: "".join(p if isinstance(p, str) else as_text(p.evaluate(scope)) for p in parts)

    def _split(self, text: str, at: _Location) -> Iterator[str | Expression]:
        position = 0
        while (start := text.find("{{", position)) >= 0:
            end = placeholder_end(text, start + 2)
            if end < 0:
                raise _invalid("`{{` is not closed by `}}`", text, at)
            if start > position:
                yield text[position:start]
            try:
                yield self._engine.compile(text[start + 2 : end].strip())
            except ExpressionInvalid as error:
                error.details.setdefault("location", list(at))
                raise
            position = end + 2
        if position < len(text):
            yield text[position:]


def step_template(step_type: str, params: dict[str, Any], *, engine: ExpressionEngine | None = None) -> Template:
    """The template of a step's params; what is not for the dispatcher to resolve stays as written.

    ``do`` of a foreach step is resolved per item by the foreach adapter, ``condition`` is decided before the
    step is claimed, the document of a sub-plan is its own.
    """
    keep = {"foreach": frozenset({"do"}), "conditional": frozenset({"condition"})}.get(step_type, frozenset())
    if step_type == "plan" and isinstance(params.get("plan"), dict):
        keep = frozenset({"plan"})
    return Template(params, engine=engine, keep=keep)


def _secret_part(part: str | Expression, scope: Scope) -> str | SecretReference:
    if isinstance(part, str):
        return part
    if part.syntax.secret is not None:
        return SecretReference(part.syntax.secret)
    return as_text(part.evaluate(scope))


def as_text(value: Any) -> str:
    """A value as it appears inside text."""
    if isinstance(value, str):
        return value
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        return str(value)  # integers beyond 64 bits


def _invalid(reason: str, text: str, at: _Location) -> ExpressionInvalid:
    return ExpressionInvalid(f"Template: {reason}.", expression=text[:200], reason=reason, location=list(at))
