"""Why resources are not given, or not taken back (all but mistakes in a request are resource errors, CORE-44)."""

from __future__ import annotations

from typing import ClassVar

from psg.errors import Invalid, Refused, ValidationFailed
from psg_neo4j.errors import Category


class RequestInvalid(ValidationFailed):
    """The request for resources, or the definition of a pool, is not valid."""

    code = "resource_request_invalid"


class PoolUnknown(Invalid):
    """There is no resource pool of this name."""

    code = "resource_pool_unknown"
    category: ClassVar[Category] = "resource_error"


class PoolInUse(Refused):
    """More of the pool is held than would be left."""

    code = "resource_pool_in_use"
    category: ClassVar[Category] = "resource_error"


class ResourcesExhausted(Refused):
    """What was asked for is not left; nothing was allocated."""

    code = "resources_exhausted"
    category: ClassVar[Category] = "resource_error"
    retryable = True


class ResourceTimeout(ResourcesExhausted):
    """What was asked for did not become free in time; nothing was allocated."""

    code = "resource_timeout"


class AllocationUnknown(Invalid):
    """There is no allocation with this id."""

    code = "allocation_unknown"
    category: ClassVar[Category] = "resource_error"


class AllocationReleased(Refused):
    """The allocation was released before; each is released once."""

    code = "allocation_released"
    category: ClassVar[Category] = "resource_error"


class AllocationLapsed(Refused):
    """The lease of the allocation ran out; its share was given back already."""

    code = "allocation_lapsed"
    category: ClassVar[Category] = "resource_error"
