"""The scalars and enums of the API; enum values are spelled as the protocol spells them."""

from __future__ import annotations

from enum import Enum
from typing import Any, NewType

import strawberry
from graphql import GraphQLError
from strawberry.schema.types.scalar import DEFAULT_SCALAR_REGISTRY
from strawberry.types.scalar import ScalarDefinition

Long = NewType("Long", int)
Timestamp = NewType("Timestamp", str)

_LARGEST = 2**53


def _long(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _LARGEST:
        raise GraphQLError(f"Long cannot represent {str(value)[:50]!r}: a whole number up to 2^53 is expected")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise GraphQLError("Timestamp: an RFC 3339 date-time as text is expected")
    return value


SCALARS: dict[object, ScalarDefinition] = {
    **DEFAULT_SCALAR_REGISTRY,
    Long: strawberry.scalar(
        name="Long", description="A whole number up to 2^53, as a JSON number.", serialize=int, parse_value=_long
    ),
    Timestamp: strawberry.scalar(
        name="Timestamp",
        description="An RFC 3339 date-time, exactly as it was given or recorded.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=str,
        parse_value=_text,
    ),
}


@strawberry.enum(description="Status of a context.")
class ContextStatus(Enum):
    draft = "draft"
    active = "active"
    suspended = "suspended"
    archived = "archived"
    closed = "closed"


@strawberry.enum(description="Status of a plan: a plan is one run.")
class PlanStatus(Enum):
    draft = "draft"
    proposed = "proposed"
    approved = "approved"
    in_progress = "in_progress"
    completed = "completed"
    failed = "failed"
    cancelled = "cancelled"


@strawberry.enum(description="Status of a step.")
class StepStatus(Enum):
    pending = "pending"
    in_progress = "in_progress"
    completed = "completed"
    blocked = "blocked"
    skipped = "skipped"
    failed = "failed"


@strawberry.enum(description="What a step does.")
class StepType(Enum):
    tool = "tool"
    agent = "agent"
    llm = "llm"
    wait = "wait"
    conditional = "conditional"
    confirm = "confirm"
    foreach = "foreach"
    plan = "plan"


@strawberry.enum(description="What a step waits for of its dependencies.")
class JoinMode(Enum):
    not_skipped = "not_skipped"
    all = "all"
    any = "any"
    settled = "settled"


@strawberry.enum(description="What follows the failure of a step.")
class OnFailure(Enum):
    continue_ = strawberry.enum_value("continue", name="continue")
    stop = "stop"
    compensate = "compensate"
    replan = "replan"


@strawberry.enum(description="Status of a trace.")
class TraceStatus(Enum):
    pending = "pending"
    running = "running"
    completed = "completed"
    failed = "failed"
    cancelled = "cancelled"


@strawberry.enum(description="Status of a segment of a trace.")
class SegmentStatus(Enum):
    pending = "pending"
    running = "running"
    completed = "completed"
    failed = "failed"
    cancelled = "cancelled"
    skipped = "skipped"


@strawberry.enum(description="Status of a request for confirmation: that of its last decision.")
class ConfirmStatus(Enum):
    pending = "pending"
    approved = "approved"
    rejected = "rejected"
    cancelled = "cancelled"


@strawberry.enum(description="What a confirm is about.")
class ConfirmTargetType(Enum):
    context = "context"
    plan = "plan"
    trace = "trace"
    extension = "extension"
    other = "other"


@strawberry.enum(description="How a confirm can be decided.")
class DecisionStatus(Enum):
    approved = "approved"
    rejected = "rejected"
    cancelled = "cancelled"


@strawberry.enum(description="Event families of the protocol.")
class EventFamily(Enum):
    import_process = "import_process"
    intent = "intent"
    delta_intent = "delta_intent"
    impact_analysis = "impact_analysis"
    compensation_plan = "compensation_plan"
    methodology = "methodology"
    reasoning_graph = "reasoning_graph"
    pipeline_stage = "pipeline_stage"
    graph_update = "graph_update"
    runtime_execution = "runtime_execution"
    cost_budget = "cost_budget"
    external_integration = "external_integration"


@strawberry.enum(description="What an event did to its entity.")
class EventOp(Enum):
    create = "create"
    set = "set"
    tombstone = "tombstone"
    link = "link"
    unlink = "unlink"
    restore = "restore"
    note = "note"


@strawberry.enum(description="Modules of the protocol whose documents can be stored.")
class Module(Enum):
    context = "context"
    plan = "plan"
    trace = "trace"
    confirm = "confirm"
    role = "role"
    dialog = "dialog"
    collab = "collab"
    extension = "extension"
    core = "core"
    network = "network"


@strawberry.enum(description="The error categories of the specification.")
class ErrorCategory(Enum):
    workflow_error = "workflow_error"
    module_error = "module_error"
    communication_error = "communication_error"
    resource_error = "resource_error"
    validation_error = "validation_error"
    system_error = "system_error"
