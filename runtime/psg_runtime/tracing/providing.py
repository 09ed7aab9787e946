"""The maker of spans of a process: where they go is told by OpenTelemetry's own variables."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
import structlog

from psg import tracing
from psg_runtime.tracing.settings import TracingPartMissing, TracingSettings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

log = structlog.get_logger(__name__)

_PARTS = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
_FLUSH_S = 5.0


@asynccontextmanager
async def traced(settings: TracingSettings | None = None) -> AsyncIterator[bool]:
    """Make traces during the block where the settings want them, and send them by OTLP over HTTP; yields whether.

    What is not sent yet at the end is sent then, for 5 s at most. A collector that is away costs spans, nothing else.
    Raises ``TracingPartMissing`` when ``PSG_OTEL`` asks for traces and the library is not installed.
    """
    settings = settings or TracingSettings()
    if not settings.wanted or not _installed(settings):
        yield False
        return
    provider = _provider()
    tracing.enable(provider)
    try:
        yield True
    finally:
        tracing.enable(None)
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(_end, provider)


def _installed(settings: TracingSettings) -> bool:
    if _found():
        return True
    if settings.otel:
        raise TracingPartMissing()
    log.warning("traces_not_made", reason="install psg-platform[otel]")
    return False


def _found() -> bool:
    try:
        return all(importlib.util.find_spec(part) is not None for part in _PARTS)
    except ModuleNotFoundError:  # not even the package around it
        return False


def _provider() -> TracerProvider:
    # Optional, and slow to import: only who wants traces pays for it.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({SERVICE_NAME: "psg"}).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def _end(provider: TracerProvider) -> None:
    provider.force_flush(round(_FLUSH_S * 1000))
    provider.shutdown()
