"""Redis Streams: one stream that keeps the last events, so that a listener who was away misses nothing it still has."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from psg_runtime.bus.brokers.port import Outgoing, Received
from psg_runtime.bus.brokers.redis_connection import client_of, in_our_words
from psg_runtime.bus.settings import BusSettings

_FIELD = b"event"
_BEFORE_ALL = "0-0"
_PAGE = 500


class RedisStreams:
    """``redis://host:port/db`` and ``rediss://``; the stream's key is the topic."""

    def __init__(self, settings: BusSettings) -> None:
        self._shown = settings.address.shown
        self._key = settings.bus_topic
        self._keep = settings.bus_keep
        self._block_ms = max(1, round(min(1.0, settings.bus_connect_s / 2) * 1000))
        self._redis = client_of(settings)
        self._last: str | None = None

    async def send(self, messages: Sequence[Outgoing]) -> None:
        """Append to the stream, all of them in one round trip."""
        with in_our_words(self._shown):
            async with self._redis.pipeline(transaction=False) as pipe:
                for message in messages:
                    pipe.xadd(self._key, {_FIELD: message.body}, maxlen=self._keep, approximate=True)
                await pipe.execute()

    @asynccontextmanager
    async def receive(self) -> AsyncIterator[Received]:
        """Read behind the end of the stream, or behind what was read before."""
        with in_our_words(self._shown):
            if self._last is None:
                newest: Any = await self._redis.xrevrange(self._key, count=1)
                self._last = str(newest[0][0], "ascii") if newest else _BEFORE_ALL
            elif not await self._redis.exists(self._key):
                self._last = _BEFORE_ALL  # the server lost the stream: its ids begin anew
        yield self._read()

    async def _read(self) -> Received:
        assert self._last is not None
        while True:
            with in_our_words(self._shown):
                found: Any = await self._redis.xread({self._key: self._last}, count=_PAGE, block=self._block_ms)
            for _, entries in found or ():
                for entry, fields in entries:
                    yield fields.get(_FIELD, b"")
                    self._last = entry.decode()

    async def aclose(self) -> None:
        """Close the client."""
        await self._redis.aclose()


connect = RedisStreams
