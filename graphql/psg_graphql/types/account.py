"""Accounts in the API: who asks, API tokens, grants, audit records."""

from __future__ import annotations

import time
from enum import Enum

import strawberry
from strawberry.scalars import JSON

from psg import accounts
from psg.accounts import EVERYWHERE
from psg_graphql.global_id import global_id
from psg_graphql.principal import Principal
from psg_graphql.scalars import Long, Timestamp
from psg_graphql.types.node import moment


@strawberry.enum(description="What can be granted: a role in a project or everywhere, or a permission.")
class GrantedRole(Enum):
    viewer = "viewer"
    operator = "operator"
    approver = "approver"
    agent = "agent"
    admin = "admin"
    cypher = strawberry.enum_value("cypher", description="Ask the whole database in Cypher; everywhere or not at all.")


@strawberry.enum(description="What came of an act.")
class AuditOutcome(Enum):
    allowed = "allowed"
    denied = "denied"
    failed = "failed"


@strawberry.type(description="What is granted to who asks.")
class ViewerGrant:
    project_id: strawberry.ID | None = strawberry.field(description="Null: everywhere.")
    roles: list[GrantedRole]


@strawberry.type(description="Who asks.")
class Viewer:
    name: str = strawberry.field(description="The actor of what is done now.")
    subject: str = strawberry.field(description="The name that was proved; `name` may add `/…` to it.")
    method: str = strawberry.field(description="How: none, operator_token, api_token, oidc.")
    token_id: str | None
    unrestricted: bool = strawberry.field(description="May do everything; `grants` is empty then.")
    grants: list[ViewerGrant]


@strawberry.type(description="An API token. Its text was shown when it was made, and is kept nowhere.")
class ApiToken:
    id: str = strawberry.field(description="Stands in the token's text: `psg_<id>_…`.")
    actor: str = strawberry.field(description="For whom it speaks.")
    note: str | None
    project_ids: list[strawberry.ID] | None = strawberry.field(description="Only in these; null: all of the actor's.")
    roles: list[GrantedRole] | None = strawberry.field(description="Only these; null: all of the actor's.")
    created_at: Timestamp
    created_by: str
    made_with: str | None = strawberry.field(description="Id of the token that was used to make it.")
    expires_at: Timestamp | None
    revoked_at: Timestamp | None
    revoked_by: str | None
    active: bool = strawberry.field(description="Neither revoked nor past its end.")


@strawberry.type(description="A role of an actor in a project, or everywhere.")
class Grant:
    actor: str
    project_id: strawberry.ID | None = strawberry.field(description="Null: everywhere.")
    role: GrantedRole
    granted_at: Timestamp
    granted_by: str


@strawberry.type(description="Something that was denied, or done by privilege.")
class AuditRecord:
    seq: Long = strawberry.field(description="Its number: records are in the order of their commits.")
    at: Timestamp = strawberry.field(description="By the database's clock.")
    last_at: Timestamp = strawberry.field(description="The last of those that are counted in this record.")
    count: int = strawberry.field(description="Denials of one actor, act and project in a minute are one record.")
    actor: str
    act: str = strawberry.field(description="A root field, or a command such as `token.create`.")
    outcome: AuditOutcome
    project_id: strawberry.ID | None
    token_id: str | None
    request_id: str | None
    reason: str | None
    details: JSON


def viewer_from(principal: Principal) -> Viewer:
    """Return the API's view of who asks."""
    grants = [
        ViewerGrant(project_id=_project(project_id), roles=[GrantedRole(role) for role in sorted(roles)])
        for project_id, roles in sorted((principal.grants or {}).items())
    ]
    return Viewer(
        name=principal.name, subject=principal.who, method=principal.method, token_id=principal.token_id,
        unrestricted=principal.grants is None, grants=grants,
    )  # fmt: skip


def token_from(token: accounts.ApiToken) -> ApiToken:
    """Return the API's view of a token."""
    return ApiToken(
        id=token.id, actor=token.actor, note=token.note,
        project_ids=None if token.projects is None else [_node(p) for p in token.projects],
        roles=None if token.roles is None else [GrantedRole(role) for role in token.roles],
        created_at=moment(token.created_ms), created_by=token.created_by, made_with=token.made_with,
        expires_at=_moment(token.expires_ms), revoked_at=_moment(token.revoked_ms), revoked_by=token.revoked_by,
        active=token.live(int(time.time() * 1_000)),
    )  # fmt: skip


def grant_from(grant: accounts.Grant) -> Grant:
    """Return the API's view of a grant."""
    return Grant(
        actor=grant.actor, project_id=_project(grant.project_id), role=GrantedRole(grant.role),
        granted_at=moment(grant.granted_ms), granted_by=grant.granted_by,
    )  # fmt: skip


def audit_from(record: accounts.AuditRecord) -> AuditRecord:
    """Return the API's view of an audit record."""
    return AuditRecord(
        seq=Long(record.seq), at=moment(record.at_ms), last_at=moment(record.last_ms), count=record.count,
        actor=record.actor, act=record.act, outcome=AuditOutcome(record.outcome),
        project_id=None if record.project_id is None else _node(record.project_id), token_id=record.token_id,
        request_id=record.request_id, reason=record.reason, details=JSON(dict(record.details)),
    )  # fmt: skip


def _project(project_id: str) -> strawberry.ID | None:
    return None if project_id == EVERYWHERE else _node(project_id)


def _node(project_id: str) -> strawberry.ID:
    return strawberry.ID(global_id("Project", project_id, project_id))


def _moment(at_ms: int | None) -> Timestamp | None:
    return None if at_ms is None else moment(at_ms)
