"""Where the event bus is, as ``PSG_BUS`` and ``PSG_BUS_…`` in the environment."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from psg.errors import ValidationFailed
from psg_runtime.bus.errors import BusUrlInvalid

Kind = Literal["redis-streams", "redis-pubsub", "nats", "kafka", "websocket"]
_KINDS: dict[str, Kind] = {
    "redis": "redis-streams", "rediss": "redis-streams",
    "redis+pubsub": "redis-pubsub", "rediss+pubsub": "redis-pubsub",
    "nats": "nats", "tls": "nats", "kafka": "kafka", "ws": "websocket", "wss": "websocket",
}  # fmt: skip
SCHEMES = tuple(_KINDS)
LOOPBACK = frozenset(("127.0.0.1", "::1", "localhost"))


class BusSettings(BaseSettings):
    """``bus`` is the address of the broker; without one, events stay in this process and in the log.

    ``bus_topic`` names stream, channel, subject or topic. ``bus_from`` says where a bus that never carried a project
    begins with its log. ``bus_start`` says what a broker that is down at the start means: wait for it, or fail.
    ``bus_connect_s`` bounds every connect and every acknowledgement, in seconds. ``bus_keep`` is how many events a
    Redis stream keeps, roughly. ``bus_lease_ms`` is how long a relay that died keeps others from taking over.
    """

    model_config = SettingsConfigDict(
        env_prefix="PSG_", extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    bus: SecretStr | None = None
    bus_topic: str = Field(default="psg.events", pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$", max_length=200)
    bus_from: Literal["beginning", "now"] = "beginning"
    bus_start: Literal["retry", "fail"] = "retry"
    bus_connect_s: float = Field(default=5.0, gt=0, le=300)
    bus_retry_max_s: float = Field(default=10.0, gt=0, le=300)
    bus_keep: int = Field(default=1_000_000, ge=1)
    bus_lease_ms: int = Field(default=5_000, ge=200)
    bus_poll_s: float = Field(default=0.5, gt=0)

    @property
    def address(self) -> BusAddress:
        """The address taken apart; raises ``BusUrlInvalid``."""
        if self.bus is None:
            raise BusUrlInvalid("no event bus is set: give PSG_BUS an address, for example redis://127.0.0.1:6379")
        return BusAddress.parse(self.bus.get_secret_value())


@dataclass(frozen=True, slots=True)
class BusAddress:
    """Where a broker is; ``url`` may hold a password, ``shown`` never does."""

    kind: Kind
    url: str
    servers: tuple[str, ...]
    shown: str

    @classmethod
    def parse(cls, text: str) -> BusAddress:
        """Return the address of a URL; raises ``BusUrlInvalid`` without showing what may be a password."""
        try:
            parts = urlsplit(text.strip())
            hosts = _hosts(parts)
        except ValueError:
            raise BusUrlInvalid("PSG_BUS is no address: give one like redis://127.0.0.1:6379") from None
        kind = _KINDS.get(parts.scheme)
        if kind is None:
            raise BusUrlInvalid(f"PSG_BUS: the address has to begin with one of {', '.join(SCHEMES)} and `://`")
        if not hosts or (len(hosts) > 1 and kind != "kafka"):
            raise BusUrlInvalid(f"PSG_BUS: a {kind} address names {'servers' if kind == 'kafka' else 'one server'}")
        path = parts.path if parts.path != "/" else ""
        scheme = parts.scheme.removesuffix("+pubsub")
        url = parts._replace(scheme=scheme).geturl()
        return cls(kind, url, hosts, f"{parts.scheme}://{','.join(hosts)}{path}")

    def name(self, topic: str) -> str:
        """Name this bus for the cursor that is kept of it: another server or topic begins anew."""
        return hashlib.sha256(f"{self.shown} {topic}".encode()).hexdigest()[:16]


def _hosts(parts: SplitResult) -> tuple[str, ...]:
    """The servers of an address, without user and password; raises ``ValueError`` for a port that is none."""
    found = parts.netloc.rpartition("@")[2]
    hosts = tuple(host.strip() for host in found.split(",") if host.strip())
    for host in hosts:
        if not re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?", host):
            raise ValueError("no server")
        _, _, port = host.rpartition("]")[2].partition(":")
        if port and not 0 < int(port) < 65536:
            raise ValueError("no port")
    return hosts


def bus_settings(**given: object) -> BusSettings:
    """Return the settings from arguments and environment; raises ``ValidationFailed`` without showing any value."""
    try:
        found = BusSettings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        problems = [
            f"PSG_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}"
            for e in error.errors(include_input=False, include_url=False, include_context=False)
        ]
        raise ValidationFailed(f"Settings of the event bus cannot be read: {'; '.join(problems)}.") from None
    if found.bus is not None:
        _ = found.address
    return found
