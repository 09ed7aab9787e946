"""The single-agent flow on the graph: a Context, a Plan, the one engine; again after an interruption."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import anyio
import pytest
from world import QUICK, World, registry

import psg_runtime.orchestrator
from psg.audit import verify
from psg_neo4j import Database
from psg_runtime import GraphModules, InMemoryVSL, RuntimeContext, run_single_agent_flow
from psg_runtime.ael import AdapterLayer
from psg_runtime.orchestrator import OrchestratorSettings
from psg_runtime.vsl import Neo4jVSL

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

SETTINGS = OrchestratorSettings(**QUICK)
FLOW: dict[str, Any] = {
    "context": {"title": "a flow"},
    "plan": {
        "title": "two steps", "objective": "to be done",
        "steps": [
            {"key": "one", "name": "double", "params": {"n": 4}},
            {"key": "two", "name": "double", "params": {"n": "{{steps.one.output}}"}, "dependencies": ["one"]},
        ],
    },
}  # fmt: skip


class Recorded:
    """An action layer that notes what it is asked for; everything else is the layer inside."""

    def __init__(self, inner: AdapterLayer) -> None:
        self._inner, self.registry, self.actions = inner, inner.registry, []

    async def execute(self, action: Any, /) -> Any:
        self.actions.append(action)
        return await self._inner.execute(action)


@pytest.fixture
async def world(db: Database) -> World:
    return await World.create(db)


def layer(calls: list[int]) -> Recorded:
    async def double(n: int) -> int:
        calls.append(n)
        return 2 * n

    return Recorded(AdapterLayer(registry(double=double)))


@pytest.mark.req("L3-37", "L3-38", "L3-35", "DD-61")
async def test_a_flow_becomes_a_context_and_a_plan_that_the_engine_runs_through_the_action_layer(world: World) -> None:
    calls: list[int] = []
    ael = layer(calls)
    modules = GraphModules(world.graph, world.project_id, ael, settings=SETTINGS)
    taken: list[Any] = []
    result = await run_single_agent_flow(flow=FLOW, modules=modules, vsl=InMemoryVSL(), bus=taken.append)
    assert result.success, result.error
    plan_id, context_id = result.output["plan"]["plan_id"], result.output["context"]["context_id"]
    assert {k: s["output"] for k, s in result.output["plan"]["steps"].items()} == {"one": 8, "two": 16}
    # Every effect went through `execute`, and only that; every state is in the graph.
    assert [(a["type"], a["name"], a["params"]["n"]) if isinstance(a, dict) else (a.type, a.name, a.params["n"])
            for a in ael.actions] == [("tool_call", "double", 4), ("tool_call", "double", 8)]  # fmt: skip
    assert calls == [4, 8]
    assert await world.plan_status(plan_id) == "completed"
    exported = await world.graph.export_document(world.project_id, "plan", plan_id)
    assert exported["context_id"] == context_id and exported["title"] == "two steps"
    # The events are those of the log, in its order.
    stamps = [e["lamport_timestamp"] for e in taken]
    assert taken == result.events and stamps == sorted(stamps)
    logged = [e["seq"] for e in await world.events(plan=plan_id)]
    assert [e["seq"] for e in taken if e.get("plan_id") == plan_id] == logged
    assert {"pipeline_stage", "graph_update"} <= {e["event_family"] for e in taken}
    assert (await verify(world.db, world.project_id)).violations == []


@pytest.mark.req("L3-38")
async def test_a_plan_that_fails_is_no_success(world: World) -> None:
    async def double(n: int) -> int:
        raise ValueError("no doubling today")

    ael = AdapterLayer(registry(double=double))
    modules = GraphModules(world.graph, world.project_id, ael, settings=SETTINGS)
    result = await run_single_agent_flow(flow=FLOW, modules=modules, vsl=InMemoryVSL())
    assert not result.success and result.error is not None and result.error["code"] == "plan_not_completed"
    assert "no doubling today" in str(result.error["details"]["errors"]["one"])
    assert result.error["details"]["module"] == "plan"


@pytest.mark.req("L3-32")
async def test_a_flow_that_was_interrupted_goes_on_under_its_id(world: World) -> None:
    """The process ends in the middle of the plan; the run that goes on makes nothing twice."""
    calls: list[int] = []
    begun, vsl = anyio.Event(), Neo4jVSL(world.graph, world.project_id)
    run_id = RuntimeContext.new().run_id

    async def hangs(n: int) -> int:
        begun.set()
        await anyio.sleep_forever()
        return n

    ael = AdapterLayer(registry(double=hangs))
    modules = GraphModules(world.graph, world.project_id, ael, settings=SETTINGS)
    async with anyio.create_task_group() as tasks:

        async def first() -> None:
            context = RuntimeContext.new({"note": "kept"}, run_id=run_id)
            await run_single_agent_flow(flow=FLOW, runtime_context=context, modules=modules, vsl=vsl)

        tasks.start_soon(first)
        await begun.wait()
        tasks.cancel_scope.cancel()
    again = RuntimeContext.new(run_id=run_id)
    modules = GraphModules(world.graph, world.project_id, layer(calls), settings=SETTINGS)
    result = await run_single_agent_flow(flow=FLOW, runtime_context=again, modules=modules, vsl=vsl)
    assert result.success and result.run_id == run_id and again.coordination.metadata == {"note": "kept"}
    rows = await world.query("MATCH (p:PsgNode:Plan {project_id: $project_id}) RETURN count(p) AS n")
    assert rows == [{"n": 1}] and calls == [4, 8]
    assert len(await world.events(type="context_created")) == 2  # the world's own, and that of the run
    assert (await verify(world.db, world.project_id)).violations == []


async def test_the_plan_module_may_be_unloaded_and_what_is_no_plan_is_told(world: World) -> None:
    modules = GraphModules(world.graph, world.project_id, layer([]), settings=SETTINGS)
    bad = await run_single_agent_flow(flow={**FLOW, "plan": {"title": "t", "steps": []}}, modules=modules)
    assert bad.error is not None and bad.error["code"] == "plan_invalid" and "objective" in bad.error["message"]
    for plan in (None, 5, {"title": "t", "objective": "o", "steps": [{"key": "a", "name": "nobody has this"}]}):
        told = await run_single_agent_flow(flow={**FLOW, "plan": plan}, modules=modules)
        assert not told.success
    modules.unload("plan")
    result = await run_single_agent_flow(flow={"context": world.context_id}, modules=modules)
    assert result.success and result.output["plan"] is None
    assert result.output["context"]["context_id"] == world.context_id
    modules = GraphModules(world.graph, world.project_id, layer([]), settings=SETTINGS)
    modules.unload("context")
    assert "context" in str((await run_single_agent_flow(flow=FLOW, modules=modules)).error)


REACHES_OUTSIDE = {
    "subprocess", "httpx2", "httpcore2", "urllib", "http", "requests", "shutil", "tempfile", "pathlib", "pydantic_ai",
    "mcp", "asyncpg", "redis", "neo4j",
}  # fmt: skip


@pytest.mark.req("DD-61")
async def test_the_orchestrator_has_no_way_outside_but_the_action_layer_and_the_graph() -> None:
    """It imports nothing that reaches outside, and of the action layer no adapter."""
    folder = Path(psg_runtime.orchestrator.__file__).parent
    found: list[str] = []
    for path in sorted(folder.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("open", "exec"):
                names = ["open"]
            else:
                continue
            outside = {n for n in names if n == "open" or n.split(".")[0] in REACHES_OUTSIDE}
            adapters = {n for n in names if n.startswith("psg_runtime.ael.adapters")}
            found += [f"{path.name}: {name}" for name in sorted(outside | adapters)]
    assert found == []
    assert len(list(folder.glob("*.py"))) > 20
