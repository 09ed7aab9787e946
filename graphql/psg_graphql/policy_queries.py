"""Queries of what holds for all steps: kill switches."""

from __future__ import annotations

from typing import Annotated

import strawberry

from psg.commands import policies
from psg_graphql.global_id import project_of
from psg_graphql.request_context import Info
from psg_graphql.roots import query
from psg_graphql.types.kill_switch import KillSwitch, kill_switch_from


@strawberry.type
class PolicyQueries:
    @query("The kill switches that are on: everywhere, and with `projectId` in that project too.")
    async def kill_switches(
        self,
        info: Info,
        project_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Global id or UUID of the project.")
        ] = None,
    ) -> list[KillSwitch]:
        inside = None if project_id is None else project_of(project_id)
        found = await policies.kill_switches(info.context.graph.db, inside)
        return [kill_switch_from(switch, inside) for switch in found]
