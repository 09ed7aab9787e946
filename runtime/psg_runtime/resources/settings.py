"""How resources are given in a process; each setting by argument or environment (``PSG_RESOURCE_*``)."""

from __future__ import annotations

import os
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from psg_runtime.resources.strategy import Strategy


class ResourceSettings(BaseSettings):
    """Settings of a resource manager; times in milliseconds.

    ``strategy``: who gets what becomes free. ``max_resource_utilization``: which part of a pool's capacity may be held
    at once (0.8: 80 %). Where one of these two is set, it is set for the pools that this process uses, for all
    processes. ``pools``: name → capacity of pools that this process defines. ``lease_ms``: after this long without a
    sign of life of its holder a share returns. ``poll_ms``: how often a process with waiting requests looks for what
    other processes released. ``max_waiting``: most requests that wait for a pool.
    """

    model_config = SettingsConfigDict(env_prefix="PSG_RESOURCE_", env_file=".env", extra="ignore", frozen=True)

    strategy: Strategy = "fair"
    max_resource_utilization: float = Field(default=1.0, gt=0, le=1, allow_inf_nan=False)
    pools: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(default_factory=dict)
    lease_ms: int = Field(default=30_000, ge=500, le=86_400_000)
    poll_ms: int = Field(default=100, ge=5, le=60_000)
    max_waiting: int = Field(default=1_000, ge=1, le=10_000)


def machine_pools() -> dict[str, float]:
    """Pools that are there when somebody first asks for them: this machine's ``cpu`` (cores) and ``memory`` (MB)."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20 if hasattr(os, "sysconf") else 1024
    return {"cpu": float(os.cpu_count() or 1), "memory": float(memory)}
