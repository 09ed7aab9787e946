"""The value state layer on the graph: views of nodes, transitions with their Trace, and all rules of the graph."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sample_graph import (
    Sample,
    confirm_document,
    plan_document,
    role_document,
    sound_sample,
    trace_document,
    uuid4,
)

from psg.errors import (
    DependencyCycle,
    DuplicateId,
    ImmutableHistory,
    InvalidId,
    InvalidTransition,
    NotEditable,
    NotFound,
    PlanInvalid,
    ReferenceMissing,
    ValidationFailed,
)
from psg.model.lifecycle import PLAN
from psg_neo4j import Database, faults
from psg_neo4j.errors import OutcomeUnknown
from psg_runtime.vsl import InMemoryVSL, Neo4jVSL, ValueStore, atomic_plan_transition

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

WAYS: dict[str, tuple[str, ...]] = {
    "draft": (), "proposed": ("proposed",), "approved": ("proposed", "approved"),
    "in_progress": ("proposed", "approved", "in_progress"),
    "cancelled": ("proposed", "approved", "in_progress", "cancelled"),
}  # fmt: skip


@pytest.fixture
async def sample(db: Database) -> AsyncIterator[Sample]:
    async with sound_sample(db) as made:
        yield made


@pytest.fixture
def vsl(sample: Sample) -> Neo4jVSL:
    return Neo4jVSL(sample.graph, sample.project_id, actor="tester")


async def written(vsl: Neo4jVSL, sample: Sample, status: str = "draft") -> dict[str, Any]:
    plan = plan_document(sample.context_id, "pending", "pending")
    await vsl.write_node("Plan", plan["plan_id"], plan)
    for target in WAYS[status]:
        await vsl.update_node("Plan", plan["plan_id"], {"status": target})
    return plan


async def test_keys_of_nodes_are_views_of_them(vsl: Neo4jVSL, sample: Sample) -> None:
    plan = plan_document(sample.context_id, "pending", "pending")
    key = f"plans/{plan['plan_id']}"
    assert await vsl.get(key) is None
    await vsl.set(key, plan)
    assert await vsl.get(key) == plan == await sample.graph.export_document(sample.project_id, "plan", plan["plan_id"])
    step = plan["steps"][1]
    assert await vsl.get(f"steps/{step['step_id']}") == step | {"plan_id": plan["plan_id"]}
    assert (await vsl.get(f"contexts/{sample.context_id}"))["title"] == "t"
    assert await vsl.keys() == []
    await vsl.set(key, plan | {"status": "proposed"})
    assert (await vsl.get(key))["status"] == "proposed"
    assert await vsl.get("plans/no uuid") is None
    with pytest.raises(InvalidId):
        await vsl.set("plans/no uuid", plan)
    with pytest.raises(NotEditable):
        await vsl.set(f"steps/{step['step_id']}", step | {"status": "completed"})
    await vsl.delete(key)
    assert await vsl.get(key) is None


@pytest.mark.req("L3-15", "DD-12")
async def test_what_breaks_a_rule_of_the_graph_is_refused_whoever_writes_it(vsl: Neo4jVSL, sample: Sample) -> None:
    bad = plan_document(sample.context_id, "pending", "pending")
    bad["steps"][0]["dependencies"] = [bad["steps"][1]["step_id"]]
    nowhere = plan_document(uuid4(), "pending")
    wrong = plan_document(sample.context_id, "pending", title=7)
    trace = trace_document(sample.context_id)
    await vsl.write_node("Trace", trace["trace_id"], trace)
    refused: list[tuple[type[Exception], str, str, dict[str, Any]]] = [
        (DependencyCycle, "Plan", bad["plan_id"], bad),
        (ReferenceMissing, "Plan", nowhere["plan_id"], nowhere),
        (PlanInvalid, "Plan", wrong["plan_id"], wrong),
        (ValidationFailed, "Nothing", uuid4(), {}),
        (ValidationFailed, "Project", sample.project_id, {}),
        (ValidationFailed, "Value", uuid4(), {}),
        (NotEditable, "Step", uuid4(), {"description": "alone"}),
        (ImmutableHistory, "Trace", trace["trace_id"], trace | {"status": "completed"}),
        (DuplicateId, "Role", sample.context_id, role_document(role_id=sample.context_id)),
    ]
    async with sample.untouched():
        for error, kind, node_id, data in refused:
            with pytest.raises(error):
                await vsl.write_node(kind, node_id, data)
            with pytest.raises(error):
                async with vsl.transaction() as tx:
                    await vsl.set("key", "not kept", tx)
                    await vsl.write_node(kind, node_id, data, tx)
        with pytest.raises(ImmutableHistory):
            await vsl.delete_node("Trace", trace["trace_id"])
        await vsl.write_node("Trace", trace["trace_id"], trace)


@pytest.mark.req("DD-18", "DD-10", "L3-17")
async def test_a_transition_outside_the_table_changes_nothing(vsl: Neo4jVSL, sample: Sample) -> None:
    for status in WAYS:
        plan = await written(vsl, sample, status)
        for target in PLAN.keys() - PLAN[status]:
            async with sample.untouched():
                with pytest.raises(InvalidTransition, match=f"Invalid transition: {status}"):
                    await atomic_plan_transition(vsl, plan["plan_id"], target)


@pytest.mark.req("DD-18", "L3-17")
async def test_a_plan_goes_its_way_with_its_trace(vsl: Neo4jVSL, sample: Sample) -> None:
    plan = await written(vsl, sample)
    for target in WAYS["cancelled"]:
        got = await atomic_plan_transition(vsl, plan["plan_id"], target)
        assert got["status"] == target
        traces = await vsl.query_graph({"type": "Trace"})
        expected = {"in_progress": ["running"], "cancelled": ["cancelled"]}.get(target, [])
        assert [trace["status"] for trace in traces] == expected
        if traces:
            assert got["trace_id"] == traces[0]["trace_id"] and "plan_status" not in traces[0]
    stages = [e for e in await sample.events() if e["entity"] == plan["plan_id"] and e["family"] == "pipeline_stage"]
    assert [e["changes"]["after"]["status"] for e in stages] == list(WAYS["cancelled"])
    assert {e["actor"] for e in stages} == {"tester"}
    with pytest.raises(NotFound):
        await atomic_plan_transition(vsl, uuid4(), "proposed")


async def test_the_end_of_a_plan_is_not_written_but_reached(vsl: Neo4jVSL, sample: Sample) -> None:
    plan = await written(vsl, sample, "in_progress")
    async with sample.untouched():
        for target in ("completed", "failed"):
            with pytest.raises(NotEditable, match="when its steps are finished"):
                await atomic_plan_transition(vsl, plan["plan_id"], target)


@pytest.mark.req("DD-18", "DD-17")
async def test_in_memory_the_trace_gains_an_event_and_its_end_and_errors_leave_nothing() -> None:
    store = InMemoryVSL()
    plan = plan_document(uuid4(), "pending", status="in_progress")
    trace = trace_document(plan["context_id"], plan["plan_id"])
    await store.write_node("Plan", plan["plan_id"], plan | {"trace_id": trace["trace_id"]})
    await store.write_node("Trace", trace["trace_id"], trace)

    class Failing(InMemoryVSL):
        async def write_node(self, type: str, id: str, data: dict[str, Any], tx: Any = None) -> None:
            if type == "Trace" and tx is not None:
                raise ZeroDivisionError
            await super().write_node(type, id, data, tx)

    failing = Failing()
    failing._state = store._state
    with pytest.raises(ZeroDivisionError):
        await atomic_plan_transition(failing, plan["plan_id"], "completed")
    assert (await failing.read_node("Plan", plan["plan_id"]) or {})["status"] == "in_progress"
    got = await atomic_plan_transition(store, plan["plan_id"], "completed")
    assert got["status"] == "completed"
    after = await store.read_node("Trace", trace["trace_id"]) or {}
    assert (after["status"], "plan_status" in after) == ("completed", False)
    (event,) = after["events"]
    assert event["event_type"] == "plan.status.changed"
    assert event["data"] == {"plan_id": plan["plan_id"], "from": "in_progress", "to": "completed"}


async def test_values_are_logged_like_everything_and_an_equal_one_is_no_change(vsl: Neo4jVSL, sample: Sample) -> None:
    before = await sample.head()
    await vsl.set("key", {"a": 1})
    await vsl.set("key", {"a": 1})
    await vsl.set("key", "x" * 10_000)
    await vsl.delete("key")
    await vsl.delete("key")
    events = await sample.events(before)
    assert [(e["type"], e["entity_type"], e["op"]) for e in events] == [
        ("value_created", "Value", "create"), ("value_set", "Value", "set"), ("value_deleted", "Value", "set")
    ]  # fmt: skip
    assert events[1]["changes"]["before"] == {"value": '{"a":1}'}
    assert "x" * 100 not in str(events)


async def test_a_large_plan_and_many_writes_fit_in_one_transaction(vsl: Neo4jVSL, sample: Sample) -> None:
    plan = plan_document(sample.context_id, *["pending"] * 4_500)
    roles = [role_document() for _ in range(20)]
    async with vsl.transaction() as tx:
        await vsl.write_node("Plan", plan["plan_id"], plan, tx)
        await vsl.update_node("Plan", plan["plan_id"], {"status": "proposed", "priority": "high"}, tx)
        for role in roles:
            await vsl.write_node("Role", role["role_id"], role, tx)
        await vsl.set("key", 1, tx)
    assert await vsl.read_node("Plan", plan["plan_id"]) == plan | {"status": "proposed", "priority": "high"}
    assert len(await vsl.query_graph({"type": "Role"})) == 20
    assert len(await vsl.query_graph({"type": "Step", "where": {"plan_id": plan["plan_id"]}, "fields": []})) == 4_500


@pytest.mark.req("L3-17", "DD-17")
@pytest.mark.parametrize("point", ["before_commit", "after_commit"])
async def test_a_commit_whose_answer_is_lost_has_one_effect(
    vsl: Neo4jVSL, sample: Sample, point: str
) -> None:
    lost: list[str] = []

    def lose() -> None:
        if not lost:
            lost.append(point)
            raise OutcomeUnknown("the connection was lost")

    before = await sample.head()
    with faults.arm(point, lose):
        async with vsl.transaction() as tx:
            await vsl.set("a", 1, tx)
            await vsl.set("b", 2, tx)
    assert lost == [point]
    assert [await vsl.get(key) for key in "ab"] == [1, 2]
    assert await sample.head() == before + 2


async def test_confirms_and_roles_keep_their_own_rules(vsl: Neo4jVSL, sample: Sample) -> None:
    plan = await written(vsl, sample, "proposed")
    confirm = confirm_document("plan", plan["plan_id"])
    await vsl.write_node("Confirm", confirm["confirm_id"], confirm)
    with pytest.raises(NotEditable):
        await vsl.write_node("Confirm", confirm["confirm_id"], confirm | {"status": "approved"})
    with pytest.raises(NotEditable, match="steps"):
        await vsl.write_node("Plan", plan["plan_id"], {**plan, "status": "proposed", "steps": plan["steps"][:1]})
    with pytest.raises(NotEditable, match="title"):
        await vsl.update_node("Plan", plan["plan_id"], {"title": "another"})
    context = await vsl.read_node("Context", sample.context_id) or {}
    await vsl.write_node("Context", sample.context_id, {**context, "title": "new", "status": "suspended"})
    assert await vsl.read_node("Context", sample.context_id) == {**context, "title": "new", "status": "suspended"}


async def test_projects_do_not_see_each_other(vsl: Neo4jVSL, sample: Sample, db: Database) -> None:
    async with sound_sample(db) as other:
        theirs: ValueStore = Neo4jVSL(other.graph, other.project_id)
        await vsl.set("key", "mine")
        assert await theirs.get("key") is None
        assert await theirs.read_node("Context", sample.context_id) is None
        snapshot = await vsl.create_snapshot()
        with pytest.raises(NotFound):
            await theirs.restore_snapshot(snapshot)
    with pytest.raises(NotFound):
        await Neo4jVSL(sample.graph, uuid4()).set("key", 1)
