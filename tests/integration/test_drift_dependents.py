"""Plans and steps that depend on a tracked file: stale when it changes, then held, made anew or undone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from drift_world import ROOT, DriftWorld
from world import World, registry, step

from psg import drift as graph_side
from psg.errors import NotFound, ReferenceMissing, ValidationFailed
from psg.plan.policy import CompensationSpec
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.fixture
async def drift(db: Database, tmp_path: Path) -> AsyncIterator[DriftWorld]:
    made = await DriftWorld.create(await World.create(db), tmp_path / "tree")
    made.write("a.txt", "one\n")
    await made.monitor.scan()
    yield made
    await made.verified()


async def depend(drift: DriftWorld, node: str, on_drift: Any = None, name: str = "a.txt") -> None:
    world = drift.world
    await graph_side.depend_on(world.graph, world.project_id, drift.uri(name), node, on_drift=on_drift)


async def plan_of(drift: DriftWorld, plan_id: str) -> dict[str, Any]:
    text = """MATCH (p:PsgNode:Plan {project_id: $project_id, id: $id})
    RETURN p {.status, .stale_ms, paused: coalesce(p.paused, false),
      derived: [(d:Plan)-[:DERIVED_FROM]->(p) | d {.id, .status, .derivation}]} AS p"""
    (row,) = await drift.world.query(text, id=plan_id)
    return row["p"]


async def test_a_change_marks_what_depends_on_it_and_a_restored_file_does_not(drift: DriftWorld) -> None:
    world = drift.world
    plan_id = await world.draft(step("uses"), step("other"))
    uses = (await world.steps(plan_id))["uses"]["id"]
    await depend(drift, plan_id)
    await depend(drift, uses)
    await depend(drift, uses)  # once more changes nothing
    (drift.path / "a.txt").unlink()
    await drift.monitor.scan()
    assert (await plan_of(drift, plan_id))["stale_ms"] is None

    drift.write("a.txt", "two\n")
    await drift.monitor.scan()
    (tracked,) = await graph_side.page(world.db, world.project_id, after="file:", before="file;")
    assert {d["id"] for d in tracked.dependents if d["stale_ms"]} == {plan_id, uses}
    assert len(await world.events(type="dependent_stale")) == 2
    await graph_side.refresh(world.graph, world.project_id, uses)
    (tracked,) = await graph_side.page(world.db, world.project_id, after="file:", before="file;")
    assert {d["id"] for d in tracked.dependents if d["stale_ms"]} == {plan_id}


@pytest.mark.parametrize("status", ["approved", "rejected"])
async def test_a_gate_holds_a_running_plan_until_somebody_decides(drift: DriftWorld, status: str) -> None:
    world = drift.world
    plan_id = await world.started(step("a"), step("b", "a"))
    await depend(drift, plan_id, "gate")
    drift.write("a.txt", "two\n")
    await drift.monitor.scan()
    assert (await plan_of(drift, plan_id))["paused"] is True
    await drift.monitor.scan()
    rows = await world.query(
        """MATCH (c:Confirm)-[:CONFIRMS]->(:PsgNode:Plan {project_id: $project_id, id: $id})
        WHERE c.status = 'pending' RETURN c.id AS id""",
        id=plan_id,
    )
    assert len(rows) == 1  # asked once
    await world.graph.decide_confirm(world.project_id, rows[0]["id"], status)
    await drift.monitor.scan()
    found = await plan_of(drift, plan_id)
    if status == "approved":
        assert (found["status"], found["paused"], found["stale_ms"]) == ("in_progress", False, None)
    else:
        assert found["status"] == "cancelled"
    seq = await world.head_seq()
    await drift.monitor.scan()
    assert await world.head_seq() == seq  # it is over


async def test_a_finished_plan_is_made_anew_from_the_step_that_depends(drift: DriftWorld) -> None:
    world = drift.world
    plan_id = await world.run(step("before"), step("uses", "before"), step("after", "uses"))
    await depend(drift, (await world.steps(plan_id))["uses"]["id"], "replan")
    drift.write("a.txt", "two\n")
    await drift.monitor.scan()
    await drift.monitor.scan()
    (anew,) = (await plan_of(drift, plan_id))["derived"]
    assert anew["status"] == "draft"
    statuses = {key: s["status"] for key, s in (await world.steps(anew["id"])).items()}
    assert statuses == {"before": "completed", "uses": "pending", "after": "pending"}


async def test_a_plan_is_undone_by_what_its_steps_declare(drift: DriftWorld) -> None:
    world = drift.world
    undone: list[str] = []

    async def undo(what: str) -> None:
        undone.append(what)

    tools = registry(undo=undo)
    undoing = CompensationSpec(name="undo", params={"what": "first"})
    plan_id = await world.run(step("first", compensation=undoing), tools=tools)
    await drift.set(on_drift="compensate")
    await depend(drift, plan_id)
    drift.write("a.txt", "two\n")
    await drift.monitor.scan()
    (undo_plan,) = (await plan_of(drift, plan_id))["derived"]
    assert undo_plan["derivation"] == "compensation"
    async with world.running(tools):
        assert await world.finished(undo_plan["id"]) == ["completed"]
    assert undone == ["first"]


async def test_a_directory_as_a_whole_can_be_depended_on(drift: DriftWorld) -> None:
    world = drift.world
    plan_id = await world.started(step("a"))
    await graph_side.depend_on(world.graph, world.project_id, f"dir:{ROOT}", plan_id, on_drift="gate")
    (drift.path / "a.txt").unlink()
    await drift.monitor.scan()  # it comes back: nothing changed
    assert (await plan_of(drift, plan_id))["stale_ms"] is None
    drift.write("other.txt", "new\n")
    await drift.monitor.scan()
    found = await plan_of(drift, plan_id)
    assert found["stale_ms"] and found["paused"] is True


async def test_a_plan_that_was_not_begun_is_only_marked(drift: DriftWorld) -> None:
    plan_id = await drift.world.draft(step("a"))
    await depend(drift, plan_id, "replan")
    drift.write("a.txt", "two\n")
    await drift.monitor.scan()
    found = await plan_of(drift, plan_id)
    assert found["stale_ms"] and found["status"] == "draft" and found["derived"] == []
    assert (await drift.known("a.txt")).due() == {}


async def test_only_plans_and_steps_of_the_project_depend_on_what_is_tracked(drift: DriftWorld) -> None:
    world, other = drift.world, await World.create(drift.world.db)
    foreign = await other.draft(step("a"))
    mine = await world.draft(step("a"))
    for node in (foreign, world.context_id, "b5a4bb5e-5a3c-4d3e-8f57-111111111111"):
        with pytest.raises(ReferenceMissing):
            await depend(drift, node)
    with pytest.raises(NotFound):
        await depend(drift, mine, name="none.txt")
    with pytest.raises(ValidationFailed):
        await depend(drift, mine, "explode")
    with pytest.raises(NotFound):
        await graph_side.refresh(world.graph, world.project_id, foreign)
