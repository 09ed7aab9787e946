"""The communication hub on the graph: broadcasts, encryption, outages, the audit, and modules that come and go."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import anyio
import pytest
from hubs import QUICK, Hubs, echo, message, running_hubs
from world import World

from psg.audit import verify
from psg.errors import NotFound, ValidationFailed
from psg.graph import Graph
from psg.model.cipher import Cipher, is_sealed
from psg.model.codec import using
from psg.model.ids import new_id
from psg_neo4j import Database, faults
from psg_neo4j.errors import DatabaseUnavailable
from psg_runtime.hub import (
    CommunicationHub,
    HubNotRunning,
    SystemEvent,
    UnknownTarget,
)

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.fixture
async def hubs(db: Database) -> AsyncIterator[Hubs]:
    async with running_hubs(db) as made:
        yield made


@pytest.mark.req("CORE-28", "CORE-29")
async def test_a_broadcast_reaches_the_subscribers_of_every_hub_in_one_order(hubs: Hubs) -> None:
    taken: dict[str, list[Any]] = {"one": [], "two": [], "late": []}

    def taker(name: str) -> Any:
        async def take(event: SystemEvent) -> None:
            taken[name].append((event.type, event.payload["n"], event.source_module, event.correlation_id))

        return take

    one, two = await hubs.start({"context": echo}), await hubs.start({"plan": echo})
    on_two = taker("two")
    one.subscribe("thing", taker("one"))
    two.subscribe("thing", on_two)
    for n in range(6):
        event = {"type": "thing", "payload": {"n": n}, "sourceModule": "context", "correlationId": "w"}
        await (one if n % 2 else two).broadcast(event)
        await (one if n % 2 else two).broadcast({"type": "other", "payload": {"n": n}})
    await hubs.world.until(lambda: count(taken["two"], 6))
    two.subscribe("thing", taker("late"))
    two.unsubscribe("thing", on_two)
    same = SystemEvent(type="thing", payload={"n": 7}, source_module="context", correlation_id="w")
    await two.broadcast(same)
    await two.broadcast(same)  # the same event again: nothing new
    await hubs.world.until(lambda: count(taken["one"], 7))
    await hubs.world.until(lambda: count(taken["late"], 1))
    expected = [("thing", n, "context", "w") for n in (0, 1, 2, 3, 4, 5, 7)]
    assert taken["one"] == expected
    assert taken["two"] == expected[:6] and taken["late"] == expected[6:]


async def count(taken: list[Any], wanted: int) -> bool:
    return len(taken) >= wanted


async def test_a_broadcast_from_inside_a_subscriber_does_not_wait_for_itself(hubs: Hubs) -> None:
    taken: list[str] = []

    async def first(event: SystemEvent) -> None:
        taken.append("first")
        await hub.broadcast({"type": "second"})

    hub = await hubs.start({"context": echo})
    hub.subscribe("first", first)
    hub.subscribe("second", lambda event: taken.append("second"))
    with anyio.fail_after(10):
        await hub.broadcast({"type": "first"})
    await hubs.world.until(lambda: count(taken, 2))
    assert taken == ["first", "second"]


async def test_payloads_and_outputs_are_encrypted_where_payloads_are(hubs: Hubs) -> None:
    with using(Cipher("5a" * 32)):
        hub = await hubs.start({"context": echo, "plan": echo})
        result = await hub.route_message(message(id="m", payload={"code": "s3cret"}))
        assert result.output == {"code": "s3cret"}
        stored = (await hubs.messages())["m"]
        assert is_sealed(stored["payload"]) and is_sealed(stored["output"])
    assert "s3cret" not in str(await hubs.world.query("MATCH (n {project_id: $project_id}) RETURN properties(n) AS p"))


async def test_a_database_that_is_away_for_a_moment_delays_and_loses_nothing(hubs: Hubs) -> None:
    passed: list[int] = []

    def away() -> None:
        passed.append(1)
        if len(passed) <= 3:
            raise DatabaseUnavailable("away")

    sender = await hubs.start({"context": echo})
    with faults.arm("before_commit/hub_claim", away):
        await hubs.start({"plan": echo})
        result = await sender.route_message(message(payload={"n": 1}))
    assert result.output == {"n": 1} and len(passed) >= 4


DAMAGES = {
    "does not stand in its queue": "m.position = -1",
    "but has an answer": "m.output = '1'",
    "still stands in a queue": "m.status = 'completed', m.done_ms = 1",
    "is none of a message": "m.status = 'lost'",
    "which its error contradicts": "m.status = 'failed', m.done_ms = 1, m.target = ''",
    "does not tell": "m.id = 'another'",
}


@pytest.mark.parametrize("fault", DAMAGES)
async def test_the_audit_names_a_message_that_is_not_as_it_should_be(db: Database, fault: str) -> None:
    world = await World.create(db)
    async with AsyncExitStack() as stack:
        hubs = Hubs(world, stack)
        hub = await hubs.start({"context": echo, "role": echo})
        await hubs.announced("plan")
        assert (await hub.route_message(message(id="fine", targetModule="role"))).success
        await hub.enqueue(message(id="m"))
        assert (await verify(db, world.project_id)).violations == []
        await world.damage(
            f"MATCH (m:HubMessage {{project_id: $project_id, id: 'm'}}) SET {DAMAGES[fault]}"
        )
        found = (await verify(db, world.project_id)).violations
    assert {(v.kind, v.node_id in ("m", "another")) for v in found} == {("message", True)}
    assert any(fault in v.message for v in found)


async def test_what_a_hub_on_the_graph_needs_is_told(hubs: Hubs) -> None:
    with pytest.raises(ValidationFailed, match="project_id"):
        CommunicationHub(hubs.world.graph)
    with pytest.raises(NotFound):
        async with CommunicationHub(hubs.world.graph, new_id()):
            pass
    outside = CommunicationHub(hubs.world.graph, hubs.world.project_id)
    with pytest.raises(HubNotRunning, match="async with"):
        await outside.route_message(message())
    hub = await hubs.start({"context": echo})
    with pytest.raises(HubNotRunning):
        await hub.__aenter__()


async def test_a_manager_s_modules_are_known_for_as_long_as_they_run(hubs: Hubs) -> None:
    class Module:
        status = "running"

        def __init__(self, module_type: str) -> None:
            self.module_type = module_type

    class Manager:
        modules = [Module("plan")]

        def list_modules(self) -> list[Module]:
            return self.modules

        async def invoke(self, module_type: str, operation: str, inputs: Any, *, correlation_id: Any = None) -> Any:
            return [module_type, operation, inputs, correlation_id]

    manager = Manager()
    sender = await hubs.start({"context": echo})
    managed = CommunicationHub(Graph(hubs.world.db), hubs.world.project_id, modules=manager, **QUICK)
    async with managed:
        result = await sender.route_message(message(payload={"a": 1}, correlationId="w"))
        assert result.output == ["plan", "op", {"a": 1}, "w"]
        manager.modules = []

        async def unknown() -> bool:
            rows = await hubs.world.query("MATCH (h:ProjectHead {id: $project_id}) RETURN h.hub_modules AS names")
            return rows[0]["names"] == ["context"]

        await hubs.world.until(unknown)
        with pytest.raises(UnknownTarget):
            await sender.route_message(message())
