"""The six categories of errors; whatever reports an error gives it one (CORE-44)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from psg.errors import PsgError

_CODE_CHARS = 100


class ErrorCategory(StrEnum):
    """What kind of thing went wrong, in the specification's words."""

    WORKFLOW_ERROR = "workflow_error"
    MODULE_ERROR = "module_error"
    COMMUNICATION_ERROR = "communication_error"
    RESOURCE_ERROR = "resource_error"
    VALIDATION_ERROR = "validation_error"
    SYSTEM_ERROR = "system_error"


_CATEGORIES = frozenset(ErrorCategory)
# The more particular first: a ConnectionError and a TimeoutError are an OSError too.
_FOREIGN: tuple[tuple[type[BaseException], ErrorCategory], ...] = (
    (ConnectionError, ErrorCategory.COMMUNICATION_ERROR),
    (TimeoutError, ErrorCategory.COMMUNICATION_ERROR),
    (MemoryError, ErrorCategory.RESOURCE_ERROR),
    (OSError, ErrorCategory.SYSTEM_ERROR),
    (ValueError, ErrorCategory.VALIDATION_ERROR),
    (TypeError, ErrorCategory.VALIDATION_ERROR),
)


def category_of(error: BaseException | Mapping[str, Any] | None) -> ErrorCategory:
    """Return the category of an exception, ours or anybody's, or of an error that was written down.

    What says nothing, or something unknown, is a ``system_error``.
    """
    if isinstance(error, Mapping):
        said = error.get("category")
        return ErrorCategory(said) if isinstance(said, str) and said in _CATEGORIES else ErrorCategory.SYSTEM_ERROR
    said = getattr(error, "category", None)
    if isinstance(said, str) and said in _CATEGORIES:
        return ErrorCategory(said)
    return next((category for kind, category in _FOREIGN if isinstance(error, kind)), ErrorCategory.SYSTEM_ERROR)


def reported(error: PsgError | Mapping[str, Any]) -> dict[str, Any]:
    """Return an error as it is stored: code, message, category, retryable, details.

    What a layer or a worker of somebody else's reported is completed: an unknown category becomes ``module_error``.
    """
    if isinstance(error, PsgError):
        return error.to_dict()
    code, category = error.get("code"), error.get("category")
    known = isinstance(category, str) and category in _CATEGORIES
    retryable, details = error.get("retryable"), error.get("details")
    return {
        **error,
        "code": code if isinstance(code, str) and 0 < len(code) <= _CODE_CHARS else "action_failed",
        "message": str(error.get("message") or "the action reported no success"),
        "category": category if known else ErrorCategory.MODULE_ERROR.value,
        "retryable": retryable is True,
        "details": dict(details) if isinstance(details, Mapping) else {},
    }
