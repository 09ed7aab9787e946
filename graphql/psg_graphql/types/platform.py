"""Modules of processes and resource pools in the API: they belong to the installation, not to one project."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any

import strawberry
from strawberry.scalars import JSON

from psg_graphql.connections import page_size
from psg_graphql.request_context import Info
from psg_graphql.scalars import Timestamp
from psg_graphql.types.node import moment
from psg_runtime.modules import Module
from psg_runtime.resources import PoolUsage, ResourceManager

_First = Annotated[int, strawberry.argument(description="How many at most, from 1 to 100.")]


@strawberry.enum(description="Whether a module receives operations: running does, unavailable not until it recovers.")
class PlatformModuleStatus(Enum):
    starting = "starting"
    running = "running"
    unavailable = "unavailable"
    stopped = "stopped"


@strawberry.type(description="A module that runs in one of the platform's processes.")
class PlatformModule:
    id: strawberry.ID = strawberry.field(description="Id of this running module; the same type may run elsewhere too.")
    type: str
    version: str
    status: PlatformModuleStatus
    reason: str | None = strawberry.field(description="Why it is not in service.")
    capabilities: list[str]
    dependencies: list[str] = strawberry.field(description="What it needs: type and range of versions.")
    configuration: JSON
    health: str = strawberry.field(description="healthy, degraded or unhealthy.")
    health_details: JSON
    checked_at: Timestamp | None
    process: str = strawberry.field(description="Host and process id.")
    started_at: Timestamp | None
    operations: int = strawberry.field(description="How many operations it was asked for.")
    failures: int = strawberry.field(description="How many of them failed.")
    average_ms: float | None = strawberry.field(description="How long an operation took on average.")


@strawberry.enum(description="Who gets what becomes free of a pool.")
class AllocationStrategy(Enum):
    fair = "fair"
    priority = "priority"
    performance = "performance"


@strawberry.type(description="What one request holds of a pool, or waits for.")
class ResourceShare:
    allocation_id: strawberry.ID
    amount: float
    state: str = strawberry.field(description="`granted` or `waiting`.")
    holder: str
    priority: int
    asked_at: Timestamp | None
    granted_at: Timestamp | None
    lease_until: Timestamp | None


@strawberry.type(description="A limited resource of the installation; what is used is counted from what lives now.")
class ResourcePool:
    name: str
    capacity: float
    limit: float = strawberry.field(description="How much of the capacity may be held.")
    used: float
    free: float
    wanted: float = strawberry.field(description="What is waited for.")
    allocations: int
    waiting: int
    utilization: float = strawberry.field(description="Which part of the capacity is held, from 0 to 1.")
    max_utilization: float
    strategy: AllocationStrategy

    @strawberry.field(description="What is held and waited for, the oldest first.")
    async def shares(self, info: Info, first: _First = 50) -> list[ResourceShare]:
        found = await ResourceManager(info.context.graph).list_allocations(self.name, page_size(first))
        return [_share_from(share) for share in found]


def module_from(module: Module) -> PlatformModule:
    """Return the API's view of a running module."""
    return PlatformModule(
        id=strawberry.ID(module.id), type=module.module_type, version=module.version,
        status=PlatformModuleStatus(module.status), reason=module.reason, capabilities=list(module.capabilities),
        dependencies=[f"{d.module_type} {d.version}" for d in module.dependencies],
        configuration=JSON(dict(module.configuration)), health=module.health.status,
        health_details=JSON(module.health.details), checked_at=moment(module.health.checked_ms),
        process=module.process, started_at=moment(module.started_ms), operations=module.operations,
        failures=module.failures, average_ms=module.total_ms / module.operations if module.operations else None,
    )  # fmt: skip


def pool_from(pool: PoolUsage) -> ResourcePool:
    """Return the API's view of a pool."""
    return ResourcePool(
        name=pool.name, capacity=pool.capacity, limit=pool.limit, used=pool.used, free=pool.free, wanted=pool.wanted,
        allocations=pool.allocations, waiting=pool.waiting, utilization=pool.utilization,
        max_utilization=pool.max_utilization, strategy=AllocationStrategy(pool.strategy),
    )  # fmt: skip


def _share_from(share: dict[str, Any]) -> ResourceShare:
    granted = share["grantedMs"]
    return ResourceShare(
        allocation_id=strawberry.ID(share["allocationId"]), amount=share["amount"], state=share["state"],
        holder=share["holder"], priority=share["priority"], asked_at=moment(share["askedMs"]),
        granted_at=None if granted is None else moment(granted), lease_until=moment(share["leaseUntilMs"]),
    )  # fmt: skip
