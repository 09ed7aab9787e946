"""One contract for every event bus: the same events, in order, to each consumer, through real brokers (L3-44)."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Any
from uuid import uuid4

import anyio
import pytest
from bus_servers import BROKERS, BusServer
from test_bus_memory import Taker, event

from psg.errors import ValidationFailed
from psg.events.causality import CausalityViolation
from psg_runtime.bus import BrokerEventBus, InMemoryEventBus, ProtocolEvent, bus_settings

pytestmark = pytest.mark.anyio


@contextmanager
def nothing() -> Iterator[None]:
    yield None


@pytest.fixture(scope="module", params=["in-process", *BROKERS])
def server(request: pytest.FixtureRequest) -> Iterator[BusServer | None]:
    """The broker of one kind, for all tests of this module."""
    start: Callable[[], AbstractContextManager[BusServer | None]] = {"in-process": nothing, **BROKERS}[request.param]
    with start() as made:
        yield made


@asynccontextmanager
async def bus_on(server: BusServer | None, topic: str | None = None, **more: Any) -> AsyncIterator[Any]:
    """A bus of this kind for the block, on a topic of its own."""
    with anyio.fail_after(30):
        if server is None:
            async with InMemoryEventBus.running() as bus:
                yield bus
        else:
            given = {"bus": server.url, "bus_topic": topic or f"t{uuid4()}", "bus_connect_s": 3, **more}
            async with BrokerEventBus.running(bus_settings(**given)) as bus:
                yield bus


class Until(Taker):
    """Remembers what it got; ``got_all`` waits for a number of them."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[ProtocolEvent] = []
        self._more = anyio.Event()

    async def __call__(self, event: ProtocolEvent, /) -> None:
        await super().__call__(event)
        self.events.append(event)
        self._more.set()
        self._more = anyio.Event()

    async def got_all(self, number: int) -> list[int]:
        while len(self.got) < number:
            await self._more.wait()
        return self.got


async def listening(bus: Any) -> None:
    if isinstance(bus, BrokerEventBus):
        await bus.listening()


@pytest.mark.req("L3-44", "L3-42")
async def test_each_consumer_gets_the_events_it_wants_unchanged_and_in_order(server: BusServer | None) -> None:
    project, other = str(uuid4()), str(uuid4())
    everything, intents, of_other = Until(), Until(), Until()
    told = functools.partial(event, project_id=project)
    sent = [told(n, payload={"text": "ä€\x00😀", "n": n}) for n in range(1, 51)]
    sent += [told(51, "asked", "intent"), event(1, "asked", "intent", project_id=other)]
    async with bus_on(server) as bus:
        bus.subscribe(everything)
        bus.subscribe(intents, families=["intent"])
        bus.subscribe(of_other, projects=[other])
        await listening(bus)
        for one in sent:
            await bus.publish(one)
        await everything.got_all(52)
        await intents.got_all(2)
        await bus.drained()
    by_project = [[e for e in everything.events if e["project_id"] == p] for p in (project, other)]
    assert by_project == [sent[:51], sent[51:]]
    assert (sorted(intents.got), of_other.got) == ([1, 51], [1])


@pytest.mark.req("L3-44", "DD-36", "DD-38")
async def test_what_must_not_be_published_is_refused_and_reaches_nobody(server: BusServer | None) -> None:
    project, taker = str(uuid4()), Until()
    async with bus_on(server) as bus:
        bus.subscribe(taker)
        await listening(bus)
        await bus.publish(event(2, project_id=project))
        with pytest.raises(CausalityViolation, match="out of order"):
            await bus.publish(event(1, project_id=project))
        with pytest.raises(CausalityViolation, match="before creation"):
            await bus.publish(event(3, "plan_execution_started", "intent", project_id=project, plan_id=str(uuid4())))
        with pytest.raises(ValidationFailed):
            await bus.publish(event(4, "", project_id=project))
        await bus.publish(event(5, project_id=project))
        assert await taker.got_all(2) == [2, 5]


@pytest.mark.req("L3-44")
async def test_a_consumer_that_fails_or_leaves_harms_nobody(server: BusServer | None) -> None:
    project, taker, left = str(uuid4()), Until(), Until()

    async def failing(event: ProtocolEvent, /) -> None:
        raise RuntimeError("no")

    async with bus_on(server) as bus:
        failed = bus.subscribe(failing)
        leaving = bus.subscribe(left)
        bus.subscribe(taker)
        await listening(bus)
        await bus.publish(event(1, project_id=project))
        await taker.got_all(1)
        await left.got_all(1)
        leaving.close()
        await bus.publish(event(2, project_id=project))
        assert await taker.got_all(2) == [1, 2]
        await bus.drained()
    assert (failed.failed, left.got) == (2, [1])


@pytest.mark.req("L3-44")
async def test_two_processes_that_listen_both_get_everything(server: BusServer | None) -> None:
    if server is None:
        pytest.skip("a bus in one process has no other")
    project, topic, here, there = str(uuid4()), f"t{uuid4()}", Until(), Until()
    async with bus_on(server, topic) as first, bus_on(server, topic) as second, bus_on(server) as elsewhere:
        other_topic = Until()
        for bus, taker in ((first, here), (second, there), (elsewhere, other_topic)):
            bus.subscribe(taker)
            await bus.listening()
        await first.forward([event(n, project_id=project) for n in range(1, 1_201)])
        assert await here.got_all(1_200) == await there.got_all(1_200) == list(range(1, 1_201))
        assert other_topic.got == []
