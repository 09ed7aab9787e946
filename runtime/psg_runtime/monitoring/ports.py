"""What monitoring needs of others; anything of this shape will do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

Probe = Callable[[], Awaitable[float] | float]
"""A number of one's own that alerts can be about; asked for at each collection."""


class ModuleHealthSource(Protocol):
    """Who knows the modules of this process: a ``psg_runtime.modules.ModuleManager``.

    Modules may be anything with ``id`` (or ``module_id``, ``module_type``); health anything with ``status`` and
    ``details``, or a mapping of these.
    """

    def list_modules(self) -> Sequence[Any] | Awaitable[Sequence[Any]]:
        """The modules of this process."""

    def get_module_health(self, module_id: str, /) -> Awaitable[Any]:
        """How one of them is; raises for an unknown one."""


def part(value: Any, *names: str) -> Any:
    """The first of these attributes or keys that is there and not None."""
    for name in names:
        found = value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
        if found is not None:
            return found
    return None
