"""A step given back without being finished: parked on a timer or a Confirm, to be retried, or too late to count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psg import approvals
from psg.budgets import Spend
from psg.commands.lifecycle import META
from psg.graph import Graph
from psg.model.codec import dumps
from psg.model.ids import derived_id, new_id
from psg.write.change import Change, Link
from psg.write.command import Command
from psg.write.writer import Locked
from psg_runtime.ael import Parked
from psg_runtime.orchestrator.records import segment_payload
from psg_runtime.orchestrator.subplans import park_subplan
from psg_runtime.orchestrator.turns import offer


async def park(graph: Graph, project_id: str, session_id: str, claim: Mapping[str, Any], parked: Parked) -> bool:
    """Let a step sleep in the graph, holding neither lease nor worker; ``False`` when it is no longer ours."""
    if parked.plan is not None:
        return await park_subplan(graph, project_id, session_id, claim, parked.plan)
    command = Command("park_step", [claim["id"], claim["fence"]], session_id, f"park:{claim['id']}:{claim['fence']}")

    async def decide(locked: Locked) -> Change:
        change = Change(command)
        if not await _ours(locked, change, claim, session_id):
            return change
        if claim["approval"] is not None and parked.confirm is not None:
            await _await_approval(change, locked, claim, parked.confirm)
            return change
        if parked.turn is not None:
            offer(change, locked, claim, parked.turn)
            return change
        reason = "confirm" if parked.confirm is not None else "timer"
        due = None if parked.due_in_ms is None else locked.now_ms + parked.due_in_ms
        change.adjust(
            claim["id"], {"owner": None, "parked": reason, "due_at": due}, add=["Timer"] if due is not None else []
        )
        if parked.confirm is not None:
            _ask(change, locked, claim, parked.confirm)
        note = {"parked": reason, "due_at": due}
        change.note("runtime_execution", "step_parked", "Step", claim["id"], note, plan=claim["plan"])
        return change

    answer = await graph.locked(project_id, command, decide)
    return bool(answer.ids.get("ours"))


async def _await_approval(
    change: Change, locked: Locked, claim: Mapping[str, Any], request: Mapping[str, Any]
) -> None:
    """Park a step on its approval; one that was decided a moment ago goes straight back to the frontier."""
    standing, _ = await approvals.standing_of_step(locked, claim["id"])
    decided = standing in ("approved", "rejected", "expired")
    if decided:
        change.adjust(claim["id"], {"owner": None, "parked": "decided", "due_at": None}, add=["Ready"])
        change.adjust(claim["plan"], {}, add=["Runnable"])
    else:
        change.adjust(claim["id"], {"owner": None, "parked": "confirm", "due_at": None})
        change.answer["confirm"] = await approvals.ask_for_step(
            locked, change, claim["id"], claim["plan"], claim["approval"], request
        )
    note = {"parked": "decided" if decided else "confirm", "due_at": None}
    change.note("runtime_execution", "step_parked", "Step", claim["id"], note, plan=claim["plan"])


def _ask(change: Change, locked: Locked, claim: Mapping[str, Any], request: Mapping[str, Any]) -> None:
    confirm_id = derived_id("confirm", claim["id"], str(claim["fence"]))
    confirm = {
        "target_type": "plan", "status": "pending", "requested_by_role": request.get("requested_by_role", "agent"),
        "requested_at": locked.now, "reason": request.get("reason"), "payload": dumps({"meta": META}),
    }  # fmt: skip
    links: list[Link] = [("CONFIRMS", claim["plan"], {}), ("GATES", claim["id"], {})]
    change.create("Confirm", confirm_id, confirm, links, plan=claim["plan"])
    change.answer["confirm"] = confirm_id


async def retry(
    graph: Graph,
    project_id: str,
    session_id: str,
    claim: Mapping[str, Any],
    trace_id: str,
    error: Mapping[str, Any],
    delay_ms: int,
    duration_ms: int,
    notes: Mapping[str, Any] | None = None,
    spend: Spend | None = None,
) -> bool:
    """Record a failed attempt and set the timer of the next; the step stays in progress (C-31)."""
    command = Command("retry_step", [claim["id"], claim["fence"]], session_id, f"retry:{claim['id']}:{claim['fence']}")

    async def decide(locked: Locked) -> Change:
        change = Change(command)
        if not await _ours(locked, change, claim, session_id):
            return change
        again = {
            "owner": None, "resumed": None, "due_at": locked.now_ms + delay_ms, "failures": claim["failures"] + 1
        }  # fmt: skip
        change.adjust(claim["id"], again, add=["Timer"])
        segment = {
            "label": claim["key"], "status": "failed", "finished_at": locked.now, "attempt": claim["attempt"],
            "fence": claim["fence"], "session_id": session_id, "trace": trace_id, "log_seq": locked.head_seq + 1,
            "payload": segment_payload(claim, session_id, duration_ms, error, notes),
        }  # fmt: skip
        links: list[Link] = [("IN_TRACE", trace_id, {}), ("RECORDS", claim["id"], {})]
        change.create("TraceSegment", new_id(), segment, links, plan=claim["plan"])
        if spend is not None:
            await spend.debit(locked, change)
        note = {"attempt": claim["attempt"], "delay_ms": delay_ms, "error": error.get("code")}
        asked = (error.get("details") or {}).get("retry_after_ms")
        if isinstance(asked, int):
            note["retry_after_ms"] = asked  # decided again from the log, the delay needs its reason
        change.note("runtime_execution", "step_retry", "Step", claim["id"], note, plan=claim["plan"])
        return change

    answer = await graph.locked(project_id, command, decide)
    return bool(answer.ids.get("ours"))


async def _ours(locked: Locked, change: Change, claim: Mapping[str, Any], session_id: str) -> bool:
    """Whether the step still runs under this claim; when not, the change records that the outcome came too late."""
    state = await locked.read_one("step_run_state", step_id=claim["id"])
    ours = bool(
        state
        and state["status"] == "in_progress"
        and state["owner"] == session_id
        and state["fence"] == claim["fence"]
    )
    change.answer["ours"] = ours
    if not ours:
        _too_late(change, claim, state["fence"] if state else None)
    return ours


def _too_late(change: Change, claim: Mapping[str, Any], fence: int | None) -> None:
    evidence = {"fence": claim["fence"], "current_fence": fence, "attempt": claim["attempt"]}
    change.note("runtime_execution", "stale_result", "Step", claim["id"], evidence, plan=claim["plan"])


async def keep_evidence(graph: Graph, project_id: str, session_id: str, claim: Mapping[str, Any], status: str) -> None:
    """Record a result that was refused because its fence is old: evidence, without effect (DESIGN §6)."""
    command = Command(
        "stale_result", [claim["id"], claim["fence"], status], session_id, f"stale:{claim['id']}:{claim['fence']}"
    )
    change = Change(command)
    _too_late(change, claim, None)
    await graph.writer(project_id).submit(change)
