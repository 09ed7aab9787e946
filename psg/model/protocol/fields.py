"""What the documents of all modules are made of: field types and the objects that several of them hold."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr

from psg.model.codec import moment
from psg.model.ids import UUID4

CROSS_CUTTING = Literal[
    "coordination", "error-handling", "event-bus", "learning-feedback", "observability", "orchestration",
    "performance", "protocol-versioning", "security", "state-sync", "transaction",
]  # fmt: skip
ModuleName = Literal[
    "context", "plan", "confirm", "trace", "role", "extension", "dialog", "collab", "core", "network"
]
ABSENT: Any = None
"""Default of an optional field: never validated nor copied, so that only what is given counts."""


def _uuid(value: str) -> str:
    if not UUID4.fullmatch(value):
        raise ValueError(f"{value!r} is not a UUID v4 in lower case")
    return value


def _date_time(value: str) -> str:
    try:
        moment(value)
    except (ValueError, OverflowError):
        raise ValueError(f"{value!r} is not an RFC 3339 date-time") from None
    return value


def _unique(value: list[Any]) -> list[Any]:
    if len(set(value)) != len(value):
        raise ValueError("the items have to be unique")
    return value


Id = Annotated[StrictStr, AfterValidator(_uuid)]
DateTime = Annotated[StrictStr, AfterValidator(_date_time)]
Text = Annotated[StrictStr, Field(min_length=1)]
Version = Annotated[StrictStr, Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")]
Index = Annotated[StrictInt, Field(ge=0, lt=2**63)]


class Document(BaseModel):
    """A strict document: unknown fields are refused, ``None`` never stands for an absent field."""

    model_config = ConfigDict(extra="forbid")


class Meta(Document):
    protocol_version: Version
    schema_version: Version
    created_at: DateTime = ABSENT
    created_by: StrictStr = ABSENT
    updated_at: DateTime = ABSENT
    updated_by: StrictStr = ABSENT
    tags: Annotated[list[StrictStr], AfterValidator(_unique)] = ABSENT
    cross_cutting: Annotated[list[CROSS_CUTTING], AfterValidator(_unique)] = ABSENT


class Span(Document):
    trace_id: Id
    span_id: Id
    parent_span_id: Id = ABSENT
    context_id: Id = ABSENT
    attributes: dict[str, Any] = ABSENT


class BaseEvent(Document):
    event_id: Id
    event_type: Annotated[StrictStr, Field(pattern=r"^[a-z][a-z0-9]*(\.[a-z][a-z0-9]*)*$")]
    source: StrictStr
    timestamp: DateTime
    trace_id: Id = ABSENT
    data: dict[str, Any] | None = None


class Ref(Document):
    id: Id
    module: ModuleName
    description: StrictStr = ABSENT


class Governance(Document):
    lifecyclePhase: StrictStr = ABSENT
    truthDomain: StrictStr = ABSENT
    locked: StrictBool = ABSENT
    lastConfirmRef: Ref = ABSENT


class Root(BaseModel):
    model_config = ConfigDict(extra="allow")

    domain: StrictStr
    environment: StrictStr
    entry_point: StrictStr = ABSENT


class Module(Document):
    meta: Meta
    trace: Span = ABSENT
    events: list[BaseEvent] = ABSENT
