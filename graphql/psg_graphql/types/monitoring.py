"""What the platform tells of itself in the API: metrics, health, its history, alerts, and one look at all that runs."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any

import strawberry
from strawberry.scalars import JSON

from psg_graphql.global_id import global_id
from psg_graphql.scalars import Long, Timestamp
from psg_graphql.types.event import Closing, Heartbeat
from psg_graphql.types.node import moment
from psg_runtime import monitoring
from psg_runtime.monitoring.overview import Overview


@strawberry.enum(description="How a part of the platform was found.")
class HealthState(Enum):
    healthy = "healthy"
    degraded = "degraded"
    unhealthy = "unhealthy"


@strawberry.enum(description="Where an alert stands.")
class AlertStatus(Enum):
    firing = "firing"
    acknowledged = "acknowledged"
    resolved = "resolved"


@strawberry.enum
class AlertSeverity(Enum):
    info = "info"
    low = "low"
    medium = "medium"
    high = "high"
    critical = "critical"


@strawberry.type(description="One part of the platform: a module, `database` or `orchestrators`.")
class ComponentHealth:
    component: str
    status: HealthState
    details: JSON
    response_time_ms: float = strawberry.field(description="How long its check took.")
    checked_at: Timestamp | None


@strawberry.type(description="The platform: as bad as the worst of its parts; without one module it is degraded.")
class SystemHealth:
    status: HealthState
    components: list[ComponentHealth]
    problems: list[str]
    checked_at: Timestamp | None


@strawberry.type(description="What a module did since it was started, over all processes.")
class ModulePerformance:
    module: str
    operations: int
    failures: int
    average_duration_ms: float


@strawberry.type(description="A workflow is a plan; of one project where one was named.")
class SystemMetrics:
    active_workflows: int
    completed_workflows: int
    failed_workflows: int
    cancelled_workflows: int
    average_workflow_duration: float = strawberry.field(description="Milliseconds, of the latest 1000 completed.")
    module_health: list[ComponentHealth]
    module_performance: list[ModulePerformance]
    cpu_usage: float = strawberry.field(description="Percent of the API's machine.")
    memory_usage: float = strawberry.field(description="Percent of the API's machine.")
    network_latency: float = strawberry.field(description="A round trip to the database in milliseconds.")
    storage_usage: Long = strawberry.field(description="Bytes of the store; an estimate where it is elsewhere.")
    failed_steps: int
    claim_lag_ms: float = strawberry.field(description="Longest wait of a step that can be claimed.")
    collected_at: Timestamp | None


@strawberry.type(description="A finding of the past.")
class HealthFinding:
    component: str
    status: HealthState
    details: JSON
    response_time_ms: float
    source: str = strawberry.field(description="The process that looked: host and process id.")
    at: Timestamp | None


@strawberry.type(description="Findings within a span of time, in order.")
class HealthHistory:
    records: list[HealthFinding]
    truncated: bool = strawberry.field(description="There are more; these are the latest.")


@strawberry.type(description="A message to a webhook.")
class AlertDelivery:
    url: str
    event: AlertStatus
    status: str = strawberry.field(description="pending, delivered or failed.")
    attempts: int
    error: str | None


@strawberry.type(description="Something that somebody should know.")
class Alert:
    id: strawberry.ID
    name: str
    status: AlertStatus
    severity: AlertSeverity
    message: str
    rule: str | None = strawberry.field(description="Id of its rule; null: a part of the platform raised it.")
    project_id: strawberry.ID | None
    source: str
    details: JSON
    times: int = strawberry.field(description="How often it was raised.")
    seq: Long = strawberry.field(description="Number of its last change among all alerts.")
    started_at: Timestamp | None
    changed_at: Timestamp | None
    resolved_at: Timestamp | None
    acknowledged_at: Timestamp | None
    acknowledged_by: str | None
    deliveries: list[AlertDelivery]


@strawberry.type(description="When an alert is raised; see docs/monitoring.md.")
class AlertRule:
    id: strawberry.ID
    condition: str
    severity: AlertSeverity
    for_ms: Long
    enabled: bool
    project_id: strawberry.ID | None
    description: str
    definition: JSON = strawberry.field(description="The rule as it can be configured.")


@strawberry.type(description="Alerts that changed, each as it is now.")
class AlertBatch:
    alerts: list[Alert]
    cursor: str = strawberry.field(description="Resume with it as `after`.")


AlertsItem = Annotated[AlertBatch | Heartbeat | Closing, strawberry.union("AlertsItem")]


@strawberry.type(description="All that runs, in one look. Lists are of plain objects, for people.")
class SystemOverview:
    plans: list[JSON]
    sessions: list[JSON]
    modules: list[JSON]
    agents: list[JSON]
    resources: list[JSON]
    alerts: list[Alert]
    counts: JSON
    missing: JSON = strawberry.field(description="What could not be read, and why.")


def component_from(found: monitoring.ModuleHealth) -> ComponentHealth:
    """Return the API's view of a finding."""
    return ComponentHealth(
        component=found.module_id, status=HealthState(found.status), details=JSON(found.details),
        response_time_ms=found.response_time_ms, checked_at=moment(found.checked_at),
    )  # fmt: skip


def health_from(found: monitoring.SystemHealth) -> SystemHealth:
    """Return the API's view of the platform's health."""
    return SystemHealth(
        status=HealthState(found.status), components=[component_from(c) for c in found.components.values()],
        problems=found.problems, checked_at=moment(found.checked_at),
    )  # fmt: skip


def metrics_from(found: monitoring.SystemMetrics) -> SystemMetrics:
    """Return the API's view of the metrics."""
    same = (
        "active_workflows", "completed_workflows", "failed_workflows", "cancelled_workflows",
        "average_workflow_duration", "cpu_usage", "memory_usage", "network_latency", "failed_steps",
    )  # fmt: skip
    return SystemMetrics(
        **{name: getattr(found, name) for name in same},
        storage_usage=Long(found.storage_usage), claim_lag_ms=found.claim_lag, collected_at=moment(found.collected_at),
        module_health=[component_from(health) for health in found.module_health.values()],
        module_performance=[
            ModulePerformance(
                module=name, operations=told.operations, failures=told.failures,
                average_duration_ms=told.average_duration,
            )
            for name, told in found.module_performance.items()
        ],
    )  # fmt: skip


def history_from(found: monitoring.HealthHistory) -> HealthHistory:
    """Return the API's view of findings of the past."""
    records = [
        HealthFinding(
            component=r.component, status=HealthState(r.status), details=JSON(r.details), source=r.source,
            response_time_ms=r.response_time_ms, at=moment(r.at),
        )
        for r in found.records
    ]  # fmt: skip
    return HealthHistory(records=records, truncated=found.truncated)


def alert_from(found: monitoring.Alert) -> Alert:
    """Return the API's view of an alert; secrets of webhooks are names, and are left out."""
    deliveries = [
        AlertDelivery(url=d.url, event=AlertStatus(d.event), status=d.status, attempts=d.attempts, error=d.error)
        for d in found.deliveries
    ]
    return Alert(
        id=strawberry.ID(found.id), name=found.name, status=AlertStatus(found.status),
        severity=AlertSeverity(found.severity), message=found.message, rule=found.rule,
        project_id=_project(found.project_id), source=found.source, details=JSON(found.details), times=found.times,
        seq=Long(found.seq), started_at=moment(found.started_ms), changed_at=moment(found.changed_ms),
        resolved_at=moment(found.resolved_ms), acknowledged_at=moment(found.acknowledged_ms),
        acknowledged_by=found.acknowledged_by, deliveries=deliveries,
    )  # fmt: skip


def rule_from(rule: monitoring.AlertRule) -> AlertRule:
    """Return the API's view of a rule."""
    return AlertRule(
        id=strawberry.ID(rule.id), condition=rule.condition, severity=AlertSeverity(rule.severity),
        for_ms=Long(rule.for_ms), enabled=rule.enabled, project_id=_project(rule.project_id),
        description=rule.description, definition=JSON(rule.to_dict()),
    )  # fmt: skip


def overview_from(found: Overview) -> SystemOverview:
    """Return the API's view of what runs."""
    lists: dict[str, Any] = {
        name: [JSON(row) for row in getattr(found, name)]
        for name in ("plans", "sessions", "modules", "agents", "resources")
    }
    return SystemOverview(
        **lists, alerts=[alert_from(alert) for alert in found.alerts], counts=JSON(found.counts),
        missing=JSON(found.missing),
    )  # fmt: skip


def _project(project_id: str | None) -> strawberry.ID | None:
    return None if project_id is None else strawberry.ID(global_id("Project", project_id, project_id))
