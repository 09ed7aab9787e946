"""WebSocket: a connection to a hub (``psg events hub``), which passes every event on to whoever listens."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from urllib.parse import unquote, urlsplit

import anyio
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as connect_to
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from psg_runtime.bus.brokers.port import Outgoing, Received
from psg_runtime.bus.brokers.websocket_hub import ACK, PUBLISH, SUBPROTOCOL, SUBSCRIBE
from psg_runtime.bus.cloud_events import MAX_BYTES
from psg_runtime.bus.errors import BusUnavailable
from psg_runtime.bus.settings import BusSettings


class WebSocketBus:
    """``ws://host:port`` and ``wss://``, with ``user:token@`` where the hub asks for a token."""

    def __init__(self, settings: BusSettings) -> None:
        parts = urlsplit(settings.address.url)
        self._url = f"{parts.scheme}://{settings.address.servers[0]}{parts.path.rstrip('/')}"
        self._headers = {}
        if parts.password is not None:
            given = f"{unquote(parts.username or '')}:{unquote(parts.password)}"
            self._headers["Authorization"] = f"Basic {base64.b64encode(given.encode()).decode()}"
        self._shown = settings.address.shown
        self._topic = settings.bus_topic
        self._timeout_s = settings.bus_connect_s
        self._sending: ClientConnection | None = None
        self._sent = 0

    async def send(self, messages: Sequence[Outgoing]) -> None:
        """Send, and wait for the hub to say that every listener's queue has it."""
        with self._in_our_words():
            if self._sending is None:
                self._sending, self._sent = await self._connected(PUBLISH), 0
            try:
                with anyio.fail_after(self._timeout_s):
                    for message in messages:
                        await self._sending.send(message.body, text=True)
                    self._sent += len(messages)
                    while int(str(await self._sending.recv()).removeprefix(ACK)) < self._sent:
                        pass
            except BaseException:
                await self.aclose()
                raise

    @asynccontextmanager
    async def receive(self) -> AsyncIterator[Received]:
        """Listen at the hub."""
        with self._in_our_words():
            connection = await self._connected(SUBSCRIBE)
        try:
            with self._in_our_words(), anyio.fail_after(self._timeout_s):
                await (await connection.ping())  # answered behind the registration
            yield self._read(connection)
        finally:
            with anyio.CancelScope(shield=True):
                await connection.close()

    async def _read(self, connection: ClientConnection) -> Received:
        while True:
            with self._in_our_words():
                message = await connection.recv()
            yield message if isinstance(message, bytes) else message.encode()

    async def _connected(self, place: str) -> ClientConnection:
        return await connect_to(
            f"{self._url}/{place}/{self._topic}", additional_headers=self._headers, open_timeout=self._timeout_s,
            close_timeout=1, ping_timeout=20, ping_interval=self._timeout_s, max_size=MAX_BYTES,
            subprotocols=[Subprotocol(SUBPROTOCOL)], proxy=None, compression=None,
        )  # fmt: skip

    @contextmanager
    def _in_our_words(self) -> Iterator[None]:
        try:
            yield
        except (WebSocketException, OSError, TimeoutError, ValueError) as error:
            said = str(error) or type(error).__name__
            raise BusUnavailable(f"The event bus at {self._shown} does not answer: {said}") from None

    async def aclose(self) -> None:
        """Close the connection that sends."""
        connection, self._sending = self._sending, None
        if connection is not None:
            with anyio.CancelScope(shield=True):
                await connection.close()


connect = WebSocketBus
