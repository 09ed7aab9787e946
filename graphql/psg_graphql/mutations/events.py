"""Recording events of the protocol's families; the platform's own it records itself."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry
from strawberry.scalars import JSON

from psg.errors import ValidationFailed
from psg.events.emit import emit
from psg_graphql.failures import Conflict, Forbidden, NotFound, Refused, ValidationError
from psg_graphql.global_id import parse_in, project_of
from psg_graphql.mutations.answers import command, effect
from psg_graphql.mutations.inputs import CommandId, ProjectRef
from psg_graphql.mutations.results import Effect
from psg_graphql.request_context import Info
from psg_graphql.roots import mutation
from psg_graphql.scalars import EventFamily
from psg_graphql.types.event import Event, event_from


@strawberry.input
class RecordEventInput:
    project_id: ProjectRef
    family: Annotated[
        EventFamily, strawberry.field(description="Any but graph_update and pipeline_stage: changes record those.")
    ]
    type: Annotated[str, strawberry.field(description="event_type of the protocol event.")]
    payload: JSON | None = None
    fields: Annotated[
        JSON | None, strawberry.field(description="Fields of the family (execution_id, …) and any beside the payload.")
    ] = None
    plan_id: Annotated[strawberry.ID | None, strawberry.field(description="The plan that the event is about.")] = None
    correlation_id: str | None = None
    command_id: CommandId = None


@strawberry.type
class EventPayload(Effect):
    event: Event


RecordEventResult = Annotated[
    EventPayload | NotFound | Conflict | ValidationError | Forbidden | Refused, strawberry.union("RecordEventResult")
]


@strawberry.type
class EventMutations:
    @mutation("Record an event in the project's log; it changes nothing else.")
    async def record_event(self, info: Info, input: RecordEventInput) -> RecordEventResult:
        project_id = project_of(input.project_id)
        answer = await emit(
            info.context.graph, project_id, input.family.value, input.type, _object("payload", input.payload),
            fields=_object("fields", input.fields),
            plan_id=None if input.plan_id is None else parse_in(project_id, input.plan_id, "planId", "Plan"),
            correlation_id=input.correlation_id, **command(info, input.command_id),
        )  # fmt: skip
        page = await info.context.log.page(project_id, answer.seq - 1, 1)
        return EventPayload(event=event_from(page.events[0]), **effect(answer))


def _object(name: str, value: object) -> dict[str, Any]:
    if value is not None and not isinstance(value, dict):
        raise ValidationFailed(f"{name}: an object is expected", field=name)
    return value or {}
