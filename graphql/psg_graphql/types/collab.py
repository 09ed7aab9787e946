"""Collab and its participants in the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry.scalars import JSON

from psg.model.codec import loads
from psg_graphql.connections import DEFAULT_FIRST, After, Connection, First
from psg_graphql.global_id import parse_global_id
from psg_graphql.module_enums import CollabMode, CollabStatus, ParticipantKind
from psg_graphql.pages import part_page
from psg_graphql.request_context import Info
from psg_graphql.scalars import Timestamp
from psg_graphql.types.node import Node, Row, member, node_fields, reference

if TYPE_CHECKING:
    from psg_graphql.types.context import Context
    from psg_graphql.types.role import Role

_Context = Annotated["Context", strawberry.lazy("psg_graphql.types.context")]
_Role = Annotated["Role", strawberry.lazy("psg_graphql.types.role")]


@strawberry.type(description="A participant of a collab.")
class Participant(Node):
    participant_id: str = strawberry.field(description="Identifier of the participant, of your own making.")
    kind: ParticipantKind
    display_name: str | None
    position: int = strawberry.field(description="Place among the participants, from 0: the order of turns.")
    collab_id: strawberry.ID
    role_id: strawberry.ID | None = strawberry.field(description="Global id of the role that it plays.")

    @strawberry.field
    async def role(self, info: Info) -> _Role | None:
        return None if self.role_id is None else await info.context.nodes.load(self.role_id)


@strawberry.type(description="A collab: who works together, for what, and in which turns.")
class Collab(Node):
    title: str
    purpose: str
    mode: CollabMode
    status: CollabStatus
    created_at: Timestamp
    updated_at: Timestamp | None
    context_id: strawberry.ID
    stored: strawberry.Private[str | None]

    @strawberry.field(description="Everything else of the protocol document: meta, governance, …")
    def payload(self) -> JSON | None:
        return loads(self.stored)

    @strawberry.field(description="Participants in their order.")
    async def participants(
        self, info: Info, first: First = DEFAULT_FIRST, after: After = None
    ) -> Connection[Participant]:
        return await part_page(info, "Participant", parse_global_id(self.id), first, after)

    @strawberry.field
    async def context(self, info: Info) -> _Context | None:
        return await info.context.nodes.load(self.context_id)


def participant_from(row: Row) -> Participant:
    """Return the participant of a stored row."""
    return Participant(
        **node_fields("Participant", row),
        participant_id=row["participant_id"],
        kind=member(ParticipantKind, row["kind"]),
        display_name=row.get("display_name"),
        position=row["position"],
        collab_id=reference("Collab", row, "collab_id"),
        role_id=reference("Role", row, "role_id"),
    )


def collab_from(row: Row) -> Collab:
    """Return the collab of a stored row."""
    return Collab(
        **node_fields("Collab", row),
        title=row["title"],
        purpose=row["purpose"],
        mode=member(CollabMode, row["mode"]),
        status=member(CollabStatus, row["status"]),
        created_at=row["created_at"],
        updated_at=row.get("updated_at"),
        context_id=reference("Context", row, "context_id"),
        stored=row.get("payload"),
    )
