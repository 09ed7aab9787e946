"""The settings of the sandbox for programs and code (DD-30, DD-31, DD-32)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AliasChoices, BeforeValidator, Field, model_validator
from pydantic_settings import BaseSettings, NoDecode

from psg.listed import listed
from psg_runtime.sandbox import SandboxSettings
from psg_runtime.sandbox.selection import SandboxName

_UNITS = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}


def _bytes(value: Any) -> Any:
    """``512M`` as bytes, in the way of container files: powers of 1024."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?\s*", value, re.I) if isinstance(value, str) else None
    return value if found is None else int(float(found[1]) * _UNITS[found[2].lower()])


def _bytes_or_none(value: Any) -> Any:
    return None if isinstance(value, str) and value.strip().lower() == "none" else _bytes(value)


Paths = Annotated[tuple[Path, ...], NoDecode, BeforeValidator(listed)]
Size = Annotated[int, BeforeValidator(_bytes)]
OptionalSize = Annotated[Annotated[int, Field(ge=1024**2)] | None, BeforeValidator(_bytes_or_none)]


class SandboxFields(BaseSettings):
    """Limits of ``process.run`` and ``code.run``.

    All of them are in force in multi-tenant mode, and when a sandbox is named; else each that is set. ``code.run`` is
    always in a sandbox.
    """

    multi_tenant: bool = False
    sandbox: SandboxName = "auto"
    cpu_limit: float = Field(default=1.0, gt=0, le=4096, allow_inf_nan=False)
    memory_limit: Size = Field(default=512 * 1024**2, ge=16 * 1024**2)
    cpu_reservation: float = Field(default=0.5, gt=0, le=4096, allow_inf_nan=False)
    memory_reservation: Size = Field(default=256 * 1024**2, ge=1024**2)
    network_isolation: bool = Field(
        default=True, validation_alias=AliasChoices("PSG_NETWORK_ISOLATION", "NETWORK_ISOLATION")
    )
    process_limit: int = Field(default=256, ge=1, le=32_768)
    file_size_limit: Size = Field(default=256 * 1024**2, ge=4096)
    disk_limit: OptionalSize = 1024**3
    open_files_limit: int = Field(default=1024, ge=16, le=1_048_576)
    output_limit: Size = Field(default=64 * 1024**2, ge=1024)
    sandbox_read: Paths = ()
    sandbox_cgroup: Path | None = None
    sandbox_image: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._/:@-]*$")
    allow_code: bool = False
    code_timeout_ms: int = Field(default=30_000, ge=1, le=24 * 3600 * 1000)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.multi_tenant and self.sandbox == "off":
            raise ValueError("multi-tenant mode needs a sandbox: PSG_SANDBOX cannot be off with PSG_MULTI_TENANT")
        for name in ("cpu", "memory"):
            if getattr(self, f"{name}_reservation") > getattr(self, f"{name}_limit"):
                if f"{name}_reservation" in self.model_fields_set:
                    raise ValueError(f"PSG_{name.upper()}_RESERVATION is more than PSG_{name.upper()}_LIMIT")
                # A smaller limit than the usual reservation reserves all of it.
                object.__setattr__(self, f"{name}_reservation", getattr(self, f"{name}_limit"))
        return self

    def sandbox_settings(self, *, max_execution_time: float, cpu_seconds: float | None = None) -> SandboxSettings:
        """These settings as the sandbox takes them."""
        names = SandboxSettings.__dataclass_fields__.keys() & type(self).model_fields.keys()
        given = {name: getattr(self, name) for name in names}
        given |= {"max_execution_time": max_execution_time, "cpu_seconds": cpu_seconds}
        return SandboxSettings(**given, explicit=frozenset(self.model_fields_set))
