"""Sessions of several agents on one plan: who takes which turn, in memory and on the graph (MAP, DD-48 … DD-57)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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
from psg_runtime.coordination.turns import Turn, current_turn

if TYPE_CHECKING:
    from psg_runtime.coordination.reading import SessionView as SessionView
    from psg_runtime.coordination.reading import read_session as read_session
    from psg_runtime.coordination.reading import session_events as session_events
    from psg_runtime.coordination.reading import session_profile_events as session_profile_events
    from psg_runtime.coordination.start import start_session as start_session

# Imported when first asked for: sessions in memory need nothing of the graph.
_EXPORTS = {
    "SessionView": "reading",
    "read_session": "reading",
    "session_events": "reading",
    "session_profile_events": "reading",
    "start_session": "start",
}

__all__ = [
    "MODES",
    "MapInvariantViolated",
    "Mode",
    "Participant",
    "SessionRefused",
    "SessionResult",
    "SessionView",
    "Turn",
    "TurnConflict",
    "TurnResult",
    "broadcast_coordination",
    "coordinate",
    "current_turn",
    "execute_map_broadcast",
    "execute_map_round_robin",
    "profile_events",
    "read_session",
    "round_robin_coordination",
    "session_events",
    "session_profile_events",
    "start_session",
]


def __getattr__(name: str) -> Any:
    module = _EXPORTS.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{module}"), name)
