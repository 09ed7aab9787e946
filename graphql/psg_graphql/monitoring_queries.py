"""Queries of metrics, health and alerts."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import strawberry

import psg_cypher
from psg.errors import ValidationFailed
from psg_graphql.connections import MAX_FIRST
from psg_graphql.global_id import project_of
from psg_graphql.policy import accessible, authorize
from psg_graphql.request_context import Info
from psg_graphql.roots import query
from psg_graphql.scalars import Long, Timestamp
from psg_graphql.types.monitoring import (
    Alert,
    AlertRule,
    AlertStatus,
    HealthHistory,
    SystemHealth,
    SystemMetrics,
    SystemOverview,
    alert_from,
    health_from,
    history_from,
    metrics_from,
    overview_from,
    rule_from,
)
from psg_runtime.monitoring import SystemMonitor
from psg_runtime.monitoring.alerts import alert_page
from psg_runtime.monitoring.overview import overview
from psg_runtime.monitoring.rule_book import rules_of
from psg_runtime.monitoring.scope import Scope

_METRICS_AGE_MS = 1_000
_OF_A_PROJECT = frozenset(("projects", "log_seq", "claim_lag_ms"))
_ProjectScope = Annotated[
    strawberry.ID | None, strawberry.argument(description="Global id or UUID of a project; absent: everything.")
]


def monitor_of(info: Info, project_id: str | None = None) -> SystemMonitor:
    """Return the monitor of this process, or one for a project."""
    context = info.context
    state = getattr(context.request.scope.get("app"), "state", None) if context.request is not None else None
    if project_id is None and (found := getattr(state, "monitor", None)) is not None:
        return found
    return SystemMonitor(context.graph, project_id=project_id)


def open_scope(info: Info, project_id: strawberry.ID | None) -> Scope:
    """Return whose alerts and rules are shown: a project's, or without one what is open to who asks."""
    if project_id is not None:
        return Scope(project_of(project_id))
    among = accessible(info.context.actor)
    return Scope(among=None if among is None else tuple(sorted(among)))


async def admit_alert(info: Info, alert_id: str) -> None:
    """Let an alert be acknowledged where its project, or the platform, is open to who asks; raises ``Denied``.

    One that there is not is denied like one of another project.
    """
    actor = info.context.actor
    if actor.grants is not None:
        row = await info.context.graph.db.read_one(psg_cypher.statement("alert_of"), id=alert_id)
        mine = row is not None and (row["project_id"] is None or row["project_id"] in actor.grants)
        authorize(actor, "operate", "alert", row["project_id"] if row is not None and mine else None)


def scope_of(project_id: strawberry.ID | None) -> str | None:
    """Return the UUID of the project that a request is about, if it is about one."""
    return None if project_id is None else project_of(project_id)


@strawberry.type
class MonitoringQueries:
    @query("How many plans run and ended, how long they take, and how busy machine and database are.")
    async def system_metrics(self, info: Info, project_id: _ProjectScope = None) -> SystemMetrics:
        monitor = monitor_of(info, scope_of(project_id))
        return metrics_from(await monitor.latest_metrics(_METRICS_AGE_MS))

    @query("How database, orchestrators and modules are now; asking leaves nothing in the history.")
    async def system_health(self, info: Info) -> SystemHealth:
        return health_from(await monitor_of(info).check_system_health(record=False))

    @query("What was found within a span of time, both ends included, in order.")
    async def health_history(
        self,
        info: Info,
        start: Timestamp,
        end: Timestamp,
        component: str | None = None,
        limit: int = 500,
    ) -> HealthHistory:
        if not 1 <= limit <= 1000:
            raise ValidationFailed("limit: 1 to 1000", field="limit")
        span = {"start": str(start), "end": str(end)}
        return history_from(await monitor_of(info).get_health_history(span, component=component, limit=limit))

    @query("Alerts, the one that changed last first.")
    async def alerts(
        self,
        info: Info,
        project_id: _ProjectScope = None,
        status: AlertStatus | None = None,
        first: int = 50,
        before: Annotated[
            Long | None, strawberry.argument(description="`seq` of the last one seen, for those behind it.")
        ] = None,
    ) -> list[Alert]:
        if not 1 <= first <= MAX_FIRST:
            raise ValidationFailed(f"first: 1 to {MAX_FIRST}", field="first")
        found = await alert_page(
            info.context.graph.db, open_scope(info, project_id), status=None if status is None else status.value,
            before=before, limit=first,
        )  # fmt: skip
        return [alert_from(alert) for alert in found]

    @query("The rules by which alerts are raised.")
    async def alert_rules(self, info: Info, project_id: _ProjectScope = None) -> list[AlertRule]:
        found = await rules_of(info.context.graph.db, open_scope(info, project_id))
        return [rule_from(rule) for rule in found]

    @query("All that runs now: plans, orchestrators, modules, agents, resources, open alerts.")
    async def system_overview(self, info: Info, project_id: _ProjectScope = None) -> SystemOverview:
        found = await overview(info.context.graph, scope_of(project_id))
        if accessible(info.context.actor) is not None:  # numbers of the whole store are not of one project
            found = replace(found, resources=[], counts={k: v for k, v in found.counts.items() if k in _OF_A_PROJECT})
        return overview_from(found)
