"""Settings of the API; every one can be given as ``PSG_API_…`` in the environment."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from psg.accounts.secret import id_in
from psg.errors import ValidationFailed
from psg.listed import Names
from psg_graphql.identity.settings import Mode, OidcSettings, auth_modes

LOOPBACK_NAMES = frozenset(("localhost", "127.0.0.1", "::1"))
MEBIBYTE = 1 << 20


class ApiSettings(BaseSettings):
    """What the API listens to, who may ask, and how much it lets one request cost.

    ``auth`` (``PSG_AUTH``) is how who asks is proved: ``none`` on loopback only, ``token``, ``oidc``, ``token,oidc``;
    absent it is ``none`` on loopback without ``token``, else ``token``. ``token`` is the operator's, who may do
    everything. ``allowed_hosts`` are Host names besides the loopback ones, ``allowed_origins`` web origins (scheme,
    host, port) besides the API's own; ``browser_url`` is where Neo4j Browser is, for the console's links. Sizes are
    bytes, times seconds.
    """

    model_config = SettingsConfigDict(
        env_prefix="PSG_API_", extra="ignore", hide_input_in_errors=True, populate_by_name=True
    )

    host: str = "127.0.0.1"
    port: int = Field(default=8765, ge=0, le=65535)
    token: SecretStr | None = None
    auth: str | None = Field(default=None, validation_alias="PSG_AUTH")
    oidc: OidcSettings = Field(default_factory=OidcSettings)
    allowed_hosts: Names = ()
    allowed_origins: Names = ()
    browser_origins: Names = ()
    browser_url: str | None = Field(default=None, pattern=r"^https?://[^\s/@]+(/[^\s]*)?$")
    default_actor: str = "anonymous"
    ide: bool = True
    introspection: bool = True
    documents: Literal["off", "prefer", "only"] = "prefer"
    documents_folder: Path | None = None
    body_timeout_s: float = Field(default=30.0, gt=0)
    max_body_bytes: int = Field(default=8 * MEBIBYTE, ge=1024, le=64 * MEBIBYTE)
    max_query_body_bytes: int = Field(default=MEBIBYTE, ge=1024)
    max_query_text: int = Field(default=64 * 1024, ge=100)
    max_tokens: int = Field(default=2_000, ge=10)
    max_depth: int = Field(default=12, ge=1)
    max_fields: int = Field(default=500, ge=1)
    max_aliases: int = Field(default=30, ge=0)
    max_cost: int = Field(default=20_000, ge=1)
    query_deadline_s: float = Field(default=15.0, gt=0)
    mutation_deadline_s: float = Field(default=60.0, gt=0)
    max_requests_per_actor: int = Field(default=64, ge=1)
    max_sockets_per_actor: int = Field(default=200, ge=1)
    max_subscriptions_per_connection: int = Field(default=100, ge=1)
    max_subscriptions: int = Field(default=1_000, ge=1)
    max_subscriptions_per_actor: int = Field(default=500, ge=1)
    connection_init_timeout_s: float = Field(default=10.0, gt=0)
    heartbeat_s: float = Field(default=15.0, gt=0)
    poll_s: float = Field(default=0.02, gt=0)
    progress_interval_s: float = Field(default=0.1, ge=0)
    shutdown_grace_s: float = Field(default=10.0, ge=0)

    @model_validator(mode="after")
    def _guard_the_network(self) -> Self:
        if self.token is not None and len(self.token.get_secret_value()) < 16:
            raise ValueError("PSG_API_TOKEN: at least 16 characters are needed")
        if self.token is not None and id_in(self.token.get_secret_value()) is not None:
            raise ValueError("PSG_API_TOKEN: this is a token of an account; the operator's token of a server is none")
        if "oidc" in self.auth_modes and self.oidc.issuer is None:
            raise ValueError("PSG_AUTH: oidc needs PSG_OIDC_ISSUER and PSG_OIDC_AUDIENCE")
        return self

    @property
    def auth_modes(self) -> tuple[Mode, ...]:
        """How who asks can be proved."""
        return auth_modes(self.auth, token=self.token is not None, loopback=self.loopback)

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach ``host``."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False


def api_settings(**given: object) -> ApiSettings:
    """Return the settings from arguments and environment; raises ``ValidationFailed`` without showing any value."""
    try:
        return ApiSettings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        found = [f"{'.'.join(map(str, e['loc'])) or 'settings'}: {e['msg']}" for e in error.errors(include_input=False)]
        raise ValidationFailed(f"API settings: {'; '.join(found)}") from None
    except SettingsError as error:  # names the field, not what was in it
        raise ValidationFailed(f"API settings: {error}; JSON is expected") from None
