"""Extension in the API: what was added to the platform, in which version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry.scalars import JSON

from psg.model.codec import loads
from psg_graphql.module_enums import ExtensionStatus, ExtensionType
from psg_graphql.request_context import Info
from psg_graphql.types.node import Node, Row, member, node_fields, reference

if TYPE_CHECKING:
    from psg_graphql.types.context import Context

_Context = Annotated["Context", strawberry.lazy("psg_graphql.types.context")]


@strawberry.type(description="An extension: a capability, policy, integration, … with its version.")
class Extension(Node):
    name: str
    extension_type: ExtensionType
    version: str
    status: ExtensionStatus
    context_id: strawberry.ID
    stored: strawberry.Private[str | None]

    @strawberry.field
    def config(self) -> JSON | None:
        return (loads(self.stored) or {}).get("config")

    @strawberry.field(description="Everything else of the protocol document: meta, governance, …")
    def payload(self) -> JSON | None:
        return loads(self.stored)

    @strawberry.field
    async def context(self, info: Info) -> _Context | None:
        return await info.context.nodes.load(self.context_id)


def extension_from(row: Row) -> Extension:
    """Return the extension of a stored row."""
    return Extension(
        **node_fields("Extension", row),
        name=row["name"],
        extension_type=member(ExtensionType, row["extension_type"]),
        version=row["version"],
        status=member(ExtensionStatus, row["status"]),
        context_id=reference("Context", row, "context_id"),
        stored=row.get("payload"),
    )
