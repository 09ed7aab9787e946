"""One reading of the metrics of a scope: the graph by index, this machine by its kernel."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psg_cypher
from psg_neo4j.database import Database
from psg_runtime.monitoring.health import claims_of
from psg_runtime.monitoring.host import Host
from psg_runtime.monitoring.ports import part
from psg_runtime.monitoring.scope import Scope
from psg_runtime.monitoring.storage import Storage

DURATIONS = 1_000
"""Over how many of the latest completed plans their duration is averaged."""
STATUSES = ("in_progress", "completed", "failed", "cancelled", "draft", "proposed", "approved")


@dataclass(frozen=True, slots=True)
class WorkflowNumbers:
    """Plans of a scope by status, and what those that run and failed come to."""

    by_status: Mapping[str, int]
    steps_failed: int
    average_ms: float
    longest_ms: float
    claim_lag_ms: float
    plans_waiting: int


def performance_of(modules: Sequence[Any]) -> dict[str, dict[str, Any]]:
    """What modules themselves counted (``operations``, ``failures``, ``total_ms``), by type over all processes."""
    found: dict[str, dict[str, Any]] = {}
    for module in modules:
        name, n = part(module, "module_type", "moduleType"), part(module, "operations")
        if name is None or not isinstance(n, int):
            continue
        told = found.setdefault(str(name), {"operations": 0, "failures": 0, "total": 0.0})
        told["operations"] += n
        told["failures"] += part(module, "failures") or 0
        told["total"] += part(module, "total_ms", "totalMs") or 0.0
    for told in found.values():
        total = told.pop("total")
        told["average_duration"] = round(total / told["operations"], 3) if told["operations"] else 0.0
    return found


@dataclass(slots=True)
class Recorder:
    """What modules did in this process: counts and durations (ms) by module."""

    _seen: dict[str, list[float]] = field(default_factory=dict)

    def add(self, module: str, duration_ms: float, ok: bool) -> None:
        """Note one operation."""
        entry = self._seen.setdefault(module, [0, 0, 0.0, 0.0])
        entry[0] += 1
        entry[1] += not ok
        entry[2] += duration_ms
        entry[3] = max(entry[3], duration_ms)

    def told(self) -> dict[str, dict[str, Any]]:
        """By module, as PerformanceMetrics has it."""
        return {
            name: {
                "operations": int(n), "failures": int(bad), "average_duration": round(total / n, 3),
                "max_duration": round(most, 3),
            }
            for name, (n, bad, total, most) in sorted(self._seen.items())
        }  # fmt: skip


async def workflows(db: Database, scope: Scope) -> WorkflowNumbers:
    """Count the plans of a scope: seeks in indexes that hold nothing else."""
    rows = await db.read(psg_cypher.statement("monitor_plans"), **scope.bounds, batch={"statuses": list(STATUSES)})
    by_status = {row["status"]: row["plans"] for row in rows}
    steps = await db.read_one(psg_cypher.statement("monitor_failed_steps"), **scope.bounds)
    name = "monitor_durations" if scope.project_id is None else "monitor_durations_of_project"
    own = {} if scope.project_id is None else {"project_id": scope.project_id}
    took = await db.read_one(psg_cypher.statement(name), **own, limit=DURATIONS)
    claims = await claims_of(db, scope)
    return WorkflowNumbers(
        by_status=by_status,
        steps_failed=steps["failed"] if steps else 0,
        average_ms=round((took["average_ms"] if took else None) or 0.0, 3),
        longest_ms=float((took["longest_ms"] if took else None) or 0.0),
        claim_lag_ms=float(max(claims["lag_ms"], 0)),
        plans_waiting=claims["waiting"],
    )


class Machine:
    """This machine and the way to the database."""

    def __init__(self, db: Database, storage: Storage, host: Host | None = None) -> None:
        self._db = db
        self._storage = storage
        self._host = host or Host()

    async def read(self) -> dict[str, Any]:
        """``cpu_usage``, ``memory_usage``, ``network_latency`` and ``storage_usage`` of SystemMetrics."""
        began = time.perf_counter()
        await self._db.read(psg_cypher.statement("server_ping"))
        latency = (time.perf_counter() - began) * 1000
        counts = await store_counts(self._db)
        return {
            "cpu_usage": self._host.cpu_usage(), "memory_usage": self._host.memory_usage(),
            "network_latency": round(latency, 3), "storage_usage": await self._storage.size(counts),
        }  # fmt: skip


async def store_counts(db: Database) -> dict[str, int]:
    """Steps by what they wait for, events, nodes and relationships: counts that the store keeps."""
    row = await db.read_one(psg_cypher.statement("monitor_steps"))
    assert row is not None
    return row
