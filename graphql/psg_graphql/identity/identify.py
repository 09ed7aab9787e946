"""Who asks: proved by the operator's token, an API token or a JWT, anew for each request (docs/accounts.md)."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field, replace
from typing import Self

import structlog
from starlette.responses import Response

from psg.accounts import Accounts, AuditRecord, Known, check_actor, scoped
from psg.accounts.model import Grants
from psg.errors import PsgError, Unauthenticated, ValidationFailed
from psg_graphql.identity.errors import ActorRefused, IdentityUnavailable, TokenRefused
from psg_graphql.identity.oidc import Issuer
from psg_graphql.middleware import refusal_response
from psg_graphql.policy import actor_name
from psg_graphql.principal import Principal
from psg_graphql.settings import ApiSettings
from psg_neo4j.errors import DatabaseError

NEEDED = "A bearer token is needed: send `Authorization: Bearer …`"
MAX_TOKEN = 16_384
STRANGER = "unauthenticated"
"""The actor of whoever could not prove to be anybody, in the audit trail."""


@dataclass(frozen=True, slots=True)
class OidcPrincipal(Principal):
    """Who a JWT speaks for, with what is needed to judge it again while a connection lasts."""

    claimed: Grants = field(default_factory=dict)
    expires: float = 0.0
    kid: str | None = None
    algorithm: str = ""
    key_mark: str = ""

    def holding(self, kept: Grants) -> Self:
        """With what the JWT grants by itself."""
        return replace(self, grants=_joined(kept, self.claimed))


class Identity:
    """Tells who asks, by the settings of this process and the tokens and grants of the graph."""

    def __init__(self, accounts: Accounts, settings: ApiSettings, *, issuer: Issuer | None = None) -> None:
        self.accounts = accounts
        self._settings = settings
        self._modes = settings.auth_modes
        self._issuer = issuer or (Issuer(settings.oidc) if "oidc" in self._modes else None)

    @property
    def open(self) -> bool:
        """Whether nobody is asked who they are."""
        return "none" in self._modes

    async def identify(self, authorization: object, actor: str | None) -> Principal:
        """Return who sends ``Authorization`` and names ``actor`` as the one who acts (``X-PSG-Actor``).

        Raises ``Unauthenticated`` for whoever proves nothing, the same whatever is wrong; ``ActorRefused``,
        ``ValidationFailed`` for a name that is none, ``IdentityUnavailable``.
        """
        if self.open:
            return Principal(actor_name(actor, self._settings.default_actor))
        try:
            principal = await self._proved(_bearer(authorization))
        except TokenRefused as refused:
            structlog.get_logger().info("unauthenticated", why=refused.why, **refused.facts)
            await self._denied(AuditRecord(STRANGER, "authenticate", "denied", reason=refused.why))
            raise Unauthenticated(NEEDED) from None
        return await self._acting(principal, actor)

    async def refresh(self, principal: Principal) -> Principal:
        """Return the same principal by what is granted now; raises ``Unauthenticated`` when its token holds no more."""
        try:
            if isinstance(principal, OidcPrincipal):
                assert self._issuer is not None
                await self._issuer.check_again(
                    principal.expires, principal.kid, principal.algorithm, principal.key_mark
                )
                return replace(principal, grants=await self._granted(principal.who, principal.claimed))
            if principal.token_id is None:
                return principal
            known = await self.accounts.again(principal.token_id)
            return replace(_principal(known, principal.token_id), name=principal.name)
        except TokenRefused as refused:
            structlog.get_logger().info("unauthenticated", why=refused.why, actor=principal.name, **refused.facts)
            raise Unauthenticated("the token does not hold any more; get another one") from None

    async def _proved(self, text: str) -> Principal:
        operators = self._settings.token
        if operators is not None and hmac.compare_digest(text.encode(), operators.get_secret_value().encode()):
            return Principal(self._settings.default_actor, method="operator_token")
        if len(text) > MAX_TOKEN:
            raise TokenRefused("too_long", length=len(text))
        if self._issuer is not None and text.count(".") == 2:
            claims = await self._issuer.claims(text)
            grants = await self._granted(claims.subject, claims.grants)
            return OidcPrincipal(
                claims.subject, grants=grants, method="oidc", subject=claims.subject, claimed=claims.grants,
                expires=claims.expires, kid=claims.kid, algorithm=claims.algorithm, key_mark=claims.key_mark,
            )  # fmt: skip
        if "token" in self._modes:
            return _principal(await self.accounts.whose(text))
        raise TokenRefused("unknown")

    async def _granted(self, subject: str, claimed: Grants) -> Grants:
        return _joined(await self.accounts.grants_of(subject), claimed)

    async def _acting(self, principal: Principal, actor: str | None) -> Principal:
        if not actor:
            return principal
        if principal.grants is None:
            return replace(principal, name=actor_name(actor, self._settings.default_actor))
        check_actor(actor)
        if actor != principal.who and not actor.startswith(f"{principal.who}/"):
            structlog.get_logger().info("actor_refused", actor=actor, subject=principal.who)
            await self._denied(
                AuditRecord(
                    principal.who, "authenticate", "denied", token_id=principal.token_id, reason=ActorRefused.code,
                    details={"actor": actor},
                )
            )  # fmt: skip
            raise ActorRefused(
                f"the token speaks for {principal.who}: name that, or {principal.who}/…", actor=actor
            )
        return replace(principal, name=actor)

    async def _denied(self, record: AuditRecord) -> None:
        request_id = structlog.contextvars.get_contextvars().get("request_id")
        try:
            await self.accounts.record(replace(record, request_id=request_id))
        except PsgError as error:
            structlog.get_logger().warning("audit_not_written", code=error.code)


def identity_failure(error: PsgError) -> PsgError:
    """What a stranger may know of it: no addresses and statements of the database."""
    if not isinstance(error, DatabaseError):
        return error
    structlog.get_logger().warning("database_error", code=error.code, message=error.message)
    return IdentityUnavailable("who asks cannot be looked up now; try again")


def identity_refusal(error: PsgError) -> Response:
    """The answer to a request whose sender is not known here, or not as whom it says."""
    told = identity_failure(error)
    if isinstance(told, ValidationFailed):
        return refusal_response(400, "request_invalid", told.message)
    return refusal_response(_STATUS.get(told.code, 503), told.code, told.message)


_STATUS = {"unauthenticated": 401, "actor_refused": 403}


def _joined(kept: Grants, claimed: Grants) -> Grants:
    return {p: kept.get(p, frozenset()) | claimed.get(p, frozenset()) for p in {*kept, *claimed}}


def _bearer(authorization: object) -> str:
    scheme, _, text = (authorization if isinstance(authorization, str) else "").partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise TokenRefused("missing")
    if not text.isascii():
        raise TokenRefused("malformed")
    return text.strip()


def _principal(known: Known | None, token_id: str | None = None) -> Principal:
    if known is None:
        raise TokenRefused("unknown", token_id=token_id)
    token = known.token
    if not known.token.live(known.now_ms):
        raise TokenRefused("expired" if token.revoked_ms is None else "revoked", token_id=token.id)
    grants = scoped(known.grants, token.projects, token.roles)
    return Principal(token.actor, grants=grants, method="api_token", token_id=token.id, subject=token.actor)
