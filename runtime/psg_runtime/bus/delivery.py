"""Consumers of one process: a queue and a task for each, so that each goes at its own pace (L3-42)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import anyio
import structlog
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from psg_runtime.bus.port import Consumer, Filter, ProtocolEvent, Subscription

log = structlog.get_logger(__name__)

_Item = ProtocolEvent | anyio.Event
"""What stands in a queue: an event, or the mark of somebody who waits until all before it was taken."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How far a consumer may fall behind, and how long the others wait for it; every bus has the same bounds.

    ``queue_size`` events may wait for a consumer; then the bus waits ``patience_s`` seconds at most, and from there on
    drops its events until it takes some again. A call of a consumer is ended after ``timeout_s`` seconds.
    """

    queue_size: int = 1_000
    patience_s: float = 5.0
    timeout_s: float = 30.0


@dataclass(slots=True)
class _Registered:
    subscription: Subscription
    consumer: Consumer
    queue: MemoryObjectSendStream[_Item]
    waiting: MemoryObjectReceiveStream[_Item]
    stalled: bool = False


class Delivery:
    """Hands events to the consumers registered here: each gets what it wants in order, and none harms another."""

    def __init__(self, tasks: TaskGroup, patience: Patience) -> None:
        self._tasks = tasks
        self._patience = patience
        self._registered: list[_Registered] = []

    def subscribe(
        self,
        consumer: Consumer,
        *,
        name: str | None = None,
        families: Iterable[str] | None = None,
        types: Iterable[str] | None = None,
        projects: Iterable[str] | None = None,
    ) -> Subscription:
        """Register a consumer for what is put in from now on."""
        known = str(name or getattr(consumer, "__qualname__", type(consumer).__qualname__))
        subscription = Subscription(known, Filter.of(families, types, projects))
        queue, waiting = anyio.create_memory_object_stream[_Item](self._patience.queue_size)
        registered = _Registered(subscription, consumer, queue, waiting)
        self._registered.append(registered)
        self._tasks.start_soon(self._serve, registered, name=f"consumer {known}")
        return subscription

    async def put(self, event: ProtocolEvent) -> None:
        """Put an event into the queue of every consumer that wants it."""
        for registered in [r for r in self._registered if r.subscription.wanted.wants(event)]:
            await self._put(registered, event)

    async def drained(self) -> None:
        """Wait until every consumer took what was put in so far."""
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
        with anyio.move_on_after(0 if registered.stalled else self._patience.patience_s) as waited:
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
            with anyio.fail_after(self._patience.timeout_s):
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
