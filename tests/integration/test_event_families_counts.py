"""Event counts are exact: one stage event per change of status, deltas that sum to the real change (L3-40, L3-41)."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from typing import Any

import anyio
import pytest
from world import World, registry, step

from psg.audit import verify
from psg.errors import DependencyCycle, InvalidTransition, PsgError, ReferenceMissing, StaleRevision
from psg.events.models import check_event
from psg.plan.spec import StepSpec
from psg_neo4j import Database, faults
from psg_runtime.bus import EventCounters, capture

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

Sizes = tuple[int, int]


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    made = await World.create(db)
    yield made
    report = await verify(db, made.project_id)
    assert report.ok, report.violations


async def sizes(world: World) -> Sizes:
    """Living nodes and all relationships of the project, counted in the graph itself."""
    (row,) = await world.query(
        "MATCH (n:PsgNode {project_id: $project_id}) "
        "RETURN count(CASE WHEN NOT n:Tombstone THEN 1 END) AS nodes, sum(COUNT { (n)-->() }) AS edges"
    )
    return row["nodes"], row["edges"]


def deltas(events: Iterable[Any]) -> Sizes:
    updates = [e for e in events if e["event_family"] == "graph_update"]
    return sum(e["node_delta"] for e in updates), sum(e["edge_delta"] for e in updates)


def changes_of_status(events: Iterable[Any]) -> Counter[tuple[str, str, str]]:
    stages = [e["payload"] for e in events if e["event_family"] == "pipeline_stage"]
    return Counter((p["resource_type"], p["from_status"], p["to_status"]) for p in stages)


async def boom() -> None:
    raise ValueError("as ordered")


async def one() -> dict[str, int]:
    return {"n": 1}


@pytest.mark.req("L3-40", "L3-41", "L3-45", "L3-09")
async def test_a_run_with_a_failure_and_skips_has_exactly_its_events(world: World) -> None:
    before = await sizes(world)
    async with capture(world.graph, world.project_id) as events:
        plan_id = await world.run(
            step("good", name="one"),
            step("bad", name="boom", retries=1),
            step("doomed", "bad"),
            step("never", "good", condition="steps.good.output.n > 5"),
            step("last", "good"),
            tools=registry(one=one, boom=boom),
        )
    assert await world.plan_status(plan_id) == "failed"
    assert changes_of_status(events) == {
        ("Plan", "draft", "proposed"): 1, ("Plan", "proposed", "approved"): 1, ("Plan", "approved", "in_progress"): 1,
        ("Plan", "in_progress", "failed"): 1,
        ("Step", "pending", "in_progress"): 3, ("Step", "in_progress", "completed"): 2,
        ("Step", "in_progress", "failed"): 1, ("Step", "pending", "skipped"): 2,
    }  # fmt: skip
    after = await sizes(world)
    assert deltas(events) == (after[0] - before[0], after[1] - before[1])
    # plan, 5 steps, confirm, decision, trace, and a segment for each of the two completed and two failed attempts
    assert after[0] - before[0] == 1 + 5 + 2 + 1 + 4
    for event in events:
        check_event(event)
    counters = EventCounters()
    for event in events:
        await counters(event)
    assert (counters.nodes, counters.edges) == deltas(events)
    assert counters.statuses["skipped"] == 2 and counters.total == len(events)


@pytest.mark.req("L3-40", "L3-41")
async def test_a_cancelled_run_has_exactly_its_events(world: World) -> None:
    opened, reached = anyio.Event(), anyio.Event()

    async def hold() -> None:
        reached.set()
        await opened.wait()

    before = await sizes(world)
    async with capture(world.graph, world.project_id) as events:
        plan_id = await world.started(step("a", name="hold"), step("b", "a"), step("c", "a", "b"))
        async with world.running(registry(hold=hold)):
            with anyio.fail_after(30):
                await reached.wait()
            await world.graph.cancel_plan(world.project_id, plan_id)
            opened.set()
    assert changes_of_status(events) == {
        ("Plan", "draft", "proposed"): 1, ("Plan", "proposed", "approved"): 1, ("Plan", "approved", "in_progress"): 1,
        ("Plan", "in_progress", "cancelled"): 1,
        ("Step", "pending", "in_progress"): 1, ("Step", "in_progress", "failed"): 1, ("Step", "pending", "skipped"): 2,
    }  # fmt: skip
    after = await sizes(world)
    assert deltas(events) == (after[0] - before[0], after[1] - before[1])


@pytest.mark.req("L3-41")
async def test_the_deltas_of_edits_and_deletions_are_the_real_changes(world: World) -> None:
    plan_id = await world.draft(step("a"), step("b", "a"), step("c", "a"))
    ids = {key: s["id"] for key, s in (await world.steps(plan_id)).items()}
    spec = StepSpec(key="d", name="noop", dependencies=["b"])
    for work, expected in (
        (lambda: world.graph.add_step(world.project_id, plan_id, spec), (1, 2)),
        (lambda: world.graph.add_dependency(world.project_id, ids["c"], ids["b"]), (0, 1)),
        (lambda: world.graph.remove_dependency(world.project_id, ids["b"], ids["a"]), (0, -1)),
        (lambda: world.graph.delete(world.project_id, "Plan", plan_id), (-5, 0)),
    ):
        before = await sizes(world)
        async with capture(world.graph, world.project_id) as events:
            await work()
        after = await sizes(world)
        assert deltas(events) == (after[0] - before[0], after[1] - before[1]) == expected
        assert not changes_of_status(events)


@pytest.mark.req("L3-17")
async def test_a_write_that_is_rolled_back_publishes_nothing(world: World) -> None:
    plan_id = await world.draft(step("a"), step("b", "a"))
    ids = {key: s["id"] for key, s in (await world.steps(plan_id)).items()}
    graph, project = world.graph, world.project_id
    refused: list[tuple[type[PsgError], Any]] = [
        (DependencyCycle, lambda: graph.add_dependency(project, ids["a"], ids["b"])),
        (InvalidTransition, lambda: graph.approve_plan(project, plan_id)),
        (StaleRevision, lambda: graph.propose_plan(project, plan_id, expected_revision=77)),
        (ReferenceMissing, lambda: graph.create_plan(project, plan_id, _plan("x"))),
    ]
    async with capture(graph, project) as events:
        for kind, ask in refused:
            with pytest.raises(kind):
                await ask()
        with faults.arm("before_commit", RuntimeError("the process is lost here")), pytest.raises(RuntimeError):
            await graph.propose_plan(project, plan_id)
    assert events == []
    async with capture(graph, project) as events:
        await graph.propose_plan(project, plan_id)
    assert len(events) == 1


def _plan(key: str) -> Any:
    from world import plan

    return plan(step(key))
