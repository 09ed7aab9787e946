"""Confirm and its decisions in the API: what a person was asked, and what was answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry.scalars import JSON

from psg.model.codec import loads
from psg_graphql.global_id import global_id
from psg_graphql.request_context import Info
from psg_graphql.scalars import ConfirmStatus, ConfirmTargetType, DecisionStatus, Timestamp
from psg_graphql.types.approval import Approval, approval_from
from psg_graphql.types.node import Node, Row, member, node_fields, reference

if TYPE_CHECKING:
    from psg_graphql.types.step import Step

_Step = Annotated["Step", strawberry.lazy("psg_graphql.types.step")]


@strawberry.type(description="One decision about a confirm; decisions are a log, the last one counts.")
class Decision(Node):
    status: DecisionStatus
    decided_by_role: str
    decided_at: Timestamp
    reason: str | None
    actor: str | None = strawberry.field(description="Who gave the command.")
    confirm_id: strawberry.ID


@strawberry.type(description="A request for confirmation: something waits for a decision.")
class Confirm(Node):
    target_type: ConfirmTargetType
    status: ConfirmStatus
    requested_by_role: str
    requested_at: Timestamp
    reason: str | None
    target_id: strawberry.ID | None = strawberry.field(description="Global id of what is to be confirmed.")
    step_id: strawberry.ID | None = strawberry.field(description="The step that waits for the decision.")
    plan_id: strawberry.ID | None = strawberry.field(description="The plan of that step, or the plan to be confirmed.")
    approval: Approval | None = strawberry.field(description="What it takes to approve it; null: one decision.")
    stored: strawberry.Private[str | None]
    decided: strawberry.Private[list[Row]]

    @strawberry.field(description="Everything else of the protocol document: meta, governance, …")
    def payload(self) -> JSON | None:
        return loads(self.stored)

    @strawberry.field(description="Decisions in the order they were made.")
    def decisions(self) -> list[Decision]:
        return [decision_from(row) for row in self.decided]

    @strawberry.field(description="What is to be confirmed.")
    async def target(self, info: Info) -> Node | None:
        return None if self.target_id is None else await info.context.nodes.load(self.target_id)

    @strawberry.field
    async def step(self, info: Info) -> _Step | None:
        return None if self.step_id is None else await info.context.nodes.load(self.step_id)


def decision_from(row: Row) -> Decision:
    """Return the decision of a stored row."""
    return Decision(
        **node_fields("Decision", row),
        status=member(DecisionStatus, row["status"]),
        decided_by_role=row["decided_by_role"],
        decided_at=row["decided_at"],
        reason=row.get("reason"),
        actor=row.get("actor"),
        confirm_id=reference("Confirm", row, "confirm_id"),
    )


def confirm_from(row: Row) -> Confirm:
    """Return the confirm of a stored row, with its decisions."""
    target = row.get("target_id")
    return Confirm(
        **node_fields("Confirm", row),
        target_type=member(ConfirmTargetType, row["target_type"]),
        status=member(ConfirmStatus, row["status"]),
        requested_by_role=row["requested_by_role"],
        requested_at=row["requested_at"],
        reason=row.get("reason"),
        target_id=None if target is None else strawberry.ID(global_id(row["target_label"], row["project_id"], target)),
        step_id=reference("Step", row, "step_id"),
        plan_id=reference("Plan", row, "plan_id"),
        approval=approval_from(row),
        stored=row.get("payload"),
        decided=row["decisions"],
    )
