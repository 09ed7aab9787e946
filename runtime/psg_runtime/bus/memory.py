"""The event bus inside one process: a queue and a task per consumer, so that each goes at its own pace (L3-42)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import structlog
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from psg.events.causality import CausalityGuard
from psg.events.emit import plan_creation
from psg.events.models import check_event
from psg.graph import Graph
from psg_runtime.bus.port import Consumer, Filter, ProtocolEvent, Subscription

log = structlog.get_logger(__name__)

CreationOf = Callable[[str, str], Awaitable[int | None]]
"""Project id and plan id → Lamport timestamp of the plan's creation, ``None`` when there was none."""

_Item = ProtocolEvent | anyio.Event
"""What stands in a queue: an event, or the mark of somebody who waits until all before it was taken."""


@dataclass(slots=True)
class _Registered:
    subscription: Subscription
    consumer: Consumer
    queue: MemoryObjectSendStream[_Item]
    waiting: MemoryObjectReceiveStream[_Item]
    stalled: bool = False


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
        self._tasks = tasks
        self._creation_of = creation_of
        self._queue_size = queue_size
        self._patience_s = patience_s
        self._timeout_s = timeout_s
        self._guard = CausalityGuard()
        self._order = anyio.Lock()
        self._registered: list[_Registered] = []

    @classmethod
    @asynccontextmanager
    async def running(
        cls, graph: Graph | None = None, *, drain_s: float = 5.0, queue_size: int = 1_000, patience_s: float = 5.0,
        timeout_s: float = 30.0,
    ) -> AsyncIterator[InMemoryEventBus]:  # fmt: skip
        """A bus for the block; at its end consumers have ``drain_s`` seconds to take what was published.

        ``graph`` is asked for the creation of plans that this bus did not see.
        """
        creation_of = None if graph is None else _from_log(graph)
        async with anyio.create_task_group() as tasks:
            bus = cls(
                tasks, creation_of=creation_of, queue_size=queue_size, patience_s=patience_s, timeout_s=timeout_s
            )
            try:
                yield bus
            finally:
                tasks.cancel_scope.deadline = anyio.current_time() + drain_s
                bus.close()

    async def publish(self, event: ProtocolEvent) -> None:
        """Judge an event and put it into the queue of every consumer that wants it (see ``EventBus.publish``)."""
        check_event(event)
        async with self._order:
            start = self._guard.unknown_start(event)
            if start is not None and self._creation_of is not None:
                created = await self._creation_of(*start)
                if created is not None:
                    self._guard.learn(start, created)
            self._guard.admit(event)
            for registered in [r for r in self._registered if r.subscription.wanted.wants(event)]:
                await self._put(registered, event)

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
        known = str(name or getattr(consumer, "__qualname__", type(consumer).__qualname__))
        subscription = Subscription(known, Filter.of(families, types, projects))
        queue, waiting = anyio.create_memory_object_stream[_Item](self._queue_size)
        registered = _Registered(subscription, consumer, queue, waiting)
        self._registered.append(registered)
        self._tasks.start_soon(self._serve, registered, name=f"consumer {known}")
        return subscription

    async def drained(self) -> None:
        """Wait until every consumer took what is published so far."""
        for registered in list(self._registered):
            mark = anyio.Event()
            await registered.queue.send(mark)
            await mark.wait()

    def close(self) -> None:
        """End all subscriptions once they took what is in their queues."""
        for registered in self._registered:
            registered.queue.close()
        self._registered.clear()

    async def _put(self, registered: _Registered, event: ProtocolEvent) -> None:
        subscription = registered.subscription
        if subscription.closed:
            registered.queue.close()
            self._registered.remove(registered)
            return
        with anyio.move_on_after(0 if registered.stalled else self._patience_s) as waited:
            try:
                registered.queue.send_nowait(event)
            except anyio.WouldBlock:
                await registered.queue.send(event)
        registered.stalled = waited.cancelled_caught
        if waited.cancelled_caught:
            subscription.dropped += 1
            if subscription.first_dropped is None:
                subscription.first_dropped = (str(event.get("project_id")), event["lamport_timestamp"])
                log.warning("consumer_too_slow", consumer=subscription.name, first_dropped=event["lamport_timestamp"])

    async def _serve(self, registered: _Registered) -> None:
        with registered.waiting:
            async for item in registered.waiting:
                if isinstance(item, anyio.Event):
                    item.set()
                else:
                    await self._deliver(registered, item)

    async def _deliver(self, registered: _Registered, event: ProtocolEvent) -> None:
        subscription = registered.subscription
        if subscription.closed:
            return
        try:
            with anyio.fail_after(self._timeout_s):
                await registered.consumer(event)
        except Exception as error:
            subscription.failed += 1
            subscription.errors.append((event["lamport_timestamp"], error))
            log.warning(
                "consumer_failed", consumer=subscription.name, event_type=event["event_type"],
                lamport_timestamp=event["lamport_timestamp"], error=repr(error),
            )  # fmt: skip
        else:
            subscription.delivered += 1


def _from_log(graph: Graph) -> CreationOf:
    async def creation_of(project_id: str, plan_id: str) -> int | None:
        return await plan_creation(graph.db, project_id, plan_id)

    return creation_of
