"""Mutation of resource pools: define what the installation's processes share."""

from __future__ import annotations

from typing import Annotated

import strawberry

from psg_graphql.failures import Conflict, Forbidden, NotFound, Refused, ValidationError
from psg_graphql.mutations.inputs import CommandId
from psg_graphql.request_context import Info
from psg_graphql.roots import mutation
from psg_graphql.types.platform import AllocationStrategy, ResourcePool, pool_from
from psg_runtime.resources import ResourceManager


@strawberry.input
class DefineResourcePoolInput:
    name: Annotated[str, strawberry.field(description="A letter, then letters, digits, `_`, `.`, `-` and `:`.")]
    capacity: float
    max_utilization: Annotated[
        float | None, strawberry.field(description="Which part may be held: 0.8 is 80 %. Absent: as configured.")
    ] = None
    strategy: Annotated[
        AllocationStrategy | None, strawberry.field(description="Absent: as configured, or `fair`.")
    ] = None
    command_id: CommandId = None


@strawberry.type
class ResourcePoolPayload:
    pool: ResourcePool


ResourcePoolResult = Annotated[
    ResourcePoolPayload | NotFound | Conflict | ValidationError | Forbidden | Refused,
    strawberry.union("ResourcePoolResult"),
]


@strawberry.type
class ResourcePoolMutations:
    @mutation("Define or change a resource pool for all processes; said again it is the same. Refused below its use.")
    async def define_resource_pool(self, info: Info, input: DefineResourcePoolInput) -> ResourcePoolResult:
        pool = await ResourceManager(info.context.graph).define_pool(
            input.name, input.capacity, max_utilization=input.max_utilization,
            strategy=None if input.strategy is None else input.strategy.value,
        )  # fmt: skip
        return ResourcePoolPayload(pool=pool_from(pool))
