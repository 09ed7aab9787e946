"""The hub of the WebSocket bus: takes events from relays and passes each on to whoever listens; it keeps nothing.

The messages are those of the CloudEvents WebSocket binding: one event in JSON each, subprotocol ``cloudevents.json``.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus

import anyio
import structlog
from anyio.streams.memory import MemoryObjectSendStream
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from psg_runtime.bus.cloud_events import MAX_BYTES, CloudEvent
from psg_runtime.bus.errors import EnvelopeInvalid

log = structlog.get_logger(__name__)
# The library writes a traceback for whoever knocks in a wrong way.
_quiet = logging.getLogger("psg.websocket_hub")
_quiet.setLevel(logging.CRITICAL + 1)

SUBPROTOCOL = "cloudevents.json"
PUBLISH, SUBSCRIBE, ACK = "publish", "subscribe", "ack "
_TRY_AGAIN_LATER, _NOT_ACCEPTED = 1013, 1007
_MAX_CONNECTIONS = 1_000


class WebSocketHub:
    """Passes events on by topic; make one with ``async with WebSocketHub.running(port=0) as hub``.

    A listener may fall ``queue_size`` events behind; then publishers wait for it, ``patience_s`` seconds at most, and
    its connection is closed: it comes again, and fills from the log what it missed.
    """

    def __init__(self, token: str | None, queue_size: int, patience_s: float) -> None:
        self._token = token
        self._queue_size = queue_size
        self._patience_s = patience_s
        self._listening: dict[str, dict[ServerConnection, MemoryObjectSendStream[str]]] = {}
        self._connections = 0
        self.port = 0

    @classmethod
    @asynccontextmanager
    async def running(
        cls, host: str = "127.0.0.1", port: int = 0, *, token: str | None = None, queue_size: int = 1_000,
        patience_s: float = 5.0,
    ) -> AsyncIterator[WebSocketHub]:  # fmt: skip
        """A hub for the block; with ``token`` it must be given as the password. Browsers' pages are refused."""
        hub = cls(token, queue_size, patience_s)
        async with serve(
            hub._serve, host, port, process_request=hub._judge, origins=[None], max_size=MAX_BYTES, close_timeout=1,
            subprotocols=[Subprotocol(SUBPROTOCOL)], logger=_quiet, compression=None,
        ) as server:  # fmt: skip
            hub.port = next(iter(server.sockets)).getsockname()[1]
            yield hub

    def _judge(self, connection: ServerConnection, request: Request) -> Response | None:
        place, _, topic = request.path.strip("/").partition("/")
        if place not in (PUBLISH, SUBSCRIBE) or not topic:
            return connection.respond(HTTPStatus.NOT_FOUND, "publish/<topic> and subscribe/<topic> are here\n")
        if self._token is not None and not hmac.compare_digest(_password(request), self._token.encode()):
            return connection.respond(HTTPStatus.UNAUTHORIZED, "the token of this hub is needed as the password\n")
        if self._connections >= _MAX_CONNECTIONS:
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "this hub has as many connections as it takes\n")
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        place, _, topic = connection.request.path.strip("/").partition("/")
        self._connections += 1
        try:
            await (self._take(connection, topic) if place == PUBLISH else self._give(connection, topic))
        except ConnectionClosed:
            pass
        finally:
            self._connections -= 1

    async def _take(self, connection: ServerConnection, topic: str) -> None:
        taken = 0
        async for message in connection:
            try:
                CloudEvent.parse(message)
            except EnvelopeInvalid as error:
                await connection.close(_NOT_ACCEPTED, error.message[:100])
                return
            await self._pass_on(topic, message if isinstance(message, str) else message.decode())
            taken += 1
            await connection.send(f"{ACK}{taken}")

    async def _pass_on(self, topic: str, message: str) -> None:
        for listener, queue in list(self._listening.get(topic, {}).items()):
            with (
                anyio.move_on_after(self._patience_s) as waited,
                suppress(anyio.BrokenResourceError, anyio.ClosedResourceError),  # it left meanwhile
            ):
                await queue.send(message)
            if waited.cancelled_caught:
                log.warning("listener_too_slow", topic=topic)
                queue.close()
                self._leave(topic, listener)

    async def _give(self, connection: ServerConnection, topic: str) -> None:
        queue, waiting = anyio.create_memory_object_stream[str](self._queue_size)
        self._listening.setdefault(topic, {})[connection] = queue
        with queue, waiting:
            try:
                async with anyio.create_task_group() as tasks:

                    async def gone() -> None:
                        await connection.wait_closed()
                        tasks.cancel_scope.cancel()

                    tasks.start_soon(gone)
                    async for message in waiting:
                        await connection.send(message)
                    await connection.close(_TRY_AGAIN_LATER, "too slow")
            except* ConnectionClosed:
                pass
            finally:
                self._leave(topic, connection)

    def _leave(self, topic: str, listener: ServerConnection) -> None:
        listening = self._listening.get(topic, {})
        listening.pop(listener, None)
        if not listening:
            self._listening.pop(topic, None)


def _password(request: Request) -> bytes:
    scheme, _, given = (request.headers.get("Authorization") or "").partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(given, validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""
