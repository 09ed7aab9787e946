"""Consumers that every installation can use: events into the process's log, and counters for monitoring (L3-42).

An integration is any ``async def take(event)``, registered with the families and types it wants.
"""

from __future__ import annotations

from collections import Counter

import structlog

from psg_runtime.bus.port import ProtocolEvent


class EventLogger:
    """Writes one structured line per event, without its payload: that may be large or confidential."""

    def __init__(self) -> None:
        self._log = structlog.get_logger("psg.events")

    async def __call__(self, event: ProtocolEvent, /) -> None:
        """Write the line."""
        shown = ("event_family", "project_id", "plan_id", "lamport_timestamp", "stage_id", "stage_status")
        self._log.info(event["event_type"], **{k: event[k] for k in shown if k in event})


class EventCounters:
    """Counts for monitoring: events by family and by type, statuses reached, and what the graph grew by."""

    def __init__(self) -> None:
        self.families: Counter[str] = Counter()
        self.types: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.nodes = 0
        self.edges = 0

    @property
    def total(self) -> int:
        """Number of events seen."""
        return self.families.total()

    async def __call__(self, event: ProtocolEvent, /) -> None:
        """Count one event."""
        self.families[event["event_family"]] += 1
        self.types[event["event_type"]] += 1
        if event["event_family"] == "pipeline_stage" and "to_status" in event["payload"]:
            self.statuses[event["payload"]["to_status"]] += 1
        if event["event_family"] == "graph_update":
            self.nodes += event["node_delta"]
            self.edges += event["edge_delta"]
