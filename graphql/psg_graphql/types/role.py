"""Role in the API: who may do what in a project."""

from __future__ import annotations

import strawberry
from strawberry.scalars import JSON

from psg.model.codec import loads
from psg_graphql.scalars import Timestamp
from psg_graphql.types.node import Node, Row, node_fields


@strawberry.type(description="A role: a name with its capabilities.")
class Role(Node):
    name: str
    description: str | None
    capabilities: list[str] | None
    created_at: Timestamp | None
    updated_at: Timestamp | None
    placeholder: bool = strawberry.field(description="Only named by a document that was imported; its own never came.")
    stored: strawberry.Private[str | None]

    @strawberry.field(description="Everything else of the protocol document: meta, governance, …")
    def payload(self) -> JSON | None:
        return loads(self.stored)


def role_from(row: Row) -> Role:
    """Return the role of a stored row."""
    return Role(
        **node_fields("Role", row),
        name=row["name"],
        description=row.get("description"),
        capabilities=row.get("capabilities"),
        created_at=row.get("created_at"),
        updated_at=row.get("updated_at"),
        placeholder=bool(row.get("placeholder")),
        stored=row.get("payload"),
    )
