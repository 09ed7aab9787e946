"""The public keys of an issuer: fetched, kept for a while, looked for anew when a token names one that is unknown."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import anyio
import httpx2
import jwt
import orjson
import structlog

from psg_graphql.identity.errors import IdentityUnavailable, TokenRefused
from psg_graphql.identity.settings import OidcSettings, safe_address

MAX_BYTES = 1 << 20
MAX_KEYS = 100
RETRY_S = 5.0
"""How long after a fetch that failed nobody tries again."""
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
_RSA_BITS = 2_048


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the issuer that may verify signatures; ``mark`` tells it from another under the same id."""

    kid: str | None
    mark: str
    jwk: Mapping[str, Any]
    public: Any

    def fits(self, algorithm: str) -> bool:
        """Whether it may be used with an algorithm: never one kind of key with the algorithm of another."""
        if self.jwk.get("alg") not in (None, algorithm):
            return False
        kind = self.jwk["kty"]
        if algorithm[:2] in ("RS", "PS"):
            return bool(kind == "RSA")
        if algorithm[:2] == "ES":
            return bool(kind == "EC" and self.jwk.get("crv") == _CURVES[algorithm])
        return bool(kind == "OKP")


class KeySet:
    """The keys of one issuer, for all requests of this process."""

    def __init__(self, settings: OidcSettings, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._url = settings.jwks_url
        self._keys: list[Key] = []
        self._fetched: float | None = None
        self._failed: float | None = None
        self._attempts = 0
        self._looked: float | None = None
        self._fetching = anyio.Lock()

    async def key(self, kid: str | None, algorithm: str) -> Key:
        """Return the key that a token names; without a name there must be only one that fits.

        Raises ``TokenRefused``, and ``IdentityUnavailable`` while there are no keys to judge by.
        """
        found = self._find(kid, algorithm)
        if found is None or self._age() > self._settings.keys_s:
            await self._refresh(unknown=found is None)
            found = self._find(kid, algorithm)
        if self._age() > self._settings.keys_s + self._settings.stale_s:
            raise IdentityUnavailable("the keys of the issuer cannot be fetched now; try again")
        if found is None:
            raise TokenRefused("unknown_key", kid=str(kid)[:100], algorithm=algorithm)
        return found

    def _age(self) -> float:
        return float("inf") if self._fetched is None else self._clock() - self._fetched

    def _find(self, kid: str | None, algorithm: str) -> Key | None:
        fitting = [key for key in self._keys if (kid is None or key.kid == kid) and key.fits(algorithm)]
        return fitting[0] if len(fitting) == 1 else None

    async def _refresh(self, *, unknown: bool) -> None:
        """Fetch unless somebody just did; made-up key ids make one look for them within ``refetch_s`` at most."""
        fresh = self._age() <= self._settings.keys_s
        if self._fetching.locked() and not unknown and self._keys:
            return  # what is there serves until the other one is back
        before = self._attempts
        async with self._fetching:
            now = self._clock()
            if self._attempts != before:
                return  # somebody fetched while this one waited
            if fresh and self._looked is not None and now - self._looked < self._settings.refetch_s:
                return
            if self._failed is not None and now - self._failed < RETRY_S:
                return
            if fresh:
                self._looked = now
            self._attempts += 1
            self._failed = now
            try:
                with anyio.fail_after(self._settings.timeout_s):
                    self._keys = await self._fetch()
                self._fetched, self._failed = self._clock(), None
            except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, ValueError, OSError) as error:
                structlog.get_logger().warning(
                    "issuer_keys_not_fetched", error=type(error).__name__, why=str(error)[:200]
                )

    async def _fetch(self) -> list[Key]:
        async with httpx2.AsyncClient(timeout=self._settings.timeout_s, follow_redirects=False) as http:
            if self._url is None:
                self._url = await self._discovered(http)
            found = await _json(http, self._url)
        listed = found.get("keys") if isinstance(found, dict) else None
        if not isinstance(listed, list):
            raise ValueError("the answer is no set of keys")
        return [key for key in map(_key, listed[:MAX_KEYS]) if key is not None]

    async def _discovered(self, http: httpx2.AsyncClient) -> str:
        issuer = self._settings.issuer or ""
        said = await _json(http, issuer.rstrip("/") + "/.well-known/openid-configuration")
        if not isinstance(said, dict) or said.get("issuer") != issuer:
            raise ValueError("the discovery document is of another issuer")
        url = said.get("jwks_uri")
        return safe_address(url if isinstance(url, str) else "")


async def _json(http: httpx2.AsyncClient, url: str) -> Any:
    async with http.stream("GET", url, headers={"accept": "application/json"}) as response:
        if response.status_code != 200:
            raise ValueError(f"status {response.status_code}")
        body = b""
        async for part in response.aiter_bytes():
            body += part
            if len(body) > MAX_BYTES:
                raise ValueError("the answer is too long")
    return orjson.loads(body)


def _key(jwk: Any) -> Key | None:
    """The key of an entry; ``None`` for one that is not there to verify signatures, or too weak to."""
    if not isinstance(jwk, dict) or jwk.get("kty") not in ("RSA", "EC", "OKP") or jwk.get("use") not in (None, "sig"):
        return None
    operations = jwk.get("key_ops")
    if isinstance(operations, list) and "verify" not in operations:
        return None
    public_part = {name: value for name, value in jwk.items() if name not in ("d", "p", "q", "dp", "dq", "qi", "oth")}
    try:
        public = jwt.PyJWK(public_part, algorithm=jwk.get("alg") or _any_algorithm(jwk)).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    if jwk["kty"] == "RSA" and public.key_size < _RSA_BITS:
        return None
    kid = jwk.get("kid")
    mark = hashlib.sha256(orjson.dumps(public_part, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return Key(kid if isinstance(kid, str) else None, mark, public_part, public)


def _any_algorithm(jwk: Mapping[str, Any]) -> str:
    """A name under which the library reads the key; which algorithms it may be used with, ``Key.fits`` says."""
    if jwk["kty"] == "RSA":
        return "RS256"
    if jwk["kty"] == "OKP":
        return "EdDSA"
    return next((name for name, curve in _CURVES.items() if curve == jwk.get("crv")), "ES256")
