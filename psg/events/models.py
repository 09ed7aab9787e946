"""The protocol's events as strict models: event core and the families with fields of their own (L3-43).

They say what the event schemas and the observability invariants of protocol 1.0.0 say together; a test proves it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictFloat, StrictInt, StrictStr, ValidationError

from psg.errors import ValidationFailed
from psg.model.protocol.fields import ABSENT, DateTime, Id

Family = Literal[
    "import_process", "intent", "delta_intent", "impact_analysis", "compensation_plan", "methodology",
    "reasoning_graph", "pipeline_stage", "graph_update", "runtime_execution", "cost_budget", "external_integration",
]  # fmt: skip
FAMILIES: tuple[Family, ...] = get_args(Family)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def _uuid(value: str) -> str:
    if not _UUID.fullmatch(value):
        raise ValueError(f"{value!r} is not a UUID")
    return value


def _whole(value: float) -> float:
    if value != value // 1:
        raise ValueError(f"{value!r} is not a whole number")
    return value


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty")
    return value


Uuid = Annotated[StrictStr, AfterValidator(_uuid)]
Whole = Annotated[StrictInt | StrictFloat, AfterValidator(_whole)]
NonEmpty = Annotated[StrictStr, AfterValidator(_text)]


class CoreEvent(BaseModel):
    """Any event of the twelve families; other fields than these are allowed."""

    model_config = ConfigDict(extra="allow")

    event_id: Id
    event_type: NonEmpty
    event_family: Family
    timestamp: DateTime
    project_id: Uuid = ABSENT
    payload: dict[str, Any] = ABSENT


class GraphUpdateEvent(CoreEvent):
    """A change of the graph's structure or of a node."""

    event_family: Literal["graph_update"]
    graph_id: Id
    update_kind: Literal["node_add", "node_update", "node_delete", "edge_add", "edge_update", "edge_delete", "bulk"]
    node_delta: Whole
    edge_delta: Whole
    source_module: StrictStr = ABSENT


class PipelineStageEvent(CoreEvent):
    """A change of the status of a plan or step."""

    event_family: Literal["pipeline_stage"]
    pipeline_id: Id
    stage_id: NonEmpty
    stage_name: StrictStr = ABSENT
    stage_status: Literal["pending", "running", "completed", "failed", "skipped"]
    stage_order: Annotated[Whole, Field(ge=0)] = ABSENT


class RuntimeExecutionEvent(CoreEvent):
    """The life of an execution: of an agent, tool, language model, worker or something outside."""

    event_family: Literal["runtime_execution"]
    execution_id: Id
    executor_kind: Literal["agent", "tool", "llm", "worker", "external"]
    executor_role: StrictStr = ABSENT
    status: Literal["pending", "running", "completed", "failed", "cancelled"]


MODELS: Mapping[str, type[CoreEvent]] = {
    "graph_update": GraphUpdateEvent,
    "pipeline_stage": PipelineStageEvent,
    "runtime_execution": RuntimeExecutionEvent,
}
"""Families with fields of their own; the others are core events."""


def check_event(event: Any) -> dict[str, Any]:
    """Return ``event`` when it is a valid protocol event of its family.

    Raises ``ValidationFailed`` (message begins ``Invalid event:``) naming every violation. The event itself is
    returned, not a copy through the model.
    """
    family = event.get("event_family") if isinstance(event, Mapping) else None
    model = MODELS.get(family, CoreEvent) if isinstance(family, str) else CoreEvent
    try:
        model.model_validate(event, strict=True)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        found = [f"{_place(e['loc'])}: {e['msg'].removeprefix('Value error, ')}" for e in faults]
        raise ValidationFailed(f"Invalid event: {'; '.join(found[:20])}", violations=found) from None
    return event


def _place(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in loc) or "(event)"
