"""What is said about a module when it is registered, and what it looks like when it runs (CORE-19, CORE-22)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic.alias_generators import to_camel

from psg.graph import Graph
from psg.model.codec import storable
from psg_runtime.modules.errors import RegistrationInvalid
from psg_runtime.modules.operation_names import snake
from psg_runtime.modules.versions import check_range, version_of

MODULE_TYPES = ("context", "plan", "role", "confirm", "trace", "extension", "dialog", "collab", "core", "network")
"""The ten modules of the protocol (CORE-01); packages may bring others."""
TYPE_PATTERN = re.compile(r"[a-z][a-z0-9_\-]{0,63}", re.ASCII)
_CAPABILITY = re.compile(r"(?P<type>[a-z][a-z0-9_\-]{0,63})\.(?P<verb>[A-Za-z][A-Za-z0-9_]{0,99})", re.ASCII)

HealthState = Literal["healthy", "degraded", "unhealthy"]
ModuleStatus = Literal["starting", "running", "unavailable", "stopped"]
Operation = Callable[..., Any]
HealthCheck = Callable[[], Any]


class _Data(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True, arbitrary_types_allowed=True
    )


class HealthStatus(_Data):
    """What a health check came to (CORE-26); ``checked_ms`` is this process's time, in milliseconds.

    ``healthy`` and ``degraded`` modules are in service, ``unhealthy`` ones are not.
    """

    status: HealthState
    details: dict[str, Any] = Field(default_factory=dict)
    checked_ms: int = 0

    @property
    def in_service(self) -> bool:
        """Whether a module of this health receives operations."""
        return self.status != "unhealthy"


class ModuleDependency(_Data):
    """Another module that has to run first, in a version of a range such as ``^1.0.0``."""

    module_type: str
    version: str = "*"

    @field_validator("module_type")
    @classmethod
    def _type(cls, value: str) -> str:
        return _checked_type(value)

    @field_validator("version")
    @classmethod
    def _version(cls, value: str) -> str:
        return _said(check_range, value)


@dataclass(frozen=True, slots=True)
class Environment:
    """What a module is started with: the graph (``None`` without one), its project and its configuration."""

    graph: Graph | None
    project_id: str | None
    configuration: Mapping[str, Any]
    module_id: str


@dataclass(frozen=True, slots=True)
class Started:
    """What the start of a module may return: its operations by capability or name, its health check, how it stops."""

    operations: Mapping[str, Operation] = field(default_factory=dict)
    health_check: HealthCheck | None = None
    stop: Callable[[], Any] | None = None


class ModuleRegistration(_Data):
    """A module as it is registered (CORE-22).

    ``capabilities`` are ``<module_type>.<verb>`` and bound what may be invoked; ``dependencies`` have to run first.
    ``configuration`` holds the defaults. ``health_check`` takes nothing and returns ``{status, details}``; raising is
    unhealthy. Ours besides: ``operations`` (capability or its verb → function of the inputs, and if it takes a second
    argument of the ``Invocation``), ``operation_names`` (other names of capabilities) and ``start``, called with the
    ``Environment``, that may return ``Started`` or operations. A registration of one of the ten types that brings
    neither runs the platform's own operations.
    """

    module_type: str
    version: str
    capabilities: tuple[str, ...] = ()
    dependencies: tuple[ModuleDependency, ...] = ()
    configuration: dict[str, Any] = Field(default_factory=dict)
    health_check: HealthCheck | None = None
    operations: dict[str, Operation] = Field(default_factory=dict)
    operation_names: dict[str, str] = Field(default_factory=dict)
    start: Callable[[Environment], Any] | None = None
    source: str = Field(default="", max_length=500)

    @field_validator("module_type")
    @classmethod
    def _type(cls, value: str) -> str:
        return _checked_type(value)

    @field_validator("version")
    @classmethod
    def _version(cls, value: str) -> str:
        return _said(version_of, value)

    @field_validator("configuration")
    @classmethod
    def _storable(cls, value: dict[str, Any]) -> dict[str, Any]:
        if not storable(value):
            raise ValueError("not JSON that can be kept")
        return value

    @model_validator(mode="after")
    def _whole(self) -> ModuleRegistration:
        for capability in self.capabilities:
            match = _CAPABILITY.fullmatch(capability)
            if match is None or match["type"] != self.module_type:
                raise ValueError(f"capabilities: {capability!r} is not named {self.module_type}.<verb>")
        if len(set(self.capabilities)) < len(self.capabilities):
            raise ValueError("capabilities: the same one is named twice")
        needed = [d.module_type for d in self.dependencies]
        if len(set(needed)) < len(needed):
            raise ValueError("dependencies: the same module is named twice")
        return self


def registration_of(value: ModuleRegistration | Mapping[str, Any]) -> ModuleRegistration:
    """Return a registration from one, or from data in either spelling; raises ``RegistrationInvalid``."""
    if isinstance(value, ModuleRegistration):
        return value
    try:
        return ModuleRegistration.model_validate(dict(value))
    except (ValidationError, TypeError, ValueError) as error:
        raise RegistrationInvalid(f"module registration: {_first(error)}") from None


def configured(registration: ModuleRegistration, config: Mapping[str, Any] | None) -> dict[str, Any]:
    """Defaults overridden by what is given; of the platform's own modules a key that they do not have is refused."""
    if not isinstance(config or {}, Mapping) or not storable(dict(config or {})):
        raise RegistrationInvalid(f"configuration of module {registration.module_type!r}: not JSON that can be kept")
    spelled = {snake(name): name for name in registration.configuration}
    given = {spelled.get(snake(str(name)), name): value for name, value in (config or {}).items()}
    unknown = sorted(set(given) - set(registration.configuration))
    if registration.module_type in MODULE_TYPES and registration.source == "platform" and unknown:
        known = ", ".join(sorted(registration.configuration)) or "nothing"
        raise RegistrationInvalid(
            f"configuration of module {registration.module_type!r}: {', '.join(map(str, unknown))} is not among what "
            f"can be configured ({known})",
            keys=unknown,
        )  # fmt: skip
    return registration.configuration | given


@dataclass(frozen=True, slots=True)
class Module:
    """A running (or stopped) module of this process or of another one.

    ``process`` is ``host:pid``, ``local`` whether it is this process. ``operations``, ``failures`` and ``total_ms``
    count what it was asked for. Times are milliseconds since 1970.
    """

    id: str
    module_type: str
    version: str
    status: ModuleStatus
    capabilities: tuple[str, ...]
    dependencies: tuple[ModuleDependency, ...]
    configuration: Mapping[str, Any]
    health: HealthStatus
    process: str
    local: bool
    started_ms: int
    operations: int = 0
    failures: int = 0
    total_ms: float = 0.0
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The module as data, in the specification's spelling."""
        return {
            "id": self.id, "moduleType": self.module_type, "version": self.version, "status": self.status,
            "capabilities": list(self.capabilities),
            "dependencies": [d.model_dump(by_alias=True) for d in self.dependencies],
            "configuration": dict(self.configuration), "health": self.health.model_dump(by_alias=True),
            "process": self.process, "local": self.local, "startedMs": self.started_ms,
            "operations": self.operations, "failures": self.failures, "totalMs": self.total_ms, "reason": self.reason,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Invocation:
    """Around one operation: who is asked for what, for which project, and as part of what.

    An operation that is given the same ``idempotency_key`` again has no second effect where it writes to the graph.
    """

    graph: Graph | None
    project_id: str | None
    module: Module
    capability: str
    operation: str
    correlation_id: str | None
    idempotency_key: str | None
    actor: str


def _checked_type(value: str) -> str:
    if not TYPE_PATTERN.fullmatch(value):
        raise ValueError(f"{value[:100]!r} is no module type: lower case letters, digits, `_` and `-`")
    return value


def _said(check: Callable[[str], object], value: str) -> str:
    try:
        check(value)
    except RegistrationInvalid as error:
        raise ValueError(error.message) from None
    return value


def _first(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)[:200]
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else first["msg"]
