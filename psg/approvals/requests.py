"""Asking: a Confirm that names what it covers, who may decide, and until when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from psg.approvals.covers import Reader, covers_of_plan, covers_of_step
from psg.commands.lifecycle import META
from psg.model.codec import dumps, loads
from psg.model.ids import derived_id
from psg.write.change import Change, Link
from psg.write.writer import Locked

Standing = Literal["none", "pending", "approved", "rejected", "expired"]


def open_request(
    change: Change,
    locked: Locked,
    spec_text: str,
    covers: str,
    *,
    plan_id: str,
    step_id: str | None,
    round_: int,
    proposed_by: str | None,
    role: str = "orchestrator",
    reason: str | None = None,
) -> str:
    """Add a pending request to a change and return its id: the ``round_``-th about this plan or step."""
    spec: Mapping[str, Any] = loads(spec_text) or {}
    confirm_id = derived_id("approval", step_id or plan_id, str(round_))
    expires = None if spec.get("expires_ms") is None else locked.now_ms + spec["expires_ms"]
    props = {
        "target_type": "plan", "status": "pending", "requested_by_role": role, "requested_at": locked.now,
        "reason": reason or spec.get("reason"), "payload": dumps({"meta": META}), "approval": dumps(spec),
        "covers_hash": covers, "expires_at": expires, "proposed_by": proposed_by, "round": round_,
    }  # fmt: skip
    links: list[Link] = [("CONFIRMS", plan_id, {})]
    if step_id is not None:
        links.append(("GATES", step_id, {}))
    labels = ["Expiring"] if expires is not None else []
    change.create("Confirm", confirm_id, props, links, plan=plan_id, extra_labels=labels)
    return confirm_id


async def ask_for_plan(
    locked: Locked, change: Change, plan: Mapping[str, Any], *, proposed_by: str | None, role: str
) -> str:
    """Add the next request about a plan (a row of ``plan_state``) to a change, bound to the plan as it is now."""
    asked = await locked.read("approvals_of_plan", plan_id=plan["id"])
    rounds = sum(row["step_id"] is None for row in asked)
    covers = await covers_of_plan(locked, plan["id"])
    return open_request(
        change, locked, plan["approval"], covers, plan_id=plan["id"], step_id=None, round_=rounds,
        proposed_by=proposed_by, role=role,
    )  # fmt: skip


async def ask_for_step(
    locked: Locked, change: Change, step_id: str, plan_id: str, spec_text: str, request: Mapping[str, Any]
) -> str:
    """Add the request that a parked step waits for, unless one is pending already; return its id."""
    asked = await locked.read("approvals_of_step", step_id=step_id)
    pending = next((row for row in asked if row["status"] == "pending" and not row["voided"]), None)
    if pending is not None:
        return str(pending["id"])
    proposer = await locked.read_one("approval_plan", plan_id=plan_id)
    return open_request(
        change, locked, spec_text, await covers_of_step(locked, step_id), plan_id=plan_id, step_id=step_id,
        round_=len(asked), proposed_by=proposer["proposed_by"] if proposer else None,
        role=request.get("requested_by_role") or "orchestrator", reason=request.get("reason"),
    )  # fmt: skip


async def standing_of_step(locked: Reader, step_id: str) -> tuple[Standing, Mapping[str, Any]]:
    """Return how the approval of a step stands, with the request that says so.

    An approval of something that has changed since is none.
    """
    asked = await locked.read("approvals_of_step", step_id=step_id)
    live = [row for row in asked if not row["voided"]]
    if not live:
        return "none", {}
    last = max(live, key=lambda row: row["round"])
    if last["status"] == "pending":
        return "pending", last
    if last["status"] == "cancelled":
        return "expired", last
    if last["status"] == "approved" and last["covers_hash"] != await covers_of_step(locked, step_id):
        return "none", {}
    return ("approved" if last["status"] == "approved" else "rejected"), last
