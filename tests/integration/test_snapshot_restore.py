"""Going back to a snapshot: state comes back exactly, history stays, work given out since no longer counts."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from world import META, World, chain, registry, step

from psg import snapshots
from psg.audit import verify
from psg.errors import ActionFailed, NotFound, PsgError, Refused
from psg.model.entities import ENTITIES

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

HISTORY = ("Trace", "TraceSegment")


@pytest.fixture
async def world(db: Any) -> World:
    return await World.create(db)


async def clean(world: World) -> None:
    report = await verify(world.db, world.project_id)
    assert report.violations == []


async def state(world: World) -> dict[str, Any]:
    """Everything that is alive but recorded history: values that the log answers for (the fence apart), and edges."""
    rows = await world.query(
        "MATCH (n:PsgNode {project_id: $project_id}) WHERE NOT n:Tombstone "
        "RETURN labels(n) AS labels, properties(n) AS props, "
        "COLLECT { MATCH (n)-[e]->(m) RETURN [type(e), e.at, m.id] ORDER BY type(e), e.at, m.id } AS edges"
    )
    found = {}
    for row in rows:
        (label,) = set(row["labels"]) & set(ENTITIES)
        if label not in HISTORY:
            kept = {k: v for k, v in row["props"].items() if k in ENTITIES[label].logged - {"fence"}}
            found[row["props"]["id"]] = (label, kept, row["edges"])
    return found


async def history(world: World) -> dict[str, Any]:
    """Segments as they are stored, byte by byte."""
    rows = await world.query("MATCH (s:TraceSegment {project_id: $project_id}) RETURN properties(s) AS props")
    return {row["props"]["id"]: row["props"] for row in rows}


async def plan_snapshot(world: World, plan_id: str) -> str:
    return await snapshots.take(world.graph, world.project_id, plan_id=plan_id, actor="tester")


async def restore(world: World, snapshot_id: str, **more: Any) -> Any:
    return await snapshots.restore(world.graph, world.project_id, snapshot_id, actor="tester", **more)


def of_every_fate() -> list[Any]:
    return [
        step("ok"), step("no", "ok", condition="1 > 2"), step("yes", "ok", condition="1 < 2"),
        step("both", "no", "yes"), step("only_no", "no"), step("wait", type="wait", params={"duration_ms": 20}),
        step("later", "wait", name="long"), step("boom", name="boom"), step("doomed", "boom", "later"),
    ]  # fmt: skip


def tools() -> Any:
    async def boom() -> None:
        raise ActionFailed("planted")

    async def long() -> str:
        return "é" * 10_000

    return registry(boom=boom, long=long)


@pytest.mark.req("L3-56")
async def test_starting_a_plan_saves_a_snapshot_in_the_same_commit(world: World) -> None:
    plan_id = await world.approved(step("a"))
    before = await world.head_seq()
    await world.graph.start_plan(world.project_id, plan_id)
    (saved,) = await snapshots.listing(world.db, world.project_id, plan_id=plan_id)
    assert (saved.seq, saved.plan_id, saved.reason) == (before, plan_id, "before start")
    (started,) = await world.events(type="plan_in_progress")
    assert started["seq"] > before
    assert started["changes"]["snapshot"] == saved.id
    await clean(world)


async def test_a_project_can_do_without_snapshots_before_starts(world: World) -> None:
    await snapshots.set_policy(world.graph, world.project_id, before_start=False)
    await world.started(step("a"))
    assert await snapshots.listing(world.db, world.project_id) == []
    await snapshots.set_policy(world.graph, world.project_id, before_start=True)
    await world.started(step("b"))
    assert [s.reason for s in await snapshots.listing(world.db, world.project_id)] == ["before start"]


@pytest.mark.req("L3-57", "DD-15", "DD-02", "DD-03", "L3-06", "DD-04")
async def test_a_failed_run_is_taken_back_to_before_its_start_and_can_run_again(world: World) -> None:
    plan_id = await world.approved(*of_every_fate())
    saved = await state(world)
    await world.graph.start_plan(world.project_id, plan_id)
    async with world.running(tools()):
        assert await world.finished(plan_id) == ["failed"]
    ran, segments = await state(world), await history(world)
    assert ran != saved
    fences = {key: s["fence"] for key, s in (await world.steps(plan_id)).items()}
    (snapshot,) = await snapshots.listing(world.db, world.project_id, plan_id=plan_id)
    answer = await restore(world, snapshot.id)
    assert await state(world) == saved
    stored = await history(world)
    assert {k: stored[k] for k in segments} == segments
    (record,) = [s for k, s in stored.items() if k not in segments]
    assert record["label"] == "restore"
    now = await world.steps(plan_id)
    assert all(now[key]["fence"] > fence for key, fence in fences.items() if fence)
    await clean(world)
    # and the state that was left can be gone back to as well
    await restore(world, answer.ids["before"])
    assert await state(world) == ran
    await clean(world)
    await restore(world, snapshot.id)
    await world.graph.start_plan(world.project_id, plan_id)
    async with world.running(tools()):
        assert await world.finished(plan_id) == ["failed"]
    statuses = {key: s["status"] for key, s in (await world.steps(plan_id)).items()}
    assert statuses == {node["key"]: node["status"] for label, node, _ in ran.values() if label == "Step"}
    traces = await world.query("MATCH (t:Trace {project_id: $project_id}) RETURN t.status AS status")
    assert len(traces) == 2
    await clean(world)


@pytest.mark.req("L3-40")
async def test_each_change_of_a_status_by_a_restore_is_one_stage_event(world: World) -> None:
    plan_id = await world.run(step("a"), step("b", "a"))
    (snapshot,) = await snapshots.listing(world.db, world.project_id, plan_id=plan_id)
    head = await world.head_seq()
    await restore(world, snapshot.id)
    events = [e for e in await world.events() if e["seq"] > head]
    stages = [(e["entity_type"], e["changes"]["before"]["status"], e["changes"]["after"]["status"])
              for e in events if e["family"] == "pipeline_stage"]  # fmt: skip
    expected = [("Plan", "completed", "approved"), ("Step", "completed", "pending"), ("Step", "completed", "pending")]
    assert sorted(stages) == expected
    assert all(e["changes"]["to"] == snapshot.seq for e in events if e["op"] == "restore")
    (record,) = [e for e in events if e["type"] == "snapshot_restored"]
    assert (record["op"], record["changes"]["restored"]) == ("note", 3)


@pytest.mark.req("L3-57", "DD-02", "DD-03")
async def test_edits_of_the_structure_are_taken_back(world: World) -> None:
    graph, project_id = world.graph, world.project_id
    plan_id = await world.draft(step("a"), step("b", "a"), step("c", "a", "b"), step("d"))
    ids = {key: s["id"] for key, s in (await world.steps(plan_id)).items()}
    saved, snapshot = await state(world), await plan_snapshot(world, plan_id)
    await graph.remove_dependency(project_id, ids["c"], ids["a"])
    await graph.add_dependency(project_id, ids["c"], ids["a"])  # the same edge, at the end of the list
    await graph.remove_dependency(project_id, ids["b"], ids["a"])
    await graph.add_dependency(project_id, ids["a"], ids["b"])  # now the other way round
    await graph.add_dependency(project_id, ids["a"], ids["d"])
    await graph.add_step(project_id, plan_id, step("e", "d"))
    await graph.propose_plan(project_id, plan_id)
    await graph.delete(project_id, "Step", (await world.steps(plan_id))["e"]["id"])
    await graph.remove_dependency(project_id, ids["a"], ids["d"])
    await graph.delete(project_id, "Step", ids["d"])
    await graph.approve_plan(project_id, plan_id)
    await clean(world)
    await restore(world, snapshot)
    assert await state(world) == saved
    await clean(world)
    with pytest.raises(PsgError, match="cycle"):
        await graph.add_dependency(project_id, ids["a"], ids["b"])
    assert await world.plan_status(plan_id) == "draft"


@pytest.mark.req("L3-57", "DD-15")
async def test_a_deleted_plan_lives_again(world: World) -> None:
    plan_id = await world.draft(*chain(3))
    saved, snapshot = await state(world), await plan_snapshot(world, plan_id)
    await world.graph.delete(world.project_id, "Plan", plan_id)
    await clean(world)
    await restore(world, snapshot)
    assert await state(world) == saved
    await clean(world)
    await world.graph.delete(world.project_id, "Plan", plan_id)  # and can be deleted again, with all its steps
    assert [n for n in (await state(world)).values() if n[0] in ("Plan", "Step")] == []
    await clean(world)


@pytest.mark.req("DD-03")
async def test_a_plan_does_not_live_again_without_its_context(world: World) -> None:
    plan_id = await world.draft(step("a"))
    snapshot, whole = await plan_snapshot(world, plan_id), await snapshots.take(world.graph, world.project_id)
    saved = await state(world)
    await world.graph.delete(world.project_id, "Plan", plan_id)
    await world.graph.delete(world.project_id, "Context", world.context_id)
    head = await world.head_seq()
    with pytest.raises(Refused, match="IN_CONTEXT"):
        await restore(world, snapshot)
    assert await world.head_seq() == head
    await clean(world)
    await restore(world, whole)
    assert await state(world) == saved
    await clean(world)


@pytest.mark.req("L3-57")
async def test_long_texts_come_back_from_their_hash(world: World) -> None:
    graph, project_id = world.graph, world.project_id
    role = {"meta": META | {"tags": []}, "role_id": world.context_id[:-4] + "abcd", "name": "r"}
    await graph.create_document(project_id, "role", role)
    texts = ["ä" * 5_000, "b" * 9_000, "short", "c" * 5_000]
    kept = []
    for text in texts:
        await graph.update_document(project_id, "role", role["role_id"], {"description": text})
        kept.append((await snapshots.take(graph, project_id), await state(world)))
    for snapshot, saved in [kept[0], kept[3], kept[1], kept[2], kept[0]]:
        await restore(world, snapshot)
        assert await state(world) == saved
        await clean(world)
    stored = await world.query("MATCH (k:Content {project_id: $project_id}) RETURN k.text AS text")
    assert sorted(row["text"] for row in stored) == sorted([texts[0], texts[1], texts[3]])


async def test_a_running_plan_has_to_be_paused_and_late_results_do_not_count(world: World) -> None:
    began, go_on = anyio.Event(), anyio.Event()

    async def slow() -> str:
        if began.is_set():
            return "in time"
        began.set()
        await go_on.wait()
        return "too late"

    plan_id = await world.started(step("a", name="slow"), step("b", "a"))
    (snapshot,) = await snapshots.listing(world.db, world.project_id, plan_id=plan_id)
    async with world.running(registry(slow=slow)):
        await began.wait()
        head = await world.head_seq()
        with pytest.raises(Refused, match="pause it"):
            await restore(world, snapshot.id)
        assert await world.head_seq() == head
        await world.graph.pause_plan(world.project_id, plan_id)
        await restore(world, snapshot.id)
        await clean(world)
        go_on.set()
        assert await world.plan_status(plan_id) == "approved"
        traces = await world.query("MATCH (t:Trace {project_id: $project_id}) RETURN t.status AS status")
        assert [t["status"] for t in traces] == ["cancelled"]
        await world.graph.start_plan(world.project_id, plan_id)
        assert await world.finished(plan_id) == ["completed"]
    assert (await world.steps(plan_id))["a"]["output"] == "in time"
    done = [s["label"] for s in (await history(world)).values()]
    assert sorted(done) == ["a", "b", "restore"]
    await clean(world)


async def test_a_snapshot_in_the_middle_of_a_run_is_gone_on_from(world: World) -> None:
    plan_id = await world.started(step("a"), step("ask", "a", type="confirm", params={"reason": "?"}), step("z", "ask"))
    async with world.running():

        async def asked() -> bool:
            return bool(await world.query("MATCH (c:Confirm {project_id: $project_id}) RETURN c"))

        await world.until(asked)
        await world.until(lambda: _parked(world, plan_id))
        snapshot, saved = await plan_snapshot(world, plan_id), await state(world)
        (confirm,) = [i for i, n in saved.items() if n[0] == "Confirm" and n[1]["status"] == "pending"]
        await world.graph.decide_confirm(world.project_id, confirm, "approved")
        assert await world.finished(plan_id) == ["completed"]
        await restore(world, snapshot)
        assert await state(world) == saved
        await clean(world)
        assert (await world.steps(plan_id))["ask"]["parked"] == "confirm"
        await world.graph.decide_confirm(world.project_id, confirm, "approved")
        assert await world.finished(plan_id) == ["completed"]
    await clean(world)
    decisions = await world.query("MATCH (d:Decision {project_id: $project_id}) RETURN d:Tombstone AS gone")
    assert sorted(d["gone"] for d in decisions) == [False, False, True]


async def _parked(world: World, plan_id: str) -> bool:
    return (await world.steps(plan_id))["ask"].get("parked") == "confirm"


async def test_a_cancelled_plan_can_be_taken_back_and_cancelled_again(world: World) -> None:
    plan_id = await world.started(*chain(3))
    (snapshot,) = await snapshots.listing(world.db, world.project_id, plan_id=plan_id)
    for _ in range(2):
        await world.graph.cancel_plan(world.project_id, plan_id)
        assert {s["status"] for s in (await world.steps(plan_id)).values()} == {"skipped"}
        await clean(world)
        await restore(world, snapshot.id)
        await clean(world)
        await world.graph.start_plan(world.project_id, plan_id)
    await clean(world)


@pytest.mark.req("L3-57", "DD-15")
async def test_a_project_goes_back_as_a_whole(world: World) -> None:
    kept_plan = await world.run(step("a"), step("b", "a"))
    edited = await world.draft(*chain(3))
    snapshot, saved = await snapshots.take(world.graph, world.project_id), await state(world)
    await world.graph.update_document(world.project_id, "context", world.context_id, {"title": "other", "tags": ["x"]})
    await world.run(step("new"), title="came later")
    await world.graph.delete(world.project_id, "Plan", edited)
    await world.graph.create_document(
        world.project_id, "role", {"meta": META, "role_id": world.context_id[:-4] + "0000", "name": "later"}
    )
    await restore(world, snapshot)
    assert await state(world) == saved
    assert await world.plan_status(kept_plan) == "completed"
    await clean(world)


async def test_a_snapshot_of_another_project_is_not_found(world: World, db: Any) -> None:
    other = await World.create(db)
    foreign = await snapshots.take(other.graph, other.project_id)
    head = await world.head_seq()
    with pytest.raises(NotFound, match="has no snapshot"):
        await restore(world, foreign)
    assert await world.head_seq() == head


async def test_a_repeated_restore_has_one_effect(world: World) -> None:
    plan_id = await world.draft(step("a"))
    snapshot = await plan_snapshot(world, plan_id)
    await world.graph.propose_plan(world.project_id, plan_id)
    command_id = "3e7f1d52-7c34-4c5e-8d6d-0c1b7f3b0a01"
    first = await restore(world, snapshot, command_id=command_id)
    await world.graph.propose_plan(world.project_id, plan_id)
    again = await restore(world, snapshot, command_id=command_id)
    assert (again.replayed, again.ids) == (True, first.ids)
    assert await world.plan_status(plan_id) == "proposed"
    await clean(world)


@pytest.mark.parametrize("size", [1, 300])
async def test_a_snapshot_costs_the_same_whatever_the_size(world: World, size: int) -> None:
    plan_id = await world.draft(*chain(size))
    whole = "MATCH (n) WHERE n.project_id = $project_id RETURN count(n) AS nodes, sum(size(keys(n))) AS values"
    (before,) = await world.query(whole)
    await plan_snapshot(world, plan_id)
    (after,) = await world.query(whole)
    assert after["nodes"] - before["nodes"] == 2  # the snapshot and its event
    assert after["values"] - before["values"] < 30
