"""Single-agent orchestration: what the specification's algorithm demands, on stored runs (system SA)."""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path
from typing import Any

import pytest
from world import World, registry, step

from psg.errors import ActionFailed, PlanInvalid, Refused
from psg.plan.order import topological
from psg_runtime.ael import ActionResult, InMemoryAEL

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
KIT = Path(os.environ.get("MPLP_KIT", Path(__file__).parents[3] / "shared" / "mplp"))
FLOWS = [
    "sa-flow-01-basic",
    "flow-01-single-agent-plan",
    "flow-02-single-agent-large-plan",
    "flow-03-single-agent-with-tools",
    "flow-05-single-agent-confirm-required",
]


class RecordingLayer:
    """An Action Execution Layer that notes every action and what the plan looked like at that moment."""

    def __init__(self, world: World, fail: tuple[str, ...] = (), refuse: tuple[str, ...] = ()) -> None:
        self.world = world
        self.actions: list[dict[str, Any]] = []
        self.statuses: list[tuple[str, str]] = []
        self.fail = fail
        self.refuse = refuse

    async def execute(self, action: dict[str, Any]) -> ActionResult:
        """Note the action; fail the keys that are to fail."""
        steps = await self.world.steps(action["plan_id"])
        self.actions.append(action)
        self.statuses.append((await self.world.plan_status(action["plan_id"]), steps[action["step_key"]]["status"]))
        if action["step_key"] in self.fail:
            raise ActionFailed("planted failure")
        return ActionResult(action["step_key"] not in self.refuse, {"did": action["step_key"]})


def role_steps(*keys: str, **dependencies: list[str]) -> list[Any]:
    return [step(k, *dependencies.get(k, []), type="agent", agent_role="agent") for k in keys]


async def run(world: World, layer: Any, *steps: Any) -> str:
    plan_id = await world.started(*steps)
    async with world.running(ael=layer):
        await world.finished(plan_id)
    return plan_id


@pytest.fixture
async def world(db: Any) -> World:
    return await World.create(db)


@pytest.mark.req("DD-39")
@pytest.mark.parametrize("status", ["draft", "suspended", "archived", "closed"])
async def test_a_plan_of_an_inactive_context_does_not_start(db: Any, status: str) -> None:
    world = await World.create(db, context_status=status)
    plan_id = await world.approved(step("a"))
    before = await world.head_seq()
    with pytest.raises(Refused, match=f"is {status}, not active"):
        await world.graph.start_plan(world.project_id, plan_id)
    assert (await world.plan_status(plan_id), await world.head_seq()) == ("approved", before)


@pytest.mark.req("DD-39")
async def test_a_plan_without_steps_is_refused_and_nothing_of_it_is_stored(world: World) -> None:
    document = {
        "meta": {"protocol_version": "1.0.0", "schema_version": "1.0.0"}, "plan_id": str(uuid.uuid4()),
        "context_id": world.context_id, "title": "t", "objective": "o", "status": "draft", "steps": [],
    }  # fmt: skip
    before = await world.head_seq()
    with pytest.raises(PlanInvalid, match=r"^Invalid Plan: steps"):
        await world.graph.create_document(world.project_id, "plan", document)
    assert await world.head_seq() == before


@pytest.mark.req("DD-39")
async def test_a_plan_runs_in_the_context_that_it_names(world: World) -> None:
    plan_id = await run(world, RecordingLayer(world), *role_steps("a"))
    rows = await world.query(
        "MATCH (t:Trace {project_id: $project_id})-[:TRACES]->(p:Plan {id: $plan})-[:IN_CONTEXT]->(c:Context) "
        "MATCH (t)-[:IN_CONTEXT]->(d:Context) RETURN c.id AS plan_context, d.id AS trace_context",
        plan=plan_id,
    )
    assert rows == [{"plan_context": world.context_id, "trace_context": world.context_id}]


@pytest.mark.req("DD-40")
async def test_the_plan_is_in_progress_and_said_so_before_any_step_starts(world: World) -> None:
    layer = RecordingLayer(world)
    plan_id = await run(world, layer, *role_steps("a", "b"))
    assert [plan_status for plan_status, _ in layer.statuses] == ["in_progress", "in_progress"]
    stages = await world.events(family="pipeline_stage")
    started = next(e["seq"] for e in stages if e["entity"] == plan_id and e["type"] == "plan_in_progress")
    assert all(e["seq"] > started for e in stages if e["type"] == "step_in_progress")


@pytest.mark.req("DD-41", "DD-42")
async def test_steps_run_in_topological_order_each_when_its_dependencies_are_completed(world: World) -> None:
    layer = RecordingLayer(world)
    steps = role_steps("d", "c", "b", "a", d=["b", "c"], c=["a"], b=["a"])
    plan_id = await run(world, layer, *steps)
    order = [a["step_key"] for a in layer.actions]
    assert order[0] == "a" and order[-1] == "d" and sorted(order) == ["a", "b", "c", "d"]
    log = [(e["type"], e["entity"]) for e in await world.events(family="pipeline_stage", plan=plan_id)]
    ids = {key: s["id"] for key, s in (await world.steps(plan_id)).items()}
    for key, dependencies in {"d": ["b", "c"], "c": ["a"], "b": ["a"]}.items():
        for dependency in dependencies:
            assert log.index(("step_completed", ids[dependency])) < log.index(("step_in_progress", ids[key]))


@pytest.mark.req("DD-42")
async def test_a_step_is_in_progress_before_its_action_which_names_step_and_role(world: World) -> None:
    layer = RecordingLayer(world)
    plan_id = await run(world, layer, *role_steps("only"))
    (action,) = layer.actions
    step_id = (await world.steps(plan_id))["only"]["id"]
    assert (action["type"], action["step_id"], action["agent_role"]) == ("step_execution", step_id, "agent")
    assert layer.statuses == [("in_progress", "in_progress")]
    kinds = [e["type"] for e in await world.events(entity=step_id, family="pipeline_stage")]
    assert kinds == ["step_in_progress", "step_completed"]


@pytest.mark.req("DD-43", "L3-26")
async def test_a_raised_error_and_a_reported_failure_fail_the_step_and_its_dependents_never_start(world: World) -> None:
    layer = RecordingLayer(world, fail=("raises",), refuse=("reports",))
    steps = role_steps(
        "raises", "reports", "after_raise", "after_report", "far", "other",
        after_raise=["raises"], after_report=["reports"], far=["after_raise", "other"],
    )  # fmt: skip
    plan_id = await run(world, layer, *steps)
    stored = await world.steps(plan_id)
    assert {k: s["status"] for k, s in stored.items()} == {
        "raises": "failed", "reports": "failed", "after_raise": "skipped", "after_report": "skipped",
        "far": "skipped", "other": "completed",
    }  # fmt: skip
    assert {stored[k]["skip_reason"] for k in ("after_raise", "after_report", "far")} == {"dependency_failed"}
    assert stored["raises"]["error"]["code"] == "action_failed"
    assert {a["step_key"] for a in layer.actions} == {"raises", "reports", "other"}
    assert await world.plan_status(plan_id) == "failed"


@pytest.mark.req("DD-44")
async def test_after_each_step_it_is_stored_then_updated_then_its_stage_told(world: World) -> None:
    plan_id = await run(world, RecordingLayer(world), *role_steps("a", "b", b=["a"]))
    for stored in (await world.steps(plan_id)).values():
        assert (stored["status"], stored["output"]) == ("completed", {"did": stored["key"]})
        told = [(e["family"], e.get("update_kind")) for e in await world.events(entity=stored["id"])]
        assert told[-2:] == [("graph_update", "node_update"), ("pipeline_stage", None)]


@pytest.mark.req("DD-45")
@pytest.mark.parametrize(("fail", "status"), [((), "completed"), (("b",), "failed")])
async def test_the_plan_ends_as_its_steps_did_and_says_so_last(world: World, fail: Any, status: str) -> None:
    plan_id = await run(world, RecordingLayer(world, fail=fail), *role_steps("a", "b"))
    assert await world.plan_status(plan_id) == status
    stages = await world.events(family="pipeline_stage", plan=plan_id)
    assert (stages[-1]["entity"], stages[-1]["changes"]["after"]["status"]) == (plan_id, status)


@pytest.mark.req("DD-46", "DD-47")
async def test_the_same_plan_runs_in_the_same_order_whatever_the_storage_order(world: World) -> None:
    shape = {"p": (["r"], 5), "q": (["r"], 1), "r": ([], 9), "s": ([], 2), "t": ([], 2), "u": (["s", "t"], 0)}
    orders = []
    for keys in (list(shape), list(reversed(shape))):
        layer = RecordingLayer(world)
        steps = [
            step(k, *shape[k][0], type="agent", agent_role="agent", order_index=shape[k][1] * 10 + ord(k)) for k in keys
        ]
        plan_id = await world.started(*steps)
        async with world.running(ael=layer, capacity=1):
            await world.finished(plan_id)
        orders.append([a["step_key"] for a in layer.actions])
    pure = topological([(k, d, 100, o * 10 + ord(k)) for k, (d, o) in shape.items()])
    assert orders == [pure, pure]


@pytest.mark.req("L3-46")
@pytest.mark.skipif(not KIT.is_dir(), reason="the conformance kit is not here (MPLP_KIT)")
@pytest.mark.parametrize("flow", FLOWS)
async def test_the_single_agent_golden_flows_execute(world: World, flow: str) -> None:
    folder = KIT / "golden" / flow / "input"
    context, plan = (json.loads((folder / f"{name}.json").read_text()) for name in ("context", "plan"))
    for document in (context, plan):
        document.pop("$comment", None)
    await world.graph.create_document(world.project_id, "context", context)
    plan_id = (await world.graph.create_document(world.project_id, "plan", plan)).ids["plan"]
    if await world.plan_status(plan_id) == "draft":
        await world.graph.propose_plan(world.project_id, plan_id)
    if await world.plan_status(plan_id) == "proposed":
        await world.graph.approve_plan(world.project_id, plan_id)
    await world.graph.start_plan(world.project_id, plan_id)
    async with world.running(ael=InMemoryAEL()):
        assert await world.finished(plan_id) == ["completed"]
    stored = await world.steps(plan_id)
    assert {s["status"] for s in stored.values()} == {"completed"} and len(stored) == len(plan["steps"])
    assert len(await world.events(family="pipeline_stage", plan=plan_id, type="step_completed")) == len(stored)


async def test_a_tool_gets_its_resolved_parameters_with_their_types(world: World) -> None:
    seen: list[Any] = []

    async def count() -> dict[str, Any]:
        return {"n": 3, "names": ["x", "y"]}

    async def use(number: int, names: list[str], text: str) -> None:
        seen.append((number, names, text))

    params = {"number": "{{count.output.n}}", "names": "{{count.output.names}}", "text": "{{count.output.n}} found"}
    await world.run(step("count", name="count"), step("use", "count", name="use", params=params),
                    tools=registry(count=count, use=use))  # fmt: skip
    assert seen == [(3, ["x", "y"], "3 found")]
