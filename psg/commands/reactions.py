"""What follows the end of a plan, and of a step that fails one: stopping, plans derived from plans, parents told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from psg.commands.lifecycle import (
    CLOSE_BATCH,
    META,
    close_step,
    finish_plan,
    open_trace,
    plan_inside,
    snapshot_before,
    trace_of_run,
)
from psg.errors import Refused
from psg.model.codec import dumps, sealed
from psg.model.ids import derived_id
from psg.write.change import Change
from psg.write.command import Command
from psg.write.writer import Locked

Derivation = Literal["compensation", "replan", "rerun"]
STOPPED = ("plan_stopped", "another step failed and the plan stops at a failure")
BEGINNABLE = ("draft", "proposed", "approved")
AUTHORITY = "orchestrator"


class NothingLeft(Exception):
    """There was nothing to change when it was looked at behind the lock; nothing is committed."""


def reacts(plan: Mapping[str, Any], failed: bool) -> bool:
    """Whether the end of a plan (a row of ``reaction_plan``) has consequences; as ``frontier_advance`` decides it."""
    return bool(
        plan["parent_step"] is not None
        or plan["success_criteria"] is not None
        or (failed and plan["on_failure"] in ("compensate", "replan"))
    )


async def stop_steps(locked: Locked, plan_id: str, after: int, command: Command) -> Change:
    """Decide the next batch of a plan that stops: pending → skipped, parked or to be retried → failed.

    Steps that somebody runs are left to finish. The last open step ends the plan. The answer's ``after`` is the
    position to go on from, ``None`` when the plan is over. Raises ``NothingLeft``.
    """
    plan = await locked.read_one("reaction_plan", plan_id=plan_id)
    if plan is None or not plan["stopping"] or plan["status"] != "in_progress":
        raise NothingLeft
    rows = await locked.read("stopping_steps", plan_id=plan_id, after=after, limit=CLOSE_BATCH)
    if not rows:
        raise NothingLeft
    change = Change(command)
    for index, row in enumerate(rows):
        close_step(change, locked, plan, row, index, STOPPED)
    failed = plan["steps_failed"] + sum(row["status"] == "in_progress" for row in rows)
    left = plan["steps_open"] - len(rows)
    change.adjust(plan_id, {"steps_open": left, "steps_failed": failed})
    if left == 0:
        finish_plan(change, {**plan, "steps_failed": failed}, plan["trace_id"], locked)
        tells = ["Reacting"] if reacts(plan, failed > 0) else []
        change.adjust(plan_id, {}, add=tells, remove=["Stopping"])
    change.answer = {"after": rows[-1]["position"] if left else None}
    return change


async def start_subplan(
    locked: Locked, claim: Mapping[str, Any], session_id: str, child_id: str, command: Command
) -> Change:
    """Decide the start of a step's sub-plan under the parent's authority; the step goes to sleep in the same commit.

    So there is no moment at which the sub-plan runs and the step could begin another one. The answer's ``ours`` is
    false when the step was cancelled or taken over meanwhile: then nothing begins.
    """
    change = Change(command)
    change.answer = {"plan": child_id}
    if not await _ours(change, locked, claim, session_id):
        return change
    reason = f"sub-plan of step {claim['key']}"
    await begin(change, locked, child_id, reason, {"parent_step": claim["id"]})
    change.link("Plan", child_id, "SUBPLAN_OF", claim["id"], plan=child_id)
    change.adjust(claim["id"], {"owner": None, "parked": "plan", "due_at": None, "subplan_error": None})
    note = {"parked": "plan", "subplan": child_id}
    change.note("runtime_execution", "step_parked", "Step", claim["id"], note, plan=claim["plan"])
    return change


async def refuse_subplan(
    locked: Locked, claim: Mapping[str, Any], session_id: str, failure: Mapping[str, Any], command: Command
) -> Change:
    """Decide that a step goes on without its sub-plan, which could not begin: it fails with ``failure``."""
    change = Change(command)
    if not await _ours(change, locked, claim, session_id):
        return change
    again = {"owner": None, "parked": "plan", "subplan_error": sealed(dumps(failure)), "ready_ms": locked.now_ms}
    change.adjust(claim["id"], again, add=["Ready"])
    state = await locked.read_one("reaction_parent", step_id=claim["id"])
    if state is not None and state["plan_status"] == "in_progress" and not state["paused"]:
        change.adjust(claim["plan"], {}, add=["Runnable"])
    note = {"parked": "plan", "error": failure.get("code")}
    change.note("runtime_execution", "step_parked", "Step", claim["id"], note, plan=claim["plan"])
    return change


async def _ours(change: Change, locked: Locked, claim: Mapping[str, Any], session_id: str) -> bool:
    """Whether a claim still holds; when not, the change records that it came too late."""
    state = await locked.read_one("step_run_state", step_id=claim["id"])
    ours = bool(
        state
        and state["status"] == "in_progress"
        and state["owner"] == session_id
        and state["fence"] == claim["fence"]
    )
    change.answer["ours"] = ours
    if not ours:
        late = {"fence": claim["fence"], "current_fence": state["fence"] if state else None}
        change.note("runtime_execution", "stale_result", "Step", claim["id"], late, plan=claim["plan"])
    return ours


async def mark_derived(
    locked: Locked, plan_id: str, origin_id: str, derivation: Derivation, command: Command
) -> Change:
    """Decide that a plan is shown as derived from another one."""
    change = Change(command)
    await _mark(change, locked, plan_id, origin_id, derivation)
    change.answer = {"plan": plan_id, "origin": origin_id}
    return change


async def start_derived(
    locked: Locked, plan_id: str, origin_id: str, derivation: Derivation, reason: str, command: Command
) -> Change:
    """Decide the start of a plan that follows from another one, by the authority that approved that one."""
    change = Change(command)
    await _mark(change, locked, plan_id, origin_id, derivation)
    await begin(change, locked, plan_id, reason)
    change.answer = {"plan": plan_id, "origin": origin_id}
    return change


async def _mark(change: Change, locked: Locked, plan_id: str, origin_id: str, derivation: Derivation) -> None:
    await plan_inside(locked, plan_id)
    change.set("Plan", plan_id, {}, {"derivation": derivation}, kind="plan_derived", plan=plan_id)
    change.link("Plan", plan_id, "DERIVED_FROM", origin_id, plan=plan_id)


async def begin(
    change: Change, locked: Locked, plan_id: str, reason: str, operational: Mapping[str, Any] | None = None
) -> None:
    """Add the way of a stored plan from where it is to in_progress, by the table, its approval recorded (DD-09)."""
    plan = await plan_inside(locked, plan_id)
    if plan["status"] not in BEGINNABLE or plan["loading"]:
        raise Refused(f"plan {plan_id} cannot begin: it is {plan['status']}", id=plan_id, status=plan["status"])
    if plan["approval"] is not None:
        raise Refused(f"plan {plan_id} asks for an approval of its own; propose, approve and start it", id=plan_id)
    if plan["context_status"] != "active":
        raise Refused(
            f"plan {plan_id} cannot begin: its context {plan['context_id']} is {plan['context_status']}, not active",
            id=plan_id, context_status=plan["context_status"],
        )  # fmt: skip
    status = plan["status"]
    if status == "draft":
        change.transition("Plan", plan_id, "draft", "proposed", plan=plan_id)
        status = "proposed"
    if status == "proposed":
        change.transition("Plan", plan_id, "proposed", "approved", plan=plan_id)
        _record_approval(change, locked, plan_id, reason)
    trace_id = trace_of_run(plan)
    running = {"started_ms": locked.now_ms, "served_at": locked.now_ms, "trace_id": trace_id, **(operational or {})}
    change.transition(
        "Plan", plan_id, "approved", "in_progress", plan=plan_id, operational=running, add=["Runnable"],
        details=await snapshot_before(locked, plan_id, change.command),
    )  # fmt: skip
    open_trace(change, plan, trace_id, locked)


def _record_approval(change: Change, locked: Locked, plan_id: str, reason: str) -> None:
    confirm_id, decision_id = (derived_id(kind, change.command.command_id) for kind in ("confirm", "decision"))
    confirm = {
        "target_type": "plan", "status": "approved", "requested_by_role": AUTHORITY, "requested_at": locked.now,
        "reason": reason, "payload": dumps({"meta": META}),
    }  # fmt: skip
    change.create("Confirm", confirm_id, confirm, [("CONFIRMS", plan_id, {})], plan=plan_id)
    decision = {
        "status": "approved", "decided_by_role": AUTHORITY, "decided_at": locked.now, "reason": reason,
        "position": 0, "actor": change.command.actor,
    }  # fmt: skip
    change.create("Decision", decision_id, decision, [("DECIDES", confirm_id, {})], plan=plan_id)


async def settle_plan(
    locked: Locked,
    plan_id: str,
    criteria: Sequence[Mapping[str, Any]] | None,
    consequences: Mapping[str, Any],
    command: Command,
) -> Change:
    """Decide that the consequences of a plan's end are carried out: keep the judged ``criteria``, wake the parent."""
    plan = await locked.read_one("reaction_plan", plan_id=plan_id)
    if plan is None or not plan["reacting"]:
        raise NothingLeft
    change = Change(command)
    if criteria is not None and plan["criteria"] is None:
        judged = {"criteria": dumps(list(criteria))}
        change.set("Plan", plan_id, {}, judged, kind="plan_judged", plan=plan_id)
    note = {"status": plan["status"], **consequences}
    change.note("runtime_execution", "plan_reacted", "Plan", plan_id, note, plan=plan_id)
    change.adjust(plan_id, {}, remove=["Reacting"])
    if plan["parent_step"] is not None:
        await _wake_parent(change, locked, plan["parent_step"], plan_id)
    change.answer = {"plan": plan_id}
    return change


async def _wake_parent(change: Change, locked: Locked, step_id: str, child_id: str) -> None:
    """Let the step go on that sleeps until this plan ends; one that was taken back may wait for another one."""
    parent = await locked.read_one("reaction_parent", step_id=step_id)
    if parent is None or parent["status"] != "in_progress" or parent["parked"] != "plan":
        return
    if parent["latest"] != child_id:
        return
    change.adjust(step_id, {"ready_ms": locked.now_ms}, add=["Ready"])
    if parent["plan_status"] == "in_progress" and not parent["paused"] and not parent["stopping"]:
        change.adjust(parent["plan_id"], {}, add=["Runnable"])
