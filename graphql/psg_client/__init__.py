"""The Python client of the platform: typed calls and subscriptions over GraphQL, and nothing else."""

from __future__ import annotations

from psg_client.client import Client
from psg_client.errors import (
    ApiTimeout,
    ApiUnavailable,
    ClientError,
    CommandFailed,
    Conflict,
    CursorExpired,
    Forbidden,
    NotFound,
    Refused,
    RequestRejected,
    Unauthenticated,
    ValidationError,
)
from psg_client.generated import (
    ConfirmSummary,
    ContextSummary,
    DocumentInput,
    Event,
    EventFamily,
    PlanProgress,
    PlanSummary,
    Project,
    StepCounts,
    StepInput,
    StepSummary,
)

__all__ = [
    "ApiTimeout",
    "ApiUnavailable",
    "Client",
    "ClientError",
    "CommandFailed",
    "ConfirmSummary",
    "Conflict",
    "ContextSummary",
    "CursorExpired",
    "DocumentInput",
    "Event",
    "EventFamily",
    "Forbidden",
    "NotFound",
    "PlanProgress",
    "PlanSummary",
    "Project",
    "Refused",
    "RequestRejected",
    "StepCounts",
    "StepInput",
    "StepSummary",
    "Unauthenticated",
    "ValidationError",
]
