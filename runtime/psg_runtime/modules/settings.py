"""How modules are managed in a process; each setting by argument or environment (``PSG_MODULE_*``)."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ModuleSettings(BaseSettings):
    """Settings of a module manager, in milliseconds (CORE-53).

    ``startup_timeout_ms``: how long a module may take to start. ``health_check_interval_ms``: how often health is
    checked, and how long one check may take. ``lease_ms``: after this long without a sign of life of a process its
    modules are gone. ``shutdown_timeout_ms``: how long operations that run may go on when their module is shut down,
    and how long it may take to stop. ``packages_interval_ms``: how often ``psg up`` and ``psg orchestrate`` look for
    modules of packages that were installed or removed.
    """

    model_config = SettingsConfigDict(env_prefix="PSG_MODULE_", env_file=".env", extra="ignore", frozen=True)

    startup_timeout_ms: int = Field(default=30_000, ge=1, le=3_600_000)
    health_check_interval_ms: int = Field(default=5_000, ge=10, le=3_600_000)
    lease_ms: int = Field(default=10_000, ge=500, le=3_600_000)
    shutdown_timeout_ms: int = Field(default=10_000, ge=1, le=3_600_000)
    packages_interval_ms: int = Field(default=10_000, ge=100, le=86_400_000)
