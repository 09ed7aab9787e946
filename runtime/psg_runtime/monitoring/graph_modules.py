"""The modules of all processes, as these say in the graph that they are."""

from __future__ import annotations

from typing import Any

from psg.graph import Graph
from psg_runtime.modules.store import ModuleStore
from psg_runtime.monitoring.errors import UnknownModule

_NO_LEASE_MS = 0


class GraphModules:
    """A ModuleHealthSource for a process without modules of its own; it asks nobody to check anything."""

    def __init__(self, graph: Graph) -> None:
        self._store = ModuleStore(graph, _NO_LEASE_MS)
        self._seen: dict[str, Any] = {}

    async def list_modules(self) -> list[Any]:
        """Modules of processes that live."""
        found = await self._store.live()
        self._seen = {module.id: module for module in found}
        return found

    async def get_module_health(self, module_id: str) -> Any:
        """What the module's own process found last."""
        module = self._seen.get(module_id) or await self._store.find(module_id)
        if module is None:
            raise UnknownModule(f"module_id: there is no module {module_id[:200]!r}", id=module_id[:200])
        if module.status != "running":
            return {"status": "unhealthy", "details": {"reason": module.reason or f"it is {module.status}"}}
        return module.health
