"""Settings of accounts: how who asks is proved (``PSG_AUTH``), and which issuer is believed (``PSG_OIDC_…``)."""

from __future__ import annotations

from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from psg.accounts.model import check_grant
from psg.errors import PsgError
from psg.listed import Names

Mode = Literal["none", "token", "oidc"]
ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
"""Signatures that only the holder of a private key can make. ``none`` and shared secrets are not among them."""
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def safe_address(url: str) -> str:
    """Return an address from which keys may come; raises ``ValueError`` for one that others could answer for."""
    parts = urlsplit(url)
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)):
        raise ValueError("an https address is expected (http on this machine only)")
    return url


def auth_modes(text: str | None, *, token: bool, loopback: bool) -> tuple[Mode, ...]:
    """Return how who asks can be proved; raises ``ValueError`` for what makes no sense or is not safe.

    ``text`` is ``PSG_AUTH``; absent it is ``none`` on loopback without an operator's token, else ``token``.
    """
    if text is None or not text.strip():
        return ("token",) if token or not loopback else ("none",)
    modes: list[Mode] = []
    for part in text.split(","):
        match part.strip().lower():
            case "none" | "token" | "oidc" as mode:
                modes.append(mode)
            case _:
                raise ValueError(f"PSG_AUTH: {part.strip()[:40]!r} is none of none, token, oidc; or token,oidc")
    if "none" in modes and len(modes) > 1:
        raise ValueError("PSG_AUTH: `none` stands alone")
    if "none" in modes and token:
        raise ValueError("PSG_AUTH=none: PSG_API_TOKEN is set and nobody would ask for it; unset one of them")
    if "none" in modes and not loopback:
        raise ValueError(
            "PSG_AUTH=none: the host can be reached from other machines, and everybody there could do everything; "
            "bind to 127.0.0.1, or use PSG_AUTH=token"
        )
    return tuple(dict.fromkeys(modes))


class OidcSettings(BaseSettings):
    """Which issuer of JWTs is believed, and what its tokens say.

    ``issuer`` and ``audience`` have to be in a token exactly. ``jwks_url`` is where its keys are; without it the
    issuer's discovery document tells. ``actor_claim`` names who it is, with ``actor_prefix`` before it, so that nobody
    takes the name of an account that is not the issuer's. ``grants_claim`` holds grants ({"<project id or *>":
    ["viewer"]}), ``groups_claim`` groups that ``group_grants`` maps to grants; a name with dots leads into objects.
    ``leeway_s`` is how far clocks may differ, ``keys_s`` how old keys may get, ``stale_s`` while they cannot be
    fetched, ``refetch_s`` how often at most unknown keys are looked for; all in seconds. ``token_days`` is how long an
    API token lives at most that is made by a JWT, unless by who is admin everywhere: it outlives the issuer's word.
    """

    model_config = SettingsConfigDict(env_prefix="PSG_OIDC_", extra="ignore", hide_input_in_errors=True)

    issuer: str | None = None
    audience: Names = ()
    jwks_url: str | None = None
    algorithms: Names = ("RS256", "PS256", "ES256", "EdDSA")
    actor_claim: str = Field(default="sub", min_length=1)
    actor_prefix: str = "oidc:"
    grants_claim: str = "psg_grants"
    groups_claim: str = "groups"
    group_grants: dict[str, dict[str, list[str]]] = {}
    leeway_s: float = Field(default=60.0, ge=0, le=600)
    keys_s: float = Field(default=300.0, gt=0)
    stale_s: float = Field(default=3_600.0, ge=0)
    refetch_s: float = Field(default=30.0, gt=0)
    timeout_s: float = Field(default=5.0, gt=0, le=60)
    token_days: float = Field(default=90.0, gt=0, le=366)

    @field_validator("algorithms")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in value if name not in ALGORITHMS]
        if unknown or not value:
            raise ValueError(f"{', '.join(unknown) or 'nothing'} is not accepted; choose from {', '.join(ALGORITHMS)}")
        return value

    @field_validator("issuer", "jwks_url")
    @classmethod
    def _safe_address(cls, value: str | None) -> str | None:
        return None if value is None else safe_address(value)

    @field_validator("group_grants")
    @classmethod
    def _grantable(cls, value: dict[str, dict[str, list[str]]]) -> dict[str, dict[str, list[str]]]:
        try:
            for project_id, role in ((p, r) for grants in value.values() for p, roles in grants.items() for r in roles):
                check_grant(project_id, role)
        except PsgError as error:
            raise ValueError(error.message) from None
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.issuer is None) != (not self.audience):
            raise ValueError("PSG_OIDC_ISSUER and PSG_OIDC_AUDIENCE are needed together")
        return self
