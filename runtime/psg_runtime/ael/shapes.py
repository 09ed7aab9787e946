"""What goes into a capability and what comes out: pydantic types or JSON Schemas behind one face."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any, NotRequired, Protocol, Required, get_args, is_typeddict

import orjson
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from psg.errors import ValidationFailed
from psg_runtime.ael.json_schema import JsonSchema
from psg_runtime.ael.port import ActionResult, Parked


class _Generator(GenerateJsonSchema):
    """Leaves out what JSON has no words for, such as a default that is an object, without complaining."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 - as the base has it


class Shape(Protocol):
    """A schema that values are checked against."""

    def arguments(self, params: Mapping[str, Any], what: str) -> dict[str, Any]:
        """Params as keyword arguments, defaults applied; raises ValidationFailed."""

    def output(self, value: Any, what: str) -> Any:
        """A result as JSON-like data in this shape; raises ValidationFailed."""

    def json_schema(self) -> dict[str, Any]:
        """The schema as JSON Schema."""


class JsonShape:
    """Given as JSON Schema; ``call`` is the function that takes the values, when there is one of its own."""

    def __init__(self, name: str, schema: Mapping[str, Any], what: str, call: Callable[..., Any] | None = None) -> None:
        self.schema = JsonSchema(schema, what)
        parameters = {} if call is None else dict(parameters_of(name, call))
        open_ended = call is None or any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        named = {n: p for n, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        named.pop("ctx", None)
        self._accepted = None if open_ended else frozenset(named)
        self._needed = frozenset(n for n, p in named.items() if p.default is p.empty)
        unknown = [] if self._accepted is None else sorted(self.schema.property_names() - self._accepted)
        if unknown:
            message = f"Capability `{name}`: its function has no parameter for {', '.join(unknown)} of the {what}."
            raise ValidationFailed(message, name=name, unknown=unknown)

    def arguments(self, params: Mapping[str, Any], what: str) -> dict[str, Any]:
        filled: dict[str, Any] = self.schema.with_defaults(dict(params))
        self.schema.check(filled, what)
        problems = [f"{n}: the function needs it" for n in sorted(self._needed - filled.keys())]
        if self._accepted is not None:
            problems += [f"{n}: the function does not take it" for n in sorted(filled.keys() - self._accepted)]
        if problems:
            raise ValidationFailed(f"The {what} are not valid: {'; '.join(problems)}.", problems=problems)
        return filled

    def output(self, value: Any, what: str) -> Any:
        try:
            plain = orjson.loads(orjson.dumps(value, default=_as_data))
        except (TypeError, ValueError, RecursionError) as error:
            raise ValidationFailed(f"The {what} are not JSON: {error}.") from None
        filled = self.schema.with_defaults(plain)
        self.schema.check(filled, what)
        return filled

    def json_schema(self) -> dict[str, Any]:
        return self.schema.schema


class TypeShape:
    """Given as a pydantic model, a type, or the signature of a function."""

    def __init__(self, adapter: TypeAdapter[Any], *, is_model: bool = False) -> None:
        self._adapter = adapter
        self._is_model = is_model

    def arguments(self, params: Mapping[str, Any], what: str) -> dict[str, Any]:
        value = self._validated(dict(params), what)
        if not self._is_model:
            return dict(value)
        return {name: getattr(value, name) for name in type(value).model_fields} | dict(value.__pydantic_extra__ or {})

    def output(self, value: Any, what: str) -> Any:
        return self._adapter.dump_python(self._validated(value, what), mode="json")

    def json_schema(self) -> dict[str, Any]:
        try:
            return self._adapter.json_schema(schema_generator=_Generator)
        except PydanticUserError:  # a type that JSON Schema has no words for, such as a callable
            return {}

    def _validated(self, value: Any, what: str) -> Any:
        try:
            return self._adapter.validate_python(value)
        except ValidationError as error:
            problems = [
                f"{'.'.join(str(p) for p in e['loc']) or 'value'}: {e['msg']}"
                for e in error.errors(include_url=False, include_context=False, include_input=False)
            ]
            raise ValidationFailed(f"The {what} are not valid: {'; '.join(problems)}.", problems=problems) from None


def input_shape(name: str, schema: Any, call: Callable[..., Any] | None) -> Shape:
    """The shape of the params: the given schema, else the signature of ``call``. Raises ValidationFailed."""
    if isinstance(schema, Mapping):
        shape = JsonShape(name, schema, f"input schema of `{name}`", call)
        shape.schema.require_object()
        return shape
    if schema is not None:
        return _type_shape(schema, f"input schema of `{name}`")
    if call is None:
        raise ValidationFailed(f"Capability `{name}` needs an input schema: there is no function to read it from.")
    return _signature_shape(name, call)


def output_shape(name: str, schema: Any, call: Callable[..., Any] | None) -> Shape | None:
    """The shape of results: the given schema, else the models in the return annotation of ``call``."""
    if isinstance(schema, Mapping):
        return JsonShape(name, schema, f"output schema of `{name}`")
    if schema is not None:
        return _type_shape(schema, f"output schema of `{name}`")
    promised = None if call is None else _hints(call).get("return")
    try:
        return _type_shape(promised, f"output schema of `{name}`") if _has_model(promised) else None
    except ValidationFailed:  # a model with types that only its function knows: nothing to check it by
        return None


def _type_shape(schema: Any, what: str) -> TypeShape:
    if isinstance(schema, TypeAdapter):
        return TypeShape(schema)
    if isinstance(schema, (bool, str, int, float, list)):
        raise ValidationFailed(f"The {what} is no schema: give a JSON Schema as a mapping, a pydantic model or a type.")
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(schema)
        adapter.rebuild()  # what it refers to and is not defined is told now, not at the first call
    except (PydanticUserError, TypeError, NameError, AttributeError) as error:
        raise ValidationFailed(f"The {what} is no schema: {str(error).splitlines()[0]}") from None
    return TypeShape(adapter, is_model=inspect.isclass(schema) and issubclass(schema, BaseModel))


def _signature_shape(name: str, call: Callable[..., Any]) -> TypeShape:
    """The keyword parameters of a function as a schema; annotations that cannot be read accept anything."""
    hints = _hints(call)
    fields: dict[str, Any] = {}
    open_ended = False
    for parameter in parameters_of(name, call).values():
        if parameter.kind is parameter.VAR_KEYWORD:
            open_ended = True
        elif parameter.kind is parameter.POSITIONAL_ONLY:
            raise ValidationFailed(f"Capability `{name}`: every parameter must be usable by name.", name=name)
        elif parameter.kind is not parameter.VAR_POSITIONAL and parameter.name != "ctx":
            hint = hints.get(parameter.name, Any)
            fields[parameter.name] = Required[hint] if parameter.default is parameter.empty else NotRequired[hint]
    shape = TypedDict(f"{name} params", fields)  # type: ignore[misc]
    config = ConfigDict(extra="allow" if open_ended else "forbid", arbitrary_types_allowed=True)
    shape.__pydantic_config__ = config  # type: ignore[attr-defined]
    return TypeShape(TypeAdapter(shape))


def parameters_of(name: str, call: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """The parameters of a function; raises ValidationFailed where Python does not know them."""
    try:
        return inspect.signature(call).parameters
    except (ValueError, TypeError):
        message = f"Capability `{name}`: the parameters of its function cannot be read; wrap it in one of your own."
        raise ValidationFailed(message, name=name) from None


def _hints(call: Callable[..., Any]) -> dict[str, Any]:
    if not inspect.isroutine(call) and not inspect.isclass(call):
        call = type(call).__call__  # an instance: annotations are those of its method
    try:
        return inspect.get_annotations(call, eval_str=True)
    except (NameError, TypeError, SyntaxError, AttributeError):
        return {}


def _has_model(hint: Any) -> bool:
    """Whether a pydantic model or dataclass is promised, alone or within lists, options and the like."""
    if inspect.isclass(hint) and not get_args(hint):
        if is_typeddict(hint) or hint in (ActionResult, Parked):
            return False
        return issubclass(hint, BaseModel) or dataclasses.is_dataclass(hint)
    parts = get_args(hint)
    return ActionResult not in parts and Parked not in parts and any(_has_model(part) for part in parts)


def _as_data(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} has no form in JSON")
