"""The communication hub on the graph: one commit per message, leases and fences, limits, time, events for all hubs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from hubs import QUICK, Hubs, echo, message, running_hubs

import psg_cypher
from psg.errors import CommandReused, LeaseLost, ValidationFailed
from psg.events.models import check_event
from psg.events.projection import protocol_event
from psg.graph import Graph
from psg.model.cipher import Cipher
from psg.model.codec import using
from psg.read.events import EventLog
from psg_neo4j import Database
from psg_runtime.hub import (
    CommunicationHub,
    ForeignSource,
    HubNotRunning,
    InterModuleMessage,
    MessageForgotten,
    MessageTimeout,
    QueueFull,
    UnknownTarget,
)

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.fixture
async def hubs(db: Database) -> AsyncIterator[Hubs]:
    async with running_hubs(db) as made:
        yield made


@pytest.mark.req("CORE-27", "CORE-31")
async def test_a_message_reaches_the_hub_that_has_its_target_and_its_correlation_id_is_in_result_and_events(
    hubs: Hubs,
) -> None:
    taken: list[InterModuleMessage] = []

    async def plan(given: InterModuleMessage) -> Any:
        taken.append(given)
        return {"planned": given.payload["contextId"]}

    sender = await hubs.start({"context": echo})
    await hubs.start({"plan": plan})
    await hubs.start({"role": echo})
    given = message(payload={"contextId": "ctx-001"}, correlationId="workflow-123", id="m-1", priority="high")
    result = await sender.route_message(given)
    assert result.success and result.output == {"planned": "ctx-001"} and result.deliveries == 1
    assert (result.correlation_id, result.message_id) == ("workflow-123", "m-1")
    assert [(m.id, m.source_module, m.correlation_id, m.priority) for m in taken] == [
        ("m-1", "context", "workflow-123", "high")
    ]
    events = await hubs.world.events(correlation_id="workflow-123")
    assert [e["type"] for e in events] == ["message_sent", "message_completed"]
    assert all(e["changes"]["event"]["payload"]["correlation_id"] == "workflow-123" for e in events)
    assert "ctx-001" not in str(events)  # what is said stays between the two
    page = await EventLog(hubs.world.db).page(hubs.world.project_id, 0, 100)
    told = {e["type"]: check_event(protocol_event(e)) for e in page.events}
    assert told["message_completed"]["executor_role"] == "plan" and told["message_completed"]["status"] == "completed"


@pytest.mark.req("CORE-27", "CORE-32")
async def test_unknown_targets_and_foreign_sources_are_refused_and_write_nothing(hubs: Hubs) -> None:
    hub = await hubs.start({"context": echo})
    other = await hubs.start({"plan": echo})
    head = await hubs.world.head_seq()
    for wrong, kind in ((("targetModule", "planer"), UnknownTarget), (("sourceModule", "stranger"), ForeignSource)):
        with pytest.raises(kind) as refused:
            await hub.route_message(message(**dict([wrong]), correlationId="w"))
        assert refused.value.category == "communication_error"
        assert refused.value.details["correlation_id"] == "w"
    with pytest.raises(ForeignSource):
        await hub.broadcast({"type": "x", "sourceModule": "stranger"})
    with pytest.raises(ValidationFailed):
        await hub.route_message(message(payload={"x": float("nan")}))
    assert await hubs.world.head_seq() == head and await hubs.messages() == {}
    assert (await hub.route_message(message())).success
    await other.unregister("plan")
    with pytest.raises(UnknownTarget):
        await hub.route_message(message())


async def test_a_module_that_another_hub_still_has_stays_known(hubs: Hubs) -> None:
    sender = await hubs.start({"context": echo})
    one, _ = await hubs.start({"plan": echo}), await hubs.start({"plan": echo})
    await one.unregister("plan")

    async def known() -> bool:
        (row,) = await hubs.world.query("MATCH (h:ProjectHead {id: $project_id}) RETURN h.hub_modules AS names")
        return "plan" in row["names"]

    await hubs.world.until(known)
    assert (await sender.route_message(message())).success


@pytest.mark.req("CORE-30")
async def test_the_most_urgent_of_those_that_wait_is_taken_first_and_of_equals_the_first(hubs: Hubs) -> None:
    begun, gate, order = anyio.Event(), anyio.Event(), []

    async def plan(given: InterModuleMessage) -> None:
        order.append(given.id)
        begun.set()
        await gate.wait()

    hub = await hubs.start({"context": echo, "plan": plan}, concurrency=1)
    await hub.enqueue(message(id="first"))
    names = ["low 1", "normal 1", "high 1", "critical 1", "normal 2", "high 2", "low 2"]
    await begun.wait()
    for name in names:
        await hub.enqueue(message(id=name, priority=name.split()[0]))
    gate.set()
    for name in names:
        assert (await hub.result(name)).success
    assert order == ["first", "critical 1", "high 1", "high 2", "normal 1", "normal 2", "low 1", "low 2"]


@pytest.mark.req("CORE-54")
async def test_messages_over_a_full_queue_are_refused_until_there_is_room(hubs: Hubs) -> None:
    gate = anyio.Event()

    async def plan(given: InterModuleMessage) -> None:
        await gate.wait()

    hub = await hubs.start({"context": echo, "plan": plan}, queue_size=3)
    other = await hubs.start({}, queue_size=3)
    for n in range(3):
        await hub.enqueue(message(id=f"m-{n}"))
    for sender in (hub, other):
        with pytest.raises(QueueFull) as refused:
            await sender.route_message(message(correlationId="w"))
        assert refused.value.retryable and refused.value.category == "communication_error"
        assert refused.value.details["correlation_id"] == "w"
    assert (await hub.route_message(message(targetModule="context"))).success  # another module's queue
    gate.set()
    for n in range(3):
        await hub.result(f"m-{n}")
    assert (await other.route_message(message())).success


@pytest.mark.req("CORE-54")
async def test_an_answer_that_comes_too_late_is_refused_and_the_place_is_free(hubs: Hubs) -> None:
    ended = anyio.Event()

    async def plan(given: InterModuleMessage) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()

    hub = await hubs.start({"context": echo}, timeout_ms=700, queue_size=1)
    await hubs.start({"plan": plan}, lease_ms=60_000)
    for name in ("m-1", "m-2"):
        with pytest.raises(MessageTimeout, match="700 ms") as late:
            await hub.route_message(message(id=name, correlationId=name))
        assert late.value.category == "communication_error" and late.value.details["correlation_id"] == name
    await ended.wait()
    assert {m["status"] for m in (await hubs.messages()).values()} == {"expired"}
    assert [e["type"] for e in await hubs.world.events(correlation_id="m-1")] == ["message_sent", "message_timed_out"]


@pytest.mark.req("CORE-54")
async def test_messages_that_nobody_takes_in_time_do_not_fill_the_queue(hubs: Hubs) -> None:
    """Their senders are gone: whoever finds the queue full ends those whose time is over."""
    other = await hubs.start({"role": echo}, queue_size=2)
    await hubs.announced("plan")
    for n in range(2):
        await other.enqueue(message(id=f"m-{n}", sourceModule="role"), timeout_ms=30)
    await hubs.world.until(lambda: due(hubs))
    await other.enqueue(message(id="m-3", sourceModule="role"))
    assert {k: m["status"] for k, m in (await hubs.messages()).items()} == {
        "m-0": "expired", "m-1": "expired", "m-3": "pending",
    }  # fmt: skip


async def due(hubs: Hubs) -> bool:
    rows = await hubs.world.query(
        "MATCH (m:HubMessage {project_id: $project_id}) WHERE m.due_at <= datetime.realtime().epochMillis "
        "RETURN count(m) AS n"
    )
    return rows[0]["n"] == 2


async def test_the_answer_of_a_taker_that_lost_its_lease_is_not_accepted(hubs: Hubs) -> None:
    """The first taker is cut off from its lease; the second answers; then the first one answers too."""
    first, answers, cancelled = anyio.Event(), [], anyio.Event()

    async def slow(given: InterModuleMessage) -> str:
        answers.append("slow")
        first.set()
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()
        return "slow"

    async def quick(given: InterModuleMessage) -> str:
        answers.append("quick")
        return "quick"

    hub = await hubs.start({"context": echo, "plan": slow})
    await hub.enqueue(message(id="m"))
    await first.wait()
    await hub.unregister("plan")
    await hubs.start({"plan": quick})
    await hubs.world.damage("MATCH (m:HubMessage {project_id: $project_id}) SET m.lease_until = 0")
    result = await hub.result("m")
    assert (result.output, result.deliveries) == ("quick", 2) and answers == ["slow", "quick"]
    with anyio.fail_after(10):
        await cancelled.wait()  # its hub noticed that the message is somebody else's


async def test_who_only_asks_again_does_not_end_a_message_that_waits(hubs: Hubs) -> None:
    hub = await hubs.start({"context": echo})
    await hubs.announced("plan")
    given = message(id="m", correlationId="w")
    await hub.enqueue(given)
    with pytest.raises(MessageTimeout):
        await hub.route_message(given, timeout_ms=60)
    with pytest.raises(MessageTimeout):
        await hub.result("m", timeout_ms=60)
    await hubs.start({"plan": echo})
    assert (await hub.route_message(given)).success


async def test_a_process_without_the_key_leaves_a_message_to_those_who_have_it(hubs: Hubs) -> None:
    hub = await hubs.start({"context": echo})
    await hubs.announced("plan")
    with using(Cipher("5a" * 32)):
        await hub.enqueue(message(id="m", payload={"n": 1}))
        await hub.enqueue(message(id="lost", payload={"n": 2}))
    await hubs.world.damage("MATCH (m:HubMessage {project_id: $project_id, id: 'lost'}) SET m.fence = 60")
    await hubs.start({"plan": echo}, lease_ms=100, max_deliveries=60)

    async def tried() -> bool:
        return (await hubs.messages())["m"]["fence"] >= 2

    await hubs.world.until(tried)
    assert (await hub.result("lost")).error["code"] == "delivery_failed"  # type: ignore[index]
    with using(Cipher("5a" * 32)):
        assert (await hub.result("m")).output == {"n": 1}


async def test_a_handler_that_loses_its_lease_does_not_end_the_hub(hubs: Hubs) -> None:
    taken: list[str] = []

    async def plan(given: InterModuleMessage) -> str:
        taken.append(given.id)
        if len(taken) == 1:
            raise LeaseLost("a step's lease")
        return "done"

    hub = await hubs.start({"context": echo, "plan": plan}, lease_ms=100)
    result = await hub.route_message(message(id="m"))
    assert (result.output, result.deliveries) == ("done", 2)


async def test_a_hub_that_ends_gives_back_what_it_did_not_answer(hubs: Hubs) -> None:
    begun = anyio.Event()

    async def hangs(given: InterModuleMessage) -> None:
        begun.set()
        await anyio.sleep_forever()

    async with CommunicationHub(Graph(hubs.world.db), hubs.world.project_id, **{**QUICK, "lease_ms": 60_000}) as hub:
        await hub.register("context", echo)
        await hub.register("plan", hangs)
        await hub.enqueue(message(id="m"))
        await begun.wait()
    with pytest.raises(HubNotRunning):
        await hub.route_message(message())
    other = await hubs.start({"plan": echo})
    result = await other.result("m", timeout_ms=10_000)
    assert result.success and result.deliveries == 2


async def test_a_message_that_its_takers_die_of_fails(hubs: Hubs) -> None:
    taken: list[int] = []

    async def plan(given: InterModuleMessage) -> None:
        taken.append(1)

    hub = await hubs.start({"context": echo}, max_deliveries=3)
    await hubs.announced("plan")
    await hub.enqueue(message(id="m"))
    await hubs.world.damage("MATCH (m:HubMessage {project_id: $project_id}) SET m.fence = 3, m.lease_until = 1")
    await hub.register("plan", plan)
    result = await hub.result("m")
    assert taken == [] and not result.success and result.error is not None
    assert result.error["code"] == "delivery_failed" and "3 times" in result.error["message"]


async def test_the_same_message_again_is_the_same_message_until_it_is_forgotten(hubs: Hubs) -> None:
    taken: list[str] = []

    async def plan(given: InterModuleMessage) -> int:
        taken.append(given.id)
        return len(taken)

    hub = await hubs.start({"context": echo, "plan": plan})
    other = await hubs.start({"context": echo})
    given = message(id="m", correlationId="w")
    for sender in (hub, other, hub):
        assert (await sender.route_message(given)).output == 1
    with pytest.raises(CommandReused):
        await other.route_message({**given, "payload": {"x": 1}})
    await anyio.sleep(0.002)
    statement = psg_cypher.statement("hub_forget")
    (row,) = await hubs.world.db.write(statement, project_id=hubs.world.project_id, keep_ms=0)
    assert row["forgotten"] == 1 and taken == ["m"]
    for ask in (lambda: other.route_message(given), lambda: other.result("m"), lambda: other.result("never")):
        with pytest.raises(MessageForgotten):
            await ask()
    assert taken == ["m"]


async def test_many_messages_between_many_hubs_are_answered_once_each(hubs: Hubs) -> None:
    taken: list[str] = []

    async def plan(given: InterModuleMessage) -> Any:
        taken.append(given.id)
        return given.payload["n"]

    senders = [await hubs.start({"context": echo}) for _ in range(2)]
    for _ in range(2):
        await hubs.start({"plan": plan}, lease_ms=30_000)
    outputs: list[int] = []

    async def send(n: int) -> None:
        outputs.append((await senders[n % 2].door("context").send("plan", "op", {"n": n})).output)

    async with anyio.create_task_group() as tasks:
        for n in range(120):
            tasks.start_soon(send, n)
    assert sorted(outputs) == list(range(120)) and len(set(taken)) == len(taken) == 120
