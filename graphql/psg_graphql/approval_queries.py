"""The inbox: which requests wait for somebody."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from psg_graphql.connections import DEFAULT_FIRST, After, Connection, First, connection, key_of, page_size
from psg_graphql.global_id import project_of
from psg_graphql.module_queries import ProjectIdArgument
from psg_graphql.request_context import Info
from psg_graphql.roots import query
from psg_graphql.types.approval import request_of_confirm
from psg_graphql.types.confirm import Confirm, confirm_from
from psg_graphql.types.node import Row

FIRST_ID = ""
LOOKED_AT = 200


@strawberry.type
class ApprovalQueries:
    @query("What waits for a decision of an actor or a role, by id; with neither, every pending confirm.")
    async def inbox(
        self,
        info: Info,
        project_id: ProjectIdArgument,
        actor: Annotated[str | None, strawberry.argument(description="Who would decide.")] = None,
        role: Annotated[str | None, strawberry.argument(description="In which role.")] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[Confirm]:
        project, key, limit = project_of(project_id), str(key_of(after, FIRST_ID)), page_size(first) + 1
        found: list[Row] = []
        # The index knows what is pending, not whose it is: that is judged row by row.
        while len(found) < limit:
            page = await info.context.reader.confirms(project, key, LOOKED_AT, "pending")
            found += [row for row in page if _is_for(row, actor, role)]
            if len(page) < LOOKED_AT:
                break
            key = page[-1]["id"]

        async def count() -> int:
            return len(found)

        return connection(found[:limit], first, after, "id", confirm_from, count)


def _is_for(row: Row, actor: str | None, role: str | None) -> bool:
    request: Any = request_of_confirm(row)
    if request is None or (actor is None and role is None):
        return True
    if actor is not None and any(vote.actor == actor for vote in request.votes):
        return False
    return bool(request.entitled(actor or "", role or ""))
