"""A limit on the bytes of an answer, counted as they arrive: one row alone can be larger than this process.

The driver collects a record whole before anybody sees it, and offers no limit; so its socket is metered while one
question runs. A connection beyond the limit is dropped, which also ends its transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import neo4j


class Metered:
    """The driver's socket, which breaks off after ``limit`` bytes."""

    def __init__(self, socket: Any, limit: int) -> None:
        self._socket = socket
        self._limit = limit
        self.read = 0

    @property
    def exceeded(self) -> bool:
        """Whether the answer was cut off."""
        return self.read > self._limit

    async def recv_into(self, buffer: Any, size: int) -> int:
        """Read as the driver does; raises OSError beyond the limit, which the driver takes for a lost connection."""
        found: int = await self._socket.recv_into(buffer, size)
        self.read += found
        if self.exceeded:
            raise OSError("the answer is larger than a question may have")
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


@contextmanager
def metered(transaction: neo4j.AsyncTransaction, limit: int) -> Iterator[Metered]:
    """Count what ``transaction`` receives. Of a driver without these parts nothing is read: AttributeError."""
    inbox = transaction._connection.inbox
    meter = Metered(inbox._socket, limit)
    inbox._socket = meter
    try:
        yield meter
    finally:
        inbox._socket = meter._socket
