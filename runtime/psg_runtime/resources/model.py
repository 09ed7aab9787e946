"""Requests, allocations and what is told of pools (CORE-33 … CORE-36)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    StrictFloat,
    StrictInt,
    ValidationError,
    field_validator,
)
from pydantic.alias_generators import to_camel

from psg.model.ids import UUID4, new_id
from psg_runtime.resources.amounts import shown, thousandths
from psg_runtime.resources.errors import RequestInvalid
from psg_runtime.resources.strategy import Strategy

POOL_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.\-:]{0,99}", re.ASCII)
PRIORITIES: Mapping[str, int] = {"low": 25, "normal": 50, "high": 75, "critical": 100}
MOST_POOLS = 20


class ResourceRequest(BaseModel):
    """What is asked for: ``resources`` maps pools to amounts, given together or not at all.

    ``priority`` is low, normal, high or critical, or a number from 0 to 100. ``holder`` is on whose behalf (shares are
    fair between holders; default: this process). ``timeout_ms`` (``timeout``) is how long to wait for it, in
    milliseconds: 0 or none refuses at once. ``lease_ms`` overrides the settings. The same ``id`` asks once.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)

    resources: dict[str, StrictInt | StrictFloat] = Field(min_length=1, max_length=MOST_POOLS)
    priority: int = Field(default=PRIORITIES["normal"], ge=0, le=100)
    holder: str | None = Field(default=None, min_length=1, max_length=200)
    timeout_ms: int = Field(
        default=0, ge=0, le=86_400_000, validation_alias=AliasChoices("timeout_ms", "timeoutMs", "timeout")
    )
    lease_ms: int | None = Field(default=None, ge=500, le=86_400_000)
    id: str = Field(default_factory=new_id)

    @field_validator("priority", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        return PRIORITIES.get(value, value) if isinstance(value, str) else value

    @field_validator("timeout_ms", mode="before")
    @classmethod
    def _none(cls, value: Any) -> Any:
        return 0 if value is None else value

    @field_validator("id")
    @classmethod
    def _uuid(cls, value: str) -> str:
        if not UUID4.fullmatch(value):
            raise ValueError("not a UUID v4 in lower case")
        return value

    def amounts(self) -> dict[str, int]:
        """What is asked for in thousandths, by pool in the order of names; raises ``RequestInvalid``."""
        return {
            check_pool_name(name): thousandths(self.resources[name], f"resources.{name}")
            for name in sorted(self.resources)
        }


def check_pool_name(name: Any) -> str:
    """Return a name of a pool; raises ``RequestInvalid``."""
    if not isinstance(name, str) or not POOL_NAME.fullmatch(name):
        raise RequestInvalid(
            f"{str(name)[:100]!r} is no name of a pool: a letter, then letters, digits, `_`, `.`, `-` and `:`"
        )
    return name


def request_of(value: ResourceRequest | Mapping[str, Any]) -> ResourceRequest:
    """Return a request from one, or from data in either spelling; raises ``RequestInvalid``."""
    if isinstance(value, ResourceRequest):
        return value
    try:
        return ResourceRequest.model_validate(dict(value))
    except (ValidationError, TypeError, ValueError) as error:
        raise RequestInvalid(f"resource request: {_first(error)}") from None


def _first(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return "a mapping with `resources` is needed"
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else first["msg"]


@dataclass(frozen=True, slots=True)
class ResourceAllocation:
    """What somebody holds: ``resources`` by pool, for as long as the lease is renewed or until it is released."""

    id: str
    resources: Mapping[str, int | float]
    holder: str
    priority: int
    granted_ms: int
    lease_ms: int

    def to_dict(self) -> dict[str, Any]:
        """The allocation as data, in the specification's spelling."""
        return {
            "id": self.id, "resources": dict(self.resources), "holder": self.holder, "priority": self.priority,
            "grantedMs": self.granted_ms, "leaseMs": self.lease_ms,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class PoolUsage:
    """One pool: of ``capacity`` at most ``limit`` may be held, ``used`` is; ``wanted`` is waited for."""

    name: str
    capacity: int | float
    limit: int | float
    used: int | float
    wanted: int | float
    allocations: int
    waiting: int
    strategy: Strategy
    max_utilization: float

    @property
    def free(self) -> int | float:
        """What could still be allocated."""
        return shown(max(0, thousandths(self.limit, "limit", zero=True) - thousandths(self.used, "used", zero=True)))

    @property
    def utilization(self) -> float:
        """Which part of the capacity is held."""
        return self.used / self.capacity

    def to_dict(self) -> dict[str, Any]:
        """The usage as data, in the specification's spelling."""
        return {
            "name": self.name, "capacity": self.capacity, "limit": self.limit, "used": self.used, "free": self.free,
            "wanted": self.wanted, "allocations": self.allocations, "waiting": self.waiting,
            "utilization": self.utilization, "strategy": self.strategy, "maxUtilization": self.max_utilization,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class ResourceUsage:
    """All pools by name; what is used is counted from the allocations that live, each time."""

    pools: Mapping[str, PoolUsage]

    @property
    def used(self) -> dict[str, int | float]:
        """What is held, by pool."""
        return {name: pool.used for name, pool in self.pools.items()}

    def to_dict(self) -> dict[str, Any]:
        """The usage as data."""
        return {"pools": {name: pool.to_dict() for name, pool in self.pools.items()}}


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a person could change: raise the capacity of ``pool`` to ``capacity`` so that nobody waits for it."""

    pool: str
    kind: Literal["raise_capacity", "raise_utilization"]
    capacity: int | float
    reason: str


@dataclass(frozen=True, slots=True)
class OptimizationResult:
    """What an optimisation did: allocations whose lease ran out were ``reclaimed``, waiting requests ``granted``.

    ``forgotten`` counts ended shares that need not be remembered any more; ``proposals`` is what it cannot do itself.
    """

    reclaimed: tuple[str, ...] = ()
    granted: tuple[str, ...] = ()
    forgotten: int = 0
    proposals: tuple[Proposal, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """The result as data."""
        return {
            "reclaimed": list(self.reclaimed), "granted": list(self.granted), "forgotten": self.forgotten,
            "proposals": [
                {"pool": p.pool, "kind": p.kind, "capacity": p.capacity, "reason": p.reason} for p in self.proposals
            ],
        }  # fmt: skip
