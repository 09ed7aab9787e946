"""Why a decision about an approval is refused; nothing is changed by it then."""

from __future__ import annotations

from psg.errors import Forbidden, Refused


class NotEntitled(Forbidden):
    """Somebody else has to decide this: the actor is not named, or proposed it."""

    code = "not_entitled"


class AlreadyDecided(Refused):
    """The actor has decided this already; each counts once."""

    code = "already_decided"


class ApprovalExpired(Refused):
    """The time in which it could be decided is over; ask again."""

    code = "approval_expired"


class ApprovalVoid(Refused):
    """What was asked about has changed since; ask again."""

    code = "approval_void"


class ApprovalMissing(Refused):
    """Something needs an approval that it does not have (any more)."""

    code = "approval_missing"
