"""Whole plans by the bulk statement: it stores and logs what a change does step by step, and refuses as a whole."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anyio
import orjson
import pytest
from sample_graph import ASK, Sample, context_document, make_sample, plan_document, sound_sample, uuid4

from psg.commands import plan_load, plans
from psg.commands.plans import add_step_node, store_plan_document
from psg.errors import CommandReused, DuplicateId, NotFound, ReferenceMissing, Refused
from psg.model.documents import take_apart
from psg.plan.order import GAP, levels
from psg.plan.steps import records_of_document
from psg.write.change import Change
from psg.write.command import Command
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

STATUSES = (
    "completed", "skipped", "pending", "failed", "pending", "in_progress", "blocked", "pending", "completed", "pending",
)  # fmt: skip
# What differs between any two commands.
OWN = {"event_id", "command_id", "command_hash", "at", "sys_created_ms", "sys_updated_ms", "project_id", "seq"}


@pytest.fixture
async def sample(db: Database) -> AsyncIterator[Sample]:
    async with sound_sample(db) as made:
        yield made


@pytest.fixture
def chunks_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "CHUNK_STEPS", 3)


def rich_plan(context_id: str, status: str = "in_progress") -> dict[str, Any]:
    """Steps in every status, with all fields somewhere, a long text, and dependencies in an order of their own."""
    plan = plan_document(context_id, *STATUSES, status=status)
    steps = plan["steps"]
    for at, step in enumerate(steps):
        step["dependencies"] = [steps[i]["step_id"] for i in ((at - 1, 0, at // 2) if at > 4 else range(at))]
        step["dependencies"] = list(dict.fromkeys(step["dependencies"]))
    steps[1] |= {"agent_role": "reviewer", "order_index": 7}
    steps[2]["description"] = "long " * 2_000
    del steps[0]["dependencies"]
    return plan


def as_one_change(document: dict[str, Any], actor: str) -> Change:
    """The same plan by the general statement, node by node."""
    change = Change(Command("by hand", document, actor))
    taken = take_apart("Plan", document)
    records = records_of_document(taken.parts["steps"])
    level = levels({r.step_id: r.dependencies for r in records})
    status_of = {r.step_id: r.status for r in records}
    running = document["status"] == "in_progress"
    props = taken.props | {"paused": running, "sched_urgency": 100} | plans._counters(list(status_of.values()))
    change.require(document["context_id"], ["Context"], "context_id")
    change.create(
        "Plan", taken.node_id, props, [("IN_CONTEXT", document["context_id"], {})], plan=taken.node_id
    )
    for record in sorted(records, key=lambda r: (level[r.step_id], r.position)):
        add_step_node(change, taken.node_id, record, status_of, level[record.step_id] * GAP)
    change.answer = {"plan": taken.node_id}
    return change


async def told(sample: Sample, plan_id: str) -> tuple[list[Any], list[Any]]:
    """Nodes with their edges and events of a plan, without what is each command's own."""
    events = await sample.db.read(ASK["events"], project_id=sample.project_id, after=0)
    log = [e["event"] for e in events if e["event"].get("plan") == plan_id]
    nodes = [n for n in await sample.whole() if plan_id in (n["id"], n["props"].get("plan"))]
    shown = [
        (n["id"], sorted(n["labels"]), {k: v for k, v in n["props"].items() if k not in OWN}, n["edges"])
        for n in nodes
    ]
    return shown, [{k: v for k, v in event.items() if k not in OWN} for event in log]


@pytest.mark.parametrize("status", ["in_progress", "draft"])
async def test_a_load_stores_and_logs_what_a_change_would(sample: Sample, db: Database, status: str) -> None:
    document = rich_plan(sample.context_id, status)
    await sample.graph.create_document(sample.project_id, "plan", document, actor="somebody")
    other = await make_sample(db)
    await other.graph.create_document(other.project_id, "context", context_document(context_id=sample.context_id))
    await other.graph.writer(other.project_id).submit(as_one_change(document, "somebody"))
    nodes, log = await told(sample, document["plan_id"])
    by_hand, by_hand_log = await told(other, document["plan_id"])
    assert len(nodes) == 11 and len(log) == 11
    assert nodes == by_hand
    assert log == by_hand_log
    answer = await sample.graph.create_document(sample.project_id, "context", context_document())
    assert answer.seq == (await sample.head())


async def test_chunks_are_sealed_numbered_and_logged_without_a_gap(sample: Sample, chunks_of_three: None) -> None:
    document = rich_plan(sample.context_id)
    seen: list[tuple[int, int]] = []
    first = await sample.graph.create_document(
        sample.project_id, "plan", document, progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(3, 10), (6, 10), (9, 10), (10, 10)]
    events = (await sample.events(first.seq - 1))
    assert [e["type"] for e in events] == ["plan_created", *["step_created"] * 10, "plan_loaded"]
    assert [bool(e.get("command_id")) for e in events] == [
        True, *[False] * 3, True, False, False, True, False, False, True, True
    ]  # fmt: skip
    assert "loading" not in await sample.node(document["plan_id"])
    assert await sample.graph.export_document(sample.project_id, "plan", document["plan_id"]) == document
    again = await sample.graph.create_document(
        sample.project_id, "plan", document, command_id=first.command_id
    )
    assert again.replayed and await sample.head() == events[-1]["seq"]
    with pytest.raises(CommandReused):
        await sample.graph.create_document(
            sample.project_id, "plan", document | {"title": "other"}, command_id=first.command_id
        )


async def test_an_interrupted_load_cannot_start_and_goes_on(sample: Sample, chunks_of_three: None) -> None:
    document = rich_plan(sample.context_id, "draft")
    command_id = uuid4()
    with anyio.CancelScope() as scope:
        await sample.graph.create_document(
            sample.project_id, "plan", document, command_id=command_id,
            progress=lambda done, _: scope.cancel() if done == 6 else None,
        )  # fmt: skip
    assert scope.cancelled_caught
    with pytest.raises(Refused):
        await sample.graph.propose_plan(sample.project_id, document["plan_id"])
    answer = await sample.graph.create_document(sample.project_id, "plan", document, command_id=command_id)
    assert answer.replayed
    assert await sample.graph.export_document(sample.project_id, "plan", document["plan_id"]) == document
    await sample.graph.propose_plan(sample.project_id, document["plan_id"])


@pytest.mark.req("L3-05", "DD-03")
async def test_a_load_is_refused_as_a_whole(sample: Sample) -> None:
    present = plan_document(sample.context_id, "pending", "pending")
    await sample.graph.create_document(sample.project_id, "plan", present)
    role = uuid4()
    document = {"meta": present["meta"], "role_id": role, "name": "r"}
    await sample.graph.create_document(sample.project_id, "role", document)
    taken = plan_document(sample.context_id, "pending", "pending")
    taken["steps"][1]["step_id"] = present["steps"][0]["step_id"]
    cases: list[tuple[dict[str, Any], type[Exception], str]] = [
        (plan_document(uuid4()), ReferenceMissing, "context_id: .* does not exist"),
        (plan_document(role), ReferenceMissing, "context_id: .* is a Role"),
        (plan_document(sample.context_id, plan_id=present["plan_id"]), DuplicateId, "^plan_id: .* exists already"),
        (taken, DuplicateId, f"^step_id: {taken['steps'][1]['step_id']} exists already"),
    ]
    async with sample.untouched():
        for case, kind, said in cases:
            with pytest.raises(kind, match=said):
                await sample.graph.create_document(sample.project_id, "plan", case)
        with pytest.raises(NotFound, match=r"project .* does not exist"):
            await sample.graph.create_document(uuid4(), "plan", taken)


async def test_a_refused_plan_leaves_its_neighbours_in_the_batch_alone(sample: Sample) -> None:
    documents = [plan_document(sample.context_id if i % 5 else uuid4(), *["pending"] * 4) for i in range(40)]
    outcomes: list[bool | None] = [None] * 40

    async def one(at: int) -> None:
        try:
            await sample.graph.create_document(sample.project_id, "plan", documents[at])
            outcomes[at] = True
        except ReferenceMissing:
            outcomes[at] = False

    async with anyio.create_task_group() as tasks:
        for at in range(40):
            tasks.start_soon(one, at)
    assert outcomes == [bool(i % 5) for i in range(40)]


async def test_a_chunk_demands_that_its_plan_is_still_being_loaded(sample: Sample, chunks_of_three: None) -> None:
    document = rich_plan(sample.context_id, "draft")
    load = store_plan_document(document, Command("create_plan", document))
    writer = sample.graph.writer(sample.project_id, "plan_load")
    await writer.submit(next(load.chunks))
    assert load.seal is not None
    await sample.graph.writer(sample.project_id).submit(load.seal)
    async with sample.untouched():
        with pytest.raises(Refused, match="loading"):
            await writer.submit(next(load.chunks))
    await sample.graph.delete(sample.project_id, "Plan", document["plan_id"])
    with pytest.raises(ReferenceMissing, match="was deleted"):
        await writer.submit(next(load.chunks))


async def test_two_loads_of_one_plan_at_once_have_one_effect(sample: Sample, chunks_of_three: None) -> None:
    document = rich_plan(sample.context_id, "draft")
    command_id = uuid4()
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(
                lambda: sample.graph.create_document(sample.project_id, "plan", document, command_id=command_id)
            )
    assert await sample.graph.export_document(sample.project_id, "plan", document["plan_id"]) == document
    assert len([e for e in await sample.events() if e["type"] == "step_created"]) == 10


def test_a_chunk_names_its_guards_as_the_statement_counts_them() -> None:
    document = rich_plan(uuid4())
    (chunk,) = store_plan_document(document, Command("create_plan", document)).chunks
    row = orjson.loads(orjson.dumps(chunk.row("p")))
    assert [g["id"] for g in chunk.guards] == [row["owner"]["id"], *row["ids"]]
    assert len(chunk.fields) == len(chunk.guards) == 12
    assert chunk.fields[:3] == ["context_id", "plan_id", "step_id"]
    assert chunk.steps == 10 and plan_load.CHUNK_STEPS >= 10
