"""One suite of outcomes (integrity, events, transitions) for every backend that is offered, and however it is run.

The PSG is offered on Neo4j (C-32); another backend would be one more line in ``BACKENDS``. The second half runs the
same plan by every adapter and setting that can be configured and asks for the same outcomes (L3-15).
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from sample_graph import confirm_document, plan_document, role_document, uuid4
from world import World, registry, step

from psg.audit import verify
from psg.errors import DependencyCycle, ImmutableHistory, InvalidTransition, PsgError, ReferenceMissing, StillReferenced
from psg.graph import Graph
from psg.model.lifecycle import PLAN, STEP
from psg_neo4j import Database
from psg_runtime.ael import AdapterLayer, AelSettings, InMemoryAEL

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
BACKENDS = ("neo4j",)


@pytest.fixture(params=BACKENDS)
async def world(request: pytest.FixtureRequest, db: Database) -> AsyncIterator[World]:
    """A project on the backend; sound when the test ends."""
    assert request.param == "neo4j"
    made = await World.create(db)
    yield made
    report = await verify(db, made.project_id)
    assert report.ok, report.violations
    await sound_events(made)


async def sound_events(world: World) -> None:
    """The log has no gap; the pipeline_stage events of a Plan or Step lead from its first status to its present one."""
    events = await world.events()
    assert [e["seq"] for e in events] == list(range(1, await world.head_seq() + 1))
    status: dict[str, str] = {}
    for event in events:
        if event["entity_type"] not in ("Plan", "Step"):
            continue
        before, after = event["changes"].get("before") or {}, event["changes"].get("after") or {}
        if event["op"] == "create":
            status[event["entity"]] = after["status"]
        elif event["family"] == "pipeline_stage":
            table = PLAN if event["entity_type"] == "Plan" else STEP
            assert before["status"] == status[event["entity"]] and after["status"] in table[before["status"]]
            status[event["entity"]] = after["status"]
        else:
            assert "status" not in after, f"event {event['seq']} changes a status without being a pipeline_stage"
    rows = await world.query(
        "MATCH (n:PsgNode {project_id: $project_id}) WHERE n:Plan OR n:Step RETURN n.id AS id, n.status AS status"
    )
    assert {r["id"]: r["status"] for r in rows} == status


Bad = Callable[[World], Awaitable[Any]]


async def _delete_needed(world: World) -> None:
    await world.draft(step("a"))
    await world.graph.delete(world.project_id, "Context", world.context_id)


async def _delete_depended_on(world: World) -> None:
    steps = await world.steps(await world.draft(step("a"), step("b", "a")))
    await world.graph.delete(world.project_id, "Step", steps["a"]["id"])


async def _late_cycle(world: World) -> None:
    steps = await world.steps(await world.draft(step("a"), step("b", "a")))
    await world.graph.add_dependency(world.project_id, steps["a"]["id"], steps["b"]["id"])


async def _start_draft(world: World) -> None:
    await world.graph.start_plan(world.project_id, await world.draft(step("a")))


async def _approve_twice(world: World) -> None:
    await world.graph.approve_plan(world.project_id, await world.approved(step("a")))


async def _change_history(world: World) -> None:
    plan_id = await world.run(step("a"))
    (segment,) = await world.query(
        "MATCH (g:TraceSegment {project_id: $project_id})-[:RECORDS]->(:Step {plan: $plan}) RETURN g.id AS id",
        plan=plan_id,
    )  # fmt: skip
    await world.graph.delete(world.project_id, "TraceSegment", segment["id"])


def _store(module: str, make: Callable[[World], dict[str, Any]]) -> Bad:
    return lambda world: world.graph.create_document(world.project_id, module, make(world))


REFUSED: dict[str, tuple[type[PsgError], Bad]] = {
    "a plan of no context": (ReferenceMissing, _store("plan", lambda w: plan_document(uuid4()))),
    "a confirm of nothing": (ReferenceMissing, _store("confirm", lambda w: confirm_document("plan", uuid4()))),
    "a confirm of the wrong type": (
        ReferenceMissing, _store("confirm", lambda w: confirm_document("plan", w.context_id))
    ),
    "a cycle at creation": (DependencyCycle, lambda w: w.draft(step("a", "b"), step("b", "a"))),
    "a cycle by a late edge": (DependencyCycle, _late_cycle),
    "deleting what is needed": (StillReferenced, _delete_needed),
    "deleting a step that another waits for": (StillReferenced, _delete_depended_on),
    "starting a draft": (InvalidTransition, _start_draft),
    "approving twice": (InvalidTransition, _approve_twice),
    "deleting history": (ImmutableHistory, _change_history),
}  # fmt: skip


@pytest.mark.req("L3-10")
@pytest.mark.parametrize("name", REFUSED)
async def test_integrity_and_transitions_are_kept(world: World, name: str) -> None:
    kind, act = REFUSED[name]
    with pytest.raises(kind):
        await act(world)


@pytest.mark.req("L3-10")
async def test_every_outcome_of_a_run_is_told_once_and_kept(world: World) -> None:
    plan_id = await world.run(step("a"), step("b", "a"), step("no", "a", condition="1 > 2"))
    stages = [e for e in await world.events(family="pipeline_stage") if e["plan"] == plan_id]
    assert [e["type"] for e in stages if e["entity_type"] == "Plan"] == [
        "plan_proposed", "plan_approved", "plan_in_progress", "plan_completed",
    ]  # fmt: skip
    told = Counter(e["type"] for e in stages if e["entity_type"] == "Step")
    assert told == {"step_in_progress": 2, "step_completed": 2, "step_skipped": 1}
    await world.graph.create_document(world.project_id, "role", role_document())
    assert await world.plan_status(plan_id) == "completed"


# However the platform is configured (L3-15)


async def boom() -> None:
    raise RuntimeError("planted")


def tool_steps() -> list[Any]:
    """Every fate a step can have, by tools."""
    return [
        step("a"), step("b", "a"), step("no", "a", condition="1 > 2"), step("only_no", "no"),
        step("boom", name="boom"), step("doomed", "boom", "a"), step("wait", type="wait", params={"duration_ms": 5}),
    ]  # fmt: skip


FATES = {
    "a": "completed", "b": "completed", "no": "skipped", "only_no": "skipped", "boom": "failed", "doomed": "skipped",
    "wait": "completed",
}  # fmt: skip
SETTINGS: dict[str, list[dict[str, Any]]] = {
    "one at a time": [{"capacity": 1}],
    "many at once": [{"capacity": 100}],
    "two orchestrators, one prefers to wait": [{"capacity": 2}, {"capacity": 2, "steal_after_ms": 50}],
    "slow to look": [{"poll_ms": 200}],
}


@pytest.mark.req("L3-15")
@pytest.mark.parametrize("name", SETTINGS)
async def test_outcomes_do_not_depend_on_how_work_is_scheduled(world: World, name: str) -> None:
    plan_id = await world.started(*tool_steps())
    async with AsyncExitStack() as stack:
        for number, settings in enumerate(SETTINGS[name]):
            # A Graph of its own is another process as far as signals go: it finds work by looking.
            mine = world if number == 0 else World(world.db, world.project_id, world.context_id)
            mine.graph = world.graph if number == 0 else Graph(world.db)
            await stack.enter_async_context(mine.running(registry(boom=boom), **settings))
        assert await world.finished(plan_id) == ["failed"]
    assert {key: s["status"] for key, s in (await world.steps(plan_id)).items()} == FATES


PROCESS = {"argv": [sys.executable, "-c", "pass"]}
ADAPTERS: dict[str, tuple[Any, Any]] = {
    "the specification's layer that does nothing": (lambda: InMemoryAEL(), step("x")),
    "a tool": (lambda: AdapterLayer(registry()), step("x")),
    "a program": (
        lambda: AdapterLayer(registry(), AelSettings(allow_process=(sys.executable,))),
        step("x", name="process.run", params=PROCESS),
    ),
    "a file that may not be read": (
        lambda: AdapterLayer(registry()), step("x", name="file.read", params={"path": "x"})
    ),
    "a timer": (lambda: AdapterLayer(registry()), step("x", type="wait", params={"duration_ms": 5})),
}  # fmt: skip


@pytest.mark.req("L3-15")
@pytest.mark.parametrize("name", ADAPTERS)
async def test_outcomes_do_not_depend_on_the_adapter(world: World, name: str) -> None:
    make, first = ADAPTERS[name]
    plan_id = await world.started(first, step("after", "x"))
    async with world.running(ael=make()):
        (status,) = await world.finished(plan_id)
    refused = name.endswith("may not be read")
    assert status == ("failed" if refused else "completed")
    steps = await world.steps(plan_id)
    assert steps["after"]["status"] == ("skipped" if refused else "completed")
