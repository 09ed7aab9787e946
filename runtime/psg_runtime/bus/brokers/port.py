"""The port of a broker: messages go in and are acknowledged, and come out again to whoever listens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message on its way; those of one ``key`` (a project) stay in their order."""

    key: str
    body: bytes


Received = AsyncIterator[bytes]
"""Messages as they come."""


class Broker(Protocol):
    """A broker of events. Both methods raise ``BusUnavailable`` when it does not answer, or stops to."""

    async def send(self, messages: Sequence[Outgoing]) -> None:
        """Give messages to the broker in their order; returns once it has acknowledged all of them."""

    def receive(self) -> AbstractAsyncContextManager[Received]:
        """Listen: inside the block, the iterator gives every message sent from the block's beginning on.

        A broker that keeps messages goes on, at the second call, behind the last one that the first call gave.
        """

    async def aclose(self) -> None:
        """Let the connection go; a later ``send`` makes another."""
