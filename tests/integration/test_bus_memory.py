"""The bus in one process: routing by filters, order, consumers that fail, hang or fall behind."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
import structlog

from psg.errors import ValidationFailed
from psg.events.causality import CausalityViolation
from psg_runtime.bus import EventCounters, EventLogger, InMemoryEventBus, ProtocolEvent

pytestmark = pytest.mark.anyio
PROJECT, OTHER = "6fa459ea-ee8a-4ca4-894e-db77e160355e", "0b1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"


def event(stamp: int, kind: str = "thought", family: str = "reasoning_graph", **more: Any) -> dict[str, Any]:
    return {
        "event_id": PROJECT, "event_type": kind, "event_family": family, "project_id": PROJECT, "payload": {},
        "timestamp": "2026-01-01T00:00:00Z", "lamport_timestamp": stamp, **more,
    }  # fmt: skip


class Taker:
    """Remembers what it got."""

    def __init__(self) -> None:
        self.got: list[int] = []

    async def __call__(self, event: ProtocolEvent, /) -> None:
        self.got.append(event["lamport_timestamp"])


@pytest.mark.req("L3-42")
async def test_each_consumer_gets_what_it_registered_for_in_order() -> None:
    everything, intents, asked, other = Taker(), Taker(), Taker(), Taker()
    async with InMemoryEventBus.running() as bus:
        bus.subscribe(everything)
        bus.subscribe(intents, families=["intent", "delta_intent"])
        bus.subscribe(asked, families=["intent"], types=["asked"])
        bus.subscribe(other, projects=[OTHER])
        await bus.publish(event(1))
        await bus.publish(event(2, "asked", "intent"))
        await bus.publish(event(3, "asked", "delta_intent"))
        await bus.publish(event(4, "told", "intent"))
        await bus.publish(event(1, project_id=OTHER))
    assert everything.got == [1, 2, 3, 4, 1]
    assert (intents.got, asked.got, other.got) == ([2, 3, 4], [2], [1])


@pytest.mark.req("L3-42")
async def test_logging_and_monitoring_are_consumers() -> None:
    counters = EventCounters()
    with structlog.testing.capture_logs() as lines:
        async with InMemoryEventBus.running() as bus:
            bus.subscribe(EventLogger())
            bus.subscribe(counters)
            await bus.publish(event(1, payload={"secret": "x"}))
            graph = {"graph_id": PROJECT, "update_kind": "node_add", "node_delta": 1, "edge_delta": 2}
            await bus.publish(event(2, "plan_created", "graph_update", **graph))
    assert [(line["event"], line["lamport_timestamp"]) for line in lines] == [("thought", 1), ("plan_created", 2)]
    assert "secret" not in str(lines)
    assert (counters.total, counters.types["thought"], counters.nodes, counters.edges) == (2, 1, 1, 2)


@pytest.mark.req("L3-42")
async def test_a_failing_consumer_harms_nobody_and_its_errors_are_kept() -> None:
    taker, failing = Taker(), []

    async def fails(event: ProtocolEvent, /) -> None:
        failing.append(event["lamport_timestamp"])
        if event["lamport_timestamp"] == 2:
            raise ValueError("cannot take this one")

    async with InMemoryEventBus.running() as bus:
        faulty, sound = bus.subscribe(fails, name="faulty"), bus.subscribe(taker)
        for stamp in (1, 2, 3):
            await bus.publish(event(stamp))
        await bus.drained()
        assert (faulty.delivered, faulty.failed, sound.delivered) == (2, 1, 3)
    assert failing == taker.got == [1, 2, 3]
    ((stamp, error),) = faulty.errors
    assert (stamp, str(error), faulty.name) == (2, "cannot take this one", "faulty")


async def test_a_hanging_consumer_is_dropped_from_and_told_where_to_go_on() -> None:
    taker, release, stuck = Taker(), anyio.Event(), []

    async def hangs(event: ProtocolEvent, /) -> None:
        stuck.append(event["lamport_timestamp"])
        await release.wait()

    async with InMemoryEventBus.running(queue_size=2, patience_s=0.05) as bus:
        slow = bus.subscribe(hangs)
        bus.subscribe(taker)
        for stamp in range(1, 8):
            await bus.publish(event(stamp))
            await anyio.wait_all_tasks_blocked()
        assert taker.got == list(range(1, 8))
        assert (stuck, slow.dropped, slow.first_dropped) == ([1], 4, (PROJECT, 4))
        release.set()
        await bus.drained()
        await bus.publish(event(8))
        await bus.drained()
    assert stuck == [1, 2, 3, 8], "it goes on as soon as it takes events again"


async def test_a_call_that_lasts_too_long_is_ended() -> None:
    async def hangs(event: ProtocolEvent, /) -> None:
        if event["lamport_timestamp"] == 1:
            await anyio.sleep_forever()

    async with InMemoryEventBus.running(timeout_s=0.01) as bus:
        slow = bus.subscribe(hangs)
        await bus.publish(event(1))
        await bus.publish(event(2))
        await bus.drained()
        assert (slow.failed, slow.delivered, type(slow.errors[0][1])) == (1, 1, TimeoutError)


async def test_a_consumer_that_never_ends_does_not_keep_the_bus_open() -> None:
    with anyio.fail_after(10):
        async with InMemoryEventBus.running(drain_s=0.05) as bus:
            bus.subscribe(lambda _: anyio.sleep_forever())
            await bus.publish(event(1))


async def test_a_closed_subscription_gets_nothing_more() -> None:
    taker, other = Taker(), Taker()
    async with InMemoryEventBus.running() as bus:
        subscription = bus.subscribe(taker)
        bus.subscribe(other)
        await bus.publish(event(1))
        await bus.drained()
        subscription.close()
        await bus.publish(event(2))
    assert (taker.got, other.got) == ([1], [1, 2])


@pytest.mark.req("DD-36", "DD-37", "DD-38")
async def test_what_violates_causality_is_not_published() -> None:
    taker = Taker()
    update = {"graph_id": PROJECT, "update_kind": "node_add", "node_delta": 1, "edge_delta": 0}
    async with InMemoryEventBus.running() as bus:
        bus.subscribe(taker)
        with pytest.raises(CausalityViolation, match=r"^Causality violation: Plan executed before creation$"):
            await bus.publish(event(1, "plan_execution_started", plan_id=OTHER))
        await bus.publish(event(2, "plan_created", "graph_update", plan_id=OTHER, **update))
        for stamp in (1, 2):
            with pytest.raises(CausalityViolation, match=r"^Causality violation: Timestamps out of order$"):
                await bus.publish(event(stamp, "plan_execution_started", plan_id=OTHER))
        await bus.publish(event(3, "plan_execution_started", plan_id=OTHER))
        for bad in (event(4) | {"event_family": "gossip"}, {k: v for k, v in event(4).items() if k != "project_id"}):
            with pytest.raises(ValidationFailed):
                await bus.publish(bad)
    assert taker.got == [2, 3]
