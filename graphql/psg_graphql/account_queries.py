"""Queries of accounts: who asks, tokens, grants, the audit trail."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from psg.accounts import EVERYWHERE, Accounts
from psg.errors import Forbidden, ValidationFailed
from psg_graphql.connections import DEFAULT_FIRST, After, Connection, First, connection, key_of, page_size
from psg_graphql.global_id import project_of
from psg_graphql.policy import accessible, authorize
from psg_graphql.request_context import Info
from psg_graphql.roots import query
from psg_graphql.types.account import (
    ApiToken,
    AuditOutcome,
    AuditRecord,
    Grant,
    Viewer,
    audit_from,
    grant_from,
    token_from,
    viewer_from,
)

_ProjectScope = Annotated[
    strawberry.ID | None, strawberry.argument(description="Global id or UUID of a project; absent: everything.")
]
_SEPARATOR = "\0"


def accounts_of(info: Info) -> Accounts:
    """The accounts of this process."""
    return info.context.accounts or Accounts(info.context.graph.db)


def administers_all(info: Info) -> bool:
    """Whether who asks is admin everywhere."""
    return accessible(info.context.actor, "administer") is None


@strawberry.type
class AccountQueries:
    @query("Who asks, and what is granted to it.")
    async def viewer(self, info: Info) -> Viewer:
        return viewer_from(await info.context.current())

    @query("API tokens by id: all of them for who is admin everywhere, else one's own.")
    async def api_tokens(
        self, info: Info, first: First = DEFAULT_FIRST, after: After = None, actor: str | None = None
    ) -> Connection[ApiToken]:
        actor = actor if administers_all(info) else _own(info, actor)
        kept, size = accounts_of(info), page_size(first)
        found = await kept.tokens(str(key_of(after, "")), size + 1, actor=actor)
        rows = [{"key": token.id, "token": token} for token in found]
        return connection(
            rows, size, after, "key", lambda row: token_from(row["token"]), lambda: kept.token_count(actor=actor)
        )

    @query("What is granted, by project, actor and role; of one project to its admins, else one's own.")
    async def grants(
        self,
        info: Info,
        project_id: _ProjectScope = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
        actor: str | None = None,
    ) -> Connection[Grant]:
        project = None
        if project_id is not None:
            project = project_of(project_id)
            authorize(info.context.actor, "administer", "grant", project)
        elif not administers_all(info):
            actor = _own(info, actor)
        kept, size = accounts_of(info), page_size(first)
        found = await kept.grants(_parts(key_of(after, "")), size + 1, project_id=project, actor=actor)
        rows = [{"key": _SEPARATOR.join((g.project_id, g.actor, g.role)), "grant": g} for g in found]
        return connection(
            rows, size, after, "key", lambda row: grant_from(row["grant"]),
            lambda: kept.grant_count(project_id=project, actor=actor),
        )  # fmt: skip

    @query("What was denied and what was done by privilege; of one project to its admins. The latest first.")
    async def audit_records(
        self,
        info: Info,
        project_id: _ProjectScope = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
        actor: str | None = None,
        outcome: AuditOutcome | None = None,
        latest_first: bool = True,
    ) -> Connection[AuditRecord]:
        project = None if project_id is None else project_of(project_id)
        authorize(info.context.actor, "administer", "audit", project)
        kept, size = accounts_of(info), page_size(first)
        by: dict[str, Any] = {
            "project_id": project, "actor": actor, "outcome": None if outcome is None else outcome.value
        }  # fmt: skip
        found = await kept.audit_records(int(key_of(after, 0)), size + 1, latest=latest_first, **by)
        rows = [{"key": record.seq, "record": record} for record in found]
        return connection(
            rows, size, after, "key", lambda row: audit_from(row["record"]), lambda: kept.audit_count(**by)
        )


def _own(info: Info, actor: str | None) -> str:
    """The name whose accounts are shown to who is no admin: the own one."""
    who = info.context.actor.who
    if actor is not None and actor != who and not actor.startswith(f"{who}/"):
        raise Forbidden(f"only who is admin everywhere ({EVERYWHERE}) sees what others have", actor=actor[:100])
    return actor or who


def _parts(key: str | int) -> tuple[str, str, str]:
    if not key:
        return "", "", ""
    parts = str(key).split(_SEPARATOR)
    if len(parts) != 3:
        raise ValidationFailed("after: this is no cursor of this list; take one from pageInfo.endCursor", field="after")
    return parts[0], parts[1], parts[2]
