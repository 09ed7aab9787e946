"""NATS: a subject for each project below the topic; whoever listens now gets it, nothing is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import anyio
import nats
import structlog
from nats import errors as refused
from nats.aio.client import Client

from psg_runtime.bus.brokers.port import Outgoing, Received
from psg_runtime.bus.errors import BusUnavailable
from psg_runtime.bus.settings import BusSettings

log = structlog.get_logger(__name__)

_LOOK_S = 1.0
_CLOSE_S = 2.0


class Nats:
    """``nats://host:port`` and ``tls://``; subjects are ``<topic>.<project id>``."""

    def __init__(self, settings: BusSettings) -> None:
        self._url = settings.address.url
        self._shown = settings.address.shown
        self._topic = settings.bus_topic
        self._timeout_s = settings.bus_connect_s
        self._client: Client | None = None

    async def send(self, messages: Sequence[Outgoing]) -> None:
        """Publish, then wait for the server to say that it has read all of it."""
        with self._in_our_words():
            if self._client is None or not self._client.is_connected:
                await self.aclose()
                self._client = await self._connected()
            try:
                with anyio.fail_after(self._timeout_s):
                    for message in messages:
                        await self._client.publish(f"{self._topic}.{message.key}", message.body)
                    await self._client.flush(timeout=max(1, round(self._timeout_s)))
            except BaseException:
                await self.aclose()  # what is in its buffer must not be sent behind our back
                raise

    @asynccontextmanager
    async def receive(self) -> AsyncIterator[Received]:
        """Subscribe to the subjects of all projects."""
        with self._in_our_words():
            client = await self._connected()
        try:
            with self._in_our_words():
                subscription = await client.subscribe(f"{self._topic}.>")
                await client.flush(timeout=max(1, round(self._timeout_s)))
            yield self._read(client, subscription)
        finally:
            await _closed(client)

    async def _read(self, client: Client, subscription: Any) -> Received:
        while True:
            try:
                with self._in_our_words():
                    message = await _next(subscription)
            except _Silence:
                if not client.is_connected:
                    raise BusUnavailable(f"The event bus at {self._shown} is gone") from None
                continue
            yield message.data

    async def _connected(self) -> Client:
        with anyio.fail_after(self._timeout_s):  # the library asks the same server again and again
            return await nats.connect(
                self._url, allow_reconnect=False, connect_timeout=max(1, round(self._timeout_s)), error_cb=_told,
                max_reconnect_attempts=1, ping_interval=max(1, round(self._timeout_s)), name="psg",
            )  # fmt: skip

    @contextmanager
    def _in_our_words(self) -> Iterator[None]:
        try:
            yield
        except (refused.Error, OSError, TimeoutError, EOFError) as error:
            said = str(error) or type(error).__name__
            raise BusUnavailable(f"The event bus at {self._shown} does not answer: {said}") from None

    async def aclose(self) -> None:
        """Close the connection that sends."""
        client, self._client = self._client, None
        if client is not None:
            await _closed(client)


async def _closed(client: Client) -> None:
    with anyio.move_on_after(_CLOSE_S, shield=True):
        await client.close()


class _Silence(Exception):
    """Nothing came for a while."""


async def _next(subscription: Any) -> Any:
    try:
        return await subscription.next_msg(timeout=_LOOK_S)
    except refused.TimeoutError:
        raise _Silence from None


async def _told(error: Exception) -> None:
    log.info("nats_said", reason=str(error) or type(error).__name__)


connect = Nats
