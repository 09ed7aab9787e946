"""What processes tell each other about their modules: one node for each, alive while its process renews it."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from typing import Any

import psg_cypher
from psg.graph import Graph
from psg.model.codec import dumps, loads
from psg_runtime.execution_core import redact_execution_log
from psg_runtime.modules.registration import HealthStatus, Module, ModuleDependency

PROCESS = f"{socket.gethostname()}:{os.getpid()}"
KEPT_MS = 3_600_000
LISTED = 10_000


class ModuleStore:
    """Modules of all processes, in the graph; without a graph nobody else knows of them."""

    def __init__(self, graph: Graph | None, lease_ms: int) -> None:
        self._graph = graph
        self._lease_ms = lease_ms

    async def beat(self, modules: Sequence[Module]) -> list[str]:
        """Say that these modules live, as they are; returns ids of those that somebody stopped."""
        if self._graph is None or not modules:
            return []
        rows = [{"id": module.id, "facts": _facts(module)} for module in modules]
        answered = await self._graph.db.write(
            psg_cypher.statement("module_instance_beat"), batch={"rows": rows}, lease_ms=self._lease_ms
        )
        return [row["id"] for row in answered if row["stopped"]]

    async def stop(self, module_id: str) -> bool:
        """Mark a module as stopped, of whichever process; whether there is one."""
        if self._graph is None:
            return False
        return bool(await self._graph.db.write(psg_cypher.statement("module_instance_stop"), id=module_id))

    async def stopped(self, module_id: str) -> bool:
        """Whether somebody stopped a module of this process."""
        if self._graph is None:
            return False
        row = await self._graph.db.read_one(psg_cypher.statement("module_instance_stopped"), id=module_id)
        return row is not None and row["stopped"]

    async def find(self, module_id: str) -> Module | None:
        """A module of another process; ``None`` when nobody knows of it."""
        if self._graph is None:
            return None
        row = await self._graph.db.read_one(psg_cypher.statement("module_instance"), id=module_id)
        return None if row is None else _module(row["module"])

    async def live(self, module_type: str | None = None) -> list[Module]:
        """Modules of all processes that live, by type."""
        if self._graph is None:
            return []
        rows = await self._graph.db.read(
            psg_cypher.statement("module_instances"), module_type=module_type, limit=LISTED
        )
        return [_module(row["module"]) for row in rows]

    async def sweep(self) -> None:
        """Forget modules of processes that ended long ago."""
        if self._graph is not None:
            await self._graph.db.write(psg_cypher.statement("module_instances_sweep"), keep_ms=KEPT_MS)


def _facts(module: Module) -> dict[str, Any]:
    """Configurations may hold secrets of third parties: what looks like one does not leave the process."""
    return {
        "module_type": module.module_type, "version": module.version, "status": module.status,
        "capabilities": list(module.capabilities),
        "dependencies": [f"{d.module_type} {d.version}" for d in module.dependencies],
        "configuration": dumps(redact_execution_log(dict(module.configuration))), "health": module.health.status,
        "health_details": dumps(module.health.details), "health_at": module.health.checked_ms,
        "process": module.process, "started_ms": module.started_ms, "operations": module.operations,
        "operation_failures": module.failures, "total_ms": module.total_ms, "reason": module.reason,
    }  # fmt: skip


def _module(row: dict[str, Any]) -> Module:
    needed = [text.partition(" ") for text in row["dependencies"] or ()]
    return Module(
        id=row["id"], module_type=row["module_type"], version=row["version"],
        status=row["status"] if row["live"] else "stopped", capabilities=tuple(row["capabilities"] or ()),
        dependencies=tuple(ModuleDependency(module_type=t, version=v or "*") for t, _, v in needed),
        configuration=loads(row["configuration"]) or {},
        health=HealthStatus(
            status=row["health"], details=loads(row["health_details"]) or {}, checked_ms=row["health_at"]
        ),
        process=row["process"], local=False, started_ms=row["started_ms"], operations=row["operations"],
        failures=row["operation_failures"], total_ms=row["total_ms"], reason=row.get("reason"),
    )  # fmt: skip


async def running_modules(graph: Graph, module_type: str | None = None) -> list[Module]:
    """Modules of all processes that live, by type; for those who only look."""
    return await ModuleStore(graph, 0).live(module_type)
