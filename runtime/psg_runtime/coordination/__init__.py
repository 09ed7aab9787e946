"""Sessions of several agents on one plan: who takes which turn, in memory and on the graph (MAP, DD-48 … DD-57)."""

from __future__ import annotations

from psg_runtime.coordination.errors import MapInvariantViolated, SessionRefused, TurnConflict
from psg_runtime.coordination.events import profile_events
from psg_runtime.coordination.in_memory import (
    SessionResult,
    TurnResult,
    broadcast_coordination,
    coordinate,
    execute_map_broadcast,
    execute_map_round_robin,
    round_robin_coordination,
)
from psg_runtime.coordination.model import MODES, Mode, Participant

__all__ = [
    "MODES",
    "MapInvariantViolated",
    "Mode",
    "Participant",
    "SessionRefused",
    "SessionResult",
    "TurnConflict",
    "TurnResult",
    "broadcast_coordination",
    "coordinate",
    "execute_map_broadcast",
    "execute_map_round_robin",
    "profile_events",
    "round_robin_coordination",
]
