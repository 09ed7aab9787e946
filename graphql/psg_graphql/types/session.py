"""A session in the API: who takes turns on which plan, and how the turns stand."""

from __future__ import annotations

from enum import Enum

import strawberry
from strawberry.scalars import JSON

from psg_graphql.connections import DEFAULT_FIRST, First, page_size
from psg_graphql.global_id import global_id
from psg_graphql.module_enums import CollabMode
from psg_graphql.request_context import Info
from psg_graphql.scalars import PlanStatus, StepStatus, Timestamp
from psg_graphql.types.node import member, moment
from psg_runtime.coordination import session_profile_events
from psg_runtime.coordination.reading import SessionView, TurnView


@strawberry.enum(description="How a session stands.")
class SessionState(Enum):
    none = strawberry.enum_value("none", description="None was begun.")
    running = strawberry.enum_value("running")
    completed = strawberry.enum_value("completed", description="Every turn that was dispatched is completed.")
    failed = strawberry.enum_value("failed", description="A turn did not complete; the reason names it.")
    stopped = strawberry.enum_value("stopped", description="It changed nothing for as many turns as it may.")
    cancelled = strawberry.enum_value("cancelled")
    interrupted = strawberry.enum_value("interrupted", description="Its project was taken back into it.")


@strawberry.type(description="Somebody who takes turns in a session, in the order of turns.")
class SessionParticipant:
    participant_id: str
    kind: str
    role_id: strawberry.ID | None = strawberry.field(description="Global id of the role that it plays.")
    role: str | None = strawberry.field(description="Name of that role.")


@strawberry.type(description="A turn: a step that a participant was asked to do.")
class SessionTurn:
    turn_id: str
    number: int = strawberry.field(description="From 1, in the order of their dispatch.")
    participant_id: str
    agent: str | None = strawberry.field(description="The capability that does it; null: one of the step's role.")
    step_id: strawberry.ID
    step_key: str
    status: StepStatus
    executed_by: str | None = strawberry.field(description="The participant, once it is completed.")
    started_at: Timestamp | None
    finished_at: Timestamp | None


@strawberry.type(description="A session: the participants of a collab take the steps of a plan as turns.")
class Session:
    collab_id: strawberry.ID = strawberry.field(description="Global id of the collab, whose id is the session's too.")
    uuid: str
    title: str
    mode: CollabMode
    state: SessionState
    number: int = strawberry.field(description="The how many-th session of its collab, from 1; 0: none was begun.")
    reason: str | None = strawberry.field(description="Why it ended as it did.")
    plan_id: strawberry.ID | None
    plan_status: PlanStatus | None
    plan_paused: bool = strawberry.field(description="Steps are left: begin another session, or resume the plan.")
    participants: list[SessionParticipant]
    turn_count: int
    metadata: JSON = strawberry.field(description="What its agents share.")
    loop_after: int | None = strawberry.field(description="It stops when so many turns gave the same output.")
    view: strawberry.Private[SessionView]

    @strawberry.field(description="Turns by number, behind `afterNumber`.")
    async def turns(self, first: First = DEFAULT_FIRST, after_number: int = 0) -> list[SessionTurn]:
        project_id = self.view.project_id
        wanted = [turn for turn in self.view.turns if turn.number > after_number]
        return [_turn(project_id, turn) for turn in wanted[: page_size(first)]]

    @strawberry.field(description="Its events as the MAP profile of protocol 1.0.0 has them.")
    async def profile_events(self, info: Info) -> list[JSON]:
        found = await session_profile_events(info.context.graph.db, self.view.project_id, self.view.session_id)
        return [JSON(event) for event in found]


def session_from(view: SessionView) -> Session:
    """Return the API's view of a session."""
    project_id = view.project_id
    return Session(
        collab_id=_id("Collab", project_id, view.session_id),
        uuid=view.session_id,
        title=view.title,
        mode=member(CollabMode, view.mode),
        state=member(SessionState, view.state),
        number=view.number,
        reason=view.reason,
        plan_id=None if view.plan_id is None else _id("Plan", project_id, view.plan_id),
        plan_status=None if view.plan_status is None else member(PlanStatus, view.plan_status),
        plan_paused=view.plan_paused,
        participants=[
            SessionParticipant(
                participant_id=p.participant_id, kind=p.kind, role=p.role,
                role_id=None if p.role_id is None else _id("Role", project_id, p.role_id),
            )
            for p in view.participants
        ],
        turn_count=len(view.turns),
        metadata=JSON(dict(view.metadata)),
        loop_after=view.loop_after,
        view=view,
    )  # fmt: skip


def _turn(project_id: str, turn: TurnView) -> SessionTurn:
    return SessionTurn(
        turn_id=turn.turn_id, number=turn.number, participant_id=turn.participant_id, agent=turn.agent,
        step_id=_id("Step", project_id, turn.step_id), step_key=turn.step_key,
        status=member(StepStatus, turn.status), executed_by=turn.executed_by,
        started_at=None if turn.started_ms is None else moment(turn.started_ms),
        finished_at=None if turn.finished_ms is None else moment(turn.finished_ms),
    )  # fmt: skip


def _id(label: str, project_id: str, node_id: str) -> strawberry.ID:
    return strawberry.ID(global_id(label, project_id, node_id))
