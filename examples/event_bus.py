"""Bring a project's log to an event bus, and take every event of it once and in order, whatever the bus loses.

With ``PSG_BUS`` (for example redis://127.0.0.1:6379) the events go over that broker; without it over a WebSocket hub
that this program starts. The database is the one of ``PSG_NEO4J_URI``, else the embedded one.

    python examples/event_bus.py
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from psg.graph import Graph
from psg_cli.output import stdout
from psg_cli.settings import load_settings
from psg_cli.store import open_store
from psg_neo4j.migrations import migrate
from psg_runtime.bus import BrokerEventBus, BusSettings, InOrder, ProtocolEvent, Relay, bus_settings, log_of
from psg_runtime.bus.brokers.websocket_hub import WebSocketHub


@asynccontextmanager
async def bus_to_use() -> AsyncIterator[BusSettings]:
    """The bus of the environment, else a hub for the block."""
    if (settings := bus_settings()).bus is not None:
        yield settings
        return
    async with WebSocketHub.running() as hub:
        yield bus_settings(bus=f"ws://127.0.0.1:{hub.port}")


async def main() -> None:
    """Record three events, have them relayed, and print what arrives."""
    arrived, all_here = 0, anyio.Event()

    async def take(event: ProtocolEvent, /) -> None:
        nonlocal arrived
        arrived += 1
        stdout().print(f"{event['lamport_timestamp']:>3} {event['event_family']} {event['event_type']}")
        if arrived == 4:
            all_here.set()

    async with open_store(load_settings()) as store, bus_to_use() as settings, BrokerEventBus.running(settings) as bus:
        await migrate(store.db)
        graph = Graph(store.db)
        project_id = (await graph.create_project(f"event bus {uuid.uuid4()}")).project_id
        stdout().print(f"project {project_id}")
        in_order = InOrder(take, read_log=log_of(graph), after={project_id: 0})
        bus.subscribe(in_order, name="example", projects=[project_id])
        relay = Relay(graph, bus, settings, projects=(project_id,))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(in_order.run)
            await tasks.start(relay.run)
            for name in ("architect", "builder", "reviewer"):
                role = {
                    "meta": {"protocol_version": "1.0.0", "schema_version": "1.0.0"},
                    "role_id": str(uuid.uuid4()), "name": name, "capabilities": ["plan.create"],
                }  # fmt: skip
                await graph.create_document(project_id, "role", role)
            await all_here.wait()
            relay.stop()
            tasks.cancel_scope.cancel()
    stdout().print(f"{arrived} events, {in_order.repeated} of them told twice, {in_order.filled} fetched from the log")


if __name__ == "__main__":
    anyio.run(main)
