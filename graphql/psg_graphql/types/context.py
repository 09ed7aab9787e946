"""Context in the API: the frame in which plans are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry.scalars import JSON

from psg.model.codec import loads
from psg_graphql.connections import DEFAULT_FIRST, After, Connection, First
from psg_graphql.global_id import parse_global_id
from psg_graphql.pages import plan_page
from psg_graphql.request_context import Info
from psg_graphql.scalars import ContextStatus, PlanStatus, Timestamp
from psg_graphql.types.node import Node, Row, member, node_fields

if TYPE_CHECKING:
    from psg_graphql.types.plan import Plan

_Plan = Annotated["Plan", strawberry.lazy("psg_graphql.types.plan")]


@strawberry.type(description="A context: the frame in which plans are made.")
class Context(Node):
    title: str
    summary: str | None
    status: ContextStatus
    tags: list[str] | None
    language: str | None
    owner_role: str | None
    created_at: Timestamp | None
    updated_at: Timestamp | None
    stored: strawberry.Private[str | None]

    @strawberry.field(description="Everything else of the protocol document: meta, root, constraints, …")
    def payload(self) -> JSON | None:
        return loads(self.stored)

    @strawberry.field
    async def plans(
        self,
        info: Info,
        first: First = DEFAULT_FIRST,
        after: After = None,
        status: PlanStatus | None = None,
        latest_first: bool = False,
    ) -> Connection[_Plan]:
        return await plan_page(info, parse_global_id(self.id).project_id, first, after, status, latest_first, self.uuid)


def context_from(row: Row) -> Context:
    """Return the context of a stored row."""
    return Context(
        **node_fields("Context", row),
        title=row["title"],
        summary=row.get("summary"),
        status=member(ContextStatus, row["status"]),
        tags=row.get("tags"),
        language=row.get("language"),
        owner_role=row.get("owner_role"),
        created_at=row.get("created_at"),
        updated_at=row.get("updated_at"),
        stored=row.get("payload"),
    )
