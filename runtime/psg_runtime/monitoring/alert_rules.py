"""When an alert is to be raised: conditions on metrics and on health, as data; judging them is pure."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, model_validator

from psg.errors import ValidationFailed
from psg_runtime.ael.http.target import Target
from psg_runtime.monitoring.model import STATES, HealthState, Told
from psg_runtime.secrets.reference import SECRET_NAME

Severity = Literal["info", "low", "medium", "high", "critical"]
Operator = Literal[">", ">=", "<", "<=", "==", "!="]
RULES_AT_ONCE = 200
CHANNELS_MAX = 8

METRICS = (
    "active_workflows", "completed_workflows", "failed_workflows", "cancelled_workflows", "average_workflow_duration",
    "cpu_usage", "memory_usage", "network_latency", "storage_usage", "failed_steps", "claim_lag",
)  # fmt: skip
"""Metrics that rules can be about, of SystemMetrics."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:\-]{0,99}", re.ASCII)
SECRET_IN_URL = re.compile(r"\{\{\s*secrets\.(" + SECRET_NAME.pattern + r")\s*\}\}", re.ASCII)
"""A secret in the path of a webhook's URL, by its name."""
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
_SPELLINGS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "eq": "==", "ne": "!=", "=": "=="}


def rule_id(value: str) -> str:
    """A rule's id that can be used; raises ValueError."""
    if _ID.fullmatch(value) is None:
        raise ValueError("up to 100 letters, digits and _ . : -, a letter or digit first")
    return value


def _url(value: str) -> str:
    try:
        Target.parse(SECRET_IN_URL.sub("secret", value))
    except ValidationFailed as error:
        raise ValueError(error.message) from None
    return value


def _secret(value: str | None) -> str | None:
    if value is not None and SECRET_NAME.fullmatch(value) is None:
        raise ValueError("this is no name of a secret; give the name, not the value")
    return value


def _snake(value: Any) -> Any:
    return _CAPITAL.sub("_", value).lower() if isinstance(value, str) else value


class Webhook(Told):
    """Tells a server by HTTP POST.

    ``secret`` names the secret the body is signed with (HMAC-SHA256); the path of ``url`` may hold others as
    ``{{secrets.NAME}}``.
    """

    type: Literal["webhook"] = "webhook"
    url: Annotated[str, Field(max_length=2000), AfterValidator(_url)]
    secret: Annotated[str | None, AfterValidator(_secret)] = None


class LogLine(Told):
    """Writes a line into the log of the process that evaluates."""

    type: Literal["log"]


Channel = Annotated[Webhook | LogLine, Field(discriminator="type")]


def _typed(value: Any) -> Any:
    """A URL alone is a webhook, ``log`` the log."""
    if isinstance(value, str):
        return {"type": "log"} if value == "log" else {"type": "webhook", "url": value}
    if isinstance(value, Mapping) and "type" not in value and "url" in value:
        return {"type": "webhook", **value}
    return value


Channels = Annotated[
    list[Annotated[Channel, BeforeValidator(_typed)]], Field(default_factory=list, max_length=CHANNELS_MAX)
]


class AlertRule(Told):
    """One rule: its condition, for how long it has to hold, and who is told.

    Either ``metric`` (one of METRICS, or a probe of the process) with ``operator`` and ``threshold``, or
    ``component`` (a module, ``database``, ``orchestrators``, or ``system`` for all together) with ``status``: at least
    so bad. ``for_ms`` 0: at once. Every rule of ``project_id`` looks at that project alone.
    """

    id: Annotated[str, AfterValidator(rule_id)] = Field(validation_alias=AliasChoices("id", "name"))
    metric: Annotated[str | None, BeforeValidator(_snake)] = None
    operator: Annotated[
        Operator, BeforeValidator(lambda value: _SPELLINGS.get(value, value) if isinstance(value, str) else value)
    ] = ">"
    threshold: Annotated[float | None, Field(allow_inf_nan=False)] = None
    component: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    status: HealthState = "unhealthy"
    for_ms: int = Field(
        default=0, ge=0, le=7 * 24 * 3_600_000, validation_alias=AliasChoices("for_ms", "forMs", "duration")
    )
    severity: Severity = "medium"
    channels: Channels
    description: str = Field(default="", max_length=1000)
    enabled: bool = True
    project_id: str | None = None

    @model_validator(mode="after")
    def _one_condition(self) -> AlertRule:
        if (self.metric is None) == (self.component is None):
            raise ValueError("give either a metric with its threshold or a component with its status")
        if self.metric is not None and self.threshold is None:
            raise ValueError("threshold: a number is needed")
        return self

    @property
    def condition(self) -> str:
        """The condition in words."""
        if self.metric is not None:
            return f"{self.metric} {self.operator} {self.threshold:.15g}"
        return f"{self.component} is {self.status}" + ("" if self.status == "unhealthy" else " or worse")


class AlertConfiguration(Told):
    """What is to be changed: ``rules`` to make or replace, ids of rules to ``remove``; others stay as they are."""

    rules: list[AlertRule] = Field(default_factory=list, max_length=RULES_AT_ONCE)
    remove: list[str] = Field(default_factory=list, max_length=RULES_AT_ONCE)

    @model_validator(mode="after")
    def _no_doubles(self) -> AlertConfiguration:
        names = [*(rule.id for rule in self.rules), *self.remove]
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"rule {', '.join(doubled)} is named twice")
        return self


@dataclass(frozen=True, slots=True)
class Observed:
    """What there is to judge: numbers by metric and states by component; what could not be read is not there."""

    numbers: Mapping[str, float]
    states: Mapping[str, HealthState]

    def holds(self, rule: AlertRule) -> bool | None:
        """Whether the condition of a rule holds; None when nothing is known of what it is about."""
        if rule.metric is not None:
            number = self.numbers.get(rule.metric)
            return None if number is None else _OPERATORS[rule.operator](number, rule.threshold or 0.0)
        state = self.states.get(rule.component or "")
        return None if state is None else STATES.index(state) >= STATES.index(rule.status)

    def value(self, rule: AlertRule) -> float | str | None:
        """What was seen."""
        if rule.metric is not None:
            return self.numbers.get(rule.metric)
        return self.states.get(rule.component or "")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What comes of looking at a rule: since when its condition holds, and whether to ``fire`` or ``resolve`` now."""

    since_ms: int | None
    fire: bool = False
    resolve: bool = False


def judge(rule: AlertRule, holds: bool | None, since_ms: int | None, is_open: bool, now_ms: int) -> Verdict:
    """Decide by what holds now and what was noted before; what is unknown changes nothing.

    An alert fires once when its condition has held for ``for_ms``, and resolves once when it does not any more.
    """
    if not rule.enabled:
        return Verdict(None, resolve=is_open)
    if holds is None:
        return Verdict(since_ms)
    if not holds:
        return Verdict(None, resolve=is_open)
    since = since_ms if since_ms is not None and since_ms <= now_ms else now_ms
    return Verdict(since, fire=not is_open and now_ms - since >= rule.for_ms)
