"""The exception tree of the platform; every leaf has a stable ``code``, a ``category`` and says whether to retry.

::

    PsgError                       (psg_neo4j.errors: the root, and what the database can do to us)
    ├── Invalid                    the request cannot ever succeed as it is
    │   ├── ValidationFailed, PlanInvalid, PlanFileInvalid, ExpressionInvalid, InvalidId
    │   ├── NotFound, ReferenceMissing, DuplicateId, DependencyCycle, UnknownCapability
    │   └── CommandReused
    ├── Refused                    the state of the graph does not allow it now
    │   ├── InvalidTransition, StaleRevision, StaleFence, StillReferenced, NotEditable
    │   └── ImmutableHistory, TimeOrderViolation
    ├── Denied                     Unauthenticated, Forbidden, CapabilityDenied
    ├── ActionFailed               ActionTimeout, OutputTooLarge, EvaluationFailed
    └── LogUnreadable              EventLogGap, CursorExpired

    ControlSignal (BaseException)  LeaseLost: must not be swallowed by a broad ``except Exception``
"""

from __future__ import annotations

from typing import ClassVar

from psg_neo4j.errors import Category, PsgError

__all__ = [
    "ActionFailed",
    "ActionTimeout",
    "CapabilityDenied",
    "CommandReused",
    "ControlSignal",
    "CursorExpired",
    "Denied",
    "DependencyCycle",
    "DuplicateId",
    "EvaluationFailed",
    "EventLogGap",
    "ExpressionInvalid",
    "Forbidden",
    "ImmutableHistory",
    "Invalid",
    "InvalidId",
    "InvalidTransition",
    "LeaseLost",
    "LogUnreadable",
    "NotEditable",
    "NotFound",
    "OutputTooLarge",
    "PlanFileInvalid",
    "PlanInvalid",
    "PsgError",
    "ReferenceMissing",
    "Refused",
    "StaleFence",
    "StaleRevision",
    "StillReferenced",
    "TimeOrderViolation",
    "Unauthenticated",
    "UnknownCapability",
    "ValidationFailed",
]


class Invalid(PsgError):
    """The request cannot succeed as it is; correct it."""

    code = "invalid"
    category: ClassVar[Category] = "validation_error"
    retryable = False


class ValidationFailed(Invalid):
    """The data does not have the shape its type demands."""

    code = "validation_failed"


class PlanInvalid(ValidationFailed):
    """Invalid Plan: the plan does not satisfy its schema or its rules."""

    code = "plan_invalid"


class PlanFileInvalid(ValidationFailed):
    """The plan file cannot be read as a plan."""

    code = "plan_file_invalid"


class ExpressionInvalid(ValidationFailed):
    """An expression or template does not compile."""

    code = "expression_invalid"


class InvalidId(ValidationFailed):
    """An identifier must be a UUID v4 in lower case."""

    code = "invalid_id"


class NotFound(Invalid):
    """Nothing with this id exists in this project."""

    code = "not_found"


class ReferenceMissing(Invalid):
    """A reference names something that does not exist, or is of another type."""

    code = "reference_missing"


class DuplicateId(Invalid):
    """Something with this id exists already in this project."""

    code = "duplicate_id"


class DependencyCycle(Invalid):
    """The dependencies of a plan's steps would form a cycle."""

    code = "dependency_cycle"


class UnknownCapability(Invalid):
    """No adapter, tool or agent of this name is registered."""

    code = "unknown_capability"


class CommandReused(Invalid):
    """This command id was used before for another request; take a new one."""

    code = "command_reused"


class Refused(PsgError):
    """The present state of the graph does not allow this."""

    code = "refused"
    category: ClassVar[Category] = "workflow_error"
    retryable = False


class InvalidTransition(Refused):
    """Invalid transition: the lifecycle does not have it."""

    code = "invalid_transition"


class StaleRevision(Refused):
    """Somebody changed this in the meantime; read it again and decide anew."""

    code = "stale_revision"


class StaleFence(Refused):
    """The step was taken over; this result comes too late and is kept as evidence only."""

    code = "stale_fence"


class StillReferenced(Refused):
    """Something alive still needs this; delete that first."""

    code = "still_referenced"


class NotEditable(Refused):
    """This part of the plan runs or is done and cannot be changed any more."""

    code = "not_editable"


class ImmutableHistory(Refused):
    """Recorded history is append-only."""

    code = "immutable_history"


class TimeOrderViolation(Refused):
    """Timestamps of a trace never go back."""

    code = "time_order_violation"


class Denied(PsgError):
    """The caller may not do this."""

    code = "denied"
    category: ClassVar[Category] = "validation_error"
    retryable = False


class Unauthenticated(Denied):
    """A bearer token is needed, or the one given is not known."""

    code = "unauthenticated"


class Forbidden(Denied):
    """The actor has no permission for this action on this resource."""

    code = "forbidden"


class CapabilityDenied(Denied):
    """The configuration of this orchestrator does not allow the capability."""

    code = "capability_denied"


class ActionFailed(PsgError):
    """The action of a step did not succeed."""

    code = "action_failed"
    category: ClassVar[Category] = "module_error"
    retryable = True


class ActionTimeout(ActionFailed):
    """The action did not end within its time limit."""

    code = "action_timeout"


class OutputTooLarge(ActionFailed):
    """The output of a step is larger than the limit; return a reference to it instead."""

    code = "output_too_large"
    category: ClassVar[Category] = "resource_error"
    retryable = False


class EvaluationFailed(ActionFailed):
    """An expression compiled but could not be evaluated on the values at hand."""

    code = "evaluation_failed"
    category: ClassVar[Category] = "validation_error"
    retryable = False


class LogUnreadable(PsgError):
    """The event log cannot be read from where it was asked for."""

    code = "log_unreadable"
    category: ClassVar[Category] = "system_error"
    retryable = False


class EventLogGap(LogUnreadable):
    """The event log has a hole; run `psg verify` and decide how to go on."""

    code = "event_log_gap"


class CursorExpired(LogUnreadable):
    """The events after this cursor were removed by retention; start from the earliest one."""

    code = "cursor_expired"


class ControlSignal(BaseException):
    """Control flow that user code must not be able to swallow (DESIGN §6)."""


class LeaseLost(ControlSignal):
    """This orchestrator no longer holds its lease; stop working on its steps at once."""
