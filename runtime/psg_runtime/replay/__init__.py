"""What executions did, entry by entry: recorded, told, exported, and decided again (ORCH-21 to ORCH-26)."""

from __future__ import annotations

from psg_runtime.replay.errors import ReplayUnknown, ReplayUnreadable
from psg_runtime.replay.memory import PlanReplay

__all__ = ["PlanReplay", "ReplayUnknown", "ReplayUnreadable"]
