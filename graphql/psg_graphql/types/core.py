"""Core in the API: which modules of the protocol a project uses."""

from __future__ import annotations

import strawberry
from strawberry.scalars import JSON

from psg.model.codec import loads
from psg_graphql.module_enums import CoreModuleStatus, CoreStatus
from psg_graphql.scalars import Module
from psg_graphql.types.node import Node, Row, member, node_fields


@strawberry.type(description="A module of the protocol in a core.")
class CoreModule:
    module_id: Module
    version: str
    status: CoreModuleStatus
    required: bool | None
    description: str | None


@strawberry.type(description="A core: the modules of the protocol that a project uses.")
class Core(Node):
    protocol_version: str
    status: CoreStatus
    stored: strawberry.Private[str | None]

    @strawberry.field(description="Everything else of the protocol document: meta, governance, …")
    def payload(self) -> JSON | None:
        return loads(self.stored)

    @strawberry.field(description="The modules, as the core lists them.")
    def modules(self) -> list[CoreModule]:
        return [
            CoreModule(
                module_id=member(Module, item["module_id"]),
                version=item["version"],
                status=member(CoreModuleStatus, item["status"]),
                required=item.get("required"),
                description=item.get("description"),
            )
            for item in loads(self.stored)["modules"]
        ]


def core_from(row: Row) -> Core:
    """Return the core of a stored row."""
    return Core(
        **node_fields("Core", row),
        protocol_version=row["protocol_version"],
        status=member(CoreStatus, row["status"]),
        stored=row.get("payload"),
    )
