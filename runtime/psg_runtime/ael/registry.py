"""Capabilities: the tools, agents and services that steps may call (ORCH-10 to ORCH-14, C-23)."""

from __future__ import annotations

import importlib
import inspect
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.metadata import entry_points
from typing import Any, NotRequired, Required, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from psg.errors import CapabilityDenied, UnknownCapability, ValidationFailed

KINDS = ("tool", "agent", "service")
ENTRY_POINT_GROUP = "psg.tools"
BUILT_IN = ("process.run", "file.read", "file.write", "wait", "confirm", "foreach", "conditional")
_MARK = "__psg_capabilities__"
_SPELLINGS = {"inputSchema": "input_schema", "outputSchema": "output_schema"}

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(slots=True)
class ActionContext:
    """What a callable may know about the attempt it works for; give it a parameter named ``ctx``.

    ``idempotency_key`` is the same for every attempt of the step: hand it to systems that honour one.
    """

    idempotency_key: str
    attempt: int
    step_key: str
    step_id: str
    plan_id: str
    project_id: str
    fence: int
    agent_role: str | None
    timeout_ms: int | None
    resumed: dict[str, Any] | None
    report_to: Callable[[dict[str, Any]], None] = field(repr=False)
    _cancelled: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def cancelled(self) -> bool:
        """Whether the attempt is over (timeout, cancel): a callable in a thread should look and stop."""
        return self._cancelled.is_set()

    def report(self, message: str | None = None, *, fraction: float | None = None, **data: Any) -> None:
        """Tell the progress: a message, a fraction done from 0 to 1, more facts. Ignored once cancelled."""
        if not self.cancelled:
            self.report_to({"message": message, "fraction": fraction, **data})

    def cancel(self) -> None:
        """Mark the attempt as over; called by the layer."""
        self._cancelled.set()


@dataclass(frozen=True, slots=True)
class Capability:
    """A callable under a name, with the shapes of what goes in and out."""

    name: str
    type: str
    call: Callable[..., Any]
    description: str
    enabled: bool
    metadata: dict[str, Any]
    input: TypeAdapter[Any]
    output: TypeAdapter[Any] | None
    wants_context: bool
    input_is_model: bool
    is_async: bool

    def arguments(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The params as typed keyword arguments, defaults applied; raises ValidationFailed (ORCH-12)."""
        value = _validated(self.input, dict(params), f"params of `{self.name}`")
        if not self.input_is_model:
            return dict(value)
        return {name: getattr(value, name) for name in type(value).model_fields}


class CapabilityRegistry:
    """The capabilities of one process, by name."""

    def __init__(self) -> None:
        self._capabilities: dict[str, Capability] = {}

    def register(self, capability: Mapping[str, Any] | None = None, /, **fields: Any) -> Capability:
        """Register ``{name, type, call, description, input_schema, output_schema, enabled, metadata}``.

        ``call`` is a function, sync (runs in a thread) or async. Schemas are pydantic models or types; without
        ``input_schema`` the signature of ``call`` is the schema. Raises ValidationFailed (ORCH-10, ORCH-11).
        """
        given = {_SPELLINGS.get(key, key): value for key, value in {**(capability or {}), **fields}.items()}
        built = _capability(**given)
        if built.name in self._capabilities or built.name in BUILT_IN:
            raise ValidationFailed(f"A capability named `{built.name}` exists already.", name=built.name)
        self._capabilities[built.name] = built
        return built

    def load(self, reference: str) -> list[str]:
        """Register what ``pkg.module`` or ``pkg.module:attribute`` offers; returns the new names.

        A module offers its functions decorated with ``@tool``, ``@agent`` or ``@service``; an attribute is such a
        function, a list of them, or a function ``register(registry)``. Raises UnknownCapability.
        """
        module_name, _, attribute = reference.partition(":")
        try:
            found: Any = importlib.import_module(module_name)
            for part in attribute.split(".") if attribute else []:
                found = getattr(found, part)
        except (ImportError, AttributeError, ValueError) as error:
            message = f"The tools `{reference}` cannot be loaded: {error}. Write pkg.module or pkg.module:name."
            raise UnknownCapability(message, reference=reference) from error
        before = set(self._capabilities)
        self._take(found, reference)
        return sorted(set(self._capabilities) - before)

    def load_entry_points(self) -> list[str]:
        """Register what installed packages offer under the entry point group ``psg.tools``."""
        return [n for entry in entry_points(group=ENTRY_POINT_GROUP) for n in self.load(entry.value)]

    def get(self, name: str, kinds: Iterable[str] = KINDS) -> Capability:
        """The enabled capability of this name; raises UnknownCapability or CapabilityDenied (ORCH-14)."""
        found = self._capabilities.get(name)
        if found is None:
            near = get_close_matches(name, self._capabilities, n=3)
            hint = f"did you mean {' or '.join(f'`{n}`' for n in near)}?" if near else self._known()
            raise UnknownCapability(f"No capability named `{name}` is registered: {hint}", name=name, near=near)
        if found.type not in kinds:
            message = f"`{name}` is of type {found.type}; a step of type {found.type} can call it."
            raise UnknownCapability(message, name=name, type=found.type)
        if not found.enabled:
            raise CapabilityDenied(f"The capability `{name}` is disabled.", name=name)
        return found

    def names(self) -> list[str]:
        """The names of all capabilities."""
        return sorted(self._capabilities)

    def roles(self) -> list[str]:
        """The names of the agents: the roles that steps can be bound to."""
        return sorted(name for name, c in self._capabilities.items() if c.type == "agent")

    def describe(self) -> list[dict[str, Any]]:
        """Every capability as data: name, type, description, enabled, input_schema, metadata."""
        return [
            {
                "name": c.name,
                "type": c.type,
                "description": c.description,
                "enabled": c.enabled,
                "input_schema": c.input.json_schema(),
                "metadata": c.metadata,
            }
            for _, c in sorted(self._capabilities.items())
        ]

    def _known(self) -> str:
        names = self.names()
        return f"known are {', '.join(names[:20])}" if names else "none are; load some with --tools pkg.module"

    def _take(self, found: Any, reference: str) -> None:
        marks: list[dict[str, Any]] = []
        if inspect.ismodule(found):
            members = {id(m): m for m in vars(found).values() if hasattr(m, _MARK)}
            marks = [mark for member in members.values() for mark in getattr(member, _MARK)]
        elif hasattr(found, _MARK):
            marks = getattr(found, _MARK)
        elif callable(found):
            found(self)
            return
        elif isinstance(found, (list, tuple)):
            for item in found:
                self._take(item, reference)
            return
        if not marks:
            message = f"`{reference}` offers no tools: decorate functions with @tool or @agent."
            raise UnknownCapability(message, reference=reference)
        for mark in marks:
            self.register(mark)


def tool(name: str, **fields: Any) -> Callable[[F], F]:
    """Mark a function as the tool ``name``; ``fields`` as for ``CapabilityRegistry.register``."""
    return _marker("tool", name, fields)


def agent(role: str, **fields: Any) -> Callable[[F], F]:
    """Mark a function as the agent that takes steps of ``role``."""
    return _marker("agent", role, fields)


def service(name: str, **fields: Any) -> Callable[[F], F]:
    """Mark a function as the service ``name``; tool steps call it (C-23)."""
    return _marker("service", name, fields)


def _marker(kind: str, name: str, fields: dict[str, Any]) -> Callable[[F], F]:
    def mark(function: F) -> F:
        marks = [*getattr(function, _MARK, []), {"name": name, "type": kind, "call": function, **fields}]
        setattr(function, _MARK, marks)
        return function

    return mark


def _capability(
    name: str,
    type: str,
    call: Callable[..., Any],
    description: str | None = None,
    input_schema: Any = None,
    output_schema: Any = None,
    enabled: bool = True,
    metadata: Mapping[str, Any] | None = None,
) -> Capability:
    if type not in KINDS:
        raise ValidationFailed(f"Capability `{name}`: type `{type}` is not one of {', '.join(KINDS)}.", name=name)
    if not name or not callable(call):
        raise ValidationFailed(f"Capability `{name}` needs a name and a callable.", name=name)
    signature = inspect.signature(call)
    adapter = TypeAdapter(input_schema) if input_schema is not None else _signature_adapter(name, call, signature)
    return Capability(
        name=name,
        type=type,
        call=call,
        description=inspect.cleandoc(description or call.__doc__ or ""),
        enabled=enabled,
        metadata=dict(metadata or {}),
        input=adapter,
        output=None if output_schema is None else TypeAdapter(output_schema),
        wants_context="ctx" in signature.parameters,
        input_is_model=hasattr(input_schema, "model_fields"),
        is_async=_is_async(call),
    )


def _is_async(call: Callable[..., Any]) -> bool:
    by_instance = getattr(call, "__call__", None)  # noqa: B004 - an instance with an async __call__
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(by_instance)


def _signature_adapter(name: str, call: Callable[..., Any], signature: inspect.Signature) -> TypeAdapter[Any]:
    """The keyword parameters of a function as a schema; annotations that cannot be read accept anything."""
    try:
        hints = inspect.get_annotations(call, eval_str=True)
    except (NameError, TypeError, SyntaxError):
        hints = {}
    fields: dict[str, Any] = {}
    open_ended = False
    for parameter in signature.parameters.values():
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
    return TypeAdapter(shape)


def _validated(adapter: TypeAdapter[Any], value: Any, what: str) -> Any:
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        problems = [
            f"{'.'.join(str(p) for p in e['loc']) or 'value'}: {e['msg']}"
            for e in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise ValidationFailed(f"The {what} are not valid: {'; '.join(problems)}.", problems=problems) from None


def validated_output(capability: Capability, value: Any) -> Any:
    """The output as JSON-like data in the shape the capability promises; raises ValidationFailed (ORCH-13)."""
    if capability.output is None:
        return value
    checked = _validated(capability.output, value, f"outputs of `{capability.name}`")
    return capability.output.dump_python(checked, mode="json")
