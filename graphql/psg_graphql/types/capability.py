"""Capability in the API: what orchestrators offer. It belongs to the platform, not to one project."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry.scalars import JSON

from psg import capabilities
from psg_graphql.access import admit_nested
from psg_graphql.connections import DEFAULT_FIRST, After, Connection, First, connection, key_of, page_size
from psg_graphql.global_id import project_of
from psg_graphql.request_context import Info
from psg_graphql.scalars import Timestamp
from psg_graphql.types.node import moment

if TYPE_CHECKING:
    from psg_graphql.types.plan import Plan

_Plan = Annotated["Plan", strawberry.lazy("psg_graphql.types.plan")]
_COUNTED = 1_000_000


@strawberry.enum(description="Who does it: a tool, an agent or a service.")
class CapabilityType(Enum):
    tool = "tool"
    agent = "agent"
    service = "service"


@strawberry.type(description="One version of something that steps can have done.")
class Capability:
    name: str
    version: str | None
    reference: str = strawberry.field(description="How a step names exactly this: `name@version`.")
    type: CapabilityType
    description: str
    enabled: bool = strawberry.field(description="Whether the last orchestrator that registered it would execute it.")
    source: str = strawberry.field(description="Where it comes from: python, file, or mcp:SERVER.")
    schema_hash: str = strawberry.field(description="SHA-256 of type and schemas; a version never gets another one.")
    input_schema: JSON
    output_schema: JSON | None
    offered_by: int = strawberry.field(description="How many live orchestrators offer it.")
    registered_at: Timestamp | None
    changed_at: Timestamp | None
    stored: strawberry.Private[capabilities.Stored]

    @strawberry.field(description="Plans of a project whose steps can get this: naming it with this version or none.")
    async def used_by(
        self, info: Info, project_id: strawberry.ID, first: First = DEFAULT_FIRST, after: After = None
    ) -> Connection[_Plan]:
        await admit_nested(info.context, "Capability.usedBy", {"project_id": project_id})
        page: Connection[Plan] = await plans_using(
            info, project_of(project_id), self.name, first, after, version=self.stored.version
        )
        return page


async def plans_using(
    info: Info, project_id: str, name: str, first: int, after: str | None, *, version: str | None = None
) -> Connection[Plan]:
    """Return plans of a project that use a capability."""
    from psg_graphql.types.plan import plan_from

    db = info.context.graph.db
    key, limit = str(key_of(after, "")), page_size(first) + 1
    ids = await capabilities.plans_using(db, project_id, name, key, limit, version=version)
    found = await info.context.reader.by_ids("Plan", [(project_id, plan_id) for plan_id in ids])

    async def count() -> int:
        return len(await capabilities.plans_using(db, project_id, name, "", _COUNTED, version=version))

    return connection([row for row in found if row is not None], first, after, "id", plan_from, count)


def capability_from(stored: capabilities.Stored, offering: dict[str, int]) -> Capability:
    """Return the API's view of a stored capability."""
    return Capability(
        name=stored.name,
        version=stored.version or None,
        reference=stored.reference,
        type=CapabilityType(stored.type),
        description=stored.description,
        enabled=stored.enabled,
        source=stored.source,
        schema_hash=stored.schema_hash,
        input_schema=JSON(stored.input_schema),
        output_schema=None if stored.output_schema is None else JSON(stored.output_schema),
        offered_by=offering.get(stored.reference, 0),
        registered_at=moment(stored.registered_ms),
        changed_at=moment(stored.changed_ms),
        stored=stored,
    )
