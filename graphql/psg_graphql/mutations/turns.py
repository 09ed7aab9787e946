"""Mutations of workers outside: claim a turn, keep it, complete it, give it back."""

from __future__ import annotations

import contextlib
from typing import Annotated, Any
from uuid import UUID

import strawberry
from starlette.requests import Request
from strawberry.scalars import JSON

from psg.errors import ValidationFailed
from psg_graphql.access import RECHECK_S, judge_again
from psg_graphql.failures import Conflict, Forbidden, NotFound, Refused, ValidationError
from psg_graphql.global_id import parse_global_id, parse_in, project_of
from psg_graphql.live import TooManySubscriptions
from psg_graphql.mutations.answers import command, effect
from psg_graphql.mutations.inputs import CommandId
from psg_graphql.mutations.results import Effect
from psg_graphql.policy import accessible, worker_name
from psg_graphql.request_context import Info
from psg_graphql.roots import mutation
from psg_graphql.scalars import Long
from psg_graphql.types.worker_turn import WorkerTurn, worker_turn_from
from psg_runtime import turns

WAIT_MOST_MS = 30_000

Worker = Annotated[str, strawberry.field(description="The worker's own name; two that run have two names.")]
TurnId = Annotated[strawberry.ID, strawberry.field(description="Global id of the step, as in the turn.")]
Fence = Annotated[Long, strawberry.field(description="As in the turn.")]
# Like every command these carry one; a word about a turn has one effect by its fence already.
Repeat = Annotated[UUID | None, strawberry.field(description="Not needed: repeated, it has one effect by its fence.")]


@strawberry.input
class ClaimTurnInput:
    agents: Annotated[list[str], strawberry.field(description="Names of the external capabilities it works as.")]
    worker: Worker
    project_id: Annotated[
        strawberry.ID | None, strawberry.field(description="Global id or UUID; absent: whatever project has a turn.")
    ] = None
    plan_id: Annotated[strawberry.ID | None, strawberry.field(description="Turns of this plan only.")] = None
    lease_ms: Annotated[int, strawberry.field(description="For how long it is held without a heartbeat.")] = (
        turns.LEASE_MS
    )
    wait_ms: Annotated[int, strawberry.field(description="How long to wait for a turn, up to 30,000.")] = 0
    command_id: CommandId = None


@strawberry.input
class HeartbeatTurnInput:
    id: TurnId
    fence: Fence
    worker: Worker
    command_id: Repeat = None


@strawberry.input
class CompleteTurnInput:
    id: TurnId
    fence: Fence
    worker: Worker
    output: Annotated[JSON | None, strawberry.field(description="The result.")] = None
    error: Annotated[
        JSON | None, strawberry.field(description="Instead of a result: message, code, category, retryable, details.")
    ] = None
    command_id: Repeat = None


@strawberry.input
class ReleaseTurnInput:
    id: TurnId
    fence: Fence
    worker: Worker
    command_id: Repeat = None


@strawberry.type(description="The turn that was claimed; none when nothing was offered in time.")
class ClaimTurnPayload:
    turn: WorkerTurn | None


@strawberry.type
class HeartbeatTurnPayload:
    lease_until: Long = strawberry.field(description="Milliseconds since 1970 by the database's clock.")


@strawberry.type
class CompleteTurnPayload(Effect):
    id: strawberry.ID


@strawberry.type
class ReleaseTurnPayload:
    id: strawberry.ID


ClaimTurnResult = Annotated[
    ClaimTurnPayload | NotFound | Conflict | ValidationError | Forbidden | Refused, strawberry.union("ClaimTurnResult")
]
HeartbeatTurnResult = Annotated[
    HeartbeatTurnPayload | NotFound | Conflict | ValidationError | Forbidden | Refused,
    strawberry.union("HeartbeatTurnResult"),
]
CompleteTurnResult = Annotated[
    CompleteTurnPayload | NotFound | Conflict | ValidationError | Forbidden | Refused,
    strawberry.union("CompleteTurnResult"),
]
ReleaseTurnResult = Annotated[
    ReleaseTurnPayload | NotFound | Conflict | ValidationError | Forbidden | Refused,
    strawberry.union("ReleaseTurnResult"),
]


@strawberry.type
class TurnMutations:
    @mutation("Take the next turn offered to one of these agents and hold it for a lease.")
    async def claim_turn(self, info: Info, input: ClaimTurnInput) -> ClaimTurnResult:
        if not 0 <= input.wait_ms <= WAIT_MOST_MS:
            raise ValidationFailed(f"waitMs: 0 to {WAIT_MOST_MS} are expected", field="waitMs")
        live = info.context.live

        async def gone() -> bool:
            # Nothing is given to who may not have it any more.
            await judge_again(info.context, "Mutation.claimTurn", {"input": input}, RECHECK_S)
            return live.closing or await _hung_up(info.context.request)

        project_id = None if input.project_id is None else project_of(input.project_id)
        plan_id = None
        if input.plan_id is not None:
            plan = parse_global_id(input.plan_id, "planId", "Plan")
            project_id = project_id or plan.project_id
            plan_id = parse_in(project_id, input.plan_id, "planId", "Plan")
        with contextlib.ExitStack() as stack:
            if project_id is not None and input.wait_ms:
                with contextlib.suppress(TooManySubscriptions):  # then it looks twice a second
                    stack.enter_context(live.subscribed(project_id, info.context.actor.who))
            turn = await turns.claim_turn(
                info.context.graph, input.agents, worker=_worker(info, input.worker), project_id=project_id,
                plan_id=plan_id, lease_ms=input.lease_ms, wait_ms=input.wait_ms, stopped=gone,
                among=lambda: accessible(info.context.actor, "work"),
                **command(info, input.command_id),
            )  # fmt: skip
        return ClaimTurnPayload(turn=None if turn is None else worker_turn_from(turn))

    @mutation("Hold a turn for another lease; refused when it is the worker's no more: then stop working on it.")
    async def heartbeat_turn(self, info: Info, input: HeartbeatTurnInput) -> HeartbeatTurnResult:
        step = parse_global_id(input.id, "id", "Step")
        until = await turns.heartbeat_turn(
            info.context.graph, step.project_id, step.node_id, input.fence, worker=_worker(info, input.worker)
        )
        return HeartbeatTurnPayload(lease_until=Long(until))

    @mutation("Answer a turn with its output or an error; its step goes on with that. The same answer again is none.")
    async def complete_turn(self, info: Info, input: CompleteTurnInput) -> CompleteTurnResult:
        step = parse_global_id(input.id, "id", "Step")
        if input.error is not None and not isinstance(input.error, (dict, str)):
            raise ValidationFailed("error: an object or a text is expected", field="error")
        answer = await turns.complete_turn(
            info.context.graph, step.project_id, step.node_id, input.fence, worker=_worker(info, input.worker),
            output=input.output, error=input.error, actor=info.context.actor.name,
        )  # fmt: skip
        return CompleteTurnPayload(id=input.id, **effect(answer))

    @mutation("Give a turn back unfinished: it is offered again at once.")
    async def release_turn(self, info: Info, input: ReleaseTurnInput) -> ReleaseTurnResult:
        step = parse_global_id(input.id, "id", "Step")
        await turns.release_turn(
            info.context.graph, step.project_id, step.node_id, input.fence, worker=_worker(info, input.worker)
        )
        return ReleaseTurnPayload(id=input.id)


async def _hung_up(request: Any) -> bool:
    """Whether who asked by HTTP is gone; what was asked on a WebSocket is cancelled when that closes."""
    return isinstance(request, Request) and await request.is_disconnected()


def _worker(info: Info, name: str) -> str:
    """The worker's name, under that of whoever was let in: nobody answers turns of another one's workers."""
    return worker_name(info.context.actor, name)
