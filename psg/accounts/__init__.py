"""Accounts: API tokens, grants of roles in projects, and the audit trail (docs/accounts.md)."""

from psg.accounts.accounts import LIFE_S, Accounts, Known, NewToken
from psg.accounts.errors import BeyondScope, LastAdmin, TokenTaken, TokenUnknown
from psg.accounts.model import (
    CYPHER,
    EVERYWHERE,
    GRANTABLE,
    ROLES,
    ApiToken,
    AuditRecord,
    Grant,
    check_actor,
    scoped,
)
from psg.accounts.standing import Judge, Origin

__all__ = [
    "CYPHER",
    "EVERYWHERE",
    "GRANTABLE",
    "LIFE_S",
    "ROLES",
    "Accounts",
    "ApiToken",
    "AuditRecord",
    "BeyondScope",
    "Grant",
    "Judge",
    "Known",
    "LastAdmin",
    "NewToken",
    "Origin",
    "TokenTaken",
    "TokenUnknown",
    "check_actor",
    "scoped",
]
