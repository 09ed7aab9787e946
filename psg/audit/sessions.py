"""Whether sessions are what their mode makes of them: each turn once, told, and by who it was dispatched to (MAP)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

from psg.audit.facts import Facts, Finding
from psg.model.codec import loads
from psg.model.lifecycle import TERMINAL_STEP

Row = dict[str, Any]
Read = Callable[..., Awaitable[list[Row]]]
DISPATCHED, COMPLETED = "map_turn_dispatched", "map_turn_completed"
ONE_AFTER_THE_OTHER = ("round_robin", "pair")


async def read_sessions(read: Read, facts: Sequence[Facts]) -> None:
    """Read the sessions of those plans among ``facts`` that one coordinates, or did."""
    plans = {f.id: f for f in facts if f.label == "Plan" and f.props.get("coordinated_by") is not None}
    if plans:
        for row in await read("audit_sessions", ids=list(plans)):
            plans[row["id"]].session = row


def check_session(facts: Facts) -> Iterator[Finding]:
    """Compare a plan's session with its turns, and a step's turn with what the log tells of it."""
    if facts.label == "Step" and facts.props.get("turn_id") is not None:
        yield from _told(facts)
    session = facts.session
    if session is None or facts.deleted:
        return
    collab = session["collab"]
    mine = collab is not None and collab["session_plan"] == facts.id
    if session["coordinating"] and not (mine and collab["session_state"] == "running"):
        yield "session", "it is Coordinating, but no session on it is running: nobody will carry it on"
    interrupted = mine and collab["session_state"] == "running" and not session["coordinating"]
    if mine and not interrupted:
        yield from _turns(collab, sorted(session["turns"], key=lambda turn: turn["turn_number"]))


def _told(facts: Facts) -> Iterator[Finding]:
    """A turn was dispatched, and a completed one was told of exactly as often as it was completed."""
    if facts.cut or not facts.complete or any(e["op"] == "restore" for e in facts.row["events"]):
        return  # what it was taken back to is no end that the session told of
    count = [sum(e["type"] == kind for e in facts.row["events"]) for kind in (DISPATCHED, COMPLETED)]
    turn, over = facts.props["turn_id"], facts.props.get("status") in TERMINAL_STEP
    if not count[0]:
        yield "session", f"it is turn {turn}, but the log does not tell of its dispatch"
    if count[1] > count[0]:
        yield "session", f"turn {turn} was dispatched {count[0]} times and completed {count[1]} times"
    done = facts.props.get("status") == "completed" and facts.props.get("turn_told")
    if done and (not count[1] or facts.props.get("executed_by") != facts.props.get("turn_participant")):
        yield "session", f"turn {turn} is completed, but the log or the step does not tell who executed it"
    if facts.props.get("turn_told") and not over:
        yield "session", f"turn {turn} was told of as over, but the step is {facts.props.get('status')}"


def _turns(collab: Row, turns: Sequence[Row]) -> Iterator[Finding]:
    said = loads(collab["session"]) or {}
    mode, state = said.get("mode"), collab["session_state"]
    people = [p["participant_id"] for p in said.get("participants", ())]
    if [turn["turn_number"] for turn in turns] != list(range(1, len(turns) + 1)):
        yield "session", f"its turns have the numbers {[t['turn_number'] for t in turns][:10]}, not 1, 2, 3, …"
    for turn in turns:
        if turn["turn_participant"] not in people:
            yield "session", f"turn {turn['turn_id']} is of {turn['turn_participant']!r}, who does not take part"
        order = turn["position"] if turn["order_index"] is None else turn["order_index"]
        if mode == "round_robin" and people and turn["turn_participant"] != people[order % len(people)]:
            yield "session", f"turn {turn['turn_id']} is not of participants[{order} % {len(people)}]"
    waiting = [turn for turn in turns if turn["status"] not in TERMINAL_STEP]
    if mode in ONE_AFTER_THE_OTHER and any(turn is not turns[-1] for turn in waiting):
        yield "session", f"turn {waiting[0]['turn_id']} is open, but a later one was dispatched"
    if state == "completed" and (waiting or any(t["status"] == "failed" or not t["turn_told"] for t in turns)):
        yield "session", "it is completed, but not every turn that was dispatched is"
    if state == "failed" and not any(turn["turn_id"] in (collab["session_reason"] or "") for turn in turns):
        yield "session", "it failed without naming the turn that did not complete"
