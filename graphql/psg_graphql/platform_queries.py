"""Queries of what the installation runs on: modules of all processes, and resource pools."""

from __future__ import annotations

from typing import Annotated

import strawberry

from psg_graphql.connections import DEFAULT_FIRST, MAX_FIRST, First, page_size
from psg_graphql.request_context import Info
from psg_graphql.roots import query
from psg_graphql.types.platform import PlatformModule, ResourcePool, module_from, pool_from
from psg_runtime.modules import running_modules
from psg_runtime.resources import ResourceManager


@strawberry.type
class PlatformQueries:
    @query("Modules that run in any process, by type; up to 1000.")
    async def modules(
        self,
        info: Info,
        type: Annotated[str | None, strawberry.argument(description="Only modules of this type.")] = None,
    ) -> list[PlatformModule]:
        found = await running_modules(info.context.graph, type)
        return [module_from(module) for module in found[: 10 * MAX_FIRST]]

    @query("Resource pools by name, with what is held of them now.")
    async def resources(
        self,
        info: Info,
        name: Annotated[str | None, strawberry.argument(description="Only the pool of this name.")] = None,
        first: First = DEFAULT_FIRST,
        after: Annotated[str, strawberry.argument(description="Only pools behind this name.")] = "",
    ) -> list[ResourcePool]:
        usage = await ResourceManager(info.context.graph).get_resource_usage(name)
        behind = [pool for key, pool in usage.pools.items() if key > after]
        return [pool_from(pool) for pool in behind[: page_size(first)]]
