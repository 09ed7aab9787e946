"""The approval of a whole plan: asked when it is proposed, needed when it starts, held against it while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psg.approvals.covers import covers_of_plan
from psg.approvals.deciding import decide
from psg.approvals.errors import ApprovalMissing
from psg.approvals.requests import ask_for_plan
from psg.approvals.voiding import void
from psg.commands import lifecycle
from psg.commands.lifecycle import plan_inside
from psg.errors import Refused
from psg.model.lifecycle import check_transition
from psg.write.change import Change
from psg.write.command import Command
from psg.write.writer import Locked


async def propose_plan(locked: Locked, plan_id: str, expected_revision: int | None, command: Command) -> Change:
    """Decide draft → proposed; a plan that needs an approval asks for it in the same commit."""
    plan = await plan_inside(locked, plan_id, expected_revision)
    before = plan["proposed_by"]  # a plan that was taken back to draft keeps who proposed it first
    change = lifecycle.plan_transition(
        plan_id, "proposed", expected_revision, command,
        extra={"proposed_by": command.actor}, was=None if before is None else {"proposed_by": before},
    )  # fmt: skip
    if plan["approval"] is not None and plan["status"] == "draft" and not plan["loading"]:
        change.answer["confirm"] = await ask_for_plan(
            locked, change, plan, proposed_by=command.actor, role="orchestrator"
        )
    return change


async def revise_plan(locked: Locked, plan_id: str, expected_revision: int | None, command: Command) -> Change:
    """Decide proposed → draft; what was asked about the proposal is void."""
    change = lifecycle.plan_transition(plan_id, "draft", expected_revision, command)
    for row in await locked.read("approvals_of_plan", plan_id=plan_id):
        if row["step_id"] is None and not row["voided"]:
            void(change, row, "the plan was taken back to draft")
    return change


async def approve_plan(
    locked: Locked, plan_id: str, role: str, reason: str | None, expected_revision: int | None, command: Command
) -> Change:
    """Decide an approval of a plan by the command's actor; without a policy one is enough (C-31).

    A plan that was approved before and changed since is asked about anew, as it is now.
    """
    plan = await plan_inside(locked, plan_id, expected_revision)
    if plan["approval"] is None:
        return lifecycle.approve_plan(plan_id, role, reason, locked.now, expected_revision, command)
    asked = [row for row in await locked.read("approvals_of_plan", plan_id=plan_id) if row["step_id"] is None]
    live = [row for row in asked if not row["voided"]]
    pending: Mapping[str, Any] | None = next((row for row in live if row["status"] == "pending"), None)
    if plan["status"] not in ("proposed", "approved", "in_progress"):
        check_transition("Plan", plan["status"], "approved")
    if pending is None and live:
        if plan["status"] != "proposed":
            check_transition("Plan", plan["status"], "approved")
        ended = "was rejected" if live[-1]["status"] == "rejected" else "was not approved in time"
        raise Refused(f"plan {plan_id} {ended}; take it back to draft and propose it anew", id=plan_id)
    change = Change(command)
    change.answer = {"plan": plan_id}
    if pending is None:
        pending = await _asked_now(locked, change, plan)
    decide(locked, change, pending, "approved", role, reason)
    return change


async def _asked_now(locked: Locked, change: Change, plan: Mapping[str, Any]) -> Mapping[str, Any]:
    """Ask in the change itself, and return the row that ``approval_state`` would tell of the request."""
    facts = await locked.read_one("approval_plan", plan_id=plan["id"])
    assert facts is not None
    confirm_id = await ask_for_plan(locked, change, plan, proposed_by=facts["proposed_by"], role="orchestrator")
    made = change.creates[-1]["props"]
    return {
        "id": confirm_id, "status": "pending", "approval": made["approval"], "proposed_by": facts["proposed_by"],
        "expires_at": None, "voided": False, "delegations": None, "votes": [], "step_id": None, "parked": None,
        "step_status": None, "plan_id": plan["id"], "plan_status": plan["status"], "paused": plan["paused"],
    }  # fmt: skip


async def require_approved(locked: Locked, plan: Mapping[str, Any]) -> None:
    """Raise ``ApprovalMissing`` unless a plan (a row of ``plan_state``) has the approval it needs, as it is now."""
    if plan["approval"] is None:
        return
    asked = [row for row in await locked.read("approvals_of_plan", plan_id=plan["id"]) if row["step_id"] is None]
    approved = [row for row in asked if row["status"] == "approved" and not row["voided"]]
    if not approved:
        why = "was changed after it was approved" if any(row["voided"] for row in asked) else "is not approved"
        raise ApprovalMissing(f"plan {plan['id']} {why}; approve it as it is now", id=plan["id"])
    covers = await covers_of_plan(locked, plan["id"])
    if all(row["covers_hash"] != covers for row in approved):
        raise ApprovalMissing(
            f"plan {plan['id']} is not what was approved; approve it as it is now", id=plan["id"]
        )


async def start_plan(locked: Locked, plan_id: str, expected_revision: int | None, command: Command) -> Change:
    """Decide the start of a run; one that needs an approval has it for the plan as it is now."""
    change = await lifecycle.start_plan(locked, plan_id, expected_revision, command)
    await require_approved(locked, await plan_inside(locked, plan_id))
    return change


async def resume_plan(locked: Locked, plan_id: str, expected_revision: int | None, command: Command) -> Change:
    """Decide that a paused run goes on; one that was changed meanwhile is approved anew first."""
    change = await lifecycle.resume_plan(locked, plan_id, expected_revision, command)
    await require_approved(locked, await plan_inside(locked, plan_id))
    return change
