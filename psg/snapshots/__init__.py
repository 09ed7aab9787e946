"""Snapshots of a project or a plan, going back to them, and reading a plan as it was (L3-56, L3-57, DD-15, C-28)."""

from __future__ import annotations

from psg.snapshots.as_of import plan_as_of, plan_rows_as_of
from psg.snapshots.record import Snapshot, find, listing, set_policy, take, take_command
from psg.snapshots.restoring import restore

__all__ = [
    "Snapshot",
    "find",
    "listing",
    "plan_as_of",
    "plan_rows_as_of",
    "restore",
    "set_policy",
    "take",
    "take_command",
]
