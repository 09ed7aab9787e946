"""What a restore means for the runs of plans: their Trace stays as history and tells of it (C-28)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psg.commands.lifecycle import open_trace, trace_of_run
from psg.model.codec import dumps
from psg.model.ids import derived_id
from psg.model.lifecycle import TERMINAL_PLAN
from psg.write.change import Change
from psg.write.writer import Locked

NOT_STARTED: Mapping[str, Any] = {"trace_id": None, "started_ms": None, "finished_ms": None, "paused_ms": None}


def close_or_continue_run(
    change: Change,
    locked: Locked,
    plan: Mapping[str, Any],
    end: Mapping[str, Any] | None,
    details: Mapping[str, Any],
    log_seq: int,
) -> None:
    """Record the restore in the Trace of the run that it ends or takes back, and say how the plan goes on.

    ``plan`` is a row of ``restore_plans``, ``end`` what the plan comes to (``None``: as it is), ``details`` what the
    record says, ``log_seq`` the number of the record's event. A plan that runs again goes on in its Trace when that is
    open, else in a new one: what is finished stays finished (C-07).
    """
    end = end or {"status": plan["status"], "paused": plan["paused"], "deleted": plan["deleted"]}
    running = end["status"] == "in_progress" and not end["deleted"]
    paused = bool(end["paused"])
    run = {**plan, "restores": plan["restores"] + 1}
    operational: dict[str, Any] = {"restores": run["restores"]}
    if plan["trace_status"] is not None:
        _record(change, locked, plan, details, log_seq)
    if plan["trace_status"] == "running" and not running:
        extra = {"finished_at": locked.now}
        change.transition("Trace", plan["trace_id"], "running", "cancelled", plan=plan["id"], extra=extra)
    if running:
        operational |= {"finished_ms": None, "paused_ms": (plan["paused_ms"] or locked.now_ms) if paused else None}
        if plan["trace_status"] != "running":
            operational["trace_id"] = None if paused else trace_of_run(run)
    elif end["status"] not in TERMINAL_PLAN:
        operational |= NOT_STARTED
    change.adjust(plan["id"], operational)
    if operational.get("trace_id") is not None:
        change.adjust(plan["id"], {"started_ms": locked.now_ms, "served_at": locked.now_ms})
        open_trace(change, run, operational["trace_id"], locked)


def _record(
    change: Change, locked: Locked, plan: Mapping[str, Any], details: Mapping[str, Any], log_seq: int
) -> None:
    segment = {
        "label": "restore", "status": "completed", "finished_at": locked.now, "trace": plan["trace_id"],
        "log_seq": log_seq, "payload": dumps({"attributes": dict(details)}),
    }  # fmt: skip
    segment_id = derived_id("segment", plan["id"], "restore", change.command.command_id)
    change.create("TraceSegment", segment_id, segment, [("IN_TRACE", plan["trace_id"], {})], plan=plan["id"])
