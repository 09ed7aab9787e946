"""Limited resources of an installation: pools, shares of them by lease, and who gets what becomes free (RES)."""

from psg_runtime.resources.errors import (
    AllocationLapsed,
    AllocationReleased,
    AllocationUnknown,
    PoolInUse,
    PoolUnknown,
    RequestInvalid,
    ResourcesExhausted,
    ResourceTimeout,
)
from psg_runtime.resources.manager import ResourceManager
from psg_runtime.resources.model import (
    OptimizationResult,
    PoolUsage,
    Proposal,
    ResourceAllocation,
    ResourceRequest,
    ResourceUsage,
)
from psg_runtime.resources.settings import ResourceSettings
from psg_runtime.resources.strategy import Strategy

__all__ = [
    "AllocationLapsed",
    "AllocationReleased",
    "AllocationUnknown",
    "OptimizationResult",
    "PoolInUse",
    "PoolUnknown",
    "PoolUsage",
    "Proposal",
    "RequestInvalid",
    "ResourceAllocation",
    "ResourceManager",
    "ResourceRequest",
    "ResourceSettings",
    "ResourceTimeout",
    "ResourceUsage",
    "ResourcesExhausted",
    "Strategy",
]
