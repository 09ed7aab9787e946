"""How often and how much is watched; every setting can be given as ``PSG_MONITOR_…``."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

_DAY_MS = 24 * 3_600_000


class MonitoringSettings(BaseSettings):
    """Settings of a SystemMonitor; times are milliseconds.

    ``metrics_collection_interval`` is how often metrics are collected and rules evaluated (CORE-55),
    ``health_check_interval`` how often the health of all parts is noted, ``health_check_timeout`` how long one check
    may take. History older than ``history_keep``, or beyond ``history_records``, is removed, and so are alerts that are
    over. A webhook gets ``webhook_attempts`` attempts, the second ``webhook_backoff`` after the first, then twice as
    long each time. Who evaluates for all processes holds a lease of ``evaluator_lease``. ``administrator_webhook`` is
    told, signed with the secret named ``administrator_secret``, of alerts that name nobody to tell.
    """

    model_config = SettingsConfigDict(env_prefix="PSG_MONITOR_", extra="ignore", frozen=True)

    metrics_collection_interval: int = Field(default=5_000, ge=10, le=3_600_000)
    health_check_interval: int = Field(default=30_000, ge=10, le=3_600_000)
    health_check_timeout: int = Field(default=5_000, ge=1, le=600_000)
    samples_kept: int = Field(default=720, ge=1, le=100_000)
    history_keep: int = Field(default=7 * _DAY_MS, ge=1_000)
    history_records: int = Field(default=10_000, ge=1, le=1_000_000)
    alerts_keep: int = Field(default=30 * _DAY_MS, ge=1_000)
    alerts_records: int = Field(default=10_000, ge=1, le=1_000_000)
    webhook_attempts: int = Field(default=6, ge=1, le=20)
    webhook_backoff: int = Field(default=1_000, ge=1, le=600_000)
    administrator_webhook: str | None = None
    administrator_secret: str | None = None
    evaluator_lease: int = Field(default=20_000, ge=100, le=600_000)
