"""Turns of workers outside: claim one, keep it by heartbeats, complete it under its fence (docs/workers.md)."""

from psg_runtime.turns.answering import complete_turn, heartbeat_turn, release_turn
from psg_runtime.turns.claiming import LEASE_MS, Turn, claim_turn
from psg_runtime.turns.errors import TurnAnswered, TurnElsewhere, TurnOver

__all__ = [
    "LEASE_MS",
    "Turn",
    "TurnAnswered",
    "TurnElsewhere",
    "TurnOver",
    "claim_turn",
    "complete_turn",
    "heartbeat_turn",
    "release_turn",
]
