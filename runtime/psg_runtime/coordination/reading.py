"""Looking at a session: its state, its turns, and its events as the MAP profile has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psg_cypher
from psg.errors import NotFound
from psg.events.projection import protocol_event
from psg.model.codec import loads
from psg.model.ids import check_id
from psg_neo4j.database import Database
from psg_runtime.coordination import events
from psg_runtime.coordination.model import Participant
from psg_runtime.coordination.stored import RUNNING, StoredSession

EVENT_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class TurnView:
    """One turn: whose, on which step, and how that step stands; times are milliseconds since 1970."""

    turn_id: str
    number: int
    participant_id: str
    agent: str | None
    step_id: str
    step_key: str
    status: str
    executed_by: str | None
    started_ms: int | None
    finished_ms: int | None


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session. ``state`` is running, completed, failed, stopped or cancelled; ``none`` before the first one began,
    ``interrupted`` for one that ran at the moment to which its project was taken back: begin another one."""

    session_id: str
    project_id: str
    title: str
    mode: str
    state: str
    number: int
    reason: str | None
    plan_id: str | None
    plan_status: str | None
    plan_paused: bool
    participants: Sequence[Participant]
    turns: Sequence[TurnView]
    metadata: Mapping[str, Any]
    loop_after: int | None = None


async def read_session(db: Database, project_id: str, collab_id: str) -> SessionView:
    """Return the present session of a Collab, or its last one; raises ``NotFound``."""
    check_id(collab_id, "collab_id")
    row = await db.read_one(psg_cypher.statement("session_view"), project_id=project_id, collab_id=collab_id)
    if row is None:
        raise NotFound(f"id: collab {collab_id} does not exist in this project", id=collab_id)
    collab = row["collab"]
    if collab["session_state"] is None:
        return SessionView(
            collab_id, project_id, collab["title"], collab["mode"], "none", 0, None, None, None, False,
            await _participants(db, project_id, collab_id), (), {},
        )  # fmt: skip
    plan_id = collab["session_plan"]
    steps = await db.read(psg_cypher.statement("session_turn_steps"), project_id=project_id, plan_id=plan_id)
    session = StoredSession.of(plan_id, collab, steps)
    state = "interrupted" if collab["session_state"] == RUNNING and not row["carried"] else collab["session_state"]
    return SessionView(
        collab_id, project_id, collab["title"], session.mode, state, session.number,
        collab["session_reason"], plan_id, row["plan_status"], row["plan_paused"], session.participants,
        [_turn(turn) for turn in session.turns], loads(collab["session_metadata"]) or {}, session.loop_after,
    )  # fmt: skip


async def _participants(db: Database, project_id: str, collab_id: str) -> list[Participant]:
    rows = await db.read(psg_cypher.statement("session_participants"), project_id=project_id, collab_id=collab_id)
    return [Participant(r["participant_id"], r["role_id"], r["role"], r["kind"]) for r in rows]


def _turn(row: Mapping[str, Any]) -> TurnView:
    return TurnView(
        row["turn_id"], row["turn_number"], row["turn_participant"], row["turn_agent"], row["id"], row["key"],
        row["status"], row["executed_by"], row["started_ms"], row["finished_ms"],
    )  # fmt: skip


async def session_events(db: Database, project_id: str, collab_id: str) -> list[dict[str, Any]]:
    """Return the protocol events of the sessions of a Collab on its plan, in the order of the log."""
    view = await read_session(db, project_id, collab_id)
    found: list[dict[str, Any]] = []
    after, more = -1, view.plan_id is not None
    while more:
        page = await db.read(
            psg_cypher.statement("session_events"), project_id=project_id, plan_id=view.plan_id, after=after,
            limit=EVENT_PAGE,
        )  # fmt: skip
        told = [protocol_event(row["event"]) for row in page]
        found += [event for event in told if event.get("session_id") == collab_id]
        more = len(page) == EVENT_PAGE
        after = page[-1]["event"]["seq"] if page else after
    return found


async def session_profile_events(db: Database, project_id: str, collab_id: str) -> list[dict[str, Any]]:
    """Return the same events as the schema of the MAP profile has them (C-10)."""
    return list(events.profile_events(await session_events(db, project_id, collab_id)))
