"""The protocol 1.0.0 documents of the modules kept here, as strict models; a test proves them equal to the schemas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, ValidationError

from psg.errors import PlanInvalid, ValidationFailed
from psg.model.codec import moment, storable
from psg.model.ids import UUID4

CROSS_CUTTING = Literal[
    "coordination", "error-handling", "event-bus", "learning-feedback", "observability", "orchestration",
    "performance", "protocol-versioning", "security", "state-sync", "transaction",
]  # fmt: skip
ABSENT: Any = None
"""Default of an optional field: never validated nor copied, so that only what is given counts."""
PlanStatus = Literal["draft", "proposed", "approved", "in_progress", "completed", "cancelled", "failed"]
StepStatus = Literal["pending", "in_progress", "completed", "blocked", "skipped", "failed"]


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
    module: Literal["context", "plan", "confirm", "trace", "role", "extension", "dialog", "collab", "core", "network"]
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


class ContextDocument(Module):
    governance: Governance = ABSENT
    context_id: Id
    root: Root
    title: Text
    summary: StrictStr = ABSENT
    status: Literal["draft", "active", "suspended", "archived", "closed"]
    tags: list[Text] = ABSENT
    language: StrictStr = ABSENT
    owner_role: StrictStr = ABSENT
    constraints: dict[str, Any] = ABSENT
    created_at: DateTime = ABSENT
    updated_at: DateTime = ABSENT


class StepDocument(Document):
    step_id: Id
    description: Text
    status: StepStatus
    dependencies: list[Id] = ABSENT
    agent_role: StrictStr = ABSENT
    order_index: Index = ABSENT


class PlanDocument(Module):
    plan_id: Id
    context_id: Id
    title: Text
    objective: Text
    status: PlanStatus
    steps: Annotated[list[StepDocument], Field(min_length=1)]


class SegmentDocument(Document):
    segment_id: Id
    parent_segment_id: Id = ABSENT
    label: StrictStr
    status: Literal["pending", "running", "completed", "failed", "cancelled", "skipped"]
    started_at: DateTime = ABSENT
    finished_at: DateTime = ABSENT
    attributes: dict[str, Any] = ABSENT


class TraceDocument(Document):
    meta: Meta
    governance: Governance = ABSENT
    trace_id: Id
    context_id: Id
    plan_id: Id = ABSENT
    root_span: Span
    status: Literal["pending", "running", "completed", "failed", "cancelled"]
    started_at: DateTime = ABSENT
    finished_at: DateTime = ABSENT
    segments: list[SegmentDocument] = ABSENT
    events: list[BaseEvent] = ABSENT


class DecisionDocument(Document):
    decision_id: Id
    status: Literal["approved", "rejected", "cancelled"]
    decided_by_role: StrictStr
    decided_at: DateTime
    reason: StrictStr = ABSENT


class ConfirmDocument(Module):
    governance: Governance = ABSENT
    confirm_id: Id
    target_type: Literal["context", "plan", "trace", "extension", "other"]
    target_id: Id
    status: Literal["pending", "approved", "rejected", "cancelled"]
    requested_by_role: StrictStr
    requested_at: DateTime
    reason: StrictStr = ABSENT
    decisions: list[DecisionDocument] = ABSENT


class RoleDocument(Module):
    governance: Governance = ABSENT
    role_id: Id
    name: StrictStr
    description: StrictStr = ABSENT
    capabilities: list[StrictStr] = ABSENT
    created_at: DateTime = ABSENT
    updated_at: DateTime = ABSENT


DOCUMENTS: Mapping[str, type[BaseModel]] = {
    "context": ContextDocument,
    "plan": PlanDocument,
    "trace": TraceDocument,
    "confirm": ConfirmDocument,
    "role": RoleDocument,
}


def check_document(module: str, document: Any) -> dict[str, Any]:
    """Return ``document`` when it is a valid protocol document of ``module``.

    Raises ``PlanInvalid`` (message begins ``Invalid Plan:``, DD-08) or ``ValidationFailed`` naming every violation.
    The document itself is returned, not a copy through the model: what was given is what comes out again.
    """
    model = DOCUMENTS.get(module)
    if model is None:
        raise ValidationFailed(f"{module!r} is no module kept here; known are {', '.join(DOCUMENTS)}", module=module)
    try:
        model.model_validate(document, strict=True)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        found = [f"{_place(e['loc'])}: {e['msg'].removeprefix('Value error, ')}" for e in faults]
        kind = PlanInvalid if module == "plan" else ValidationFailed
        message = f"Invalid {module.capitalize()}: {'; '.join(found[:20])}"
        raise kind(message, module=module, violations=found) from None
    if not storable(document):
        raise (PlanInvalid if module == "plan" else ValidationFailed)(
            f"Invalid {module.capitalize()}: not JSON that can be kept: no NaN, no integers beyond 64 bits, "
            "text in UTF-8",
            module=module,
        )
    return document


def _place(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in loc) or "(document)"
