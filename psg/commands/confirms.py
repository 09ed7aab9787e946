"""Deciding a Confirm: decisions are a log, the status is that of the last one, a waiting step goes on (C-25)."""

from __future__ import annotations

from psg import approvals
from psg.errors import NotFound
from psg.model.ids import derived_id
from psg.model.lifecycle import check_transition
from psg.write.change import Change
from psg.write.command import Command
from psg.write.writer import Locked


async def decide_confirm(
    locked: Locked, confirm_id: str, status: str, role: str, reason: str | None, command: Command
) -> Change:
    """Decide a Confirm ``approved``, ``rejected`` or ``cancelled`` as ``role``; raises ``InvalidTransition``."""
    confirm = await locked.read_one("confirm_state", confirm_id=confirm_id)
    if confirm is None or confirm["deleted"]:
        raise NotFound(f"id: confirm {confirm_id} does not exist in this project", id=confirm_id)
    change = Change(command)
    if confirm["approval"] is not None:
        request = await locked.read_one("approval_state", confirm_id=confirm_id)
        assert request is not None
        approvals.decide(locked, change, request, status, role, reason)
        return change
    check_transition("Confirm", confirm["status"], status)
    plan_id = confirm["plan_id"]
    change.transition("Confirm", confirm_id, confirm["status"], status, plan=plan_id)
    decision_id = derived_id("decision", command.command_id)
    decision = {
        "status": status, "decided_by_role": role, "decided_at": locked.now, "reason": reason,
        "position": confirm["decisions"], "actor": command.actor,
    }  # fmt: skip
    change.create("Decision", decision_id, decision, [("DECIDES", confirm_id, {})], plan=plan_id)
    if confirm["parked"] == "confirm" and confirm["step_status"] == "in_progress":
        change.adjust(confirm["step_id"], {"parked": "decided"}, add=["Ready"])
        if confirm["plan_status"] == "in_progress" and not confirm["paused"]:
            change.adjust(plan_id, {}, add=["Runnable"])
    change.answer = {"confirm": confirm_id, "decision": decision_id}
    return change
