"""Query of sessions."""

from __future__ import annotations

from typing import Annotated

import strawberry

from psg.errors import NotFound
from psg_graphql.global_id import parse_global_id
from psg_graphql.request_context import Info
from psg_graphql.roots import query
from psg_graphql.types.session import Session, session_from
from psg_runtime.coordination import read_session


@strawberry.type
class SessionQueries:
    @query("The session of a collab: the one under way, or its last; null when there is no such collab.")
    async def session(
        self,
        info: Info,
        collab_id: Annotated[strawberry.ID, strawberry.argument(description="Global id of the collab.")],
    ) -> Session | None:
        collab = parse_global_id(collab_id, "collabId", "Collab")
        try:
            return session_from(await read_session(info.context.graph.db, collab.project_id, collab.node_id))
        except NotFound:
            return None
