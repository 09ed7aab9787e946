"""Mutations of alerts: configure their rules, acknowledge them."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.scalars import JSON

from psg_graphql.failures import Conflict, Forbidden, NotFound, Refused, ValidationError
from psg_graphql.monitoring_queries import admit_alert, monitor_of, scope_of
from psg_graphql.mutations.inputs import CommandId
from psg_graphql.request_context import Info
from psg_graphql.roots import mutation
from psg_graphql.types.monitoring import Alert, AlertRule, alert_from, rule_from


@strawberry.input
class ConfigureHealthAlertsInput:
    rules: Annotated[
        list[JSON] | None,
        strawberry.field(
            description="`{id, metric, operator, threshold}` or `{id, component, status}`, forMs, severity, channels"
        ),
    ] = None
    remove: Annotated[list[str] | None, strawberry.field(description="Ids of rules to remove.")] = None
    project_id: Annotated[
        strawberry.ID | None, strawberry.field(description="Rules are of this project; absent: of the platform.")
    ] = None
    command_id: CommandId = None


@strawberry.input
class AcknowledgeAlertInput:
    id: strawberry.ID
    resolve: Annotated[bool, strawberry.field(description="Also end it, if no rule is behind it.")] = False
    command_id: CommandId = None


@strawberry.type
class AlertRulesPayload:
    rules: list[AlertRule] = strawberry.field(description="The rules of this scope now.")


@strawberry.type
class AlertPayload:
    alert: Alert


_Failures = NotFound | Conflict | ValidationError | Forbidden | Refused

AlertRulesResult = Annotated[AlertRulesPayload | _Failures, strawberry.union("AlertRulesResult")]
AlertResult = Annotated[AlertPayload | _Failures, strawberry.union("AlertResult")]


@strawberry.type
class MonitoringMutations:
    @mutation("Make, change or remove rules of alerts, all or none; doing it again changes nothing.")
    async def configure_health_alerts(self, info: Info, input: ConfigureHealthAlertsInput) -> AlertRulesResult:
        monitor = monitor_of(info, scope_of(input.project_id))
        config = {"rules": list(input.rules or ()), "remove": list(input.remove or ())}
        rules = await monitor.configure_health_alerts(config, actor=info.context.actor.name)
        return AlertRulesPayload(rules=[rule_from(rule) for rule in rules])

    @mutation("Say that somebody cares for an alert; doing it again changes nothing.")
    async def acknowledge_alert(self, info: Info, input: AcknowledgeAlertInput) -> AlertResult:
        await admit_alert(info, str(input.id))
        found = await monitor_of(info).acknowledge_alert(
            str(input.id), actor=info.context.actor.name, resolve=input.resolve
        )
        return AlertPayload(alert=alert_from(found))
