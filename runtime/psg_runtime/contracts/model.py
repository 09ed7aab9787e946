"""What the types of the specification's contracts have in common: two spellings, JSON, errors that name the field."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from psg.errors import ValidationFailed
from psg.model.codec import moment, storable

MAX_TIMEOUT_MS = 7 * 24 * 3600 * 1000
MAX_PROBLEMS = 10


class ContractModel(BaseModel):
    """A type of the contracts. Fields are given in snake_case or camelCase; ``to_dict`` gives camelCase.

    Making one from data that does not fit raises ``ValidationFailed`` naming every field (the first ten).
    """

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True, allow_inf_nan=False
    )

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise _refusal(type(self), error) from None

    # Nested models are validated by the outer one, whose error then has the whole path of the field.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Return ``value`` itself when it is one already, else one made of a mapping; raises ``ValidationFailed``."""
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            kind = type(value).__name__
            raise ValidationFailed(f"{cls.__name__}: expected a mapping of its fields, not {kind}.", type=kind)
        try:
            return cls.model_validate(dict(value))
        except ValidationError as error:
            raise _refusal(cls, error) from None

    def to_dict(self) -> dict[str, Any]:
        """The specification's form: camelCase, only JSON, optional fields left out where they are not set."""
        fields = _spellings(type(self))
        told = {}
        for name, value in self:
            spelled, optional = fields.get(name) or (to_camel(name), False)
            if value is not None or not optional:
                told[spelled] = _plain(value)
        return told


@cache
def _spellings(model: type[BaseModel]) -> dict[str, tuple[str, bool]]:
    """How each field is spelled, and whether it may be left out."""
    return {name: (field.alias or name, field.default is None) for name, field in model.model_fields.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, ContractModel):
        return value.to_dict()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _refusal(model: type[BaseModel], error: ValidationError) -> ValidationFailed:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    problems = [f"{_path(problem['loc'])}: {problem['msg'].removeprefix('Value error, ')}" for problem in found]
    more = f" ({len(problems) - MAX_PROBLEMS} more)" if len(problems) > MAX_PROBLEMS else ""
    return ValidationFailed(f"{model.__name__}: {'; '.join(problems[:MAX_PROBLEMS])}{more}.", problems=problems)


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "value"


def _whole(value: Any) -> Any:
    """JSON from JavaScript writes 60000 as 60000.0; a boolean or a text is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("expected a whole number")
    if isinstance(value, float):
        if not math.isfinite(value) or not value.is_integer():
            raise ValueError(f"expected a whole number, not {value}")
        return int(value)
    return value


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("expected a finite number")
    return value


def _time(value: str) -> str:
    try:
        moment(value)
    except ValueError as error:
        raise ValueError(f"{error}; expected one such as 2026-01-31T12:00:00Z") from None
    return value


def _json(value: Any) -> Any:
    if not storable(value):
        raise ValueError("not JSON: no NaN, no integers beyond 64 bits, text in UTF-8, keys are text")
    return value


Whole = Annotated[int, BeforeValidator(_whole)]
Number = Annotated[float, BeforeValidator(_number)]
Duration = Annotated[Number, Field(ge=0)]
"""Milliseconds."""
Cost = Annotated[Number, Field(ge=0)]
Time = Annotated[str, AfterValidator(_time)]
"""An RFC 3339 date-time."""
Name = Annotated[str, Field(min_length=1, max_length=200)]
Json = Annotated[Any, AfterValidator(_json)]
JsonObject = Annotated[dict[str, Any], AfterValidator(_json)]
