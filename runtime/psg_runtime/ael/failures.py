"""Failures of actions, and how a failure is written down."""

from __future__ import annotations

from typing import Any, ClassVar

from psg.errors import ActionFailed, PsgError
from psg_neo4j.errors import Category

_MAX_MESSAGE_CHARS = 4000


class ActionRefused(ActionFailed):
    """The action cannot succeed as it is; repeating it does not help."""

    code = "action_refused"
    category: ClassVar[Category] = "validation_error"
    retryable = False


class ProcessFailed(ActionFailed):
    """The program ended with an exit code that is not among the accepted ones."""

    code = "process_failed"


class ConfirmRejected(ActionFailed):
    """The confirmation was not given."""

    code = "confirm_rejected"
    category: ClassVar[Category] = "workflow_error"
    retryable = False


class ItemFailed(ActionFailed):
    """An item of a foreach step failed."""

    code = "item_failed"


class ItemRefused(ActionRefused):
    """An item of a foreach step failed and would fail again."""

    code = "item_failed"


class SubplanFailed(ActionFailed):
    """The sub-plan of a step failed; another attempt begins another one."""

    code = "subplan_failed"
    category: ClassVar[Category] = "workflow_error"


class SubplanCancelled(ActionRefused):
    """The sub-plan of a step was cancelled."""

    code = "subplan_cancelled"
    category: ClassVar[Category] = "workflow_error"


class LlmUnavailable(ActionFailed):
    """The language model did not answer."""

    code = "llm_unavailable"
    category: ClassVar[Category] = "communication_error"


class LlmRefused(ActionRefused):
    """The language model's server refused the request."""

    code = "llm_refused"
    category: ClassVar[Category] = "communication_error"


def failure_of(error: BaseException) -> dict[str, Any]:
    """A failure as it is stored with the step: code, message, category, retryable, details (L3-26)."""
    if isinstance(error, PsgError):
        return error.to_dict()
    failure = ActionFailed(message_of(error), error_type=type(error).__name__)
    return failure.to_dict()


def message_of(error: BaseException) -> str:
    """What an exception of somebody else's code says, never empty and never endless."""
    try:
        text = str(error).strip() or "no message"
    except Exception:  # it is somebody else's, and what it is stays known
        text = "no message"
    text = text if len(text) <= _MAX_MESSAGE_CHARS else f"{text[:_MAX_MESSAGE_CHARS]}…"
    return f"{type(error).__name__}: {text}"
