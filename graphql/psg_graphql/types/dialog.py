"""Dialog and its messages in the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry.scalars import JSON

from psg.model.codec import loads
from psg_graphql.connections import DEFAULT_FIRST, After, Connection, First
from psg_graphql.global_id import parse_global_id
from psg_graphql.module_enums import DialogStatus, MessageRole
from psg_graphql.pages import part_page
from psg_graphql.request_context import Info
from psg_graphql.scalars import Timestamp
from psg_graphql.types.node import Node, Row, member, node_fields, reference

if TYPE_CHECKING:
    from psg_graphql.types.context import Context

_Context = Annotated["Context", strawberry.lazy("psg_graphql.types.context")]


@strawberry.type(description="One message of a dialog; what was said stays said.")
class Message(Node):
    role: MessageRole
    content: str
    timestamp: Timestamp
    position: int = strawberry.field(description="Place in the dialog, from 0.")
    dialog_id: strawberry.ID
    stored: strawberry.Private[str | None]

    @strawberry.field(description="The protocol event that came with the message.")
    def event(self) -> JSON | None:
        return (loads(self.stored) or {}).get("event")


@strawberry.type(description="A dialog: messages in the order in which they were said.")
class Dialog(Node):
    status: DialogStatus
    thread_id: str | None = strawberry.field(description="Groups the dialogs of one thread; a UUID of your own.")
    started_at: Timestamp | None
    ended_at: Timestamp | None
    context_id: strawberry.ID
    stored: strawberry.Private[str | None]

    @strawberry.field(description="Everything else of the protocol document: meta, governance, …")
    def payload(self) -> JSON | None:
        return loads(self.stored)

    @strawberry.field(description="Messages in their order.")
    async def messages(self, info: Info, first: First = DEFAULT_FIRST, after: After = None) -> Connection[Message]:
        return await part_page(info, "Message", parse_global_id(self.id), first, after)

    @strawberry.field
    async def context(self, info: Info) -> _Context | None:
        return await info.context.nodes.load(self.context_id)


def message_from(row: Row) -> Message:
    """Return the message of a stored row."""
    return Message(
        **node_fields("Message", row),
        role=member(MessageRole, row["role"]),
        content=row["content"],
        timestamp=row["timestamp"],
        position=row["position"],
        dialog_id=reference("Dialog", row, "dialog_id"),
        stored=row.get("payload"),
    )


def dialog_from(row: Row) -> Dialog:
    """Return the dialog of a stored row."""
    return Dialog(
        **node_fields("Dialog", row),
        status=member(DialogStatus, row["status"]),
        thread_id=row.get("thread_id"),
        started_at=row.get("started_at"),
        ended_at=row.get("ended_at"),
        context_id=reference("Context", row, "context_id"),
        stored=row.get("payload"),
    )
