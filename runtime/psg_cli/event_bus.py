"""The event bus at the command line: the relay beside an orchestrator, listening to a broker, the WebSocket hub."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import asynccontextmanager

import anyio

from psg.graph import Graph
from psg_cli.failures import UsageError
from psg_cli.output import stderr, stdout
from psg_runtime.bus import BrokerEventBus, CloudEvent, InOrder, ProtocolEvent, Relay, bus_settings
from psg_runtime.bus.brokers.websocket_hub import WebSocketHub
from psg_runtime.bus.settings import LOOPBACK, BusSettings


@asynccontextmanager
async def relayed(graph: Graph, projects: tuple[str, ...] = ()) -> AsyncIterator[Relay | None]:
    """Have the logs brought to the bus that ``PSG_BUS`` names during the block; nothing when it names none.

    Raises ``ValidationFailed`` for settings that cannot be read, ``BusUnavailable`` where a bus that is down at the
    start is to be an error.
    """
    settings = bus_settings()
    if settings.bus is None:
        yield None
        return
    async with BrokerEventBus.running(settings) as bus, anyio.create_task_group() as tasks:
        relay = Relay(graph, bus, settings, projects=projects)
        await tasks.start(relay.run)
        try:
            yield relay
        finally:
            relay.stop()


async def bus_events(settings: BusSettings, *, families: Iterable[str] | None) -> AsyncGenerator[CloudEvent]:
    """Yield what comes over the bus from now on, each event once and never an earlier one after a later one.

    Raises ``BusUnavailable`` for a bus that does not answer at the beginning; later it is waited for.
    """
    queue, waiting = anyio.create_memory_object_stream[CloudEvent](100)

    async def take(event: ProtocolEvent, /) -> None:
        await queue.send(CloudEvent.of(event))

    with queue, waiting:
        async with BrokerEventBus.running(settings, drain_s=0) as bus:
            await bus.reachable()
            bus.subscribe(InOrder(take), name="tail", families=families)
            await bus.listening()
            stderr().print(f"listening to {settings.address.shown} (Ctrl-C ends)", style="dim", markup=False)
            async for event in waiting:
                yield event


async def run_hub(host: str, port: int, token: str | None) -> None:
    """Run the hub of the WebSocket bus until cancelled; raises ``UsageError`` for one that anybody could reach."""
    if host not in LOOPBACK and not token:
        raise UsageError(f"--host {host} can be reached from other machines: set PSG_BUS_HUB_TOKEN, or use 127.0.0.1.")
    async with WebSocketHub.running(host, port, token=token) as hub:
        stdout().print(f"ws://{host}:{hub.port}", markup=False)
        stdout().print("ready")
        await anyio.sleep_forever()
