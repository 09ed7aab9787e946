"""The event bus inside one process: what is published goes straight to the consumers registered here (L3-42)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import anyio
from anyio.abc import TaskGroup

from psg.graph import Graph
from psg_runtime.bus.delivery import Delivery, Patience
from psg_runtime.bus.judging import CreationOf, Judge, creation_in_log
from psg_runtime.bus.port import Consumer, ProtocolEvent, Subscription


class InMemoryEventBus:
    """An ``EventBus`` of this process; make one with ``async with InMemoryEventBus.running() as bus``.

    A consumer may fall ``queue_size`` events behind; then the publisher waits for it, ``patience_s`` seconds at most,
    and from there on drops its events until it takes some again: one that hangs stops nobody. A call of a consumer that
    lasts longer than ``timeout_s`` seconds is ended and counts as failed. ``creation_of`` tells of plans that were
    created before this bus began.
    """

    def __init__(
        self,
        tasks: TaskGroup,
        *,
        creation_of: CreationOf | None = None,
        queue_size: int = 1_000,
        patience_s: float = 5.0,
        timeout_s: float = 30.0,
    ) -> None:
        self._delivery = Delivery(tasks, Patience(queue_size, patience_s, timeout_s))
        self._judge = Judge(creation_of)
        self._order = anyio.Lock()

    @classmethod
    @asynccontextmanager
    async def running(
        cls, graph: Graph | None = None, *, drain_s: float = 5.0, queue_size: int = 1_000, patience_s: float = 5.0,
        timeout_s: float = 30.0,
    ) -> AsyncIterator[InMemoryEventBus]:  # fmt: skip
        """A bus for the block; at its end consumers have ``drain_s`` seconds to take what was published.

        ``graph`` is asked for the creation of plans that this bus did not see.
        """
        async with anyio.create_task_group() as tasks:
            bus = cls(
                tasks, creation_of=creation_in_log(graph), queue_size=queue_size, patience_s=patience_s,
                timeout_s=timeout_s,
            )  # fmt: skip
            try:
                yield bus
            finally:
                tasks.cancel_scope.deadline = anyio.current_time() + drain_s
                bus.close()

    async def publish(self, event: ProtocolEvent) -> None:
        """Judge an event and put it into the queue of every consumer that wants it (see ``EventBus.publish``)."""
        async with self._order:
            await self._judge.check(event)
            self._judge.admit(event)
            await self._delivery.put(event)

    def subscribe(
        self,
        consumer: Consumer,
        *,
        name: str | None = None,
        families: Iterable[str] | None = None,
        types: Iterable[str] | None = None,
        projects: Iterable[str] | None = None,
    ) -> Subscription:
        """Register a consumer for events published from now on (see ``EventBus.subscribe``)."""
        return self._delivery.subscribe(consumer, name=name, families=families, types=types, projects=projects)

    async def drained(self) -> None:
        """Wait until every consumer took what is published so far."""
        await self._delivery.drained()

    def close(self) -> None:
        """End all subscriptions once they took what is in their queues."""
        self._delivery.close()
