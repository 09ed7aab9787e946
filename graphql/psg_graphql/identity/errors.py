"""Why somebody is not known here, or not as whom they say they are."""

from __future__ import annotations

from typing import ClassVar

from psg.errors import Forbidden, PsgError
from psg_neo4j.errors import Category


class ActorRefused(Forbidden):
    """`X-PSG-Actor` names somebody else than the token speaks for; leave it out, or add `/…` to the token's actor."""

    code = "actor_refused"


class IdentityUnavailable(PsgError):
    """Who asks cannot be judged now: the keys of the issuer cannot be fetched. The token is not refused by this."""

    code = "identity_unavailable"
    category: ClassVar[Category] = "communication_error"
    retryable = True


class TokenRefused(Exception):
    """Why a token does not hold: for the log. Whoever sent it is told only that it does not."""

    def __init__(self, why: str, **facts: object) -> None:
        super().__init__(why)
        self.why = why
        self.facts = facts
