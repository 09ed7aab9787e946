"""Mutation of approvals: hand one's part in a decision over to somebody else."""

from __future__ import annotations

from typing import Annotated

import strawberry

from psg import approvals
from psg_graphql.global_id import parse_global_id
from psg_graphql.mutations.answers import command, effect, stored
from psg_graphql.mutations.inputs import CommandId
from psg_graphql.mutations.results import ConfirmPayload, ConfirmResult
from psg_graphql.request_context import Info
from psg_graphql.roots import mutation


@strawberry.input
class DelegateApprovalInput:
    id: Annotated[strawberry.ID, strawberry.field(description="Global id of the confirm.")]
    to: Annotated[str, strawberry.field(description="The actor who decides instead.")]
    reason: str | None = None
    command_id: CommandId = None


@strawberry.type
class ApprovalMutations:
    @mutation("Hand the actor's part in a pending approval over to another actor; recorded, and in force at once.")
    async def delegate_approval(self, info: Info, input: DelegateApprovalInput) -> ConfirmResult:
        target = parse_global_id(input.id, "id", "Confirm")
        answer = await approvals.delegate(
            info.context.graph, target.project_id, target.node_id, input.to, reason=input.reason,
            **command(info, input.command_id),
        )  # fmt: skip
        confirm = await stored(info, "Confirm", answer, target.node_id)
        return ConfirmPayload(confirm=confirm, **effect(answer))
