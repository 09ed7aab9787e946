"""Beginning a session on the graph: everything is checked under the project's lock, then its first turns are there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import psg_cypher
from psg import approvals
from psg.commands.inside import node_inside
from psg.errors import NotFound, UnknownCapability, ValidationFailed
from psg.graph import Graph
from psg.model.codec import storable
from psg.model.ids import check_id, new_id
from psg.write.change import Change
from psg.write.command import Answer, Command
from psg.write.writer import Locked
from psg_neo4j.database import Database
from psg_runtime.ael import CapabilityRegistry
from psg_runtime.coordination import events
from psg_runtime.coordination.errors import SessionRefused
from psg_runtime.coordination.model import Participant, check_distinct, mode_of
from psg_runtime.coordination.modes import check_session, next_turns, to_be_dispatched
from psg_runtime.coordination.stored import RUNNING, Row, StoredSession, metadata_text
from psg_runtime.launch import BUILT_IN

MAX_STEPS = 2_000
MAX_PARTICIPANTS = 1_000
METADATA_BYTES = 65_536


async def start_session(
    graph: Graph,
    project_id: str,
    collab_id: str,
    plan_id: str,
    *,
    bindings: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    loop_after: int | None = None,
    registry: CapabilityRegistry | None = None,
    check_offers: bool = True,
    expected_revision: int | None = None,
    actor: str = "system",
    command_id: str | None = None,
) -> Answer:
    """Let the participants of a Collab take the steps of an approved plan as turns, in the mode of the Collab.

    A plan that is paused (after an earlier session) goes on with the steps that are left. ``bindings`` name the
    capability that does a participant's turns; one without is done by what its step names, else by a capability of
    its own id, of its role's name or of the step's role. ``metadata`` is what all agents of the run share (L3-34).
    ``loop_after`` stops the session when so many turns in a row gave the same output. ``registry`` is what this
    process offers besides the live orchestrators; without ``check_offers`` nobody is asked.

    ids: ``session`` (the Collab's id), ``plan``, ``number`` of the session, ``turns`` dispatched now. Raises
    ``SessionRefused``, ``UnknownCapability``, ``NotFound``, ``InvalidTransition``: then nothing was dispatched.
    """
    wanted = dict(bindings or {})
    _check(wanted, metadata, loop_after)
    check_id(collab_id, "collab_id")
    check_id(plan_id, "plan_id")
    offered = await _offers(graph.db, registry) if check_offers else None
    payload = [collab_id, plan_id, wanted, dict(metadata or {}), loop_after, expected_revision]
    command = Command("start_session", payload, actor, command_id or new_id())

    async def decide(locked: Locked) -> Change:
        collab = await node_inside(locked, "Collab", collab_id, None)
        session, plan = await _prepared(locked, collab, plan_id, wanted, loop_after, offered)
        change = await _started(locked, plan, expected_revision, command)
        _begin(change, session, collab, metadata or {})
        return change

    return await graph.locked(project_id, command, decide)


async def _started(locked: Locked, plan: Row, expected_revision: int | None, command: Command) -> Change:
    """The change that lets the plan run: its start, its resumption, or nothing when it runs already."""
    if plan["status"] != "in_progress":
        return await approvals.start_plan(locked, plan["id"], expected_revision, command)
    if plan["paused"]:
        return await approvals.resume_plan(locked, plan["id"], expected_revision, command)
    change = Change(command)
    change.require(plan["id"], ["Plan"], "plan_id", revision=expected_revision, status=["in_progress"])
    change.adjust(plan["id"], {}, add=["Runnable"])
    change.answer = {"plan": plan["id"], "trace": plan["trace_id"]}
    return change


def _check(bindings: Mapping[str, str], metadata: Mapping[str, Any] | None, loop_after: int | None) -> None:
    if not all(isinstance(name, str) and name for name in (*bindings, *bindings.values())):
        raise ValidationFailed("bindings: the names of capabilities by participant ids are expected", field="bindings")
    if metadata is not None and (not isinstance(metadata, Mapping) or not storable(dict(metadata))):
        raise ValidationFailed("metadata: an object of JSON is expected", field="metadata")
    if len(metadata_text(metadata or {}) or "") > METADATA_BYTES:
        raise ValidationFailed(f"metadata: up to {METADATA_BYTES} bytes are shared", field="metadata")
    if loop_after is not None and (isinstance(loop_after, bool) or not 2 <= loop_after <= MAX_STEPS):
        raise ValidationFailed(f"loop_after: a number of turns from 2 to {MAX_STEPS}", field="loop_after")


async def _offers(db: Database, registry: CapabilityRegistry | None) -> frozenset[str]:
    found: set[str] = set(BUILT_IN)
    for session in await db.read(psg_cypher.statement("sessions_live")):
        found.update(session["capabilities"] or (), session["roles"] or ())
    if registry is not None:
        found.update(registry.names(), registry.roles())
    return frozenset(found)


async def _prepared(
    locked: Locked,
    collab: Row,
    plan_id: str,
    bindings: Mapping[str, str],
    loop_after: int | None,
    offered: Collection[str] | None,
) -> tuple[StoredSession, Row]:
    """Read and check everything that a session needs; nothing is written yet."""
    collab_id = collab["id"]
    if collab["status"] not in ("draft", "active"):
        raise SessionRefused(f"collab {collab_id} is {collab['status']}; a session needs an active one", id=collab_id)
    left_over = collab.get("session_state") == RUNNING
    if left_over:
        await _refuse_running(locked, collab)
    plan = await _plan(locked, plan_id, left_over=left_over and collab["session_plan"] == plan_id)
    people = await locked.read("session_participants", collab_id=collab_id)
    if any(row["context_id"] != plan["context_id"] for row in people):
        raise SessionRefused(f"collab {collab_id} and plan {plan_id} belong to different contexts", id=collab_id)
    if len(people) > MAX_PARTICIPANTS:
        raise SessionRefused(f"a session has up to {MAX_PARTICIPANTS} participants", participants=len(people))
    participants = [Participant(p["participant_id"], p["role_id"], p["role"], p["kind"]) for p in people]
    check_distinct(participants)
    unknown = sorted(set(bindings) - {p.participant_id for p in participants})
    if unknown:
        raise SessionRefused(f"bindings: {', '.join(unknown[:10])} does not take part in collab {collab_id}")
    rows = await locked.read("session_turn_steps", plan_id=plan_id)
    session = StoredSession(
        collab_id, plan_id, (collab.get("session_number") or 0) + 1, mode_of(collab["mode"]), participants,
        {p.participant_id: _agent(p, bindings, offered) for p in participants}, frozenset(bindings), loop_after, rows,
        locked.now_ms,
    )  # fmt: skip
    check_session(session.table)
    if offered is not None:
        _check_offers(session, offered)
    return session, plan


async def _refuse_running(locked: Locked, collab: Row) -> None:
    """Raise ``SessionRefused`` when the session of a Collab is carried on, and not only left over from a restore."""
    other = await locked.read_one("coordinated_plan", plan_id=collab["session_plan"])
    if other is not None and other["coordinating"] and other["collab"] and other["collab"]["id"] == collab["id"]:
        raise SessionRefused(f"collab {collab['id']} has a session already, on plan {other['id']}", id=collab["id"])


async def _plan(locked: Locked, plan_id: str, *, left_over: bool) -> Row:
    """Read a plan that a session can begin on; one that runs only where an earlier session of this Collab, which a
    restore interrupted, left it so."""
    plan = await locked.read_one("coordinated_plan", plan_id=plan_id)
    if plan is None or plan["deleted"]:
        raise NotFound(f"id: plan {plan_id} does not exist in this project", id=plan_id)
    if plan["coordinating"]:
        raise SessionRefused(f"plan {plan_id} is coordinated already, by collab {plan['collab']['id']}", id=plan_id)
    if plan["status"] == "in_progress" and not plan["paused"] and not left_over:
        raise SessionRefused(f"plan {plan_id} runs already without a session; pause it first", id=plan_id)
    if (plan["steps_total"] or 0) > MAX_STEPS:
        raise SessionRefused(f"plan {plan_id} has {plan['steps_total']} steps; a session takes up to {MAX_STEPS}")
    return plan


def _agent(participant: Participant, bindings: Mapping[str, str], offered: Collection[str] | None) -> str | None:
    bound = bindings.get(participant.participant_id)
    if bound is not None:
        return bound
    names = (participant.participant_id, participant.role, participant.role_id)
    return next((n for n in names if n is not None and offered is not None and n in offered), None)


def _check_offers(session: StoredSession, offered: Collection[str]) -> None:
    """Raise ``UnknownCapability`` when nobody offers to do the turns of a step that will be dispatched."""
    by_id = {row["id"]: row for row in session.rows}
    missing: dict[str, str] = {}
    for step in to_be_dispatched(session.table):
        row = by_id[step.step_id]
        for participant in _takers(session, step.agent_role, step.order):
            name = session.agent_of(row, participant) or step.agent_role
            if name is None or name not in offered:
                missing.setdefault(participant.participant_id, f"{name!r} for step {row['key']!r}")
    if missing:
        told = "; ".join(f"participant {who} needs {what}" for who, what in list(missing.items())[:10])
        raise UnknownCapability(
            f"the session cannot start: {told}; no live orchestrator offers it (bind the participant to a capability, "
            "or start an orchestrator that has it: `psg orchestrate --tools pkg.module`); nothing was dispatched",
            missing=sorted(missing),
        )  # fmt: skip


def _takers(session: StoredSession, role: str | None, order: int) -> list[Participant]:
    """The participants who may get a step."""
    people = session.participants
    if session.mode == "round_robin":
        return [people[order % len(people)]]
    if session.mode == "pair":
        return list(people)
    if session.mode == "swarm":
        return [p for p in people if role is None or role in (p.role_id, p.role)]
    found = session.table.of_role(role)
    return [people[0] if found is None else found]


def _begin(change: Change, session: StoredSession, collab: Row, metadata: Mapping[str, Any]) -> None:
    """Add the session to the start of its plan: what is not dispatched now is blocked until it is."""
    after = {
        "session_number": session.number, "session_plan": session.plan_id, "session_state": RUNNING,
        "session_reason": None, "session": session.text(), "session_metadata": metadata_text(metadata),
    }  # fmt: skip
    was = {name: collab.get(name) for name in after}
    if collab["status"] == "draft":
        change.transition("Collab", session.session_id, "draft", "active", extra=after, was=was)
    else:
        change.set("Collab", session.session_id, was, after, kind="collab_updated")
    change.adjust(session.plan_id, {"coordinated_by": session.session_id}, add=["Coordinating"])
    session.note(change, events.STARTED, "Collab", session.session_id, {"mode": session.mode})
    roles = {p.participant_id: p.role_id for p in session.participants}
    session.note(change, events.ASSIGNED, "Collab", session.session_id, {"participants": roles})
    turns = next_turns(session.table)
    now = {assignment.step.step_id for assignment in turns}
    for row in session.rows:
        if row["status"] == "pending" and row["id"] not in now:
            session.block(change, row)
    for number, assignment in enumerate(turns, 1):
        session.dispatch(change, assignment, number)
    change.answer |= {"session": session.session_id, "number": session.number, "turns": len(turns)}
