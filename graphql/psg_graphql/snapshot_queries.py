"""Queries of snapshots."""

from __future__ import annotations

from typing import Annotated

import strawberry

from psg import snapshots
from psg.errors import ValidationFailed
from psg.snapshots.record import LAST
from psg_graphql.connections import DEFAULT_FIRST, First, page_size
from psg_graphql.global_id import parse_in, project_of
from psg_graphql.request_context import Info
from psg_graphql.roots import query
from psg_graphql.scalars import Long
from psg_graphql.types.snapshot import Snapshot, snapshot_from


@strawberry.type
class SnapshotQueries:
    @query("Snapshots of a project, or of one plan, the latest first; `upto` is the highest `seq` wanted.")
    async def snapshots(
        self,
        info: Info,
        project_id: Annotated[strawberry.ID, strawberry.argument(description="Global id or UUID of the project.")],
        plan_id: strawberry.ID | None = None,
        first: First = DEFAULT_FIRST,
        upto: Long | None = None,
    ) -> list[Snapshot]:
        inside = project_of(project_id)
        plan = None if plan_id is None else parse_in(inside, plan_id, "planId", "Plan")
        if upto is not None and int(upto) < 0:
            raise ValidationFailed(f"upto: {upto} is no number of an event log", field="upto")
        last = LAST if upto is None else int(upto)
        found = await snapshots.listing(
            info.context.graph.db, inside, plan_id=plan, upto=last, limit=page_size(first)
        )
        return [snapshot_from(one) for one in found]
