"""What the command line can be told: flags first, then PSG_* variables, then the file .env, then defaults."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import Any, Literal

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from psg.errors import ValidationFailed
from psg.listed import Names

DEFAULT_PORT = 8765
DEFAULT_API_URL = f"http://127.0.0.1:{DEFAULT_PORT}/graphql"


def _actor() -> str:
    try:
        return f"user:{getpass.getuser()}"
    except (KeyError, OSError):  # a container may run under a number without a name
        return f"user:{os.getuid()}" if hasattr(os, "getuid") else "user:unknown"


def _default_api_url(port: str) -> str:
    """Where the API listens that was started with the same settings."""
    return f"http://127.0.0.1:{port}/graphql" if port.isdecimal() and int(port) else DEFAULT_API_URL


class CliSettings(BaseSettings):
    """Settings of the ``psg`` command itself; API, orchestrator and embedded Neo4j read their own PSG_* variables.

    ``home`` holds the embedded Neo4j and what runs write by default. ``neo4j_uri`` names a server to use instead of
    the embedded one. ``api_url`` is where ``run``, ``plan``, ``confirm`` and ``events`` send their requests.
    ``encryption_key`` and ``encryption_keys_before`` are what ``psg.model.cipher`` reads from the same variables.
    """

    model_config = SettingsConfigDict(env_prefix="PSG_", extra="ignore", env_ignore_empty=True)

    home: Path = Path(".psg")
    neo4j_uri: str | None = None
    neo4j_user: str = "neo4j"
    neo4j_password: SecretStr = SecretStr("")
    neo4j_database: str = "neo4j"
    encryption_key: SecretStr | None = None
    encryption_keys_before: SecretStr | None = None
    api_url: str = Field(default_factory=lambda: _default_api_url(os.environ.get("PSG_API_PORT", "")))
    api_token: SecretStr | None = None
    project: str = Field(default="default", min_length=1)
    actor: str = Field(default_factory=_actor, min_length=1)
    role: str = Field(default="human", min_length=1)
    tools: Names = ()
    policy_hooks: Names = ()
    mcp_servers: Path | None = None
    log_level: str | None = None
    log_format: Literal["console", "json"] | None = None
    debug: bool = False

    @property
    def api_url_given(self) -> bool:
        """Whether somebody chose the address, so that guessing at its meaning would be wrong."""
        return "api_url" in self.model_fields_set

    @property
    def database_home(self) -> Path:
        """The data folder of the embedded Neo4j."""
        return self.home.absolute() / "neo4j"


def load_env_file(path: Path = Path(".env")) -> None:
    """Take PSG_* variables of the file over into the environment, where they are not set already.

    So that every part of the platform, and every process it starts, sees the same settings.
    """
    if path.is_file():
        for name, value in dotenv_values(path).items():
            if name.startswith("PSG_") and value is not None:
                os.environ.setdefault(name, value)


def load_settings(**flags: Any) -> CliSettings:
    """The settings with the given flags on top; a flag that is None was not given.

    Raises ValidationFailed naming the variable that cannot be read.
    """
    try:
        return CliSettings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        raise settings_invalid(error) from error


def settings_invalid(error: ValidationError, prefix: str = "PSG_") -> ValidationFailed:
    """What pydantic found, said with the names of the variables and without their values."""
    problems = [
        f"{prefix}{'_'.join(str(part) for part in problem['loc']).upper()}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    return ValidationFailed(f"Settings cannot be read: {'; '.join(problems)}.", problems=problems)
