"""Mutations of accounts: make and revoke API tokens, grant and take roles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import strawberry
import structlog

from psg.accounts import EVERYWHERE, BeyondScope, Origin, TokenUnknown
from psg.errors import ValidationFailed
from psg_graphql.account_queries import accounts_of, administers_all
from psg_graphql.failures import Conflict, Forbidden, NotFound, Refused, ValidationError
from psg_graphql.global_id import project_of
from psg_graphql.mutations.inputs import CommandId
from psg_graphql.policy import Actor, accessible, authorize
from psg_graphql.request_context import Info
from psg_graphql.roots import mutation
from psg_graphql.types.account import ApiToken, GrantedRole, token_from

_DAY_S = 86_400.0


@strawberry.input
class CreateApiTokenInput:
    actor: Annotated[str, strawberry.field(description="For whom it speaks; what is granted to it, it can do.")]
    project_ids: Annotated[
        list[strawberry.ID] | None, strawberry.field(description="Only in these projects; absent: no such limit.")
    ] = None
    roles: Annotated[
        list[GrantedRole] | None, strawberry.field(description="Only in these roles; absent: no such limit.")
    ] = None
    grant: Annotated[
        bool, strawberry.field(description="Grant these roles to the actor as well, in these projects (or everywhere).")
    ] = False
    life_days: Annotated[
        float | None, strawberry.field(description="Days until it ends, 90 unless given; null: it does not end.")
    ] = 90.0
    note: Annotated[str | None, strawberry.field(description="What it is for, up to 200 characters.")] = None
    command_id: CommandId = None


@strawberry.input
class RevokeApiTokenInput:
    token_id: str
    with_made: Annotated[
        bool, strawberry.field(description="Revoke what was made with it too: when it got into wrong hands.")
    ] = False
    command_id: CommandId = None


@strawberry.input
class RoleGrantInput:
    actor: str
    role: GrantedRole
    project_id: Annotated[
        strawberry.ID | None, strawberry.field(description="Global id or UUID; absent: everywhere.")
    ] = None
    command_id: CommandId = None


@strawberry.type
class CreatedApiTokenPayload:
    token: ApiToken
    text: str = strawberry.field(description="The token itself: shown now, and never again.")


@strawberry.type
class RevokedApiTokenPayload:
    token: ApiToken
    revoked: list[str] = strawberry.field(description="Ids of the tokens that this ended; empty: it was so before.")


@strawberry.type
class RoleGrantPayload:
    changed: bool = strawberry.field(description="False: it was so before.")
    roles: list[GrantedRole] = strawberry.field(description="What the actor is granted there now.")


_Failures = NotFound | Conflict | ValidationError | Forbidden | Refused

CreateApiTokenResult = Annotated[CreatedApiTokenPayload | _Failures, strawberry.union("CreateApiTokenResult")]
RevokeApiTokenResult = Annotated[RevokedApiTokenPayload | _Failures, strawberry.union("RevokeApiTokenResult")]
RoleGrantResult = Annotated[RoleGrantPayload | _Failures, strawberry.union("RoleGrantResult")]


def origin_of(info: Info, judge: Callable[[Actor, float | None], None]) -> Origin:
    """Who changes accounts by this request.

    ``judge`` raises for who may not. It is asked now, and again when it is their turn by what is granted then, and
    with the seconds that their token lasts still: only the clock by which it ends can tell.
    """
    principal, request = info.context.actor, structlog.contextvars.get_contextvars().get("request_id")
    if principal.grants is None:
        return Origin(principal.name, principal.token_id, request)
    judge(principal, None)
    return Origin(
        principal.name, principal.token_id, request, principal.who, principal.method,
        lambda kept, left_s: judge(principal.holding(kept), left_s),
    )  # fmt: skip


@strawberry.type
class AccountMutations:
    @mutation("Make an API token. Admins everywhere make them for anybody, admins of projects for names below theirs.")
    async def create_api_token(self, info: Info, input: CreateApiTokenInput) -> CreateApiTokenResult:
        projects = None if input.project_ids is None else [project_of(p, "projectIds") for p in input.project_ids]
        roles = None if input.roles is None else [role.value for role in input.roles]
        jwt_s = info.context.settings.oidc.token_days * _DAY_S  # a JWT itself ends within minutes

        def judge(maker: Actor, left_s: float | None) -> None:
            _check_maker(maker, input, projects, roles, jwt_s if maker.method == "oidc" else left_s)

        made = await accounts_of(info).create_token(
            input.actor, by=origin_of(info, judge), note=input.note, projects=projects, roles=roles,
            grant=input.grant, life_s=None if input.life_days is None else input.life_days * _DAY_S,
            command_id=None if input.command_id is None else str(input.command_id),
        )  # fmt: skip
        return CreatedApiTokenPayload(token=token_from(made.token), text=made.text)

    @mutation("End an API token for good: from the next request on, and on connections that are open.")
    async def revoke_api_token(self, info: Info, input: RevokeApiTokenInput) -> RevokeApiTokenResult:
        kept = accounts_of(info)
        whose = None if administers_all(info) else await _actor_of(info, input.token_id)

        def judge(who: Actor, _: float | None) -> None:
            if accessible(who, "administer") is not None and (whose is None or not _own(who, whose)):
                raise TokenUnknown(f"there is no token {input.token_id[:40]!r} of yours")

        by = origin_of(info, judge)
        revoked = await kept.revoke_token(input.token_id, by=by, with_made=input.with_made)
        return RevokedApiTokenPayload(token=token_from(await kept.token(input.token_id)), revoked=revoked)

    @mutation("Grant a role in a project (its admins do), or everywhere (admins everywhere do).")
    async def grant_role(self, info: Info, input: RoleGrantInput) -> RoleGrantResult:
        return await _granted(info, input, give=True)

    @mutation("Take a role back: from the next request on. The last admin everywhere stays.")
    async def revoke_role(self, info: Info, input: RoleGrantInput) -> RoleGrantResult:
        return await _granted(info, input, give=False)


async def _granted(info: Info, input: RoleGrantInput, *, give: bool) -> RoleGrantPayload:
    """Give or take a role; the policy has judged who may, by the project that the input names, and does so again."""
    kept = accounts_of(info)
    project = EVERYWHERE if input.project_id is None else project_of(input.project_id)
    change, within = kept.grant if give else kept.revoke, None if project == EVERYWHERE else project
    by = origin_of(info, lambda who, _: authorize(who, "administer", "account", within))
    changed = await change(input.actor, project, input.role.value, by=by)
    left = (await kept.grants_of(input.actor)).get(project, frozenset())
    return RoleGrantPayload(changed=changed, roles=[GrantedRole(role) for role in sorted(left)])


async def _actor_of(info: Info, token_id: str) -> str | None:
    """For whom a token speaks; ``None`` when there is none, which is told like one of somebody else."""
    try:
        return (await accounts_of(info).token(token_id)).actor
    except TokenUnknown:
        return None


def _own(who: Actor, actor: str) -> bool:
    return actor == who.who or actor.startswith(f"{who.who}/")


def _check_maker(
    maker: Actor,
    input: CreateApiTokenInput,
    projects: list[str] | None,
    roles: list[str] | None,
    most_s: float | None,
) -> None:
    """Keep who is no admin everywhere to its own name, its own projects and its own time.

    Nobody takes the name of somebody else, and a token makes none that lasts longer (than ``most_s`` seconds; ``None``:
    for ever) or reaches further than itself.
    """
    administered = accessible(maker, "administer")
    if administered is None:
        return
    if not _own(maker, input.actor):
        raise BeyondScope(f"tokens for other names than {maker.who}/… are made by who is admin everywhere")
    if projects is None or roles is None:
        if maker.method != "oidc" or input.grant:
            raise ValidationFailed("projectIds, roles: name those that the token is for", field="projectIds")
    elif not administered.issuperset(projects) and (maker.method != "oidc" or input.grant):
        raise BeyondScope("tokens are made, and roles granted, by admins of all the projects that are named")
    if most_s is not None and (input.life_days is None or input.life_days * _DAY_S > most_s):
        raise BeyondScope(
            f"a token is made that ends no later than the one it is made by, or than PSG_OIDC_TOKEN_DAYS from now; "
            f"lifeDays: at most {most_s / _DAY_S:.3f}"
        )
