"""Queries of tracked resources."""

from __future__ import annotations

from typing import Annotated

import strawberry

from psg import drift
from psg_graphql.connections import DEFAULT_FIRST, After, Connection, First, connection, key_of, page_size
from psg_graphql.global_id import project_of
from psg_graphql.request_context import Info
from psg_graphql.roots import query
from psg_graphql.types.resource import ResourceState, TrackedResource, resource_from


@strawberry.type
class ResourceQueries:
    @query("What a project tracks outside the graph, by uri: directories, files, git refs.")
    async def tracked_resources(
        self,
        info: Info,
        project_id: Annotated[strawberry.ID, strawberry.argument(description="Global id or UUID of the project.")],
        first: First = DEFAULT_FIRST,
        after: After = None,
        states: Annotated[
            list[ResourceState] | None, strawberry.argument(description="Only those that stand like this.")
        ] = None,
    ) -> Connection[TrackedResource]:
        inside, db = project_of(project_id), info.context.graph.db
        wanted: list[drift.State] | None = None if states is None else [state.value for state in states]
        key = str(key_of(after, ""))
        found = await drift.page(db, inside, after=key, limit=page_size(first) + 1, states=wanted)
        rows = [{**t.expected.row, "deleted": False, "dependents": t.dependents} for t in found]

        async def count() -> int:
            return await drift.count(db, inside, states=wanted)

        return connection(rows, first, after, "uri", resource_from, count)
