"""What executions did, entry by entry: recorded, told, exported, and decided again (ORCH-21 to ORCH-26)."""

from __future__ import annotations

from psg_runtime.replay.errors import ReplayUnknown, ReplayUnreadable
from psg_runtime.replay.from_entries import run_of_entries
from psg_runtime.replay.graph import GraphReplay
from psg_runtime.replay.memory import PlanReplay
from psg_runtime.replay.redecide import Difference, Verdict, redecide

__all__ = [
    "Difference",
    "GraphReplay",
    "PlanReplay",
    "ReplayUnknown",
    "ReplayUnreadable",
    "Verdict",
    "redecide",
    "run_of_entries",
]
