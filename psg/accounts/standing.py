"""Who changes accounts, and whether they still may when it is their turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import psg_cypher
from psg.accounts.model import Grants, collected, scoped, token_of
from psg.errors import Unauthenticated
from psg_neo4j.database import Transaction

Judge = Callable[[Grants, float | None], None]
"""Is told what is granted, and for how many seconds the token lasts still (``None``: for ever, or there is none)."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who changes something here, with which token, in which request: what the audit record tells.

    ``subject`` is who was proved, and ``method`` how. ``judge`` is asked behind the lock, with what is granted to the
    subject by then (within the scope of the token) and how long the token lasts, by the clock by which it ends; it
    raises what says why they may not. Without one the caller has decided, for good.
    """

    actor: str
    token_id: str | None = None
    request_id: str | None = None
    subject: str | None = None
    method: str | None = None
    judge: Judge | None = None

    def told(self) -> dict[str, str]:
        """What an audit record tells of it besides actor, token and request."""
        found = {"subject": self.subject if self.subject != self.actor else None, "method": self.method}
        return {name: value for name, value in found.items() if value is not None}


async def check_standing(transaction: Transaction, by: Origin, now: int) -> None:
    """Refuse who lost the token or the roles while waiting for the lock: what they change then would outlive both.

    Behind the lock of all accounts, so that nothing it reads changes before the commit. Raises ``Unauthenticated`` for
    a token that ended, and what ``by.judge`` raises.
    """
    grants: Grants = {}
    left_s: float | None = None
    if by.token_id is not None:
        rows = await transaction.run(psg_cypher.statement("account_by_token"), id=by.token_id)
        token = token_of(rows[0]["token"]) if rows else None
        if token is None or not token.live(now):
            raise Unauthenticated("the token does not hold any more; get another one")
        left_s = None if token.expires_ms is None else (token.expires_ms - now) / 1_000
        grants = scoped(collected((p, r) for p, r in rows[0]["grants"]), token.projects, token.roles)
    elif by.subject is not None:
        rows = await transaction.run(psg_cypher.statement("account_grants"), actor=by.subject)
        grants = collected((row["grant"]["project_id"], row["grant"]["role"]) for row in rows)
    if by.judge is not None:
        by.judge(grants, left_s)
