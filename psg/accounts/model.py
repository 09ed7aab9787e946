"""Names of accounts: actors, roles, grants, tokens, audit records."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from psg.errors import ValidationFailed
from psg.model.ids import check_id

EVERYWHERE = "*"
ROLES = ("viewer", "operator", "approver", "agent", "admin")
CYPHER = "cypher"
GRANTABLE = (*ROLES, CYPHER)
Outcome = Literal["allowed", "denied", "failed"]
Grants = Mapping[str, frozenset[str]]

_ACTOR = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@/|+~=\-]{0,199}")
_INCLUDED = {"admin": frozenset(ROLES), **{role: frozenset(("viewer",)) for role in ("operator", "approver", "agent")}}
_SCOPE_MAX = 100


@dataclass(frozen=True, slots=True)
class ApiToken:
    """An API token as it is kept: never its secret, of which there is a hash.

    It speaks for ``actor``, within ``projects`` and ``roles`` (``None``: all that the actor has). Times are the
    database's, in milliseconds; ``made_with`` is the token that was used to make it.
    """

    id: str
    actor: str
    note: str | None
    projects: tuple[str, ...] | None
    roles: tuple[str, ...] | None
    created_ms: int
    created_by: str
    expires_ms: int | None = None
    revoked_ms: int | None = None
    revoked_by: str | None = None
    made_with: str | None = None

    def live(self, now: int) -> bool:
        """Whether it is neither revoked nor past its end."""
        return self.revoked_ms is None and (self.expires_ms is None or now < self.expires_ms)


@dataclass(frozen=True, slots=True)
class Grant:
    """A role (or the permission ``cypher``) of an actor in a project, or everywhere (``*``)."""

    actor: str
    project_id: str
    role: str
    granted_ms: int
    granted_by: str


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """What somebody was denied, or did by privilege.

    ``act`` is a root field (``Mutation.setBudget``) or a command (``token.create``). Denials of one actor of one act
    in one project within a minute are one record with a ``count``; ``at_ms`` and ``last_ms`` are the first and the
    last of them by the database's clock. ``seq`` is 0 until it is kept.
    """

    actor: str
    act: str
    outcome: Outcome
    project_id: str | None = None
    token_id: str | None = None
    request_id: str | None = None
    reason: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    seq: int = 0
    at_ms: int = 0
    last_ms: int = 0
    count: int = 1


def check_actor(actor: object) -> str:
    """Return the name of an actor; raises ``ValidationFailed`` for what is none."""
    if not isinstance(actor, str) or not _ACTOR.fullmatch(actor):
        raise ValidationFailed(
            "actor: up to 200 letters, digits and _ . : @ / | + ~ = - are expected, a letter or digit first",
            field="actor",
        )
    return actor


def check_grant(project_id: str, role: str) -> None:
    """Raise ``ValidationFailed`` or ``InvalidId`` for what cannot be granted."""
    if project_id != EVERYWHERE:
        check_id(project_id, "project_id")
    if role not in GRANTABLE:
        raise ValidationFailed(f"role: {str(role)[:40]!r} is none of {', '.join(GRANTABLE)}", field="role")
    if role == CYPHER and project_id != EVERYWHERE:
        raise ValidationFailed("role: `cypher` reads the whole database; it is granted everywhere or not", field="role")


def check_scope(projects: Collection[str] | None, roles: Collection[str] | None) -> None:
    """Raise ``ValidationFailed`` or ``InvalidId`` for what cannot be the scope of a token."""
    for what, named in (("projects", projects), ("roles", roles)):
        if named is not None and not 0 < len(named) <= _SCOPE_MAX:
            raise ValidationFailed(f"{what}: 1 to {_SCOPE_MAX} are expected, or none at all for no limit", field=what)
    for project_id in projects or ():
        check_id(project_id, "projects")
    for role in roles or ():
        check_grant(EVERYWHERE, role)


def collected(pairs: Iterable[tuple[str, str]]) -> dict[str, frozenset[str]]:
    """Grants by project."""
    found: dict[str, frozenset[str]] = {}
    for project_id, role in pairs:
        found[project_id] = found.get(project_id, frozenset()) | {role}
    return found


def scoped(
    grants: Grants, projects: Collection[str] | None, roles: Collection[str] | None
) -> dict[str, frozenset[str]]:
    """Return what is left of ``grants`` within a scope: never more than was granted, never more than the scope.

    A role stands for those that it includes: a token for ``viewer`` of an admin may view.
    """
    left: list[tuple[str, str]] = []
    for project_id, granted in grants.items():
        allowed = granted if roles is None else _all(project_id, granted) & set(roles)
        if projects is None or project_id in projects:
            left += [(project_id, role) for role in allowed]
        elif project_id == EVERYWHERE:
            left += [(project, role) for project in projects for role in allowed if role != CYPHER]
    return collected(left)


def token_of(row: Mapping[str, Any]) -> ApiToken:
    """A token as a statement returns it."""
    projects, roles = row.get("projects"), row.get("roles")
    return ApiToken(
        row["id"], row["actor"], row.get("note"), None if projects is None else tuple(projects),
        None if roles is None else tuple(roles), row["created_ms"], row["created_by"], row.get("expires_ms"),
        row.get("revoked_ms"), row.get("revoked_by"), row.get("made_with"),
    )  # fmt: skip


def _all(project_id: str, granted: Collection[str]) -> set[str]:
    found = set(granted)
    for role in granted:
        found |= _INCLUDED.get(role, frozenset())
    return found | {CYPHER} if project_id == EVERYWHERE and "admin" in granted else found
