"""The event bus on a broker: the same events, to the consumers of any process that listens to it (L3-44)."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import anyio
import structlog
from anyio.abc import TaskGroup

from psg.graph import Graph
from psg_runtime.bus.brokers import Broker, broker_of
from psg_runtime.bus.brokers.port import Outgoing
from psg_runtime.bus.cloud_events import CloudEvent
from psg_runtime.bus.delivery import Delivery, Patience
from psg_runtime.bus.errors import BusUnavailable, EnvelopeInvalid
from psg_runtime.bus.judging import Judge, creation_in_log
from psg_runtime.bus.port import Consumer, ProtocolEvent, Subscription
from psg_runtime.bus.settings import BusSettings

log = structlog.get_logger(__name__)

_FIRST_PAUSE_S = 0.05
_CHUNK = 500


class BrokerEventBus:
    """An ``EventBus`` on the broker of the settings; make one with ``async with BrokerEventBus.running(…) as bus``.

    What is published here reaches the consumers of every process that listens to the same broker and topic, this one
    included. A broker that goes away is looked for again, with pauses that grow to ``bus_retry_max_s``; what it loses
    meanwhile, ``InOrder`` fetches from the log. ``unreadable`` counts messages that were no events of ours.
    """

    def __init__(
        self, broker: Broker, settings: BusSettings, tasks: TaskGroup, delivery: Delivery, graph: Graph | None = None
    ) -> None:
        self._broker = broker
        self._settings = settings
        self._tasks = tasks
        self._delivery = delivery
        self._judge = Judge(creation_in_log(graph))
        self._order = anyio.Lock()
        self._listens = False
        self._connected = anyio.Event()
        self.unreadable = 0

    @classmethod
    @asynccontextmanager
    async def running(
        cls, settings: BusSettings, graph: Graph | None = None, *, patience: Patience | None = None,
        drain_s: float = 5.0,
    ) -> AsyncIterator[BrokerEventBus]:  # fmt: skip
        """A bus for the block; raises ``BusUrlInvalid`` or ``BusPartMissing``, and connects when first used."""
        broker = broker_of(settings)
        try:
            async with anyio.create_task_group() as delivering, anyio.create_task_group() as listening:
                bus = cls(broker, settings, listening, Delivery(delivering, patience or Patience()), graph)
                try:
                    yield bus
                finally:
                    listening.cancel_scope.cancel()
                    delivering.cancel_scope.deadline = anyio.current_time() + drain_s
                    bus._delivery.close()
        finally:
            with anyio.CancelScope(shield=True):
                await broker.aclose()

    async def publish(self, event: ProtocolEvent) -> None:
        """Judge an event and give it to the broker (see ``EventBus.publish``); raises ``BusUnavailable`` too.

        One that the broker did not acknowledge may be published again.
        """
        async with self._order:
            await self._judge.check(event)
            await self._send([event])
            self._judge.admit(event)

    async def forward(self, events: Sequence[ProtocolEvent]) -> None:
        """Give events of a project's log to the broker, in their order; they were judged when they were recorded.

        Returns once all are acknowledged; raises ``BusUnavailable``, after which all may be forwarded again.
        """
        for at in range(0, len(events), _CHUNK):
            await self._send(events[at : at + _CHUNK])

    async def reachable(self) -> None:
        """Ask whether the broker answers; raises ``BusUnavailable``."""
        with self._only_ours_cancelled():
            async with self._broker.receive():
                pass

    def subscribe(
        self,
        consumer: Consumer,
        *,
        name: str | None = None,
        families: Iterable[str] | None = None,
        types: Iterable[str] | None = None,
        projects: Iterable[str] | None = None,
    ) -> Subscription:
        """Register a consumer for what comes from now on, that is once ``listening()`` returned.

        It may get an event more than once, and miss some while the broker is away: register ``InOrder`` of it, which
        puts both right.
        """
        if not self._listens:
            self._listens = True
            self._tasks.start_soon(self._listen, name="event bus")
        return self._delivery.subscribe(consumer, name=name, families=families, types=types, projects=projects)

    async def listening(self) -> None:
        """Wait until this process is connected to the broker as a listener."""
        await self._connected.wait()

    async def drained(self) -> None:
        """Wait until every consumer here took what has come in so far."""
        await self._delivery.drained()

    async def _listen(self) -> None:
        pause = _FIRST_PAUSE_S
        while True:
            try:
                with self._only_ours_cancelled():
                    async with self._broker.receive() as messages:
                        log.info("bus_listening", bus=self._settings.address.shown)
                        self._connected.set()
                        pause = _FIRST_PAUSE_S
                        async for message in messages:
                            await self._take(message)
            except BusUnavailable as error:
                log.warning("bus_away", code=error.code, error=error.message, again_in_s=pause)
            self._connected = anyio.Event()
            await anyio.sleep(pause)
            pause = min(2 * pause, self._settings.bus_retry_max_s)

    async def _send(self, events: Sequence[ProtocolEvent]) -> None:
        with self._only_ours_cancelled():
            await self._broker.send([_outgoing(event) for event in events])

    @contextmanager
    def _only_ours_cancelled(self) -> Iterator[None]:
        """A library that cancels what we wait for, as it loses its connection, must not end our task as if we were."""
        try:
            yield
        except anyio.get_cancelled_exc_class():
            if anyio.current_effective_deadline() == -math.inf:
                raise
            raise BusUnavailable(f"The event bus at {self._settings.address.shown} went away") from None

    async def _take(self, message: bytes) -> None:
        try:
            envelope = CloudEvent.parse(message)
        except EnvelopeInvalid as error:
            self.unreadable += 1
            log.warning("bus_message_unreadable", bus=self._settings.address.shown, error=error.message)
            return
        await self._delivery.put(envelope.data)


def _outgoing(event: ProtocolEvent) -> Outgoing:
    return Outgoing(str(event["project_id"]), CloudEvent.of(event).encoded())
