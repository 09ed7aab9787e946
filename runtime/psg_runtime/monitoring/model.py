"""What the platform tells of itself: metrics, health and its history (core-orchestrator.md, System Metrics)."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from psg.errors import ValidationFailed

HealthState = Literal["healthy", "degraded", "unhealthy"]
STATES: tuple[HealthState, ...] = ("healthy", "degraded", "unhealthy")
"""From good to bad."""


class Told(BaseModel):
    """Data that is read with names in snake_case or in the specification's camelCase."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid")

    def to_dict(self) -> dict[str, Any]:
        """As JSON-like data with the specification's names."""
        return self.model_dump(mode="json", by_alias=True)


class ModuleHealth(Told):
    """How one part of the platform was found: a module, or ``database``, ``orchestrators``, ``api``.

    ``response_time_ms`` is how long its check took, ``checked_at`` milliseconds since the epoch.
    """

    module_id: str
    status: HealthState
    details: dict[str, Any] = Field(default_factory=dict)
    response_time_ms: float = 0.0
    checked_at: int


class SystemHealth(Told):
    """How the platform is: as bad as the worst of its components, each by its name."""

    status: HealthState
    components: dict[str, ModuleHealth]
    problems: list[str]
    checked_at: int


class PerformanceMetrics(Told):
    """What a module did since it was started; durations in milliseconds.

    ``max_duration`` is known of what this process measured itself, else 0.
    """

    operations: int = 0
    failures: int = 0
    average_duration: float = 0.0
    max_duration: float = 0.0

    @property
    def error_rate(self) -> float:
        """Failures among all operations, 0 to 1."""
        return self.failures / self.operations if self.operations else 0.0


class SystemMetrics(Told):
    """The specification's SystemMetrics (CORE-38..40).

    A workflow is a plan. ``average_workflow_duration`` and ``network_latency`` (a round trip to the database) are
    milliseconds, ``cpu_usage`` and ``memory_usage`` percent of this machine (0 to 100), ``storage_usage`` bytes.
    """

    active_workflows: int
    completed_workflows: int
    failed_workflows: int
    average_workflow_duration: float
    module_health: dict[str, ModuleHealth] = Field(default_factory=dict)
    module_performance: dict[str, PerformanceMetrics] = Field(default_factory=dict)
    cpu_usage: float
    memory_usage: float
    network_latency: float
    storage_usage: int
    cancelled_workflows: int = 0
    failed_steps: int = 0
    claim_lag: float = 0.0
    collected_at: int


def _milliseconds(value: Any) -> Any:
    """A moment as milliseconds since the epoch: of a number, a datetime or an RFC 3339 text."""
    if isinstance(value, str):
        value = datetime.datetime.fromisoformat(value)
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            raise ValueError("a time needs a zone, such as Z")
        return round(value.timestamp() * 1000)
    if isinstance(value, bool):
        raise ValueError("a time is a number of milliseconds, or a text")
    return value


Moment = Annotated[int, BeforeValidator(_milliseconds)]


class TimeRange(Told):
    """From ``start`` to ``end``, both included: milliseconds since the epoch, datetimes or RFC 3339 texts."""

    start: Moment = Field(validation_alias=AliasChoices("start", "from", "startTime", "start_time"))
    end: Moment = Field(validation_alias=AliasChoices("end", "to", "endTime", "end_time"))

    @model_validator(mode="after")
    def _in_order(self) -> TimeRange:
        if self.start > self.end:
            raise ValueError("start is after end")
        return self


class HealthRecord(Told):
    """One finding of the past; ``at`` by the database's clock."""

    component: str
    status: HealthState
    at: int
    details: dict[str, Any] = Field(default_factory=dict)
    response_time_ms: float = 0.0
    source: str = ""


class HealthHistory(Told):
    """Findings within a span of time, in order; ``truncated`` when there are more than were asked for."""

    range: TimeRange
    records: list[HealthRecord]
    truncated: bool = False


T = TypeVar("T", bound=Told)


def parsed(kind: type[T], value: T | Mapping[str, Any], field: str) -> T:
    """``value`` as ``kind``; raises ValidationFailed that says what is wrong where, without the values."""
    if isinstance(value, kind):
        return value
    if not isinstance(value, Mapping):
        raise ValidationFailed(f"{field}: an object is expected", field=field)
    try:
        return kind.model_validate(dict(value))
    except ValidationError as error:
        found = [
            f"{'.'.join([field, *map(str, e['loc'])])}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        raise ValidationFailed("; ".join(found), field=field) from None


def worst(states: list[HealthState]) -> HealthState:
    """The worst of several states; healthy when there are none."""
    return max(states, key=STATES.index, default="healthy")
