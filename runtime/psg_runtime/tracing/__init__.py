"""OpenTelemetry: one trace from the request that starts a plan to what its steps do, across processes."""

from __future__ import annotations

from psg_runtime.tracing.layer import TracedLayer, layer_of
from psg_runtime.tracing.providing import traced
from psg_runtime.tracing.settings import TracingPartMissing, TracingSettings

__all__ = ["TracedLayer", "TracingPartMissing", "TracingSettings", "layer_of", "traced"]
