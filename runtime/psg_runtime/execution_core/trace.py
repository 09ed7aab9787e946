"""Adds what a report says to the trace of a decision (EXEC-25 to EXEC-27)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from psg_runtime.execution_core.model import ExecutionReport, PacketV2

NAMESPACE = "exec."
_KEY = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+\Z")


def valid_trace_key(key: Any) -> bool:
    """Return whether a key has the form of INV-T1: lower-case parts, at least two, joined by dots."""
    return isinstance(key, str) and _KEY.match(key) is not None


def add_execution_trace(external: Mapping[str, Any] | None, report: ExecutionReport) -> dict[str, Any]:
    """Return a new mapping: all that ``external`` holds, and the report's keys (EXEC-25).

    The keys of an earlier report are replaced; every other key stays as it is. A key that a report adds in another
    form or namespace is left out (EXEC-26). Raises TypeError when ``external`` is no mapping.
    """
    if external is not None and not isinstance(external, Mapping):
        raise TypeError(f"external must be a mapping of trace keys, not {type(external).__name__}")
    added = {
        key: value for key, value in report.trace_keys.items() if valid_trace_key(key) and key.startswith(NAMESPACE)
    }
    return {**(external or {}), **added}


def traced(packet: PacketV2, report: ExecutionReport) -> PacketV2:
    """Return the packet with the report's keys in its ``external``."""
    return replace(packet, external=add_execution_trace(packet.external, report))
