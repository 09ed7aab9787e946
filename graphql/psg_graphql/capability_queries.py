"""Queries of capabilities."""

from __future__ import annotations

from typing import Annotated

import strawberry

from psg import capabilities
from psg.errors import ValidationFailed
from psg_graphql.connections import DEFAULT_FIRST, After, Connection, First, connection, key_of, page_size
from psg_graphql.global_id import project_of
from psg_graphql.request_context import Info
from psg_graphql.roots import query
from psg_graphql.types.capability import Capability, CapabilityType, capability_from, plans_using
from psg_graphql.types.plan import Plan

_MAX_NAME = 400
_Name = Annotated[
    str, strawberry.argument(description="`name` (all versions, and steps bound to it) or `name@version`.")
]


@strawberry.type
class CapabilityQueries:
    @query("What orchestrators offer or offered, by name and version; with `name` the versions of exactly that one.")
    async def capabilities(
        self,
        info: Info,
        first: First = DEFAULT_FIRST,
        after: After = None,
        name: str | None = None,
        type: CapabilityType | None = None,
    ) -> Connection[Capability]:
        db, wanted = info.context.graph.db, None if type is None else type.value
        key, limit = str(key_of(after, "")), page_size(first) + 1
        if name is None:
            found = await capabilities.page(db, key, limit, type=wanted)
        else:
            every = await capabilities.versions(db, _short(name))
            found = [c for c in every if c.key > key and wanted in (None, c.type)][:limit]
        offering = await capabilities.offering(db)
        rows = [{"key": c.key, "stored": c} for c in found]

        async def count() -> int:
            if name is None:
                return await capabilities.count(db, type=wanted)
            return len([c for c in every if wanted in (None, c.type)])

        return connection(rows, first, after, "key", lambda row: capability_from(row["stored"], offering), count)

    @query("Plans of a project with steps that use a capability, by id.")
    async def plans_using(
        self,
        info: Info,
        project_id: Annotated[strawberry.ID, strawberry.argument(description="Global id or UUID of the project.")],
        capability: _Name,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[Plan]:
        return await plans_using(info, project_of(project_id), _short(capability), first, after)


def _short(name: str) -> str:
    if not name or len(name) > _MAX_NAME:
        raise ValidationFailed(f"a capability's name has 1 to {_MAX_NAME} characters", field="name")
    return name
