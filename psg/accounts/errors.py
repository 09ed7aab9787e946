"""Why something about tokens and grants is refused; nothing is changed by it then."""

from __future__ import annotations

from psg.errors import DuplicateId, Forbidden, NotFound, Refused


class TokenUnknown(NotFound):
    """There is no such API token."""

    code = "token_unknown"


class TokenTaken(DuplicateId):
    """This command made a token before; its secret was shown then and only then. Revoke that one, make another."""

    code = "token_taken"


class LastAdmin(Refused):
    """Nobody would be left who may grant anything; grant it to somebody else first, or use `psg access`."""

    code = "last_admin"


class BeyondScope(Forbidden):
    """This goes beyond what the one who asks may give."""

    code = "beyond_scope"
