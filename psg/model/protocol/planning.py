"""Documents of the modules in which work is planned, run and confirmed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StrictStr

from psg.model.protocol.fields import (
    ABSENT,
    BaseEvent,
    DateTime,
    Document,
    Governance,
    Id,
    Index,
    Meta,
    Module,
    Root,
    Span,
    Text,
)

PlanStatus = Literal["draft", "proposed", "approved", "in_progress", "completed", "cancelled", "failed"]
StepStatus = Literal["pending", "in_progress", "completed", "blocked", "skipped", "failed"]


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
