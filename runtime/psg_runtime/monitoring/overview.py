"""What runs now, in one look: plans, orchestrators, modules, agents, resources, budgets, alerts (``psg top``)."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

import psg_cypher
from psg import capabilities
from psg.graph import Graph
from psg.model.codec import loads
from psg_neo4j.database import Database, Row
from psg_runtime.modules.store import ModuleStore
from psg_runtime.monitoring.alerts import Alert, alert_page
from psg_runtime.monitoring.collection import store_counts
from psg_runtime.monitoring.health import claims_of, sessions_of
from psg_runtime.monitoring.scope import Scope
from psg_runtime.resources import ResourceManager

PLANS, AGENTS, ALERTS = 200, 200, 50


@dataclass(frozen=True, slots=True)
class Overview:
    """Rows as plain data; ``counts`` are numbers by name, ``log_seq`` the sum of all logs for a rate of events.

    ``missing`` names the parts that could not be read, with the reason.
    """

    plans: list[Row]
    sessions: list[Row]
    modules: list[Row]
    agents: list[Row]
    resources: list[Row]
    alerts: list[Alert]
    counts: dict[str, int]
    missing: dict[str, str]


async def overview(graph: Graph, project_id: str | None = None) -> Overview:
    """Look at everything that runs; one part that cannot be read leaves the others as they are.

    Raises errors of ``psg_neo4j`` when the database does not answer.
    """
    db, scope = graph.db, Scope(project_id)
    missing: dict[str, str] = {}

    async def tried(name: str, reading: Awaitable[list[Any]]) -> list[Any]:
        try:
            return await reading
        except Exception as error:
            missing[name] = type(error).__name__
            return []

    plans = [_plan(row) for row in await db.read(
        psg_cypher.statement("monitor_running_plans"), **scope.bounds, limit=PLANS
    )]  # fmt: skip
    plans.sort(key=lambda plan: (plan["started_ms"] or 0, plan["id"]), reverse=True)
    return Overview(
        plans=plans,
        sessions=await sessions_of(db),
        modules=await tried("modules", _modules(graph)),
        agents=await tried("agents", _agents(db)),
        resources=await tried("resources", _resources(graph)),
        alerts=await tried("alerts", _open_alerts(db, scope)),
        counts=await _counts(db, scope),
        missing=missing,
    )


async def _counts(db: Database, scope: Scope) -> dict[str, int]:
    log = await db.read_one(psg_cypher.statement("monitor_log"), **scope.bounds)
    claims = await claims_of(db, scope)
    assert log is not None
    return {
        **await store_counts(db), "projects": log["projects"], "log_seq": log["seq"],
        "claim_lag_ms": max(claims["lag_ms"], 0),
    }  # fmt: skip


def _plan(row: Row) -> Row:
    """A running plan with its account: what it spent, and what of that is limited."""
    budget = loads(row["budget"]) or {}
    spent = {name: row[f"spent_{name}"] or 0 for name in ("tokens", "cost", "calls", "wall_ms")}
    limits = {name: limit for name, limit in budget.items() if name in spent and isinstance(limit, (int, float))}
    kept = ("project_id", "id", "title", "paused", "steps_total", "steps_open", "steps_failed", "started_ms")
    running_ms = max(0, row["now"] - row["started_ms"]) if row["started_ms"] else 0
    return {**{name: row[name] for name in kept}, "running_ms": running_ms, "spent": spent, "limits": limits}


async def _modules(graph: Graph) -> list[Row]:
    return [
        {
            "id": module.id, "module_type": module.module_type, "version": module.version, "status": module.status,
            "health": module.health.status, "process": module.process, "operations": module.operations,
            "failures": module.failures, "reason": module.reason,
        }
        for module in await ModuleStore(graph, 0).live()
    ]  # fmt: skip


async def _agents(db: Database) -> list[Row]:
    """What is of type agent, and how many orchestrators offer it now."""
    offering = await capabilities.offering(db)
    found = await capabilities.page(db, "", AGENTS, type="agent")
    return [
        {"name": agent.reference, "offered_by": offering.get(agent.reference, 0), "source": agent.source}
        for agent in found
        if agent.enabled
    ]


async def _resources(graph: Graph) -> list[Row]:
    usage = await ResourceManager(graph).get_resource_usage()
    return [
        {
            "name": pool.name, "used": pool.used, "limit": pool.limit, "capacity": pool.capacity,
            "allocations": pool.allocations, "waiting": pool.waiting, "strategy": pool.strategy,
        }
        for pool in usage.pools.values()
    ]  # fmt: skip


async def _open_alerts(db: Database, scope: Scope) -> list[Alert]:
    firing = await alert_page(db, scope, status="firing", limit=ALERTS)
    return [*firing, *await alert_page(db, scope, status="acknowledged", limit=ALERTS)]
