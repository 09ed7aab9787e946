"""Redis Pub/Sub: whoever listens now gets it; nothing is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from psg_runtime.bus.brokers.port import Outgoing, Received
from psg_runtime.bus.brokers.redis_connection import client_of, in_our_words
from psg_runtime.bus.settings import BusSettings

_LOOK_S = 1.0


class RedisPubSub:
    """``redis+pubsub://host:port`` and ``rediss+pubsub://``; the channel is the topic."""

    def __init__(self, settings: BusSettings) -> None:
        self._shown = settings.address.shown
        self._channel = settings.bus_topic
        self._redis = client_of(settings)

    async def send(self, messages: Sequence[Outgoing]) -> None:
        """Publish, all of them in one round trip."""
        with in_our_words(self._shown):
            async with self._redis.pipeline(transaction=False) as pipe:
                for message in messages:
                    pipe.publish(self._channel, message.body)
                await pipe.execute()

    @asynccontextmanager
    async def receive(self) -> AsyncIterator[Received]:
        """Subscribe to the channel."""
        listening = self._redis.pubsub()
        try:
            with in_our_words(self._shown):
                await listening.subscribe(self._channel)
                await listening.get_message(timeout=None)  # the server's word that it did
            yield self._read(listening)
        finally:
            await listening.aclose()

    async def _read(self, listening: Any) -> Received:
        while True:
            with in_our_words(self._shown):
                message = await listening.get_message(ignore_subscribe_messages=True, timeout=_LOOK_S)
                if message is None:
                    await listening.ping()  # a connection that is gone is noticed by writing
            if message is not None and message["type"] == "message":
                yield message["data"]

    async def aclose(self) -> None:
        """Close the client."""
        await self._redis.aclose()


connect = RedisPubSub
