"""The relay: the log reaches every bus whole, whatever the bus loses and whoever dies; delayed, never lost (L3-44)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import anyio
import anyio.lowlevel
import pytest
from bus_servers import BROKERS, BusServer, redis_streams
from conftest import FreshNeo4j
from test_bus_contract import Until
from value_servers import free_port
from world import World, step

from psg.audit import verify
from psg.events.emit import emit
from psg.events.projection import protocol_event
from psg.graph import Graph
from psg.read.events import EventLog
from psg_neo4j import Database
from psg_neo4j.migrations import migrate
from psg_runtime.bus import BrokerEventBus, BusSettings, InOrder, Relay, bus_settings, log_of
from psg_runtime.bus.errors import BusUnavailable

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

KINDS = [pytest.param(kind, marks=[pytest.mark.long] if kind == "kafka" else []) for kind in BROKERS]


@pytest.fixture(scope="module")
def redis() -> Iterator[BusServer]:
    with redis_streams() as server:
        yield server


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    made = await World.create(db)
    yield made
    await made.damage("MATCH (c:Lock) WHERE c.id STARTS WITH 'bus ' AND c.id ENDS WITH $project_id DELETE c")


def settings_for(url: str, **more: Any) -> BusSettings:
    quick = {"bus_connect_s": 2, "bus_retry_max_s": 0.3, "bus_poll_s": 0.1, "bus_lease_ms": 1_000}
    return bus_settings(**{"bus": url, "bus_topic": f"t{uuid4()}", **quick, **more})


@asynccontextmanager
async def relaying(world: World, settings: BusSettings) -> AsyncIterator[Relay]:
    """A relay of the world's project at work during the block."""
    async with BrokerEventBus.running(settings) as bus, anyio.create_task_group() as tasks:
        relay = Relay(world.graph, bus, settings, projects=(world.project_id,))
        await tasks.start(relay.run)
        try:
            with anyio.fail_after(60):
                yield relay
        finally:
            relay.stop()


@asynccontextmanager
async def listening(settings: BusSettings, in_order: InOrder) -> AsyncIterator[BrokerEventBus]:
    """A process that listens during the block, and looks after what got lost."""
    async with BrokerEventBus.running(settings) as bus, anyio.create_task_group() as tasks:
        bus.subscribe(in_order)
        tasks.start_soon(in_order.run)
        with anyio.fail_after(60):
            await bus.listening()
            yield bus
        tasks.cancel_scope.cancel()


async def tell(world: World, number: int) -> None:
    for n in range(number):
        await emit(world.graph, world.project_id, "intent", "asked", {"n": n})


async def acknowledged(world: World, relay: Relay) -> None:
    """Wait until the bus has acknowledged the whole log."""
    while (await relay.behind())[world.project_id]:  # noqa: ASYNC110 - the cursor is in the database
        await anyio.sleep(0.02)


async def logged(world: World) -> list[dict[str, Any]]:
    page = await EventLog(world.db).page(world.project_id, 0, 10_000)
    return [protocol_event(row) for row in page.events]


@pytest.mark.req("L3-44", "L3-42")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_broker_that_dies_delays_events_and_loses_none(kind: str, world: World) -> None:
    taker = Until()
    with BROKERS[kind]() as server:  # type: ignore[attr-defined]
        settings = settings_for(server.url)
        in_order = InOrder(taker, read_log=log_of(world.graph), after={world.project_id: 0}, look_s=0.2)
        async with listening(settings, in_order), relaying(world, settings) as relay:
            await world.draft(step("a"))
            await acknowledged(world, relay)
            await server.kill()
            await tell(world, 5)
            await server.start()
            await tell(world, 5)
            await acknowledged(world, relay)
            expected = await logged(world)
            await taker.got_all(len(expected))
    assert taker.events == expected
    assert in_order.gaps == in_order.unknown == 0
    assert (await verify(world.db, world.project_id)).violations == []


@pytest.mark.req("L3-44")
async def test_a_relay_goes_on_behind_what_the_bus_acknowledged(redis: BusServer, world: World) -> None:
    settings, taker = settings_for(redis.url), Until()
    async with BrokerEventBus.running(settings) as bus:
        bus.subscribe(taker)
        await bus.listening()
        published = []
        for _ in range(3):
            await tell(world, 4)
            async with relaying(world, settings) as relay:
                await acknowledged(world, relay)
            published.append(relay.published)
        head = await world.head_seq()
        assert await taker.got_all(head) == list(range(1, head + 1))
    assert published[1:] == [4, 4]
    elsewhere = settings_for(redis.url)
    async with relaying(world, elsewhere) as relay:  # another topic has seen nothing yet
        await acknowledged(world, relay)
    assert relay.published == head


@pytest.mark.req("L3-44")
async def test_two_relays_carry_a_project_once_and_one_that_dies_is_succeeded(redis: BusServer, world: World) -> None:
    settings, taker = settings_for(redis.url), Until()
    in_order = InOrder(taker)
    async with listening(settings, in_order), relaying(world, settings) as first:
        async with BrokerEventBus.running(settings) as bus, anyio.create_task_group() as tasks:
            second = Relay(world.graph, bus, settings, projects=(world.project_id,))
            await tasks.start(second.run)
            await tell(world, 20)
            await acknowledged(world, first)
            assert first.published + second.published == await world.head_seq()
            tasks.cancel_scope.cancel()  # no orderly end: its lease has to run out, if it was the one
        await tell(world, 10)
        await acknowledged(world, first)
        head = await world.head_seq()
        assert await taker.got_all(head) == list(range(1, head + 1))


@pytest.mark.req("L3-44")
async def test_a_broker_that_is_down_at_the_start_is_waited_for_or_told(world: World) -> None:
    port = free_port()
    await tell(world, 3)
    for url in (f"redis://127.0.0.1:{port}", f"nats://127.0.0.1:{port}", f"ws://127.0.0.1:{port}",
                f"redis+pubsub://user:hunter2@127.0.0.1:{port}", f"kafka://127.0.0.1:{port}"):  # fmt: skip
        failing = settings_for(url, bus_start="fail", bus_connect_s=0.5)
        async with BrokerEventBus.running(failing) as bus:
            relay = Relay(world.graph, bus, failing, projects=(world.project_id,))
            with pytest.raises(BusUnavailable, match=f"127.0.0.1:{port}") as refused:
                await relay.run()
            assert "hunter2" not in str(refused.value)
            assert refused.value.retryable and refused.value.category == "communication_error"
    with redis_streams() as server:
        await server.kill()
        waiting, taker = settings_for(server.url), Until()
        async with BrokerEventBus.running(waiting) as bus, relaying(world, waiting) as relay:
            bus.subscribe(InOrder(taker, read_log=log_of(world.graph), after={world.project_id: 0}))
            await anyio.lowlevel.checkpoint()
            await server.start()
            await bus.listening()
            await acknowledged(world, relay)
            await tell(world, 1)
            head = await world.head_seq()
            assert await taker.got_all(head) == list(range(1, head + 1))


async def test_a_bus_may_begin_where_the_log_is_now(redis: BusServer, world: World) -> None:
    settings = settings_for(redis.url, bus_from="now")
    async with relaying(world, settings) as relay:
        await acknowledged(world, relay)
        await tell(world, 2)
        await acknowledged(world, relay)
    assert relay.published == 2


@pytest.mark.long
async def test_a_relay_for_all_projects_carries_more_of_them_than_it_has_places(
    redis: BusServer, fresh_neo4j: FreshNeo4j
) -> None:
    settings, taker, number = settings_for(redis.url), Until(), 110
    server = await fresh_neo4j()
    async with Database.connect(server.uri, server.user, server.password) as db:
        await migrate(db)
        graph = Graph(db)
        mine = [(await graph.create_project(f"p{n}")).project_id for n in range(number)]
        async with BrokerEventBus.running(settings) as bus, anyio.create_task_group() as tasks:
            bus.subscribe(taker)
            await bus.listening()
            relay = Relay(graph, bus, settings)
            await tasks.start(relay.run)
            with anyio.fail_after(60):
                await taker.got_all(number)
                for project_id in mine:
                    await emit(graph, project_id, "intent", "asked", {})
                await taker.got_all(2 * number)
            relay.stop()
    assert sorted(e["project_id"] for e in taker.events) == sorted([*mine, *mine])
