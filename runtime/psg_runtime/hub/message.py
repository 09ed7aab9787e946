"""What goes between modules: messages with one receiver, their results, and events for whoever wants them (CORE-30)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, model_validator
from pydantic.alias_generators import to_camel

from psg.model.codec import digest, dumps, moment
from psg.model.ids import new_id
from psg_runtime.contracts.model import ContractModel, Json, JsonObject, Name

MESSAGE_BYTES = 262_144
"""How large a payload or an output may be, as JSON; keep what is larger elsewhere and send where it is."""

EVENT_BYTES = 61_440
"""How large the payload of an event may be, which is an entry of the log."""


class MessagePriority(StrEnum):
    """How urgent a message is; of two that wait the more urgent is taken first, of equals the one that came first."""

    CRITICAL = "critical"
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"

    @property
    def rank(self) -> int:
        """Its place: 0 is taken first."""
        return list(MessagePriority).index(self)


def _moment(value: Any) -> Any:
    if isinstance(value, str):
        value = moment(value)
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value
    raise ValueError("expected a moment: a datetime, or a text such as 2026-01-31T12:00:00Z")


def _within(limit: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def bounded(value: dict[str, Any]) -> dict[str, Any]:
        size = len(dumps(value).encode())
        if size > limit:
            raise ValueError(f"{size} bytes; up to {limit} are allowed: keep it elsewhere and send where it is")
        return value

    return bounded


Moment = Annotated[datetime, BeforeValidator(_moment)]
Payload = Annotated[JsonObject, AfterValidator(_within(MESSAGE_BYTES))]
EventPayload = Annotated[JsonObject, AfterValidator(_within(EVENT_BYTES))]


class _Told(ContractModel):
    """A contract with a moment in it."""

    def to_dict(self) -> dict[str, Any]:
        """The specification's form: camelCase, moments as RFC 3339 texts."""
        return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in super().to_dict().items()}


class InterModuleMessage(_Told):
    """A message from one module to one other (CORE-30).

    ``id`` names it for good: sent again it is the same message and has the same result. ``correlation_id`` ties it to
    the work it belongs to and goes through to the result and the events; without one the message begins a new piece of
    work. ``payload`` is JSON, up to 256 KiB.
    """

    id: Name = Field(default_factory=new_id)
    source_module: Name
    target_module: Name
    operation: Name
    payload: Payload = Field(default_factory=dict)
    correlation_id: Name = Field(default_factory=new_id)
    timestamp: Moment = Field(default_factory=lambda: datetime.now(UTC))
    priority: MessagePriority = MessagePriority.NORMAL

    @property
    def content(self) -> str:
        """A digest of everything but the moment: the same message sent again has the same."""
        told = (self.source_module, self.target_module, self.operation, self.payload, self.correlation_id)
        return digest([*told, self.priority])


class MessageResult(ContractModel):
    """What the target module made of a message.

    ``success`` is false when the module raised: ``error`` then says what, as {code, message, category, retryable,
    details}. A message that never reached its module, or was not answered in time, has no result: that raises.
    ``duration_ms`` is from its acceptance to its answer, ``deliveries`` how often it was handed to a process.
    """

    message_id: Name
    correlation_id: Name
    source_module: Name
    target_module: Name
    operation: Name
    status: Literal["completed", "failed"]
    output: Json = None
    error: dict[str, Any] | None = None
    duration_ms: Annotated[float, Field(ge=0)] = 0.0
    deliveries: Annotated[int, Field(ge=1)] = 1

    @property
    def success(self) -> bool:
        """Whether the module did what it was asked."""
        return self.status == "completed"

    def to_dict(self) -> dict[str, Any]:
        """The specification's form, with ``success``."""
        return {**super().to_dict(), "success": self.success}


class SystemEvent(_Told):
    """Something that happened, for every subscriber of its ``type``; ``payload`` is JSON, up to 60 KiB.

    The specification leaves open what an event has: fields that are none of these are taken as parts of the payload.
    """

    type: Name = Field(validation_alias=AliasChoices("type", "eventType", "event_type"))
    payload: EventPayload = Field(default_factory=dict)
    source_module: Name | None = None
    id: Name = Field(default_factory=new_id)
    correlation_id: Name | None = None
    timestamp: Moment = Field(default_factory=lambda: datetime.now(UTC))

    @model_validator(mode="before")
    @classmethod
    def _rest_is_payload(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        rest = {name: value for name, value in given.items() if name not in _EVENT_FIELDS}
        payload = given.get("payload") or {}
        if not rest or not isinstance(payload, dict):
            return given
        return {k: v for k, v in given.items() if k not in rest} | {"payload": {**rest, **payload}}


_EVENT_FIELDS = frozenset(
    spelled for name in (*SystemEvent.model_fields, "event_type") for spelled in (name, to_camel(name))
)
