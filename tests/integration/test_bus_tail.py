"""The log on the bus: what is committed, in order, once, from where one left off; nothing that was rolled back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from sample_graph import Sample, sound_sample

from psg.errors import InvalidTransition, NotFound, PsgError, ValidationFailed
from psg.events.causality import CausalityViolation
from psg.events.emit import emit
from psg.graph import Graph
from psg_neo4j import Database
from psg_runtime.bus import EventBus, InMemoryEventBus, LogTail, ProtocolEvent, capture

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.fixture
async def sample(db: Database) -> AsyncIterator[Sample]:
    async with sound_sample(db) as made:
        yield made


class Taker:
    def __init__(self) -> None:
        self.got: list[ProtocolEvent] = []

    async def __call__(self, event: ProtocolEvent, /) -> None:
        self.got.append(event)

    @property
    def stamps(self) -> list[int]:
        return [e["lamport_timestamp"] for e in self.got]


@asynccontextmanager
async def tailing(sample: Sample, bus: EventBus, **options: Any) -> AsyncIterator[LogTail]:
    """A tail at work during the block, stopped in an orderly way after it."""
    tail = LogTail(sample.graph, bus, sample.project_id, **options)
    async with anyio.create_task_group() as tasks:
        await tasks.start(tail.run)
        try:
            with anyio.fail_after(60):
                yield tail
        finally:
            tail.stop()


async def caught_up(sample: Sample, tail: LogTail, bus: InMemoryEventBus) -> None:
    await tail.reached(await sample.head())
    await bus.drained()


@pytest.mark.req("L3-42", "DD-36", "L3-45")
async def test_the_whole_log_then_what_comes_each_once_and_in_order(sample: Sample) -> None:
    taker = Taker()
    await sample.plan({"a": (), "b": ("a",)})
    async with InMemoryEventBus.running(sample.graph) as bus:
        bus.subscribe(taker)
        async with tailing(sample, bus, page_size=2) as tail, capture(sample.graph, sample.project_id) as captured:
            await caught_up(sample, tail, bus)
            before = len(taker.got)
            assert taker.stamps == list(range(1, before + 1))
            await sample.running_plan()
            elsewhere = Sample(sample.db, Graph(sample.db), sample.project_id, sample.context_id)
            await elsewhere.plan()  # by another process, so to say: found by looking
            await emit(sample.graph, sample.project_id, "intent", "asked", {"x": 1})
            await caught_up(sample, tail, bus)
        assert not tail.refused
    assert taker.stamps == list(range(1, await sample.head() + 1))
    assert taker.got[before:] == captured and captured[-1]["event_type"] == "asked"


async def test_it_goes_on_behind_its_cursor_also_for_plans_created_before(sample: Sample) -> None:
    plan_id, _ = await sample.plan()
    first, second = Taker(), Taker()
    async with InMemoryEventBus.running(sample.graph) as bus:
        bus.subscribe(first)
        async with tailing(sample, bus) as tail:
            await caught_up(sample, tail, bus)
        cursor = tail.cursor
    await emit(sample.graph, sample.project_id, "intent", "plan_execution_started", plan_id=plan_id)
    async with InMemoryEventBus.running(sample.graph) as bus:
        bus.subscribe(second)
        async with tailing(sample, bus, after=cursor) as tail:
            await caught_up(sample, tail, bus)
        assert not tail.refused
    assert first.stamps + second.stamps == list(range(1, await sample.head() + 1))
    assert second.got[0]["event_type"] == "plan_execution_started"


@pytest.mark.req("DD-38")
async def test_a_write_that_is_refused_never_reaches_a_consumer(sample: Sample) -> None:
    plan_id, _ = await sample.plan()
    taker = Taker()
    async with InMemoryEventBus.running(sample.graph) as bus:
        bus.subscribe(taker)
        async with tailing(sample, bus, after=await sample.head()) as tail:
            with pytest.raises(InvalidTransition):
                await sample.graph.approve_plan(sample.project_id, plan_id)
            with pytest.raises(CausalityViolation):
                await emit(
                    sample.graph, sample.project_id, "intent", "plan_execution_started",
                    plan_id="00000000-0000-4000-8000-000000000000",
                )  # fmt: skip
            await sample.graph.propose_plan(sample.project_id, plan_id)
            await caught_up(sample, tail, bus)
    assert [e["event_type"] for e in taker.got] == ["plan_proposed"]


async def test_a_second_tail_cannot_publish_anything_twice(sample: Sample) -> None:
    taker = Taker()
    async with InMemoryEventBus.running(sample.graph) as bus:
        bus.subscribe(taker)
        for _ in range(2):
            async with tailing(sample, bus) as tail:
                await caught_up(sample, tail, bus)
    assert taker.stamps == list(range(1, await sample.head() + 1))
    assert [seq for seq, error in tail.refused if isinstance(error, CausalityViolation)] == taker.stamps


class BusAway(PsgError):
    """The broker does not answer."""

    code = "bus_away"
    retryable = True


async def test_a_bus_that_is_away_is_waited_for_and_misses_nothing(sample: Sample) -> None:
    taken: list[int] = []

    class Flaky:
        """A bus whose broker fails at every third call."""

        calls = 0

        async def publish(self, event: ProtocolEvent) -> None:
            self.calls += 1
            if self.calls % 3 == 0:
                raise BusAway()
            taken.append(event["lamport_timestamp"])

        def subscribe(self, consumer: Any, **_: Any) -> Any:
            raise AssertionError("nobody subscribes here")

    await sample.plan({"a": (), "b": ("a",), "c": ()})
    async with tailing(sample, Flaky(), poll_s=0.01) as tail:
        await tail.reached(await sample.head())
    assert taken == list(range(1, await sample.head() + 1))


async def test_a_tail_of_nothing_and_a_cursor_ahead_say_so(sample: Sample) -> None:
    async with InMemoryEventBus.running() as bus:
        with pytest.raises(NotFound):
            await LogTail(sample.graph, bus, "00000000-0000-4000-8000-000000000000").run()
        with pytest.raises(ValidationFailed, match="ahead of the log"):
            await LogTail(sample.graph, bus, sample.project_id, after=10_000).run()
