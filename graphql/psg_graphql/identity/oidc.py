"""JWTs of the issuer: what has to be true of one, and what it grants."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from psg.accounts import check_actor
from psg.accounts.model import check_grant, collected
from psg.errors import PsgError
from psg_graphql.identity.errors import TokenRefused
from psg_graphql.identity.key_set import KeySet
from psg_graphql.identity.settings import OidcSettings

MAX_GRANTS = 1_000
_DECODING = (jwt.PyJWTError, ValueError, TypeError, KeyError, OverflowError, RecursionError, AttributeError)


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says: who, what is granted by it, until when (seconds of the epoch), and which key signed it."""

    subject: str
    grants: Mapping[str, frozenset[str]]
    expires: float
    kid: str | None
    algorithm: str
    key_mark: str


class Issuer:
    """The one issuer whose tokens are believed."""

    def __init__(
        self, settings: OidcSettings, *, keys: KeySet | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._settings = settings
        self._clock = clock
        self.keys = keys or KeySet(settings)

    async def claims(self, text: str) -> Claims:
        """Return what a token says; raises ``TokenRefused`` saying why not, for the log, and ``IdentityUnavailable``.

        The algorithm has to be one of the settings and the key one of its kind: a public key never becomes the secret
        of a shared one.
        """
        try:
            header = jwt.get_unverified_header(text)
        except _DECODING as error:
            raise TokenRefused("malformed", error=type(error).__name__) from None
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in self._settings.algorithms:
            raise TokenRefused("algorithm", algorithm=str(algorithm)[:20])
        if "crit" in header or not isinstance(kid, str | None):
            raise TokenRefused("header")
        key = await self.keys.key(kid, algorithm)
        try:
            said = jwt.decode(
                text, key.public, algorithms=[algorithm], options={
                    "require": ["exp", "iss", "aud"], "verify_exp": False, "verify_nbf": False, "verify_iat": False,
                    "strict_aud": False,
                }, audience=list(self._settings.audience), issuer=self._settings.issuer,
            )  # fmt: skip
            expires = self._times(said)
        except _DECODING as error:
            raise TokenRefused("not_valid", error=type(error).__name__) from None
        return Claims(self._subject(said), self._grants(said), expires, kid, algorithm, key.mark)

    async def check_again(self, expires: float, kid: str | None, algorithm: str, key_mark: str) -> None:
        """Raise ``TokenRefused`` when a token that held holds no more: it ended, or its key was withdrawn."""
        if self._clock() >= expires + self._settings.leeway_s:
            raise TokenRefused("expired")
        if (await self.keys.key(kid, algorithm)).mark != key_mark:
            raise TokenRefused("key_changed", kid=str(kid)[:100])

    def _times(self, said: Mapping[str, Any]) -> float:
        """When it ends; by our clock, which may differ from the issuer's by the leeway."""
        now, leeway = self._clock(), self._settings.leeway_s
        times = {name: _seconds(said[name]) for name in ("exp", "nbf", "iat") if name in said}
        if now >= times["exp"] + leeway:
            raise TokenRefused("expired")
        for name in ("nbf", "iat"):
            if times.get(name, now) > now + leeway:
                raise TokenRefused("not_yet", claim=name)
        return times["exp"]

    def _subject(self, said: Mapping[str, Any]) -> str:
        value = _claim(said, self._settings.actor_claim)
        if not isinstance(value, str) or "/" in value:
            raise TokenRefused("subject")
        try:
            return check_actor(self._settings.actor_prefix + value)
        except PsgError:
            raise TokenRefused("subject", subject=value[:100]) from None

    def _grants(self, said: Mapping[str, Any]) -> dict[str, frozenset[str]]:
        """What the token grants by itself; what is no grant is left out."""
        pairs = list(_pairs(_claim(said, self._settings.grants_claim)))
        groups = _claim(said, self._settings.groups_claim)
        for group in groups if isinstance(groups, list) else [groups]:
            if isinstance(group, str):
                pairs += _pairs(self._settings.group_grants.get(group))
        return collected(pairs[:MAX_GRANTS])


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        raise TokenRefused("time")
    return float(value)


def _claim(said: Mapping[str, Any], name: str) -> Any:
    """A claim by its name, or by the way to it: ``realm_access.roles``."""
    if name in said:
        return said[name]
    found: Any = said
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _pairs(value: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(value, dict):
        return
    for project_id, roles in value.items():
        for role in roles if isinstance(roles, list) else [roles]:
            try:
                if isinstance(project_id, str) and isinstance(role, str):
                    check_grant(project_id, role)
                    yield project_id, role
            except PsgError:
                continue
