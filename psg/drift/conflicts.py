"""A conflict is put to a person as a Confirm; neither side changes before the decision, applied once (L3-54)."""

from __future__ import annotations

from psg.commands.lifecycle import META
from psg.drift.model import Expected, Found
from psg.drift.settings import Strategy
from psg.drift.uris import shown
from psg.model.codec import dumps
from psg.model.ids import derived_id
from psg.write.change import Change
from psg.write.writer import Locked

ASKED_BY = "drift"
MEANS: dict[str, Strategy] = {"approved": "fs_wins", "rejected": "psg_wins"}
"""What a decision about a conflict means; a cancelled request leaves both sides as they are."""


def open_request(locked: Locked, change: Change, expected: Expected, found: Found, reason: str) -> str:
    """Add the request about a conflict to a change and return its id."""
    confirm_id = derived_id("drift", expected.id, change.command.command_id)
    outside = "it is not there any more" if found.hash is None else f"found {found.hash[:12]}, {found.size} bytes"
    text = (
        f"{shown(expected.uri)}: {reason}; the graph expects {(expected.hash or 'nothing')[:12]}, {outside}. "
        "approve: take what is outside; reject: restore what the graph has; cancel: leave both"
    )
    props = {
        "target_type": "other", "status": "pending", "requested_by_role": ASKED_BY, "requested_at": locked.now,
        "reason": text, "payload": dumps({"meta": META}),
    }  # fmt: skip
    change.create("Confirm", confirm_id, props, [("CONFIRMS", expected.id, {})])
    return confirm_id


async def close_request(locked: Locked, change: Change, confirm_id: str, reason: str) -> None:
    """Cancel a request that nobody decided and that is about something that is over."""
    confirm = await locked.read_one("confirm_state", confirm_id=confirm_id)
    if confirm is None or confirm["deleted"] or confirm["status"] != "pending":
        return
    change.transition("Confirm", confirm_id, "pending", "cancelled")
    decision = {
        "status": "cancelled", "decided_by_role": ASKED_BY, "decided_at": locked.now, "reason": reason,
        "position": confirm["decisions"], "actor": change.command.actor,
    }  # fmt: skip
    decision_id = derived_id("decision", change.command.command_id, confirm_id)
    change.create("Decision", decision_id, decision, [("DECIDES", confirm_id, {})])
