"""The capabilities of one process: the tools, agents and services that steps may call (ORCH-10 to ORCH-14, C-23)."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, TypeVar

from psg.errors import CapabilityDenied, UnknownCapability, ValidationFailed
from psg.plan.pins import split_pin
from psg_runtime.ael.capability import EXTERNAL, KINDS, ActionContext, Capability, build_capability
from psg_runtime.ael.versions import Version

__all__ = [
    "BUILT_IN",
    "ENTRY_POINT_GROUP",
    "KINDS",
    "ActionContext",
    "Capability",
    "CapabilityRegistry",
    "agent",
    "service",
    "tool",
    "validated_output",
]

ENTRY_POINT_GROUP = "psg.tools"
BUILT_IN = (
    "process.run", "code.run", "http.request", "file.read", "file.write", "wait", "confirm", "foreach", "conditional",
    "plan",
)  # fmt: skip
# Steps named `worker:NAME` are done by whatever worker outside fetches turns of that name.
_WORKER_NAME = re.compile(r"worker:\w(?:[\w .:/\-]{0,188}\w)?")
_MARK = "__psg_capabilities__"
_SPELLINGS = {"inputSchema": "input_schema", "outputSchema": "output_schema"}

F = TypeVar("F", bound=Callable[..., Any])


class CapabilityRegistry:
    """The capabilities of one process, by name and version.

    A step that names ``search`` gets its newest enabled version, one that names ``search@1.2.0`` exactly that.
    """

    def __init__(self) -> None:
        self._versions: dict[str, list[Capability]] = {}
        # What a step can name, and what it gets: looked at for every step.
        self._current: dict[str, Capability] = {}

    def register(self, capability: Mapping[str, Any] | None = None, /, **fields: Any) -> Capability:
        """Register ``{name, type, call, description, input_schema, output_schema, enabled, metadata, version}``.

        ``call`` is a function, sync (runs in a thread) or async; without one the capability is known but cannot be
        executed here, unless ``adapter`` is ``external``: then workers outside fetch it.
        Schemas are JSON Schemas (mappings), pydantic models or types; without ``input_schema`` the signature of
        ``call`` is the schema. Raises ValidationFailed (ORCH-10, ORCH-11).
        """
        given = {_SPELLINGS.get(key, key): value for key, value in {**(capability or {}), **fields}.items()}
        try:
            inspect.signature(build_capability).bind(**given)
        except TypeError as error:
            raise ValidationFailed(f"Capability {given.get('name')!r} cannot be registered: {error}.") from None
        return self.add(build_capability(**given))

    def add(self, built: Capability) -> Capability:
        """Register a capability; raises ValidationFailed when its name and version, or the name itself, are taken."""
        others = self._versions.get(built.name, [])
        if built.name in BUILT_IN or any(other.version == built.version for other in others):
            raise ValidationFailed(f"A capability named `{built.reference}` exists already.", name=built.name)
        if others and others[0].type != built.type:
            message = f"`{built.name}` is a {others[0].type} in another version; all versions are of one type."
            raise ValidationFailed(message, name=built.name, type=others[0].type)
        self._versions[built.name] = sorted([*others, built], key=_age, reverse=True)
        self._choose(built.name)
        return built

    def load(self, reference: str) -> list[str]:
        """Register what ``pkg.module``, ``pkg.module:attribute`` or a YAML file offers; returns the new names.

        A module offers its functions decorated with ``@tool``, ``@agent`` or ``@service``; an attribute is such a
        function, a list of them, or a function ``register(registry)``. Raises UnknownCapability.
        """
        if reference.endswith((".yaml", ".yml")):
            return self.load_file(Path(reference))
        found = load_reference(reference)
        before = set(self._versions)
        self._take(found, reference)
        return sorted(set(self._versions) - before)

    def load_file(self, path: Path) -> list[str]:
        """Register the capabilities of a YAML file; returns their names. Raises CapabilityFileInvalid, or what
        ``load`` raises for the functions that the file names."""
        from psg_runtime.ael.capability_file import read_capabilities

        built = read_capabilities(path)
        for capability in built:
            self.add(capability)
        return sorted({capability.name for capability in built})

    def load_entry_points(self) -> list[str]:
        """Register what installed packages offer under the entry point group ``psg.tools``."""
        return [n for entry in entry_points(group=ENTRY_POINT_GROUP) for n in self.load(entry.value)]

    def get(self, name: str, kinds: Iterable[str] = KINDS) -> Capability:
        """What a step that says ``name`` or ``name@version`` gets.

        Raises UnknownCapability, or CapabilityDenied when it is there and must not be executed (ORCH-14).
        """
        found = self._found(name)
        if found is None:
            raise self._unknown(name)
        if found.type not in kinds:
            message = f"`{name}` is of type {found.type}; a step of type {found.type} can call it."
            raise UnknownCapability(message, name=name, type=found.type)
        if not found.enabled:
            raise CapabilityDenied(f"The capability `{name}` is disabled: {found.disabled_reason}.", name=name)
        return found

    def disable(self, name: str, reason: str) -> None:
        """Turn ``name@version``, or all versions of ``name``, off for a reason; raises UnknownCapability."""
        self._switch(name, reason)

    def enable(self, name: str) -> None:
        """Turn ``name@version``, or all versions of ``name``, on again; raises UnknownCapability."""
        self._switch(name, None)

    def remove(self, name: str) -> None:
        """Forget ``name@version``, or all versions of ``name``."""
        plain, pin = split_pin(name)
        kept = [c for c in self._versions.get(plain, []) if pin is not None and c.reference != name]
        self._versions[plain] = kept
        self._choose(plain)

    def versions(self, name: str) -> list[Capability]:
        """All versions of a capability, the newest first."""
        return list(self._versions.get(name, []))

    def type_of(self, name: str) -> str | None:
        """The type of what a step names so, None when there is no such capability."""
        found = self._found(name)
        return None if found is None else found.type

    def delegates(self, name: str) -> bool:
        """Whether what a step names so is done by another action."""
        found = self._current.get(name)
        return found is not None and found.delegation is not None

    def external(self, name: str) -> bool:
        """Whether what a step names so is done by workers outside."""
        found = self._found(name)
        return found is not None and found.adapter is not None

    def _found(self, name: str) -> Capability | None:
        """What is registered; a name with the prefix of workers outside needs no registration (decision 0087)."""
        found = self._current.get(name)
        if found is None and is_worker_name(name):
            return _of_workers(name)
        return found

    def names(self) -> list[str]:
        """Everything a step can name and have executed, pinned versions included."""
        return sorted(name for name, c in self._current.items() if c.executable)

    def roles(self) -> list[str]:
        """The names of the agents: the roles that steps can be bound to."""
        return sorted(name for name, c in self._current.items() if c.type == "agent" and c.executable)

    def describe(self) -> list[dict[str, Any]]:
        """Every version of every capability as data: name, type, version, description, enabled, schemas, metadata."""
        return [capability.describe() for capability in self]

    def __iter__(self) -> Iterator[Capability]:
        return (c for _, versions in sorted(self._versions.items()) for c in versions)

    def _switch(self, name: str, reason: str | None) -> None:
        plain, pin = split_pin(name)
        if name not in self._current and plain not in self._versions:
            raise self._unknown(name)
        self._versions[plain] = [
            c.disabled(reason) if pin is None or c.reference == name else c for c in self._versions[plain]
        ]
        self._choose(plain)

    def _choose(self, name: str) -> None:
        """Note anew what a step gets that names ``name``, with or without a version."""
        versions = self._versions[name]
        for key in [key for key in self._current if split_pin(key)[0] == name]:
            del self._current[key]
        if not versions:
            del self._versions[name]
            return
        self._current |= {capability.reference: capability for capability in versions}
        self._current[name] = next((c for c in versions if c.executable), versions[0])

    def _unknown(self, name: str) -> UnknownCapability:
        plain, pin = split_pin(name)
        if pin is not None and plain in self._versions:
            has = ", ".join(c.reference for c in self._versions[plain][:10])
            message = f"`{plain}` has no version {pin[:100]!r} here: known are {has}."
            return UnknownCapability(message, name=name, near=[plain])
        near = get_close_matches(name, self._versions, n=3)
        hint = f"did you mean {' or '.join(f'`{n}`' for n in near)}?" if near else self._known()
        return UnknownCapability(f"No capability named `{name}` is registered: {hint}", name=name, near=near)

    def _known(self) -> str:
        names = sorted(self._versions)
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


def is_worker_name(name: str) -> bool:
    """Whether a step that names this is for workers outside, without anybody having declared it."""
    return _WORKER_NAME.fullmatch(name) is not None


@lru_cache(maxsize=1_000)
def _of_workers(name: str) -> Capability:
    return build_capability(name=name, type="agent", adapter=EXTERNAL, source="worker")


def load_reference(reference: str) -> Any:
    """What ``pkg.module`` or ``pkg.module:attribute`` names; raises UnknownCapability."""
    module_name, _, attribute = reference.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
        for part in attribute.split(".") if attribute else []:
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        message = f"The tools `{reference}` cannot be loaded: {error}. Write pkg.module or pkg.module:name."
        raise UnknownCapability(message, reference=reference) from error
    return found


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


def _age(capability: Capability) -> tuple[bool, Version | None]:
    """Sorts versions; at most one of a name has none, and it is the oldest."""
    return (capability.version is not None, capability.version)


def validated_output(capability: Capability, value: Any) -> Any:
    """The output as JSON-like data in the shape the capability promises; raises ValidationFailed (ORCH-13)."""
    if capability.output is None:
        return value
    return capability.output.output(value, f"outputs of `{capability.name}`")
