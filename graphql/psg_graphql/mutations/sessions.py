"""Mutation of sessions: let the participants of a collab take the steps of a plan."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry
from strawberry.scalars import JSON

from psg.errors import ValidationFailed
from psg_graphql.failures import Conflict, Forbidden, NotFound, Refused, ValidationError
from psg_graphql.global_id import parse_global_id, parse_in
from psg_graphql.mutations.answers import command, effect
from psg_graphql.mutations.inputs import CommandId, ExpectedRevision
from psg_graphql.mutations.results import Effect
from psg_graphql.request_context import Info
from psg_graphql.roots import mutation
from psg_graphql.types.session import Session, session_from
from psg_runtime.coordination import read_session, start_session


@strawberry.input
class StartSessionInput:
    collab_id: Annotated[strawberry.ID, strawberry.field(description="Global id of the collab: mode, participants.")]
    plan_id: Annotated[
        strawberry.ID,
        strawberry.field(description="Global id of a plan that is approved, or paused after an earlier session."),
    ]
    bindings: Annotated[
        JSON | None,
        strawberry.field(description="Capabilities by participant id. Absent: one of its id, its role, or the step's."),
    ] = None
    metadata: Annotated[JSON | None, strawberry.field(description="What all agents of the session share.")] = None
    loop_after: Annotated[
        int | None, strawberry.field(description="Stop when so many turns gave the same output. Absent: never.")
    ] = None
    expected_revision: ExpectedRevision = None
    command_id: CommandId = None


@strawberry.type
class SessionPayload(Effect):
    session: Session


SessionResult = Annotated[
    SessionPayload | NotFound | Conflict | ValidationError | Forbidden | Refused, strawberry.union("SessionResult")
]


@strawberry.type
class SessionMutations:
    @mutation("Begin a session. Refused, with nothing dispatched, unless somebody can take every turn.")
    async def start_session(self, info: Info, input: StartSessionInput) -> SessionResult:
        collab = parse_global_id(input.collab_id, "collabId", "Collab")
        graph, registry = info.context.graph, info.context.registry
        answer = await start_session(
            graph, collab.project_id, collab.node_id, parse_in(collab.project_id, input.plan_id, "planId", "Plan"),
            bindings=_object("bindings", input.bindings), metadata=_object("metadata", input.metadata),
            loop_after=input.loop_after, registry=registry,
            **command(info, input.command_id, input.expected_revision),
        )  # fmt: skip
        view = await read_session(graph.db, collab.project_id, collab.node_id)
        return SessionPayload(session=session_from(view), **effect(answer))


def _object(name: str, value: object) -> dict[str, Any] | None:
    if value is not None and not isinstance(value, dict):
        raise ValidationFailed(f"{name}: an object is expected", field=name)
    return value
