"""``RuntimeModuleRegistry``: modules by name, loaded and unloaded while the process runs (L3-35, L3-36)."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from psg.errors import ValidationFailed
from psg_runtime.single_agent.context import RUN_ID_CHARS

RuntimeModule = Callable[..., Awaitable[Any]]
"""``async ({ctx}) -> {output, events}``: takes the argument ``ctx``, or one mapping that has it."""


@dataclass(frozen=True, slots=True)
class ModuleOutput:
    """What a module returns: its output, the events of this tick in their order, and whether it has done all it will.

    A module that is not ``done`` is called again in the next tick.
    """

    output: Any = None
    events: list[Any] = field(default_factory=list)
    done: bool = True


class RuntimeModuleRegistry(MutableMapping[str, RuntimeModule]):
    """Modules by name, as a mapping; what is unloaded is not used from then on, also by a run that is under way."""

    def __init__(
        self, modules: Mapping[str, RuntimeModule | str] | None = None, /, **named: RuntimeModule | str
    ) -> None:
        self._modules: dict[str, RuntimeModule] = {}
        for name, module in {**(modules or {}), **named}.items():
            self.load(name, module)

    def load(self, name: str, module: RuntimeModule | str) -> None:
        """Load a module under a name, in place of what had it: something to call, or where it is: ``package:name``.

        Raises ``ValidationFailed`` for what is neither, or cannot be imported.
        """
        if not isinstance(name, str) or not 1 <= len(name) <= RUN_ID_CHARS:
            raise ValidationFailed(f"name: {str(name)[:50]!r} is no module's name", field="name")
        found = _imported(module) if isinstance(module, str) else module
        if not callable(found):
            raise ValidationFailed(
                f"module {name!r}: expected something to call, not {type(found).__name__}", module=name
            )
        self._modules[name] = found

    def unload(self, name: str) -> bool:
        """Unload a module; whether it was loaded."""
        return self._modules.pop(name, None) is not None

    def loaded(self) -> list[str]:
        """The names of the modules that are loaded, sorted."""
        return sorted(self._modules)

    def __getitem__(self, name: str) -> RuntimeModule:
        return self._modules[name]

    def __setitem__(self, name: str, module: RuntimeModule | str) -> None:
        self.load(name, module)

    def __delitem__(self, name: str) -> None:
        del self._modules[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)


async def call_module(name: str, module: RuntimeModule, ctx: dict[str, Any]) -> ModuleOutput:
    """Call a module with ``ctx`` and return what it returned; raises ``ValidationFailed`` for another shape."""
    answer = module(ctx=ctx) if _takes_ctx(module) else module({"ctx": ctx})
    if inspect.isawaitable(answer):
        answer = await answer
    if isinstance(answer, ModuleOutput):
        return answer
    if not isinstance(answer, Mapping) or "output" not in answer:
        kind = type(answer).__name__
        raise ValidationFailed(f"module {name!r}: expected {{output, events}}, not {kind}", module=name)
    events = answer.get("events")
    if events is not None and not isinstance(events, list | tuple):
        raise ValidationFailed(
            f"module {name!r}: events: expected a list, not {type(events).__name__}", module=name, field="events"
        )
    return ModuleOutput(answer["output"], list(events or ()), answer.get("done") is not False)


def _takes_ctx(module: RuntimeModule) -> bool:
    try:
        parameters = inspect.signature(module).parameters
    except (TypeError, ValueError):  # it does not say
        return False
    found = parameters.get("ctx")
    return (found is not None and found.kind is not found.POSITIONAL_ONLY) or any(
        p.kind is p.VAR_KEYWORD for p in parameters.values()
    )


def _imported(where: str) -> Any:
    package, _, name = where.partition(":")
    if not package or not name:
        raise ValidationFailed(f"module: {where!r} is no place of a module; it is written `package.module:name`")
    try:
        return getattr(importlib.import_module(package), name)
    except (ImportError, AttributeError) as error:
        raise ValidationFailed(f"module: {where!r} cannot be imported: {error}", module=where) from error
