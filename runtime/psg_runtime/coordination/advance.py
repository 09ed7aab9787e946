"""Carrying a session on: what ended is told, what is next is dispatched, and at the end its state says how it was.

Decided behind the project's lock from nothing but what is stored, so that any process can do it, at any time, as often
as it likes: there is nothing to take over when one dies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psg.commands import lifecycle
from psg.commands.reactions import NothingLeft
from psg.graph import Graph
from psg.model.codec import loads
from psg.model.ids import new_id
from psg.model.lifecycle import TERMINAL_PLAN
from psg.write.change import Change
from psg.write.command import Command
from psg.write.writer import Locked
from psg_runtime.coordination import events
from psg_runtime.coordination.errors import not_completed
from psg_runtime.coordination.in_memory import shared_metadata
from psg_runtime.coordination.model import TERMINAL
from psg_runtime.coordination.modes import next_turns
from psg_runtime.coordination.stored import RUNNING, Row, StoredSession, completed, metadata_text

AT_ONCE = 100
"""Turns that are told of in one commit; what is left follows in the next."""


@dataclass(frozen=True, slots=True)
class End:
    """How a session ended: ``completed``, ``failed``, ``stopped`` or ``cancelled``, and why."""

    state: str
    reason: str | None = None


async def advance_session(graph: Graph, project_id: str, plan_id: str) -> bool:
    """Carry the session of a plan on as far as it goes now; ``False`` when there was nothing to do."""
    command = Command("advance_session", [plan_id], "system", f"session:{plan_id}:{new_id()}")

    async def decide(locked: Locked) -> Change:
        return await _decide(locked, plan_id, command)

    try:
        await graph.locked(project_id, command, decide)
    except NothingLeft:
        return False
    return True


async def _decide(locked: Locked, plan_id: str, command: Command) -> Change:
    plan = await locked.read_one("coordinated_plan", plan_id=plan_id)
    if plan is None or not plan["coordinating"]:
        raise NothingLeft
    change = Change(command)
    change.answer = {"plan": plan_id}
    collab = plan["collab"]
    if collab is None or collab["session_state"] != RUNNING or collab["session_plan"] != plan_id:
        change.adjust(plan_id, {}, remove=["Coordinating"])  # what it was of was taken back to before
        change.note(events.FAMILY, "map_session_lost", "Plan", plan_id, {}, plan=plan_id)
        return change
    rows = await locked.read("session_turn_steps", plan_id=plan_id)
    session = StoredSession.of(plan_id, collab, rows, locked.now_ms)
    told = await _tell(locked, change, session, collab)
    end = _end(session, plan, collab, told)
    if isinstance(end, End):
        _finish(change, locked, session, plan, collab, end)
    elif end:
        _dispatch(change, session, plan)
    if not change.events:
        raise NothingLeft
    return change


async def _tell(locked: Locked, change: Change, session: StoredSession, collab: Row) -> Mapping[str, str | None]:
    """Tell of the turns that ended since, by their numbers; returns the output hashes of all completed ones by id."""
    hashes = {row["id"]: row["turn_hash"] for row in session.turns if row["turn_told"]}
    ended = [row for row in session.turns if row["status"] in TERMINAL and not row["turn_told"]][:AT_ONCE]
    results = await locked.read("session_results", ids=[row["id"] for row in ended]) if ended else []
    outputs = {row["id"]: loads(row["output"]) for row in results}
    metadata = shared = loads(collab["session_metadata"]) or {}
    for row in ended:
        output = outputs[row["id"]]
        session.tell(change, row, output)
        hashes[row["id"]] = events.output_hash(output)
        shared = {**shared, **(shared_metadata(output) or {})}
    if shared != metadata:
        change.set(
            "Collab", session.session_id, {"session_metadata": collab["session_metadata"]},
            {"session_metadata": metadata_text(shared)}, kind="session_metadata_shared", plan=session.plan_id,
        )  # fmt: skip
    return hashes


def _end(session: StoredSession, plan: Row, collab: Row, hashes: Mapping[str, str | None]) -> End | bool:
    """Return how the session ends now; ``True`` when more turns may be dispatched, ``False`` when it is to wait."""
    turns = session.turns
    left = any(row["status"] not in TERMINAL or row["id"] not in hashes for row in turns)
    failed = next((row for row in turns if row["status"] in TERMINAL and not completed(row)), None)
    if collab["deleted"] or collab["status"] == "cancelled":
        return End("cancelled", "its collab was cancelled")
    if left and (failed is not None or plan["closing"] or plan["stopping"]):
        return False  # every turn that was dispatched comes to its end first
    if failed is not None and plan["status"] != "cancelled":
        return End("failed", _why(failed))
    if plan["status"] in TERMINAL_PLAN or plan["deleted"]:
        if left:
            return False
        return End("completed") if plan["status"] == "completed" else End("cancelled", f"its plan was {plan['status']}")
    if collab["status"] == "suspended" or plan["stopping"]:
        return False
    if not next_turns(session.table):
        return False if left else End("completed")
    if _stuck(session, hashes):
        if left:
            return False
        return End("stopped", f"no progress: the last {session.loop_after} turns gave the same output")
    return True


def _why(row: Row) -> str:
    what = f"step {row['key']!r} of participant {row['turn_participant']!r} is {row['status']}"
    return f"{not_completed(row['turn_id'])}: {what}"


def _stuck(session: StoredSession, hashes: Mapping[str, str | None]) -> bool:
    if session.loop_after is None:
        return False
    ended = [hashes[row["id"]] for row in session.turns if row["status"] == "completed" and row["id"] in hashes]
    last = ended[-session.loop_after :]
    return len(last) == session.loop_after and len(set(last)) == 1 and last[0] is not None


def _dispatch(change: Change, session: StoredSession, plan: Row) -> None:
    turns = next_turns(session.table)
    for number, assignment in enumerate(turns, len(session.turns) + 1):
        session.dispatch(change, assignment, number)
    if turns and plan["status"] == "in_progress" and not plan["paused"]:
        change.adjust(session.plan_id, {}, add=["Runnable"])


def _finish(
    change: Change, locked: Locked, session: StoredSession, plan: Row, collab: Row, end: End
) -> None:
    """Add the end of the session, and what becomes of the steps that were no turns."""
    going_on = plan["status"] == "in_progress" and not plan["deleted"]
    change.adjust(session.plan_id, {}, remove=["Coordinating"])
    if end.state in ("completed", "cancelled") and going_on:
        _release(change, locked, session, plan)
    elif end.state == "failed" and going_on and not plan["stopping"]:
        change.adjust(session.plan_id, {}, add=["Stopping"], remove=["Runnable"])
    elif end.state == "stopped" and going_on:
        lifecycle.cancel(change, session.plan_id, locked)
    said = {"session_state": end.state, "session_reason": end.reason}
    if collab["deleted"]:
        change.note(events.FAMILY, "map_session_lost", "Plan", session.plan_id, said, plan=session.plan_id)
        return
    was = {name: collab[name] for name in said}
    if end.state == "completed" and not going_on and collab["status"] == "active":
        change.transition("Collab", session.session_id, "active", "completed", extra=said, was=was)
    else:
        change.set("Collab", session.session_id, was, said, kind="session_ended", plan=session.plan_id)
    told = {"status": end.state, "turns": len(session.turns), "reason": end.reason}
    session.note(
        change, events.ENDED, "Collab", session.session_id, {k: v for k, v in told.items() if v is not None}
    )


def _release(change: Change, locked: Locked, session: StoredSession, plan: Row) -> None:
    """Leave what is left of a plan that goes on as it was before the session; paused, until somebody says how."""
    turns = {row["id"] for row in session.turns}
    for row in session.rows:
        if row["status"] == "blocked":
            session.unblock(change, row)
        elif row["id"] in turns and row["status"] == "pending":
            change.adjust(row["id"], {"turn_id": None})
    if not plan["paused"]:
        change.set(
            "Plan", session.plan_id, {"paused": False}, {"paused": True}, kind="plan_paused", plan=session.plan_id,
            operational={"paused_ms": locked.now_ms}, remove=["Runnable"],
            details={"reason": "the session on it is over; resume it, or begin another one"},
        )  # fmt: skip


def due(row: Mapping[str, Any] | None) -> bool:
    """Whether a row of ``session_due`` says that a session has something to do."""
    return row is not None and row["coordinating"] and bool(row["ended"] or row["gone"] or not row["open"])
