"""Deciding a request: one decision after the other, and what follows when enough of them are there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from psg.approvals.rules import Request, request_of
from psg.errors import NotFound, Refused
from psg.model.codec import dumps
from psg.model.ids import derived_id, new_id
from psg.model.lifecycle import check_transition
from psg.write.change import Change
from psg.write.command import Answer, Command
from psg.write.writer import Locked

if TYPE_CHECKING:
    from psg.graph import Graph


def decide(
    locked: Locked,
    change: Change,
    row: Mapping[str, Any],
    status: str,
    role: str,
    reason: str | None,
) -> None:
    """Add a decision about the request ``row`` (of ``approval_state``) to a change, by the actor of its command.

    The Confirm stays pending until the quorum is reached; a rejection by one who may decide is final. Then what
    waited goes on. Raises what ``Request.check_vote`` raises, and ``InvalidTransition``.
    """
    request = request_of(row)
    check_transition("Confirm", row["status"], status)
    if row["status"] != "pending":
        raise Refused(f"this request is {row['status']} already; a decided approval is final", id=row["id"])
    actor = change.command.actor
    request.check_vote(actor, role, reason, locked.now_ms)
    decision_id = derived_id("decision", change.command.command_id)
    decision = {
        "status": status, "decided_by_role": role, "decided_at": locked.now, "reason": reason,
        "position": len(request.votes), "actor": actor,
    }  # fmt: skip
    change.create("Decision", decision_id, decision, [("DECIDES", row["id"], {})], plan=row["plan_id"])
    approvals = request.approvals() + (status == "approved")
    change.answer |= {
        "confirm": row["id"], "decision": decision_id, "approvals": approvals, "quorum": request.spec.quorum
    }
    if status != "approved" or approvals >= request.spec.quorum:
        settle(change, row, status)


def settle(change: Change, row: Mapping[str, Any], status: str) -> None:
    """End a request: the Confirm takes its status, and a plan or step that waited for it goes on."""
    plan_id = row["plan_id"]
    change.transition("Confirm", row["id"], row["status"], status, plan=plan_id, remove=["Expiring"])
    if row["step_id"] is not None:
        wake(change, row)
    elif status == "approved" and row["plan_status"] == "proposed":
        change.transition("Plan", plan_id, "proposed", "approved", plan=plan_id)


def wake(change: Change, row: Mapping[str, Any]) -> None:
    """Put a step that is parked on a request back on the frontier, to look at what became of it."""
    if row["parked"] != "confirm" or row["step_status"] != "in_progress":
        return
    change.adjust(row["step_id"], {"parked": "decided"}, add=["Ready"])
    if row["plan_status"] == "in_progress" and not row["paused"]:
        change.adjust(row["plan_id"], {}, add=["Runnable"])


async def delegate(
    graph: Graph,
    project_id: str,
    confirm_id: str,
    to: str,
    *,
    actor: str = "anonymous",
    reason: str | None = None,
    command_id: str | None = None,
) -> Answer:
    """Hand ``actor``'s part in a pending request over to the actor ``to``; recorded, and in force at once.

    Raises ``NotFound``, ``NotEntitled``, ``AlreadyDecided``, ``ApprovalVoid``, ``ValidationFailed``, ``Refused``.
    """
    command = Command("delegate_approval", [confirm_id, to, reason], actor, command_id or new_id())

    async def work(locked: Locked) -> Change:
        row = await locked.read_one("approval_state", confirm_id=confirm_id)
        if row is None or row["deleted"] or row["approval"] is None:
            raise NotFound(f"id: approval request {confirm_id} does not exist in this project", id=confirm_id)
        if row["status"] != "pending":
            raise Refused(f"this request is {row['status']}; only a pending one can be handed over", id=confirm_id)
        request: Request = request_of(row)
        request.check_delegation(actor, to)
        change = Change(command)
        after = dumps({**request.delegations, actor: to})
        change.set(
            "Confirm", confirm_id, {"delegations": row["delegations"]}, {"delegations": after},
            kind="confirm_delegated", plan=row["plan_id"], details={"from": actor, "to": to, "reason": reason},
        )  # fmt: skip
        change.answer = {"confirm": confirm_id}
        return change

    return await graph.locked(project_id, command, work)
