"""Whether traces are made: ``PSG_OTEL``, else whether OpenTelemetry's own variables say where they go."""

from __future__ import annotations

import os

from pydantic_settings import BaseSettings, SettingsConfigDict

from psg.errors import ValidationFailed

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


class TracingPartMissing(ValidationFailed):
    """Traces are asked for, and the library that makes them is not installed: install psg-platform[otel]."""

    code = "tracing_part_missing"


class TracingSettings(BaseSettings):
    """``otel`` switches traces on or off; unset, they are on where OTEL_EXPORTER_OTLP_[TRACES_]ENDPOINT is set.

    Everything else is told by the standard variables: OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER,
    OTEL_EXPORTER_OTLP_HEADERS and so on; OTEL_SDK_DISABLED switches off whatever else is said.
    """

    model_config = SettingsConfigDict(env_prefix="PSG_", extra="ignore", env_ignore_empty=True)

    otel: bool | None = None

    @property
    def wanted(self) -> bool:
        """Whether this process makes traces."""
        if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
            return False
        return any(os.environ.get(name) for name in _ENDPOINTS) if self.otel is None else self.otel
