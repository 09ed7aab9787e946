"""What the actions of this process may do; everything that reaches outside is off until it is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AliasChoices, BeforeValidator, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from psg.listed import Names
from psg_runtime.ael.sandbox_settings import Paths, SandboxFields


def _seconds(value: Any) -> Any:
    return value.strip().removesuffix("s") if isinstance(value, str) else value


class AelSettings(SandboxFields):
    """Settings of the Action Execution Layer, from ``PSG_…`` environment variables.

    Sizes are bytes, ``max_execution_time`` is seconds (DD-31: 300 unless a step says otherwise), capacities are
    actions at the same time in this process.
    """

    model_config = SettingsConfigDict(env_prefix="PSG_", extra="ignore", populate_by_name=True)

    allow_process: Names = ()
    process_roots: Paths = ()
    process_env: Names = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")
    process_memory_mb: int | None = Field(default=None, ge=16)
    process_cpu_seconds: int | None = Field(default=None, ge=1)
    file_root: Path | None = None
    http_allow: Names = ()
    http_allow_private: Names = ()
    http_max_bytes: int = Field(default=512 * 1024, ge=1)
    http_max_file_bytes: int = Field(default=256 * 1024 * 1024, ge=1)
    http_connect_ms: int = Field(default=10_000, ge=1, le=600_000)
    http_read_ms: int = Field(default=60_000, ge=1, le=3_600_000)
    http_ca_file: Path | None = None
    http_capacity: int = Field(default=16, ge=1, le=1000)
    plan_templates: Path | None = None
    subplan_depth: int = Field(default=8, ge=1, le=64)
    foreach_max_items: int = Field(default=10_000, ge=1, le=1_000_000)
    secrets_path: Path | None = None
    secrets_keyring: str | None = None
    secrets_hosts: Names = ()
    llm_base_url: str | None = None
    llm_model: str = "gpt-4.1-mini"
    llm_api_key: SecretStr | None = None
    policy_rules: Path | None = None
    policy_hook_timeout_ms: int = Field(default=5_000, ge=1, le=600_000)
    max_output_bytes: int = Field(default=1024 * 1024, ge=1)
    max_execution_time: Annotated[float, BeforeValidator(_seconds)] = Field(
        default=300.0,
        gt=0,
        le=7 * 24 * 3600,
        validation_alias=AliasChoices("PSG_MAX_EXECUTION_TIME", "MAX_EXECUTION_TIME"),
    )
    tool_capacity: int = Field(default=16, ge=1, le=1000)
    agent_capacity: int = Field(default=16, ge=1, le=1000)
    process_capacity: int = Field(default=4, ge=1, le=1000)
    file_capacity: int = Field(default=8, ge=1, le=1000)
    llm_capacity: int = Field(default=4, ge=1, le=1000)
