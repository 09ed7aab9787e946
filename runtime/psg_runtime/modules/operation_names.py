"""From what an operation is called to the capability that it is: one name for one thing (CORE-24)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from psg_runtime.modules.errors import OperationNotAllowed

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def snake(name: str) -> str:
    """``createContext`` as ``create_context``."""
    return _HUMP.sub("_", name).lower()


def with_snake_keys(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs with their own keys in snake_case; what is in them stays as it is."""
    return {snake(str(key)): value for key, value in inputs.items()}


def capability_of(
    module_type: str, operation: str, capabilities: Iterable[str], names: Mapping[str, str] | None = None
) -> str:
    """Return which of a module's capabilities an operation is; raises ``OperationNotAllowed`` when it is none.

    ``context.create``, ``create``, ``createContext`` and ``create_context`` are all ``context.create``; ``names`` are
    others that the module gives to its capabilities (``checkPermissions``: ``role.check``).
    """
    allowed = tuple(capabilities)
    spellings = {snake(name): capability for name, capability in (names or {}).items() if capability in allowed}
    thing = module_type.replace("-", "_")
    for capability in allowed:
        verb = snake(capability.partition(".")[2])
        for spelling in (f"{verb}_{thing}s", f"{verb}_{thing}", verb, snake(capability)):
            spellings[spelling] = capability
    found = spellings.get(snake(operation))
    if found is None:
        offered = ", ".join(sorted(allowed)) or "nothing"
        raise OperationNotAllowed(
            f"module {module_type!r} does not offer the operation {operation[:200]!r}; it offers {offered}",
            module=module_type, operation=operation[:200],
        )  # fmt: skip
    return found
