"""What both ways of Redis share: one client, and its failures in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis import asyncio as redis
from redis import exceptions as refused
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from psg_runtime.bus.errors import BusUnavailable
from psg_runtime.bus.settings import BusSettings


def client_of(settings: BusSettings) -> redis.Redis:
    """Return a client that fails at once: repeating is the work of who sends and who listens."""
    return redis.Redis.from_url(
        settings.address.url, socket_connect_timeout=settings.bus_connect_s, socket_timeout=settings.bus_connect_s,
        retry=Retry(NoBackoff(), 0), protocol=2,
    )  # fmt: skip


@contextmanager
def in_our_words(shown: str) -> Iterator[None]:
    """Raise what goes wrong inside as ``BusUnavailable``."""
    try:
        yield
    except (refused.RedisError, OSError, TimeoutError) as error:
        said = str(error) or type(error).__name__
        raise BusUnavailable(f"The event bus at {shown} does not answer: {said}") from None
