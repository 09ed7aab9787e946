"""The hub of the WebSocket bus: who may connect, what it passes on, and what a slow listener costs."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import anyio
import pytest
from test_bus_contract import Until
from test_bus_memory import event
from websockets.asyncio.client import connect as connect_to
from websockets.exceptions import ConnectionClosed, InvalidStatus

from psg_runtime.bus import BrokerEventBus, CloudEvent, bus_settings
from psg_runtime.bus.brokers.websocket_hub import SUBPROTOCOL, WebSocketHub
from psg_runtime.bus.errors import BusUnavailable

pytestmark = pytest.mark.anyio


def connect(url: str, **more: Any) -> Any:
    return connect_to(url, proxy=None, close_timeout=0.5, subprotocols=[SUBPROTOCOL], **more)  # type: ignore[list-item]


async def test_only_who_knows_the_token_connects_and_no_page_of_a_browser() -> None:
    async with WebSocketHub.running(token="a token: 1@") as hub:
        for url in (f"ws://127.0.0.1:{hub.port}", f"ws://psg:wrong@127.0.0.1:{hub.port}"):
            async with BrokerEventBus.running(bus_settings(bus=url)) as bus:
                with pytest.raises(BusUnavailable, match="401") as refused:
                    await bus.reachable()
                assert "wrong" not in str(refused.value)
        right = f"ws://psg:a%20token%3A%201%40@127.0.0.1:{hub.port}"
        async with BrokerEventBus.running(bus_settings(bus=right)) as bus:
            await bus.reachable()
    async with WebSocketHub.running() as hub:
        with pytest.raises(InvalidStatus, match="403"):
            await connect(f"ws://127.0.0.1:{hub.port}/subscribe/t", origin="https://evil.example")
        for path in ("", "/", "/publish", "/publish/", "/other/t"):
            with pytest.raises(InvalidStatus, match="404"):
                await connect(f"ws://127.0.0.1:{hub.port}{path}")


async def test_what_is_no_cloud_event_is_not_passed_on() -> None:
    taker, topic, project = Until(), f"t{uuid4()}", str(uuid4())
    async with WebSocketHub.running() as hub:
        settings = bus_settings(bus=f"ws://127.0.0.1:{hub.port}", bus_topic=topic)
        async with BrokerEventBus.running(settings) as bus:
            bus.subscribe(taker)
            await bus.listening()
            for message in ("hello", "{}", b"\x00"):
                async with connect(f"ws://127.0.0.1:{hub.port}/publish/{topic}") as stranger:
                    await stranger.send(message)
                    with pytest.raises(ConnectionClosed) as closed:
                        await stranger.recv()
                    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1007
            await bus.publish(event(1, project_id=project))
            assert await taker.got_all(1) == [1]
            assert bus.unreadable == 0


async def test_a_listener_that_does_not_read_is_let_go_and_the_others_get_everything() -> None:
    taker, topic, project = Until(), f"t{uuid4()}", str(uuid4())
    large = {"text": "x" * 200_000}
    async with WebSocketHub.running(queue_size=5, patience_s=0.1) as hub:
        settings = bus_settings(bus=f"ws://127.0.0.1:{hub.port}", bus_topic=topic)
        address = f"ws://127.0.0.1:{hub.port}/subscribe/{topic}"
        async with BrokerEventBus.running(settings) as bus, connect(address, max_queue=1) as slow:
            bus.subscribe(taker)
            await bus.listening()
            await (await slow.ping())
            with anyio.fail_after(30):
                number = 60
                for n in range(1, number + 1):
                    await bus.publish(event(n, project_id=project, payload=large))
                assert await taker.got_all(number) == list(range(1, number + 1))
                heard = 0
                with pytest.raises(ConnectionClosed) as closed:
                    while True:
                        CloudEvent.parse(await slow.recv())
                        heard += 1
            assert 0 < heard < number and closed.value.rcvd is not None and closed.value.rcvd.code == 1013
