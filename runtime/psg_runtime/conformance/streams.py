"""The checklist's items about events: the captured stream of the watched runs against what really changed."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from psg.events.models import check_event
from psg_runtime.conformance.site import CANCELLED, COMPLETED, FAILED, Site, Watched, demand

Change = tuple[str, str, str]
"""Resource type, status before, status after."""

_LIVES: dict[str, list[str]] = {
    "gather": ["in_progress", "completed"],
    "rest": ["in_progress", "completed"],
    "report": ["in_progress", "completed"],
    "works": ["in_progress", "completed"],
    "fails": ["in_progress", "failed"],
    "needs_it": ["skipped"],
    "not_wanted": ["skipped"],
    "sleeps": ["in_progress", "failed"],
    "would_follow": ["skipped"],
}
"""The statuses that each step of the watched runs takes after pending."""


def expected_changes() -> Counter[Change]:
    """Return every change of status in the watched runs, derived from their plans alone."""
    changes: Counter[Change] = Counter()
    for steps, end in ((COMPLETED, "completed"), (FAILED, "failed"), (CANCELLED, "cancelled")):
        changes += _life("Plan", ["draft", "proposed", "approved", "in_progress", end])
        for step in steps:
            changes += _life("Step", ["pending", *_LIVES[step.key]])
    return changes


def _life(kind: str, statuses: list[str]) -> Counter[Change]:
    return Counter((kind, a, b) for a, b in pairwise(statuses))


async def check_stages(site: Site, watched: Watched) -> list[str]:
    """Event stream capture on every status change: exactly one ``pipeline_stage`` each (L3-40)."""
    stages = [check_event(dict(e)) for e in watched.events if e["event_family"] == "pipeline_stage"]
    seen = Counter((e["payload"]["resource_type"], e["payload"]["from_status"], e["payload"]["to_status"])
                   for e in stages)  # fmt: skip
    expected = expected_changes()
    missing, surplus = expected - seen, seen - expected
    demand(not missing and not surplus, f"changes without an event: {dict(missing)}; events too many: {dict(surplus)}")
    last = {e["stage_id"]: e["payload"]["to_status"] for e in stages}
    for plan_id in watched.plans.values():
        stored = {plan_id: await site.status("Plan", plan_id)}
        stored |= {step["id"]: step["status"] for step in await site.steps(plan_id)}
        told = {node: last.get(node) for node in stored}
        demand(stored == told, f"the last stage of plan {plan_id} and its steps is not their status")
    return [
        f"{len(stages)} pipeline_stage events for {expected.total()} status changes of 3 plans and "
        f"{len(_LIVES)} steps (completed, failed, skipped, cancelled)",
        "every last stage is the stored status; every event is valid by its schema",
    ]


async def check_updates(watched: Watched) -> list[str]:
    """Event stream capture on PSG changes: the ``graph_update`` deltas sum to what the graph holds more (L3-41)."""
    updates = [check_event(dict(e)) for e in watched.events if e["event_family"] == "graph_update"]
    told = sum(e["node_delta"] for e in updates), sum(e["edge_delta"] for e in updates)
    real = watched.after[0] - watched.before[0], watched.after[1] - watched.before[1]
    demand(told == real, f"events tell of {told} nodes and edges, the graph holds {real} more")
    stamps = [e["lamport_timestamp"] for e in watched.events]
    gapless = stamps == list(range(stamps[0], stamps[0] + len(stamps)))
    demand(gapless, "lamport_timestamp does not grow by one per event")
    return [
        f"{len(updates)} graph_update events announce {told[0]} nodes and {told[1]} edges; counted: the same",
        f"lamport_timestamp {stamps[0]} … {stamps[-1]} without a gap",
    ]
