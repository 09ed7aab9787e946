"""A plan from the text of a plan file: read here, so that every client says the same and hears line and column."""

from __future__ import annotations

from typing import Annotated

import anyio
import anyio.to_thread
import strawberry
from strawberry.scalars import JSON

from psg.errors import ValidationFailed
from psg_graphql.access import check_plan
from psg_graphql.global_id import global_id, parse_global_id
from psg_graphql.mutations import results
from psg_graphql.mutations.answers import command, effect, stored
from psg_graphql.mutations.inputs import CommandId, NodeUuid
from psg_graphql.request_context import Info
from psg_graphql.roots import mutation
from psg_runtime import launch
from psg_runtime.plan_file import load_plan, with_values

TEXT_BYTES = 1_048_576
_SOURCE_CHARS = 200
_READING = anyio.CapacityLimiter(2)  # reading takes the processor, seconds for the largest texts


@strawberry.input
class CreatePlanFromTextInput:
    context_id: strawberry.ID
    text: Annotated[str, strawberry.field(description="YAML or JSON of a plan file, up to 1 MiB; names no files.")]
    source: Annotated[str, strawberry.field(description="What the text is called in errors.")] = "plan"
    params: Annotated[JSON | None, strawberry.field(description="Values of the parameters that the text declares.")] = (
        None
    )
    uuid: NodeUuid = None
    command_id: CommandId = None


@strawberry.type
class PlanTextMutations:
    @mutation("Create a plan, as a draft, from the text of a plan file; a mistake is told with line and column.")
    async def create_plan_from_text(self, info: Info, input: CreatePlanFromTextInput) -> results.CreatePlanResult:
        context = parse_global_id(input.context_id, "contextId", "Context")
        params: object = {} if input.params is None else input.params
        if not isinstance(params, dict):
            raise ValidationFailed("params: an object is expected", field="params")
        if (size := len(input.text.encode())) > TEXT_BYTES:
            raise ValidationFailed(
                f"text: {size} bytes are more than {TEXT_BYTES}; send the steps of large plans with createPlan",
                field="text", limit=TEXT_BYTES,
            )  # fmt: skip
        source = " ".join(input.source.split())[:_SOURCE_CHARS] or "plan"

        # A line's end at the end: never the name of a file of this machine.
        read = await anyio.to_thread.run_sync(lambda: load_plan(f"{input.text}\n", source=source), limiter=_READING)
        spec = with_values(read, params)
        check_plan(info.context.actor, context.project_id, spec.model_dump_json())
        answer = await launch.create_plan(
            info.context.graph, context.project_id, context.node_id, spec, plan_id=input.uuid,
            **command(info, input.command_id),
        )  # fmt: skip
        plan = await stored(info, "Plan", answer, answer.ids["plan"])
        ids = {key: global_id("Step", context.project_id, i) for key, i in answer.ids["steps"].items()}
        return results.CreatePlanPayload(plan=plan, step_ids=JSON(ids), **effect(answer))
