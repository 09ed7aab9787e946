"""A change of what was approved voids the approval, in the commit of the change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psg.approvals.covers import PLAN_FIELDS, PLAN_JSON, STEP_FIELDS, STEP_JSON
from psg.approvals.deciding import wake
from psg.model.codec import loads
from psg.write.change import Change
from psg.write.writer import Locked

_PLAN_PROPS = frozenset((*PLAN_FIELDS, *PLAN_JSON, "sched_urgency")) - {"urgency"}
_STEP_PROPS = frozenset((*STEP_FIELDS, *STEP_JSON, "sched_urgency")) - {"urgency"}


async def void_touched(locked: Locked, change: Change) -> None:
    """Void what was approved about plans and steps whose definition ``change`` touches, as part of the change.

    A running plan whose own approval is voided is held (paused) until it is approved as it is then.
    """
    plans, steps = _touched(change)
    for plan_id in sorted(plans):
        for row in await locked.read("approvals_of_plan", plan_id=plan_id):
            mine = row["step_id"] is None or row["step_id"] in steps
            if mine and not row["voided"] and row["status"] in ("pending", "approved"):
                void(change, row, "what it covers was changed")
                if row["step_id"] is None and row["status"] == "approved":
                    _hold(change, row)


def _touched(change: Change) -> tuple[set[str], set[str]]:
    """The plans, and among their parts the steps, whose definition a change touches."""
    plans: set[str] = set()
    steps: set[str] = set()
    for event in change.events:
        label, op = event["entity_type"], event["op"]
        if label not in ("Plan", "Step") or event["plan"] is None or op == "note":
            continue
        if label == "Plan" and op == "create":
            continue
        names = _STEP_PROPS if label == "Step" else _PLAN_PROPS
        if op in ("set", "restore") and not names & ((loads(event["changes"]) or {}).get("after") or {}).keys():
            continue
        if label == "Plan" and op in ("link", "unlink", "tombstone"):
            continue
        plans.add(event["plan"])
        if label == "Step":
            steps.add(event["entity"])
    return plans, steps


def void(change: Change, row: Mapping[str, Any], why: str) -> None:
    """Void one request: a pending one is cancelled, an approval stays on record as void; who waits asks again."""
    details = {"reason": why}
    if row["status"] == "pending":
        change.transition(
            "Confirm", row["id"], "pending", "cancelled", plan=row["plan_id"], extra={"voided": True},
            remove=["Expiring"], details=details,
        )  # fmt: skip
        if row["step_id"] is not None:
            wake(change, row)
    else:
        change.set(
            "Confirm", row["id"], {}, {"voided": True}, kind="confirm_voided", plan=row["plan_id"], details=details
        )


def _hold(change: Change, row: Mapping[str, Any]) -> None:
    if row["plan_status"] != "in_progress" or row["paused"]:
        return
    change.set(
        "Plan", row["plan_id"], {"paused": False}, {"paused": True}, kind="plan_paused", plan=row["plan_id"],
        operational={"paused_ms": row["now"]}, remove=["Runnable"], details={"reason": "its approval is void"},
    )  # fmt: skip
