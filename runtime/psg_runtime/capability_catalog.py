"""Writes down in the graph what a process offers (decision 0040)."""

from __future__ import annotations

import structlog

from psg import capabilities
from psg_neo4j.database import Database
from psg_runtime.ael.capability import Capability
from psg_runtime.ael.registry import CapabilityRegistry

log = structlog.get_logger(__name__)

CONFLICT = "this version was registered with other schemas before; give what changed a new version"


async def publish(db: Database, registry: CapabilityRegistry) -> dict[str, list[str]]:
    """Register what can be executed here, or was turned off; returns names by what came of them (see `register`).

    A version that the graph knows with other schemas is turned off in ``registry``: a plan that relies on a version
    must not get another thing under its name.
    """
    found = await capabilities.register(db, [_offer(c) for c in registry if c.executable or not c.enabled])
    for reference in found["conflict"]:
        log.error("capability_conflict", capability=reference, reason=CONFLICT)
        registry.disable(reference, CONFLICT)
    return found


def _offer(capability: Capability) -> capabilities.Offer:
    return capabilities.Offer(
        name=capability.name,
        version="" if capability.version is None else capability.version.text,
        type=capability.type,
        description=capability.description,
        schema_hash=capability.schema_hash,
        input_schema=capability.input.json_schema(),
        output_schema=None if capability.output is None else capability.output.json_schema(),
        enabled=capability.enabled,
        source=capability.source,
    )
