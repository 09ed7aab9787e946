"""Hubs on one project for tests of the communication hub, each as in a process of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from world import World

from psg.audit import verify
from psg.graph import Graph
from psg_neo4j import Database
from psg_runtime.hub import (
    CommunicationHub,
    InterModuleMessage,
)

QUICK = {"lease_ms": 600, "poll_ms": 20, "drain_ms": 1}


def message(**fields: Any) -> dict[str, Any]:
    return {"sourceModule": "context", "targetModule": "plan", "operation": "op", **fields}


async def echo(given: InterModuleMessage) -> Any:
    return given.payload


class Hubs:
    """Hubs on one project, each as in a process of its own: with a Graph, and so with signals, of its own."""

    def __init__(self, world: World, stack: AsyncExitStack) -> None:
        self.world, self._stack = world, stack

    async def start(self, handlers: dict[str, Callable[..., Awaitable[Any]]], **settings: int) -> CommunicationHub:
        hub = CommunicationHub(Graph(self.world.db), self.world.project_id, **{**QUICK, **settings})
        await self._stack.enter_async_context(hub)
        for module, handler in handlers.items():
            await hub.register(module, handler)
        return hub

    async def announced(self, module: str) -> None:
        """A module that is known, though the process that had it is gone."""
        text = "MATCH (h:ProjectHead {id: $project_id}) SET h.hub_modules = coalesce(h.hub_modules, []) + $module"
        await self.world.damage(text, module=module)

    async def messages(self) -> dict[str, dict[str, Any]]:
        rows = await self.world.query("MATCH (m:HubMessage {project_id: $project_id}) RETURN m {.*} AS m")
        return {row["m"]["id"]: row["m"] for row in rows}


@asynccontextmanager
async def running_hubs(db: Database) -> AsyncIterator[Hubs]:
    """Hubs of a new project, ended after the block; what they leave is audited."""
    world = await World.create(db)
    async with AsyncExitStack() as stack:
        yield Hubs(world, stack)
    assert (await verify(db, world.project_id)).violations == []
