"""How an orchestrator process behaves; each setting by flag, environment (``PSG_*``) or ``.env``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from psg.listed import Names


class OrchestratorSettings(BaseSettings):
    """Settings of one orchestrator.

    ``lease_ms``: after this many milliseconds without a sign of life its steps run elsewhere. ``capacity``: steps it
    runs at the same time. ``poll_ms``: how often it looks for work that another process made ready; less often, up to
    every 400 ms, while the database is so busy that looking itself takes long.
    ``steal_after_ms``: how long it leaves the work of a project to the process that the project prefers.
    ``drain_ms``: how long it lets running steps finish after it was asked to stop. ``projects``: ids of the only
    projects whose steps it runs (none named: all), for tools that only some may use. ``retry_base_ms``,
    ``retry_max_ms``: the first and the longest delay of retries where no policy says otherwise. ``policy_hooks``:
    modules (``pkg.mod``, ``pkg.mod:name``), separated by commas, whose hooks are asked before every step, after those
    of installed packages. ``prices``: what a model costs, for budgets of money: ``{"model": {"input": 2.5, "output":
    10}}`` per million tokens, as JSON.
    ``replans_approved``: what plans that failed are replanned to (``on_failure: replan``) begins at once, without a
    person who approves it.
    """

    model_config = SettingsConfigDict(env_prefix="PSG_", env_file=".env", extra="ignore", frozen=True)

    lease_ms: int = Field(default=10_000, ge=500, le=3_600_000)
    capacity: int = Field(default=100, ge=1, le=10_000)
    poll_ms: int = Field(default=50, ge=5, le=60_000)
    steal_after_ms: int = Field(default=400, ge=0, le=600_000)
    drain_ms: int = Field(default=10_000, ge=0, le=3_600_000)
    projects: Names = ()
    policy_hooks: Names = ()
    prices: dict[str, dict[Literal["input", "output"], Annotated[float, Field(ge=0, allow_inf_nan=False)]]] = Field(
        default_factory=dict
    )
    replans_approved: bool = False
    retry_base_ms: int = Field(default=100, ge=1, le=600_000)
    retry_max_ms: int = Field(default=60_000, ge=1, le=86_400_000)
