"""Who asks: a name, how it was proved, and the roles granted to it in each project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, Self

Role = Literal["viewer", "operator", "approver", "agent", "admin"]
Method = Literal["none", "operator_token", "api_token", "oidc"]
EVERYWHERE = "*"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. ``name`` goes into every command and audit record as the actor.

    ``grants`` maps project ids, and ``EVERYWHERE``, to what was granted there: roles and the permission ``cypher``;
    ``None`` is no restriction (``PSG_AUTH=none``, or the operator's own token). ``token_id`` names the API token.
    ``subject`` is whom the token or claim proved where ``name`` says more (``subject/worker``): one person who uses
    several such names approves once.
    """

    name: str
    authenticated: bool = True
    grants: Mapping[str, frozenset[str]] | None = None
    method: Method = "none"
    token_id: str | None = None
    subject: str | None = None

    @property
    def who(self) -> str:
        """The name that was proved."""
        return self.subject or self.name

    def granted(self, project_id: str | None) -> frozenset[str] | None:
        """Return what is granted in a project (``None``: outside projects), or ``None`` for everything."""
        if self.grants is None:
            return None
        here = self.grants.get(EVERYWHERE, frozenset())
        return here if project_id is None else here | self.grants.get(project_id, frozenset())

    def holding(self, kept: Mapping[str, frozenset[str]]) -> Self:
        """The same principal when ``kept`` is what is granted to it here; one without restriction stays so."""
        return self if self.grants is None else replace(self, grants=kept)
