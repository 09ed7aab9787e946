"""Events of every family in the one log: validated, in order, without effect on the graph, causality kept."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from sample_graph import Sample, assert_sound, make_sample, sound_sample

from psg.errors import CommandReused, InvalidId, NotFound, PsgError, ReferenceMissing, Refused, ValidationFailed
from psg.events.causality import CausalityViolation
from psg.events.emit import EVENT_BYTES, RECORDED_BY_THE_PLATFORM, emit
from psg.events.models import FAMILIES, check_event
from psg.events.projection import protocol_event
from psg.graph import Graph
from psg.read.events import EventLog
from psg_cypher import parse_statements
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
EXECUTION = {"execution_id": "6fa459ea-ee8a-4ca4-894e-db77e160355e", "executor_kind": "llm", "status": "running"}
DAMAGE = {
    item.name: item
    for item in parse_statements(
        """
// name: lose_creation :write :none
MATCH (e:Event {project_id: $project_id, type: 'plan_created'}) SET e.type = 'lost', e.op = 'note'
// name: late_creation :write :none
MATCH (e:Event {project_id: $project_id, type: 'plan_created'}) SET e.seq = 1000000
// name: cut :write :none
MATCH (h:ProjectHead {id: $project_id}) SET h.earliest_seq = $seq + 1
WITH h MATCH (e:Event {project_id: $project_id}) WHERE e.seq <= $seq DELETE e
""",
        "damage.cypher",
    )
}


@pytest.fixture
async def sample(db: Database) -> AsyncIterator[Sample]:
    async with sound_sample(db) as made:
        yield made


def fields_of(family: str) -> dict[str, Any]:
    return EXECUTION if family == "runtime_execution" else {"origin": "test"}


async def last_event(sample: Sample) -> dict[str, Any]:
    head = await sample.head()
    (row,) = (await EventLog(sample.db).page(sample.project_id, head - 1)).events
    return protocol_event(row)


@pytest.mark.req("L3-43")
@pytest.mark.parametrize("family", sorted(set(FAMILIES) - RECORDED_BY_THE_PLATFORM))
async def test_an_event_of_any_other_family_is_recorded_as_it_was_given(sample: Sample, family: str) -> None:
    plan_id, _ = await sample.plan()
    before, head = await sample.whole(), await sample.head()
    payload, fields = {"amount": 1.5, "names": ["a", None], "deep": {"x": {}}}, fields_of(family)
    answer = await emit(
        sample.graph, sample.project_id, family, "something_happened", payload, fields=fields, plan_id=plan_id,
        actor="me", correlation_id="c",
    )  # fmt: skip
    assert (answer.seq, await sample.head()) == (head + 1, head + 1)
    event = await last_event(sample)
    assert check_event(event)["event_id"] == answer.ids["event"]
    assert (event["event_family"], event["event_type"], event["payload"]) == (family, "something_happened", payload)
    assert {k: event[k] for k in fields} == fields
    assert (event["plan_id"], event["lamport_timestamp"]) == (plan_id, head + 1)
    assert await sample.whole() == before, "the graph stays as it was"
    (stored,) = await sample.events(after=head)
    assert (stored["op"], stored["actor"], stored["correlation_id"]) == ("note", "me", "c")


@pytest.mark.req("L3-40", "L3-41")
@pytest.mark.parametrize("family", sorted(RECORDED_BY_THE_PLATFORM))
async def test_nobody_records_a_change_that_did_not_happen(sample: Sample, family: str) -> None:
    async with sample.untouched():
        with pytest.raises(Refused, match="recorded by the platform"):
            await emit(sample.graph, sample.project_id, family, "step_completed", {})


NONE = "00000000-0000-4000-8000-000000000000"
BAD: list[tuple[type[PsgError], str, dict[str, Any]]] = [
    (ValidationFailed, "event_family", {"family": "gossip"}),
    (ValidationFailed, "event_type", {"event_type": " "}),
    (ValidationFailed, "characters", {"event_type": "x" * 201}),
    (ValidationFailed, "status", {"family": "runtime_execution", "fields": EXECUTION | {"status": "denied"}}),
    (ValidationFailed, "execution_id", {"family": "runtime_execution"}),
    (ValidationFailed, "lamport_timestamp, seq", {"fields": {"seq": 1, "lamport_timestamp": 1}}),
    (ValidationFailed, "up to 65536", {"payload": {"x": "y" * EVENT_BYTES}}),
    (ValidationFailed, "JSON", {"payload": {"x": float("nan")}}),
    (ValidationFailed, "JSON", {"payload": {"x": 2**70}}),
    (ValidationFailed, "JSON", {"payload": {"x": "\ud800"}}),
    (ReferenceMissing, "does not exist", {"plan_id": NONE}),
    (InvalidId, "plan_id", {"plan_id": "nobody"}),
    (ValidationFailed, "names the plan", {"event_type": "plan_execution_started"}),
]


@pytest.mark.parametrize(("kind", "message", "given"), BAD, ids=[f"{m}-{n}" for n, (_, m, _) in enumerate(BAD)])
async def test_what_is_refused_is_recorded_nowhere(
    sample: Sample, kind: type[PsgError], message: str, given: dict[str, Any]
) -> None:
    request = {"family": "intent", "event_type": "asked"} | given
    async with sample.untouched():
        with pytest.raises(kind, match=message):
            await emit(sample.graph, sample.project_id, **request)


async def test_the_plan_of_an_event_is_a_living_plan_and_the_project_is_there(sample: Sample) -> None:
    plan_id, steps = await sample.plan()
    with pytest.raises(ReferenceMissing, match="a Plan is expected"):
        await emit(sample.graph, sample.project_id, "intent", "asked", plan_id=steps["a"])
    await sample.graph.delete(sample.project_id, "Plan", plan_id)
    with pytest.raises(ReferenceMissing, match="was deleted"):
        await emit(sample.graph, sample.project_id, "intent", "asked", plan_id=plan_id)
    with pytest.raises(NotFound):
        await emit(sample.graph, NONE, "intent", "asked")


@pytest.mark.parametrize("event_type", ["asked", "plan_execution_started"])
async def test_a_repeated_command_records_one_event(sample: Sample, event_type: str) -> None:
    plan_id, _ = await sample.plan()
    request = {"plan_id": plan_id, "command_id": str(uuid.uuid4())}
    first = await emit(sample.graph, sample.project_id, "intent", event_type, {"a": 1}, **request)
    again = await emit(sample.graph, sample.project_id, "intent", event_type, {"a": 1}, **request)
    assert (again.seq, again.ids, again.replayed) == (first.seq, first.ids, True)
    assert await sample.head() == first.seq
    with pytest.raises(CommandReused):
        await emit(sample.graph, sample.project_id, "intent", event_type, {"a": 2}, **request)


@pytest.mark.req("DD-36")
async def test_every_event_has_the_next_number_whoever_emits_it(sample: Sample) -> None:
    async def emits(graph: Graph, name: str) -> None:
        for n in range(10):
            await emit(graph, sample.project_id, "reasoning_graph", "thought", {"by": name, "n": n})

    async def writes(graph: Graph) -> None:
        for _ in range(3):
            await Sample(sample.db, graph, sample.project_id, sample.context_id).plan({"a": (), "b": ("a",)})

    async with anyio.create_task_group() as tasks:
        for name in "xyz":
            tasks.start_soon(emits, Graph(sample.db), name)
            tasks.start_soon(writes, Graph(sample.db))
    events = [protocol_event(e) for e in (await EventLog(sample.db).page(sample.project_id, 0, 1_000)).events]
    assert [e["lamport_timestamp"] for e in events] == list(range(1, len(events) + 1))
    for name in "xyz":
        mine = [e["payload"]["n"] for e in events if e["payload"].get("by") == name]
        assert mine == list(range(10)), "the order of one emitter is kept"


@pytest.mark.req("DD-37")
async def test_a_plan_that_was_not_created_cannot_have_been_executed(sample: Sample) -> None:
    async with sample.untouched():
        with pytest.raises(CausalityViolation) as caught:
            await emit(sample.graph, sample.project_id, "intent", "plan_execution_started", plan_id=NONE)
    assert str(caught.value) == "Causality violation: Plan executed before creation"
    plan_id, _ = await sample.plan()
    answer = await emit(
        sample.graph, sample.project_id, "runtime_execution", "plan_execution_started", fields=EXECUTION,
        plan_id=plan_id,
    )  # fmt: skip
    assert (await last_event(sample))["lamport_timestamp"] == answer.seq


async def refused_start(sample: Sample, plan_id: str) -> str:
    """What a start is refused with; it is in no log afterwards."""
    head = await sample.head()
    with pytest.raises(CausalityViolation) as caught:
        await emit(sample.graph, sample.project_id, "intent", "plan_execution_started", plan_id=plan_id)
    assert await sample.head() == head
    assert not [e for e in await sample.events() if e["type"] == "plan_execution_started"]
    return str(caught.value)


@pytest.mark.req("DD-37")
async def test_a_log_without_the_creation_refuses_the_execution(db: Database) -> None:
    damaged = await make_sample(db)
    plan_id, _ = await damaged.plan()
    await db.write(DAMAGE["lose_creation"], project_id=damaged.project_id)
    assert await refused_start(damaged, plan_id) == "Causality violation: Plan executed before creation"


@pytest.mark.req("DD-38")
async def test_a_creation_with_a_higher_timestamp_refuses_the_execution(db: Database) -> None:
    damaged = await make_sample(db)
    plan_id, _ = await damaged.plan()
    await db.write(DAMAGE["late_creation"], project_id=damaged.project_id)
    assert await refused_start(damaged, plan_id) == "Causality violation: Timestamps out of order"


async def test_a_creation_that_retention_removed_counts_as_earlier(db: Database) -> None:
    kept = await make_sample(db)
    plan_id, _ = await kept.plan()
    await db.write(DAMAGE["cut"], project_id=kept.project_id, seq=await kept.head())
    answer = await emit(kept.graph, kept.project_id, "intent", "plan_execution_started", plan_id=plan_id)
    assert answer.seq == await kept.head()
    with pytest.raises(CausalityViolation, match="before creation"):
        await emit(kept.graph, kept.project_id, "intent", "plan_execution_started", plan_id=NONE)


async def test_a_log_with_emitted_events_is_sound(sample: Sample) -> None:
    plan_id, _ = await sample.running_plan()
    await emit(sample.graph, sample.project_id, "cost_budget", "budget_warning", {"tokens": 1}, plan_id=plan_id)
    await emit(sample.graph, sample.project_id, "external_integration", "drift_detected", {"file_path": "a"})
    await assert_sound(sample)
