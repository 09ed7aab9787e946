"""Messages inside one process: a place in the module's queue by priority, then its handler."""

from __future__ import annotations

import heapq
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from psg.errors import CommandReused
from psg_runtime.hub.message import InterModuleMessage, MessageResult
from psg_runtime.hub.port import HubSettings
from psg_runtime.hub.reception import Reception
from psg_runtime.hub.refusals import full, late

RESULTS_KEPT = 256


class _Queue:
    """The messages of one module that are not answered; the most urgent is next, of equals the first."""

    def __init__(self, concurrency: int) -> None:
        self._free = concurrency
        self._waiting: list[tuple[int, int, anyio.Event]] = []
        self._number = 0
        self.open = 0

    @asynccontextmanager
    async def turn(self, rank: int) -> AsyncIterator[None]:
        """Wait until it is this message's turn."""
        self._number += 1
        mine = (rank, self._number, anyio.Event())
        if self._free and not self._waiting:
            self._free -= 1
        else:
            heapq.heappush(self._waiting, mine)
            await self._wait(mine)
        try:
            yield
        finally:
            self._next()

    async def _wait(self, mine: tuple[int, int, anyio.Event]) -> None:
        try:
            await mine[2].wait()
        except BaseException:
            if mine[2].is_set():  # it was its turn already
                self._next()
            else:
                self._waiting.remove(mine)
                heapq.heapify(self._waiting)
            raise

    def _next(self) -> None:
        if self._waiting:
            heapq.heappop(self._waiting)[2].set()
        else:
            self._free += 1


@dataclass(slots=True)
class _Known:
    """A message that was seen: what it was, and what came of it once ``over`` is set."""

    content: str
    over: anyio.Event = field(default_factory=anyio.Event)
    result: MessageResult | None = None


class MemoryTransport:
    """Brings messages to the modules of this process; the sender's own task runs the handler."""

    def __init__(self, reception: Reception, settings: HubSettings) -> None:
        self._reception = reception
        self._settings = settings
        self._queues: dict[str, _Queue] = {}
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def announce(self, module: str) -> None:
        """Nobody else has to know."""

    async def withdraw(self, module: str) -> None:
        """Nobody else has to know."""

    async def knows(self, module: str) -> bool:
        """Whether a module of this process has the name."""
        return module in await self._reception.known()

    async def deliver(self, message: InterModuleMessage, timeout_ms: int) -> MessageResult:
        """Have the module take the message; a message known by its id is not taken twice."""
        known = self._known.get(message.id)
        if known is None:
            return await self._first(message, timeout_ms)
        if known.content != message.content:
            raise CommandReused(f"id: message {message.id} was sent before with another content", id=message.id)
        with anyio.move_on_after(timeout_ms / 1000):
            await known.over.wait()
            if known.result is not None:
                return known.result
            return await self.deliver(message, timeout_ms)  # the first to send it gave up
        raise late(message, timeout_ms)

    async def _first(self, message: InterModuleMessage, timeout_ms: int) -> MessageResult:
        queue = self._queues.setdefault(message.target_module, _Queue(self._settings.concurrency))
        if queue.open >= self._settings.queue_size:
            raise full(message, self._settings.queue_size)
        known = self._known[message.id] = _Known(message.content)
        queue.open += 1
        try:
            known.result = await self._in_turn(queue, message, timeout_ms)
        finally:
            queue.open -= 1
            known.over.set()
            if known.result is None:
                del self._known[message.id]
            self._forget()
        return known.result

    async def _in_turn(self, queue: _Queue, message: InterModuleMessage, timeout_ms: int) -> MessageResult:
        since = time.monotonic()
        with anyio.move_on_after(timeout_ms / 1000):
            async with queue.turn(message.priority.rank):
                result = await self._reception.handle(message, since=since)
            if (time.monotonic() - since) * 1000 <= timeout_ms:
                return result
        raise late(message, timeout_ms)

    def _forget(self) -> None:
        if len(self._known) <= RESULTS_KEPT:
            return
        over = [key for key, known in self._known.items() if known.result is not None]
        for key in over[: max(0, len(over) - RESULTS_KEPT)]:
            del self._known[key]
