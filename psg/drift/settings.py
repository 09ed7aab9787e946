"""How a tracked directory is watched and reconciled: kept with it in the graph, the same for every process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, field_validator

from psg.errors import ValidationFailed

Strategy = Literal["fs_wins", "psg_wins", "manual", "merge"]
DriftClass = Literal["added", "deleted", "modified"]
OnDrift = Literal["mark", "gate", "replan", "compensate"]

INTERVAL_MS = 5_000
SECRETIVE = (".env", ".env.*", "*.pem", "*.key", "id_rsa", "id_ed25519")


def _spelled(name: str, camel: str) -> Any:
    return AliasChoices(name, camel)


class DriftSettings(BaseModel):
    """Settings of one tracked directory.

    ``interval_ms``: time between two scans (DD-58). ``added``, ``modified``, ``deleted``: what is done about each class
    (DD-60). ``both``: what is done about a file that was changed in the graph and outside since both were the same.
    ``content_bytes``: of larger files only the hash is kept; they cannot be restored or merged. ``include``,
    ``exclude``: patterns of ``fnmatch`` on the path below the directory, or on the name of any part of it; ``.git``
    and ``.psg`` are always left out. ``refs``: git refs that are tracked too, patterns on their full names.
    ``on_drift``: what happens to plans and steps that depend on something that changed, unless they say otherwise.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    interval_ms: int = Field(
        default=INTERVAL_MS, ge=50, le=86_400_000, validation_alias=_spelled("interval_ms", "intervalMs")
    )
    added: Strategy = "fs_wins"
    modified: Strategy = "fs_wins"
    deleted: Strategy = "psg_wins"
    both: Strategy = "merge"
    content_bytes: int = Field(
        default=262_144, ge=0, le=1_048_576, validation_alias=_spelled("content_bytes", "contentBytes")
    )
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ("__pycache__", "node_modules", ".venv", *SECRETIVE)
    refs: tuple[str, ...] = ()
    on_drift: OnDrift = Field(default="mark", validation_alias=_spelled("on_drift", "onDrift"))

    @field_validator("include", "exclude", "refs")
    @classmethod
    def _patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(value) > 100 or any(not 0 < len(pattern) <= 200 for pattern in value):
            raise ValueError("up to 100 patterns of 1 to 200 characters")
        return value


def settings_of(value: Mapping[str, Any] | DriftSettings | None) -> DriftSettings:
    """Return the settings that a mapping says; raises ``ValidationFailed`` naming the field."""
    if isinstance(value, DriftSettings):
        return value
    try:
        return DriftSettings.model_validate(value or {})
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in fault["loc"]) or "settings"
        raise ValidationFailed(f"settings.{field}: {fault['msg']}", field=field) from None
