"""Reads of nodes: pages by key, batches by id, the frontier in its order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sample_graph import (
    Sample,
    confirm_document,
    context_document,
    make_sample,
    plan_document,
    plan_spec,
    role_document,
    trace_document,
    uuid4,
)
from world import statement

from psg.errors import NotFound
from psg.plan.spec import PlanSpec, StepSpec
from psg.read.nodes import FIRST_ID, FIRST_POSITION, FIRST_SEGMENT, Reader
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.fixture
async def sample(db: Database) -> AsyncIterator[Sample]:
    yield await make_sample(db)


async def test_pages_by_key_have_everything_once_and_no_tombstones(sample: Sample) -> None:
    reader, project = Reader(sample.db), sample.project_id
    made = {sample.context_id}
    for _ in range(6):
        document = context_document()
        await sample.graph.create_document(project, "context", document)
        made.add(document["context_id"])
    gone = next(i for i in made if i != sample.context_id)
    await sample.graph.delete(project, "Context", gone)
    seen: list[str] = []
    while rows := await reader.contexts(project, seen[-1] if seen else FIRST_ID, 2):
        assert len(rows) <= 2
        seen += [row["id"] for row in rows]
    assert seen == sorted(made - {gone})
    assert await reader.count("context_count", project_id=project, status=None) == len(seen)
    assert (await reader.one("Context", project, gone))["deleted"] is True


async def test_steps_come_in_order_of_position_with_dependencies_in_the_order_given(sample: Sample) -> None:
    plan_id, ids = await sample.plan({"c": (), "a": ("c",), "b": ("a", "c")})
    rows = await Reader(sample.db).steps(sample.project_id, plan_id, FIRST_POSITION, 10)
    assert [row["key"] for row in rows] == ["c", "a", "b"]
    assert rows[2]["dependencies"] == [ids["a"], ids["c"]]
    assert [row["ready"] for row in rows] == [True, False, False]
    behind = await Reader(sample.db).steps(sample.project_id, plan_id, rows[0]["position"], 1)
    assert [row["key"] for row in behind] == ["a"]
    assert await Reader(sample.db).step_counts(sample.project_id, plan_id) == {"pending": 3}


async def test_plans_by_context_and_status(sample: Sample) -> None:
    reader, project = Reader(sample.db), sample.project_id
    other = context_document()
    await sample.graph.create_document(project, "context", other)
    mine, _ = await sample.plan()
    running, _ = await sample.running_plan()
    answer = await sample.graph.create_plan(project, other["context_id"], plan_spec())
    theirs = answer.ids["plan"]

    async def ids(**by: str) -> set[str]:
        return {row["id"] for row in await reader.plans(project, FIRST_ID, 10, **by)}  # type: ignore[arg-type]

    assert await ids() == {mine, running, theirs}
    assert await ids(context_id=other["context_id"]) == {theirs}
    assert await ids(status="in_progress") == {running}
    assert await ids(context_id=sample.context_id, status="draft") == {mine}
    (row,) = await reader.plans(project, FIRST_ID, 10, context_id=other["context_id"])
    assert row["context_id"] == other["context_id"]


@pytest.mark.parametrize("size", [1, 2, 10])
async def test_plans_by_age_have_everything_once_also_of_one_moment(sample: Sample, size: int) -> None:
    reader, project = Reader(sample.db), sample.project_id
    other = context_document()
    await sample.graph.create_document(project, "context", other)
    made = [(await sample.plan())[0] for _ in range(5)]
    theirs = (await sample.graph.create_plan(project, other["context_id"], plan_spec())).ids["plan"]
    # Three of one millisecond, as a bulk import may make them: their ids decide.
    await sample.db.write(
        statement("MATCH (n:Plan) WHERE n.project_id = $p AND n.id IN $ids SET n.sys_created_ms = 7", "write"),
        p=project, ids=made[1:4],
    )  # fmt: skip
    await sample.graph.delete(project, "Plan", made[0])
    same_moment = sorted(made[1:4], reverse=True)

    async def pages(**by: Any) -> list[str]:
        seen: list[str] = []
        before = (1 << 53, "")
        while rows := await reader.latest_plans(project, before, size, **by):
            assert len(rows) <= size
            seen += [row["id"] for row in rows]
            before = tuple(rows[-1]["latest"])
        return seen

    assert await pages() == [theirs, made[4], *same_moment]
    assert await pages(context_id=sample.context_id) == [made[4], *same_moment]
    assert await pages(status="draft", context_id=other["context_id"]) == [theirs]
    assert await pages(status="completed") == []


async def test_frontier_is_in_scheduling_order_and_empty_while_paused(sample: Sample) -> None:
    steps = [
        StepSpec(key="late", name="noop", urgency=500),
        StepSpec(key="second", name="noop", urgency=1, order_index=7),
        StepSpec(key="first", name="noop", urgency=1, order_index=2),
        StepSpec(key="waiting", name="noop", urgency=0, dependencies=["late"]),
    ]
    spec = PlanSpec(title="t", objective="o", steps=steps)
    plan_id = (await sample.graph.create_plan(sample.project_id, sample.context_id, spec)).ids["plan"]
    reader = Reader(sample.db)

    async def keys(limit: int = 10) -> list[str]:
        return [row["key"] for row in await reader.frontier(sample.project_id, plan_id, limit)]

    assert await keys() == []
    await sample.graph.propose_plan(sample.project_id, plan_id)
    await sample.graph.approve_plan(sample.project_id, plan_id)
    await sample.graph.start_plan(sample.project_id, plan_id)
    assert await keys() == ["first", "second", "late"]
    assert await keys(1) == ["first"]
    await sample.graph.pause_plan(sample.project_id, plan_id)
    assert await keys() == []


async def test_batches_keep_order_and_projects_apart(sample: Sample, db: Database) -> None:
    other = await make_sample(db, sample.graph)
    plan_id, _ = await sample.plan()
    reader, nobody = Reader(db), uuid4()
    keys = [(other.project_id, plan_id), (sample.project_id, plan_id), (sample.project_id, nobody)]
    rows = await reader.by_ids("Plan", keys)
    assert [row and row["id"] for row in rows] == [None, plan_id, None]
    assert await reader.by_ids("Step", [(sample.project_id, plan_id)]) == [None]
    with pytest.raises(NotFound):
        await reader.one("Plan", other.project_id, plan_id)


async def test_traces_with_segments_and_confirms_with_decisions(sample: Sample) -> None:
    project, reader = sample.project_id, Reader(sample.db)
    plan = plan_document(sample.context_id)
    await sample.graph.create_document(project, "plan", plan)
    segments = [{"segment_id": uuid4(), "label": f"s{i}", "status": "completed"} for i in range(3)]
    segments[1]["parent_segment_id"] = segments[0]["segment_id"]
    trace = trace_document(sample.context_id, plan["plan_id"], segments=segments)
    await sample.graph.create_document(project, "trace", trace)
    (row,) = await reader.traces(project, FIRST_ID, 10, plan_id=plan["plan_id"])
    assert (row["id"], row["plan_id"], row["context_id"]) == (trace["trace_id"], plan["plan_id"], sample.context_id)
    found = await reader.segments(project, trace["trace_id"], FIRST_SEGMENT, 10)
    assert [s["label"] for s in found] == ["s0", "s1", "s2"]
    assert found[1]["parent_segment_id"] == segments[0]["segment_id"]

    confirm = confirm_document("plan", plan["plan_id"])
    await sample.graph.create_document(project, "confirm", confirm)
    (row,) = await reader.confirms(project, FIRST_ID, 10, "pending")
    assert (row["target_id"], row["target_label"], row["plan_id"]) == (plan["plan_id"], "Plan", plan["plan_id"])
    await sample.graph.decide_confirm(project, confirm["confirm_id"], "rejected", role="boss", reason="no")
    await sample.graph.decide_confirm(project, confirm["confirm_id"], "approved", role="boss")
    assert await reader.confirms(project, FIRST_ID, 10, "pending") == []
    (row,) = await reader.confirms(project, FIRST_ID, 10)
    assert [(d["status"], d.get("reason")) for d in row["decisions"]] == [("rejected", "no"), ("approved", None)]


async def test_roles_and_projects(sample: Sample) -> None:
    reader = Reader(sample.db)
    await sample.graph.create_document(sample.project_id, "role", role_document(name="boss"))
    assert [r["name"] for r in await reader.roles(sample.project_id, FIRST_ID, 10)] == ["boss"]
    (project,) = await reader.by_ids("Project", [(sample.project_id, sample.project_id)])
    assert project is not None
    (named,) = await reader.projects("", 10, project["name"])
    assert named["id"] == sample.project_id
    (behind,) = [r for r in await reader.projects(project["name"][:-1], 50) if r["id"] == sample.project_id]
    assert behind["name"] == project["name"]
