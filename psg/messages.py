"""Messages between modules as the graph keeps them: their states, and the commands that tell of them in the log."""

from __future__ import annotations

from psg.model.ids import NodeId, derived_id

PENDING = "pending"
COMPLETED = "completed"
FAILED = "failed"
EXPIRED = "expired"
"""Nobody answered in time."""
OVER = frozenset((COMPLETED, FAILED, EXPIRED))


def sending_command(message_id: str) -> NodeId:
    """The id of the command by which a message is accepted: the same message is the same command."""
    return derived_id("hub_message", message_id)


def answering_command(message_id: str, fence: int, status: str) -> NodeId:
    """The id of the command by which the taker with this fence ends a message."""
    return derived_id("hub_finish", message_id, str(fence), status)
