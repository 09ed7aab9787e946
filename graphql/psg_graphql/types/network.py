"""Network and its nodes in the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry.scalars import JSON

from psg.model.codec import loads
from psg_graphql.connections import DEFAULT_FIRST, After, Connection, First
from psg_graphql.global_id import parse_global_id
from psg_graphql.module_enums import NetworkNodeKind, NetworkNodeStatus, NetworkStatus, TopologyType
from psg_graphql.pages import part_page
from psg_graphql.request_context import Info
from psg_graphql.types.node import Node, Row, member, node_fields, reference

if TYPE_CHECKING:
    from psg_graphql.types.context import Context
    from psg_graphql.types.role import Role

_Context = Annotated["Context", strawberry.lazy("psg_graphql.types.context")]
_Role = Annotated["Role", strawberry.lazy("psg_graphql.types.role")]


@strawberry.type(description="A node of a network.")
class NetworkNode(Node):
    name: str | None
    kind: NetworkNodeKind
    status: NetworkNodeStatus
    position: int = strawberry.field(description="Place among the nodes, from 0.")
    network_id: strawberry.ID
    role_id: strawberry.ID | None = strawberry.field(description="Global id of the role that it plays.")

    @strawberry.field
    async def role(self, info: Info) -> _Role | None:
        return None if self.role_id is None else await info.context.nodes.load(self.role_id)


@strawberry.type(description="A network: what is connected, and in which shape.")
class Network(Node):
    name: str
    description: str | None
    topology_type: TopologyType
    status: NetworkStatus
    context_id: strawberry.ID
    stored: strawberry.Private[str | None]

    @strawberry.field(description="Everything else of the protocol document: meta, governance, …")
    def payload(self) -> JSON | None:
        return loads(self.stored)

    # Not `nodes`: cost limits go by the names of fields, and every page has `nodes`.
    @strawberry.field(description="The network's nodes in their order.")
    async def members(self, info: Info, first: First = DEFAULT_FIRST, after: After = None) -> Connection[NetworkNode]:
        return await part_page(info, "NetworkNode", parse_global_id(self.id), first, after)

    @strawberry.field
    async def context(self, info: Info) -> _Context | None:
        return await info.context.nodes.load(self.context_id)


def network_node_from(row: Row) -> NetworkNode:
    """Return the node of a stored row."""
    return NetworkNode(
        **node_fields("NetworkNode", row),
        name=row.get("name"),
        kind=member(NetworkNodeKind, row["kind"]),
        status=member(NetworkNodeStatus, row["status"]),
        position=row["position"],
        network_id=reference("Network", row, "network_id"),
        role_id=reference("Role", row, "role_id"),
    )


def network_from(row: Row) -> Network:
    """Return the network of a stored row."""
    return Network(
        **node_fields("Network", row),
        name=row["name"],
        description=row.get("description"),
        topology_type=member(TopologyType, row["topology_type"]),
        status=member(NetworkStatus, row["status"]),
        context_id=reference("Context", row, "context_id"),
        stored=row.get("payload"),
    )
