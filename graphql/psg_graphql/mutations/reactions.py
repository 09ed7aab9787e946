"""Mutations of plans that are over: undo what was done, run again what was not."""

from __future__ import annotations

from typing import Annotated

import strawberry

from psg.derivation import rerun_plan
from psg.errors import Refused as CommandRefused
from psg_graphql.failures import Conflict, Forbidden, NotFound, Refused, ValidationError
from psg_graphql.global_id import parse_global_id
from psg_graphql.mutations.answers import command, effect, stored
from psg_graphql.mutations.inputs import CommandId
from psg_graphql.mutations.results import Effect, PlanPayload, PlanResult
from psg_graphql.request_context import Info
from psg_graphql.roots import mutation
from psg_graphql.types.plan import Plan
from psg_runtime.orchestrator.compensation import compensate


@strawberry.input
class CompensatePlanInput:
    id: strawberry.ID
    command_id: CommandId = None


@strawberry.input
class RerunPlanInput:
    id: strawberry.ID
    from_step: Annotated[
        str | None,
        strawberry.field(description="Key of a step: it and everything after it run again. Absent: what did not hold."),
    ] = None
    command_id: CommandId = None


@strawberry.type
class RerunPayload(Effect):
    plan: Plan = strawberry.field(description="The new plan, a draft.")
    reused: int = strawberry.field(description="Steps that are taken over with their results.")


_Failures = NotFound | Conflict | ValidationError | Forbidden | Refused

RerunResult = Annotated[RerunPayload | _Failures, strawberry.union("RerunResult")]


@strawberry.type
class ReactionMutations:
    @mutation("Undo a finished plan: the inverses of its completed steps, last first, as a plan of its own; once.")
    async def compensate_plan(self, info: Info, input: CompensatePlanInput) -> PlanResult:
        plan = parse_global_id(input.id, "id", "Plan")
        request = command(info, input.command_id)
        answer = await compensate(info.context.graph, plan.project_id, plan.node_id, actor=request["actor"])
        if answer is None:
            raise CommandRefused(
                f"plan {plan.node_id} has no completed step that declares an inverse: there is nothing to undo",
                id=plan.node_id,
            )  # fmt: skip
        told = effect(answer) | {"command_id": request["command_id"]}  # there is one for each run, whatever its id
        return PlanPayload(plan=await stored(info, "Plan", answer, answer.ids["plan"]), **told)

    @mutation("Make a draft that runs a finished plan again; what holds of it is taken over and not executed again.")
    async def rerun_plan(self, info: Info, input: RerunPlanInput) -> RerunResult:
        plan, actor = parse_global_id(input.id, "id", "Plan"), info.context.actor
        held = actor.granted(plan.project_id)  # others do not answer for what a workflow of somebody may do
        answer = await rerun_plan(
            info.context.graph, plan.project_id, plan.node_id, from_step=input.from_step,
            invokes_as=actor.who if held is None or "admin" in held else None, **command(info, input.command_id),
        )  # fmt: skip
        made = await stored(info, "Plan", answer, answer.ids["plan"])
        return RerunPayload(plan=made, reused=answer.ids["reused"], **effect(answer))
