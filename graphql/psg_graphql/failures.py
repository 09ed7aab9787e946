"""Errors as members of result unions, and the one place that says which exception becomes which member."""

from __future__ import annotations

from typing import Any

import strawberry
from strawberry.scalars import JSON

from psg import errors
from psg_graphql.scalars import ErrorCategory


@strawberry.interface(description="Why a command had no effect.")
class Failure:
    code: str = strawberry.field(description="Stable name of the error, for programs.")
    message: str = strawberry.field(description="What was wrong, where, and what to do.")
    category: ErrorCategory
    retryable: bool = strawberry.field(description="Whether the same command may succeed later.")
    details: JSON = strawberry.field(description="Facts for programs.")


@strawberry.type(description="What the command names does not exist in this project.")
class NotFound(Failure):
    pass


@strawberry.type(description="The command contradicts what is stored: stale revision, taken id, reused command id.")
class Conflict(Failure):
    pass


@strawberry.type(description="The command cannot succeed as it is; correct it.")
class ValidationError(Failure):
    pass


@strawberry.type(description="The actor may not do this.")
class Forbidden(Failure):
    pass


@strawberry.type(description="The present state of the graph does not allow this.")
class Refused(Failure):
    pass


_MEMBERS: tuple[tuple[type[errors.PsgError], type[Failure]], ...] = (
    (errors.NotFound, NotFound),
    (errors.StaleRevision, Conflict),
    (errors.DuplicateId, Conflict),
    (errors.CommandReused, Conflict),
    (errors.Denied, Forbidden),
    (errors.Refused, Refused),
    (errors.Invalid, ValidationError),
)


def failure(error: errors.PsgError) -> Failure:
    """Return the union member for ``error``; raises it again when it is none of those that a caller can act on."""
    for kind, member in _MEMBERS:
        if isinstance(error, kind):
            return member(**failure_fields(error))
    raise error


def failure_fields(error: errors.PsgError) -> dict[str, Any]:
    """Return code, message, category, retryable and details of ``error`` as the API shows them."""
    return {
        "code": error.code, "message": error.message, "category": ErrorCategory(error.category),
        "retryable": error.retryable, "details": error.details,
    }  # fmt: skip
