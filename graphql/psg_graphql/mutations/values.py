"""Mutations of values by key."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry
from strawberry.scalars import JSON

from psg_graphql.failures import Conflict, Forbidden, NotFound, Refused, ValidationError
from psg_graphql.global_id import project_of
from psg_graphql.mutations.answers import command
from psg_graphql.mutations.inputs import CommandId, ProjectRef
from psg_graphql.request_context import Info
from psg_graphql.roots import mutation
from psg_graphql.types.value import StoredValue, stored_value_from
from psg_runtime.vsl import stored_values

_Expected = Annotated[
    int | None,
    strawberry.field(description="Refuse the command when the value has another revision by now; 0: there is none."),
]


@strawberry.input
class SetValueInput:
    project_id: ProjectRef
    key: Annotated[str, strawberry.field(description="1 to 512 bytes; not the view of a node (`plans/…`).")]
    value: Annotated[JSON, strawberry.field(description="Any JSON up to 16 MiB that comes back equal.")]
    expected_revision: _Expected = None
    command_id: CommandId = None


@strawberry.input
class DeleteValueInput:
    project_id: ProjectRef
    key: str
    expected_revision: _Expected = None
    command_id: CommandId = None


@strawberry.type
class ValuePayload:
    command_id: str
    replayed: bool = strawberry.field(description="The same command had its effect before; nothing was done now.")
    value: StoredValue | None = strawberry.field(description="As it is now; null when there is none.")


ValueResult = Annotated[
    ValuePayload | NotFound | Conflict | ValidationError | Forbidden | Refused, strawberry.union("ValueResult")
]


@strawberry.type
class ValueMutations:
    @mutation("Keep a value under a key of a project; an equal one changes nothing.")
    async def set_value(self, info: Info, input: SetValueInput) -> ValueResult:
        return await _write(info, input, input.value, delete=False)

    @mutation("Forget the value of a key; one that has none is no error.")
    async def delete_value(self, info: Info, input: DeleteValueInput) -> ValueResult:
        return await _write(info, input, None, delete=True)


async def _write(info: Info, input: SetValueInput | DeleteValueInput, value: Any, *, delete: bool) -> ValuePayload:
    graph, inside = info.context.graph, project_of(input.project_id)
    request = command(info, input.command_id)
    answer = await stored_values.write_value(
        graph, inside, input.key, value, delete=delete, expected_revision=input.expected_revision, **request
    )
    now = await stored_values.read_value(graph, inside, input.key)
    return ValuePayload(
        command_id=request["command_id"], replayed=answer is not None and answer.replayed,
        value=stored_value_from(now) if now.present else None,
    )  # fmt: skip
