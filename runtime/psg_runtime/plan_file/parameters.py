"""Parameters of a plan: declared in the file, given as text on the command line, typed in the plan."""

from __future__ import annotations

import math
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, model_validator

from psg.errors import ValidationFailed
from psg.plan.spec import PlanSpec

ParameterType = Literal["string", "integer", "number", "boolean", "array", "object", "any"]

_PYTHON_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "any": object,
}


class ParameterDeclaration(BaseModel):
    """What a plan says about one of its parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: ParameterType = "any"
    default: Any = None
    required: bool = False
    enum: list[Any] | None = None
    description: str = ""

    @model_validator(mode="after")
    def _default_fits(self) -> ParameterDeclaration:
        if self.required and self.default is not None:
            raise ValueError("a required parameter has no default")
        if self.default is not None:
            try:
                self.check(self.default)
            except ValueError as error:
                raise ValueError(f"the default {error}") from error
        return self

    def check(self, value: Any) -> Any:
        """The value when it has the declared type; raises ValueError saying what it should be."""
        wanted = _PYTHON_TYPES[self.type]
        if not isinstance(value, wanted) or (isinstance(value, bool) and self.type in ("integer", "number")):
            raise ValueError(f"is not of type {self.type}")
        if self.enum is not None and value not in self.enum:
            raise ValueError(f"is not one of {', '.join(str(choice) for choice in self.enum)}")
        return value

    def parse(self, text: str) -> Any:
        """The value written as text; raises ValueError."""
        return self.check(_PARSERS[self.type](text))


def apply_params(spec: PlanSpec, overrides: Mapping[str, str]) -> PlanSpec:
    """A plan whose parameters have their values: the given texts, else the defaults.

    Raises ValidationFailed for unknown names, texts not of the declared type and missing required ones.
    """
    declarations: Mapping[str, ParameterDeclaration] = getattr(spec, "declarations", {})
    values = dict(spec.params)
    problems = []
    for name, text in overrides.items():
        declaration = declarations.get(name) or _of_value(name, spec.params)
        if declaration is None:
            problems.append(_unknown(name, {*declarations, *spec.params}))
            continue
        try:
            values[name] = declaration.parse(text)
        except ValueError as error:
            problems.append(f"parameter `{name}`: {text!r} {error}")
    for name, declaration in declarations.items():
        if declaration.required and name not in values and name not in overrides:
            hint = f" ({declaration.description})" if declaration.description else ""
            problems.append(f"parameter `{name}` is required{hint}: give {name}=…")
    if problems:
        raise ValidationFailed("; ".join(problems) + ".", problems=problems)
    fields = {name: getattr(spec, name) for name in PlanSpec.model_fields}
    return PlanSpec.model_construct(**{**fields, "params": values})


def with_values(spec: PlanSpec, values: Mapping[str, Any]) -> PlanSpec:
    """A plan whose parameters have these JSON values, else their defaults (as ``apply_params``, which takes texts)."""
    declarations: Mapping[str, ParameterDeclaration] = getattr(spec, "declarations", {})
    problems = []
    for name, value in values.items():
        declaration = declarations.get(name) or _of_value(name, spec.params)
        if declaration is None:
            problems.append(_unknown(name, {*declarations, *spec.params}))
            continue
        try:
            declaration.check(value)
        except ValueError as error:
            problems.append(f"parameter `{name}` {error}")
    for name, declaration in declarations.items():
        if declaration.required and name not in values:
            problems.append(f"parameter `{name}` is required: give it in `params`")
    if problems:
        raise ValidationFailed("; ".join(problems) + ".", problems=problems)
    fields = {name: getattr(spec, name) for name in PlanSpec.model_fields}
    return PlanSpec.model_construct(**{**fields, "params": {**spec.params, **values}})


def _of_value(name: str, params: Mapping[str, Any]) -> ParameterDeclaration | None:
    """What a plain value says about its parameter: that it keeps its type."""
    if name not in params:
        return None
    return ParameterDeclaration(type=type_of(params[name]))


def type_of(value: Any) -> ParameterType:
    """The parameter type of a JSON value; null says nothing."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    for name in ("string", "number", "array", "object"):
        if isinstance(value, _PYTHON_TYPES[name]):
            return name
    return "any"


def _unknown(name: str, known: set[str]) -> str:
    if not known:
        return f"unknown parameter `{name}`: the plan has no parameters"
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean `{near[0]}`?" if near else f"it has {', '.join(sorted(known))}"
    return f"unknown parameter `{name}`: {hint}"


def _boolean(text: str) -> bool:
    words = {
        "true": True,
        "yes": True,
        "1": True,
        "on": True,
        "false": False,
        "no": False,
        "0": False,
        "off": False,
    }
    if text.strip().lower() not in words:
        raise ValueError("is neither true nor false")
    return words[text.strip().lower()]


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("is not an integer") from None


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ValueError("is not a number") from None
    if not math.isfinite(number):
        raise ValueError("is not a finite number")
    return int(number) if number.is_integer() and text.strip().lstrip("+-").isdigit() else number


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise ValueError("is not JSON") from None


def _any(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


_PARSERS: dict[str, Any] = {
    "string": str,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "array": _json,
    "object": _json,
    "any": _any,
}
