"""Stages of workflows are done by the modules that a process of the platform runs: stopped once, stopped for them."""

from __future__ import annotations

from typing import Any

import pytest
from world import World, registry, statement

from psg.graph import Graph
from psg_cli.serving_modules import modules_running
from psg_runtime.core_orchestrator import stages_served
from psg_runtime.core_orchestrator.engine import WorkflowEngine
from psg_runtime.core_orchestrator.settings import CoreOrchestratorConfig
from psg_runtime.modules import ModuleManager

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

STAGE = {"id": "a", "name": "a", "moduleType": "context", "operation": "createContext", "inputs": {"name": "x"}}
DEFINITION = {"id": "w", "name": "w", "version": "1.0.0", "executionMode": "sequential", "stages": [STAGE]}


@pytest.mark.req("CORE-20")
async def test_a_module_that_is_stopped_from_elsewhere_does_no_stages(db: Any) -> None:
    world, tools = await World.create(db), registry()
    graph = world.graph
    engine = WorkflowEngine(graph, world.project_id, CoreOrchestratorConfig())
    async with stages_served(graph, tools) as stages, modules_running(graph, stages) as modules, world.running(tools):
        done = await engine.start_execution(DEFINITION, {})
        assert await world.finished(done.id) == ["completed"]
        running = {m.module_type: m for m in await modules.list_modules()}
        assert running["context"].operations == 1
        await ModuleManager(Graph(db)).shutdown_module(running["context"].id)
        refused = await engine.start_execution(DEFINITION, {})
        assert await world.finished(refused.id) == ["failed"]
        assert (await world.steps(refused.id))["a"]["error"]["code"] == "module_not_running"
    ids = [m.id for m in running.values()]
    await db.write(statement("MATCH (m:ModuleInstance) WHERE m.id IN $ids DELETE m", "write"), ids=ids)
