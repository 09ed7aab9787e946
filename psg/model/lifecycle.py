"""The transition tables: which status may follow which, for every caller (DD-09 … DD-11, L3-16, L3-19)."""

from __future__ import annotations

from collections.abc import Mapping

from psg.errors import InvalidTransition

PLAN: Mapping[str, tuple[str, ...]] = {
    "draft": ("proposed",),
    "proposed": ("approved", "draft"),
    "approved": ("in_progress",),
    "in_progress": ("completed", "failed", "cancelled"),
    "completed": (),
    "failed": (),
    "cancelled": (),
}
STEP: Mapping[str, tuple[str, ...]] = {
    "pending": ("in_progress", "blocked", "skipped"),
    "in_progress": ("completed", "failed"),
    "blocked": ("pending",),
    "completed": (),
    "skipped": (),
    "failed": (),
}
CONTEXT: Mapping[str, tuple[str, ...]] = {
    "draft": ("active", "closed"),
    "active": ("suspended", "archived"),
    "suspended": ("active", "closed"),
    "archived": ("closed",),
    "closed": (),
}
CONFIRM: Mapping[str, tuple[str, ...]] = {
    # decisions are a log and the status is that of the last one (C-25), so a decided Confirm may be decided again
    "pending": ("approved", "rejected", "cancelled"),
    "approved": (),
    "rejected": ("approved", "cancelled"),
    "cancelled": (),
}
TRACE: Mapping[str, tuple[str, ...]] = {
    "pending": ("running", "cancelled"),
    "running": ("completed", "failed", "cancelled"),
    "completed": (),
    "failed": (),
    "cancelled": (),
}
DIALOG: Mapping[str, tuple[str, ...]] = {
    "active": ("paused", "completed", "cancelled"),
    "paused": ("active", "cancelled"),
    "completed": (),
    "cancelled": (),
}
COLLAB: Mapping[str, tuple[str, ...]] = {
    "draft": ("active", "cancelled"),
    "active": ("suspended", "completed", "cancelled"),
    "suspended": ("active",),
    "completed": (),
    "cancelled": (),
}
EXTENSION: Mapping[str, tuple[str, ...]] = {
    "registered": ("active",),
    "active": ("inactive", "deprecated"),
    "inactive": ("active",),
    "deprecated": ("inactive",),
}
CORE: Mapping[str, tuple[str, ...]] = {
    "draft": ("active",),
    "active": ("deprecated",),
    "deprecated": ("archived",),
    "archived": (),
}
# The protocol names the statuses of a network and of its nodes, but no table: this is ours (docs/modules.md).
NETWORK: Mapping[str, tuple[str, ...]] = {
    "draft": ("provisioning", "retired"),
    "provisioning": ("active", "retired"),
    "active": ("degraded", "maintenance", "retired"),
    "degraded": ("active", "maintenance", "retired"),
    "maintenance": ("active", "retired"),
    "retired": (),
}
NETWORK_NODE: Mapping[str, tuple[str, ...]] = {
    "active": ("inactive", "degraded", "unreachable", "retired"),
    "inactive": ("active", "retired"),
    "degraded": ("active", "inactive", "unreachable", "retired"),
    "unreachable": ("active", "inactive", "degraded", "retired"),
    "retired": (),
}
TABLES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "Plan": PLAN,
    "Step": STEP,
    "Context": CONTEXT,
    "Confirm": CONFIRM,
    "Trace": TRACE,
    "Dialog": DIALOG,
    "Collab": COLLAB,
    "Extension": EXTENSION,
    "Core": CORE,
    "Network": NETWORK,
    "NetworkNode": NETWORK_NODE,
}
TERMINAL_STEP = frozenset(s for s, after in STEP.items() if not after)
TERMINAL_PLAN = frozenset(s for s, after in PLAN.items() if not after)

STAGE_STATUS: Mapping[str, str] = {
    "draft": "pending",
    "proposed": "pending",
    "approved": "pending",
    "pending": "pending",
    "blocked": "pending",
    "in_progress": "running",
    "completed": "completed",
    "failed": "failed",
    "skipped": "skipped",
    "cancelled": "skipped",
}

STATUS_LABELS: Mapping[str, str] = {
    "in_progress": "InProgress",
    "completed": "Completed",
    "failed": "Failed",
    "skipped": "Skipped",
    "cancelled": "Cancelled",
}
"""Label that a Plan or Step of a status carries, because Neo4j Browser colours by label; derived from the status."""


def status_labels(label: str, status: str | None) -> list[str]:
    """Return the labels that show a status: one for a Plan or Step that runs or is finished, else none."""
    shown = STATUS_LABELS.get(status or "")
    return [shown] if shown and label in ("Plan", "Step") else []


def sources(label: str, target: str) -> list[str]:
    """Return the statuses from which ``label`` may go to ``target``; empty when there are none."""
    return [status for status, after in TABLES[label].items() if target in after]


def check_transition(label: str, current: str, target: str) -> None:
    """Raise ``InvalidTransition`` unless the table of ``label`` has ``current`` → ``target`` (DD-10)."""
    if target not in TABLES[label].get(current, ()):
        raise refused_transition(label, current, target)


def refused_transition(label: str, current: str, target: str) -> InvalidTransition:
    """Return the error for a transition that the table of ``label`` does not have, naming what it does have."""
    allowed = ", ".join(TABLES[label].get(current, ())) or "nothing: it is final"
    return InvalidTransition(
        f"Invalid transition: {current} → {target} ({label}); from {current} it may go to {allowed}",
        entity_type=label,
        current=current,
        target=target,
    )
