"""Why a session does not begin, and why one does not end well."""

from __future__ import annotations

from typing import ClassVar

from psg.errors import ActionFailed, Refused
from psg_neo4j.errors import Category

TURN_NOT_COMPLETED = "MAP invariant violated: turn {turn_id} did not complete"


class SessionRefused(Refused):
    """The session cannot begin as it is; nothing was dispatched."""

    code = "session_refused"
    category: ClassVar[Category] = "workflow_error"


class MapInvariantViolated(ActionFailed):
    """A turn that was dispatched did not complete (DD-53)."""

    code = "map_invariant_violated"
    category: ClassVar[Category] = "workflow_error"
    retryable = False


class TurnConflict(Refused):
    """Somebody answers a turn that is not theirs, that is over, or that was never dispatched."""

    code = "turn_conflict"
    category: ClassVar[Category] = "communication_error"


def not_completed(turn_id: str) -> str:
    """Return the message of a turn that did not complete, in the specification's words."""
    return TURN_NOT_COMPLETED.format(turn_id=turn_id)
