"""The life of a plan: propose, revise, approve, start, pause, resume, cancel; each change of status is one event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psg.errors import NotFound, PlanInvalid, Refused, StaleRevision
from psg.events.causality import EXECUTION_STARTED
from psg.model.codec import dumps
from psg.model.ids import derived_id
from psg.model.lifecycle import check_transition, sources
from psg.write.change import Change, Link
from psg.write.command import Command
from psg.write.writer import Locked

META = {"protocol_version": "1.0.0", "schema_version": "1.0.0"}
CLOSE_BATCH = 500
CANCELLED = ("cancelled", "the plan was cancelled")


def plan_transition(
    plan_id: str,
    target: str,
    expected_revision: int | None,
    command: Command,
    *,
    extra: Mapping[str, Any] | None = None,
    was: Mapping[str, Any] | None = None,
) -> Change:
    """Return the change to a status that has exactly one way to it (proposed, draft); judged after the lock.

    ``extra`` properties change with it; ``was`` are their values until now, where they had any.
    """
    (current,) = sources("Plan", target)
    change = Change(command)
    holds = {"loading": False}
    change.require(
        plan_id, ["Plan"], "id", revision=expected_revision, status=[current], target=target, holds=holds
    )
    change.transition("Plan", plan_id, current, target, plan=plan_id, extra=extra, was=was)
    change.answer = {"plan": plan_id}
    return change


def approve_plan(
    plan_id: str, role: str, reason: str | None, now: str, expected_revision: int | None, command: Command
) -> Change:
    """Return the change that approves a plan and records who did, by a Confirm with its Decision (C-31)."""
    change = plan_transition(plan_id, "approved", expected_revision, command)
    confirm_id, decision_id = (derived_id(kind, command.command_id) for kind in ("confirm", "decision"))
    confirm = {
        "target_type": "plan", "status": "approved", "requested_by_role": role, "requested_at": now,
        "payload": dumps({"meta": META}),
    }  # fmt: skip
    change.create("Confirm", confirm_id, confirm, [("CONFIRMS", plan_id, {})], plan=plan_id)
    decision = {
        "status": "approved", "decided_by_role": role, "decided_at": now, "reason": reason, "position": 0,
        "actor": command.actor,
    }  # fmt: skip
    change.create("Decision", decision_id, decision, [("DECIDES", confirm_id, {})], plan=plan_id)
    change.answer = {"plan": plan_id, "confirm": confirm_id, "decision": decision_id}
    return change


async def plan_inside(locked: Locked, plan_id: str, expected_revision: int | None = None) -> Mapping[str, Any]:
    """Read a living plan inside the lock; raises ``NotFound`` or ``StaleRevision``."""
    plan = await locked.read_one("plan_state", plan_id=plan_id)
    if plan is None or plan["deleted"]:
        raise NotFound(f"id: plan {plan_id} does not exist in this project", id=plan_id)
    if expected_revision is not None and plan["revision"] != expected_revision:
        raise StaleRevision(
            f"Plan {plan_id} is at revision {plan['revision']}, not {expected_revision}; read it again",
            id=plan_id, current=plan["revision"], expected=expected_revision,
        )  # fmt: skip
    return plan


async def start_plan(locked: Locked, plan_id: str, expected_revision: int | None, command: Command) -> Change:
    """Decide the start of a run: approved → in_progress with its Trace, and the plan on the frontier (DD-39, DD-40)."""
    plan = await plan_inside(locked, plan_id, expected_revision)
    check_transition("Plan", plan["status"], "in_progress")
    if plan["loading"]:
        raise Refused(f"plan {plan_id} is still being loaded; send its remaining steps first", id=plan_id)
    if plan["context_status"] != "active":
        raise Refused(
            f"plan {plan_id} cannot start: its context {plan['context_id']} is {plan['context_status']}, not active",
            id=plan_id, context_status=plan["context_status"],
        )  # fmt: skip
    if not plan["steps_total"]:
        raise PlanInvalid("Invalid Plan: steps: a plan has at least one step")
    change = Change(command)
    trace_id = trace_of_run(plan)
    operational = {"started_ms": locked.now_ms, "served_at": locked.now_ms, "trace_id": trace_id}
    change.transition(
        "Plan", plan_id, "approved", "in_progress", plan=plan_id, operational=operational, add=["Runnable"],
        details=await snapshot_before(locked, plan_id, command),
    )  # fmt: skip
    open_trace(change, plan, trace_id, locked)
    if plan["steps_open"] == 0:
        finish_plan(change, plan, trace_id, locked)
    change.answer = {"plan": plan_id, "trace": trace_id}
    return change


async def snapshot_before(locked: Locked, plan_id: str, command: Command) -> Mapping[str, Any]:
    """Save a snapshot in the commit that starts the plan, unless the project's policy is not to (L3-56)."""
    snapshot = await locked.read_one(
        "snapshot_before_start", snapshot_id=derived_id("snapshot", command.command_id), plan_id=plan_id,
        now=locked.now_ms, actor=command.actor,
    )  # fmt: skip
    return {"snapshot": snapshot["id"]} if snapshot else {}


def run_name(plan_id: str, restores: int) -> str:
    """Return the name of a plan's present run: after a restore what it does once is done once more."""
    return f"{plan_id}:{restores}" if restores else plan_id


def trace_of_run(plan: Mapping[str, Any]) -> str:
    """Return the id of the Trace that the next run of a plan gets; each restore asks for a new one."""
    return derived_id("trace", run_name(plan["id"], plan["restores"]))


def open_trace(change: Change, plan: Mapping[str, Any], trace_id: str, locked: Locked) -> None:
    """Add the start of a run to a change: its Trace and the log's event; ``plan`` is a row of ``plan_state``."""
    run = run_name(plan["id"], plan["restores"])
    root_span = {"trace_id": trace_id, "span_id": derived_id("span", run)}
    started = {
        "event_id": derived_id("run_started", run), "event_type": "plan.execution.started",
        "source": "runtime.orchestrator", "timestamp": locked.now, "trace_id": trace_id,
    }  # fmt: skip
    payload = dumps({"meta": META, "root_span": root_span, "events": [started]})
    trace = {"status": "running", "started_at": locked.now, "payload": payload}
    links: list[Link] = [("IN_CONTEXT", plan["context_id"], {}), ("TRACES", plan["id"], {})]
    change.create("Trace", trace_id, trace, links, plan=plan["id"])
    how = {"executor_kind": "worker", "status": "running"}
    change.note("runtime_execution", EXECUTION_STARTED, "Plan", plan["id"], how, plan=plan["id"])


def finish_plan(change: Change, plan: Mapping[str, Any], trace_id: str, locked: Locked) -> None:
    """Add the end of a plan whose steps are all finished: its status and that of its Trace."""
    target = "failed" if plan["steps_failed"] else "completed"
    change.transition(
        "Plan", plan["id"], "in_progress", target, plan=plan["id"],
        operational={"finished_ms": locked.now_ms}, remove=["Runnable"],
    )  # fmt: skip
    change.transition("Trace", trace_id, "running", target, plan=plan["id"], extra={"finished_at": locked.now})


async def pause_plan(locked: Locked, plan_id: str, expected_revision: int | None, command: Command) -> Change:
    """Decide a pause: nothing more is claimed, running steps finish, timers freeze."""
    plan = await _running(locked, plan_id, expected_revision, "paused")
    if plan["paused"]:
        raise Refused(f"plan {plan_id} is paused already", id=plan_id)
    change = Change(command)
    change.set(
        "Plan", plan_id, {"paused": False}, {"paused": True}, kind="plan_paused", plan=plan_id,
        operational={"paused_ms": locked.now_ms}, remove=["Runnable"],
    )  # fmt: skip
    change.answer = {"plan": plan_id}
    return change


async def resume_plan(locked: Locked, plan_id: str, expected_revision: int | None, command: Command) -> Change:
    """Decide a resumption: the plan is on the frontier again, its timers go on with the time they had left."""
    plan = await _running(locked, plan_id, expected_revision, "resumed")
    if not plan["paused"]:
        raise Refused(f"plan {plan_id} is not paused", id=plan_id)
    if plan["paused_ms"] is not None:
        moved = {"plan_id": plan_id, "now_ms": locked.now_ms, "paused_ms": plan["paused_ms"]}
        await locked.read("plan_timers_shift", **moved)
        await locked.read("turns_shift", **moved)
    change = Change(command)
    operational: dict[str, Any] = {"paused_ms": None}
    trace_id = plan["trace_id"] or trace_of_run(plan)
    if plan["trace_id"] is None:  # imported while it ran elsewhere: its run here begins now
        operational |= {"started_ms": locked.now_ms, "served_at": locked.now_ms, "trace_id": trace_id}
    change.set(
        "Plan", plan_id, {"paused": True}, {"paused": False}, kind="plan_resumed", plan=plan_id,
        operational=operational, add=["Runnable"],
    )  # fmt: skip
    if plan["trace_id"] is None:
        open_trace(change, plan, trace_id, locked)
    if plan["steps_open"] == 0:
        finish_plan(change, plan, trace_id, locked)
    change.answer = {"plan": plan_id}
    return change


async def _running(locked: Locked, plan_id: str, expected_revision: int | None, what: str) -> Mapping[str, Any]:
    plan = await plan_inside(locked, plan_id, expected_revision)
    if plan["status"] != "in_progress":
        raise Refused(f"plan {plan_id} is {plan['status']}; only one in progress can be {what}", id=plan_id)
    return plan


async def cancel_plan(locked: Locked, plan_id: str, expected_revision: int | None, command: Command) -> Change:
    """Decide a cancellation: the plan ends at once, its open steps are closed next, in batches (C-31)."""
    plan = await plan_inside(locked, plan_id, expected_revision)
    check_transition("Plan", plan["status"], "cancelled")
    change = Change(command)
    cancel(change, plan_id, locked)
    change.answer = {"plan": plan_id}
    return change


def cancel(change: Change, plan_id: str, locked: Locked) -> None:
    """Add the cancellation of a plan in progress to a change; whoever finds it closes its steps (``close_steps``)."""
    change.transition(
        "Plan", plan_id, "in_progress", "cancelled", plan=plan_id,
        operational={"finished_ms": locked.now_ms, "close_after": -1}, add=["Closing"],
        remove=["Runnable", "Stopping"],
    )  # fmt: skip


async def close_steps(locked: Locked, plan_id: str, after: int, command: Command) -> Change:
    """Decide the next batch of a cancelled plan: in_progress → failed (``cancelled``), pending → skipped.

    The batch that finds no more open step ends the closing and the Trace. The answer's ``after`` is the position to go
    on from, ``None`` at the end.
    """
    plan = await locked.read_one("plan_state", plan_id=plan_id)
    assert plan is not None
    rows = await locked.read("plan_open_steps", plan_id=plan_id, after=after, limit=CLOSE_BATCH)
    change = Change(command)
    for index, row in enumerate(rows):
        close_step(change, locked, plan, row, index, CANCELLED)
    if rows:
        failed = sum(row["status"] == "in_progress" for row in rows)
        counts = {
            "steps_open": plan["steps_open"] - len(rows), "steps_failed": plan["steps_failed"] + failed,
            "close_after": rows[-1]["position"],
        }  # fmt: skip
        change.adjust(plan_id, counts)
    else:
        tells = ["Reacting"] if plan["parent_step"] else []
        change.adjust(plan_id, {"close_after": None}, add=tells, remove=["Closing"])
        if plan["trace_id"]:
            extra = {"finished_at": locked.now}
            change.transition("Trace", plan["trace_id"], "running", "cancelled", plan=plan_id, extra=extra)
        else:
            change.note("graph_update", "plan_closed", "Plan", plan_id, {}, plan=plan_id)
    change.answer = {"after": rows[-1]["position"] if rows else None}
    return change


def close_step(
    change: Change, locked: Locked, plan: Mapping[str, Any], row: Mapping[str, Any], index: int, why: tuple[str, str]
) -> None:
    """Add the end of an open step (a row of ``plan_open_steps``) to a change: pending → skipped, in_progress → failed.

    ``why`` is the reason that is stored and the message of the error; ``index`` counts the rows of the change. What
    was asked for its sake is withdrawn, its sub-plans are cancelled.
    """
    reason, message = why
    gone = {"owner": None, "due_at": None, "parked": None, "finished_ms": locked.now_ms}
    labels = ["Ready", "Undecided", "Timer", "Unlocking", "Offered"]
    for confirm_id in row["confirms"]:
        change.transition("Confirm", confirm_id, "pending", "cancelled", plan=plan["id"])
    for child_id in row["children"]:
        cancel(change, child_id, locked)
    if row["status"] != "in_progress":
        if row["status"] == "blocked":
            change.transition("Step", row["id"], "blocked", "pending", plan=plan["id"])
        change.transition(
            "Step", row["id"], "pending", "skipped", plan=plan["id"], extra={"skip_reason": reason},
            operational=gone, remove=labels,
        )  # fmt: skip
        return
    error = dumps({"code": reason, "message": message, "category": "workflow_error"})
    change.transition(
        "Step", row["id"], "in_progress", "failed", plan=plan["id"],
        extra={"error": error, "fence": row["fence"] + 1}, was={"fence": row["fence"]}, operational=gone,
        remove=labels,
    )  # fmt: skip
    if plan["trace_id"] is None:
        return
    attributes = {"step_id": row["id"], "key": row["key"], "attempt": row["attempt"], "reason": reason}
    segment = {
        "label": row["key"], "status": "cancelled", "finished_at": locked.now, "attempt": row["attempt"],
        "fence": row["fence"], "session_id": row["owner"], "payload": dumps({"attributes": attributes}),
        "trace": plan["trace_id"], "log_seq": locked.head_seq + 1 + index,
    }  # fmt: skip
    segment_id = derived_id("segment", row["id"], str(row["fence"]), reason)
    links: list[Link] = [("IN_TRACE", plan["trace_id"], {}), ("RECORDS", row["id"], {})]
    change.create("TraceSegment", segment_id, segment, links, plan=plan["id"])
