"""The five API groups behind one door, and what each of the door's settings changes (CORE-02, CONF)."""

from __future__ import annotations

import inspect
import re
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from workflow_lab import Lab, core_of, stage, until, workflow
from world import World

from psg import tracing
from psg.audit import verify
from psg_neo4j import Database
from psg_runtime.core_orchestrator import CoreOrchestrator, CoreOrchestratorConfig, WorkflowFailed
from psg_runtime.hub import MessageTimeout, QueueFull
from psg_runtime.modules import MODULE_TYPES, ModuleStartFailed
from psg_runtime.resources import ResourceManager

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
DOCS = Path(__file__).parents[2] / "docs" / "core-orchestrator.md"
GROUPS = ("Workflow", "Module", "Communication", "Resource", "Monitoring")


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    made = await World.create(db)
    yield made
    report = await verify(db, made.project_id)
    assert report.violations == []


def documented() -> dict[str, list[str]]:
    """The methods that the page lists, by API group."""
    found: dict[str, list[str]] = {}
    for part in re.split(r"^### ", DOCS.read_text(), flags=re.MULTILINE)[1:]:
        name = part.split(" API", 1)[0]
        if name in GROUPS:
            found[name] = re.findall(r"^\| `(\w+)\(", part, flags=re.MULTILINE)
    return found


@pytest.mark.req("CORE-57", "CORE-02")
def test_the_five_groups_are_documented_as_they_are() -> None:
    groups = documented()
    assert tuple(groups) == GROUPS
    specified = {
        "Workflow": {"execute_workflow", "pause_workflow", "resume_workflow", "cancel_workflow", "get_workflow_status"},
        "Module": {"initialize_module", "get_module", "shutdown_module", "list_modules", "get_module_health"},
        "Communication": {"route_message", "broadcast", "subscribe", "unsubscribe"},
        "Resource": {
            "allocate_resources", "release_resources", "get_resource_usage", "optimize_resource_allocation",
        },
        "Monitoring": {
            "get_system_metrics", "check_system_health", "check_module_health", "get_health_history",
            "configure_health_alerts",
        },
    }  # fmt: skip
    public = {n for n, f in inspect.getmembers(CoreOrchestrator, inspect.isfunction) if not n.startswith("_")}
    for group, methods in groups.items():
        assert specified[group] <= set(methods), group
        assert set(methods) <= public, group
    assert public - {name for methods in groups.values() for name in methods} == {"engine", "handle_workflow_error"}


@pytest.mark.req("CORE-02", "CORE-01")
async def test_one_door_to_all_systems(world: World) -> None:
    pool = f"pool-{uuid.uuid4()}"
    heard: list[Any] = []
    async with core_of(world) as core:
        # Modules
        for kind in MODULE_TYPES:
            await core.initialize_module(kind)
        modules = {m.module_type: m for m in await core.list_modules()}
        assert set(modules) == set(MODULE_TYPES)
        assert (await core.get_module(modules["plan"].id)).module_type == "plan"
        assert (await core.get_module_health(modules["role"].id)).status == "healthy"
        # Communication: the specification's own example
        context_id = world.context_id
        answer = await core.route_message(
            {
                "sourceModule": "context", "targetModule": "plan", "operation": "contextUpdated",
                "payload": {"contextId": context_id, "changes": ["participants", "goals"]},
                "correlationId": "workflow-123", "priority": "normal",
            }
        )  # fmt: skip
        assert answer.success and answer.correlation_id == "workflow-123"
        core.subscribe("lab.told", heard.append)
        await core.broadcast({"type": "lab.told", "payload": {"n": 1}})
        core.unsubscribe("lab.told", heard.append)
        await core.broadcast({"type": "lab.told", "payload": {"n": 2}})
        assert [event.payload for event in heard] == [{"n": 1}]
        # Resources
        resources = core.resources
        assert isinstance(resources, ResourceManager)
        await resources.define_pool(pool, 4)
        held = await core.allocate_resources({"resources": {pool: 3}})
        assert (await core.get_resource_usage()).pools[pool].used == 3
        assert held.id not in (await core.optimize_resource_allocation()).reclaimed
        await core.release_resources(held.id)
        assert (await core.get_resource_usage()).pools[pool].used == 0
        await resources.remove_pool(pool)
        # Monitoring
        lab = Lab()
        await core.register_module(lab.registration)
        await core.execute_workflow(workflow(stage("a")))
        with pytest.raises(WorkflowFailed):
            await core.execute_workflow(workflow(stage("a", operation="fail")))
        metrics = await core.get_system_metrics()
        assert (metrics.completed_workflows, metrics.failed_workflows) == (1, 1)
        assert (metrics.module_performance["lab"].operations, metrics.module_performance["lab"].failures) == (2, 1)
        assert (await core.check_module_health(modules["context"].id)).status == "healthy"
        assert (await core.check_system_health()).components["database"].status == "healthy"
        history = await core.get_health_history({"start": 0, "end": 2**52})
        assert any(record.component == "database" for record in history.records)
        rule = f"rule-{uuid.uuid4()}"
        await core.configure_health_alerts({"rules": [{"id": rule, "metric": "failed_workflows", "threshold": 10**6}]})
        await core.configure_health_alerts({"remove": [rule]})
        await core.shutdown_module(modules["network"].id)
        assert "network" not in {m.module_type for m in await core.list_modules()}


async def runs(core: CoreOrchestrator, module_id: str, wanted: bool) -> bool:
    return ((await core.get_module(module_id)).status == "running") is wanted


@pytest.mark.req("CORE-53")
async def test_the_settings_of_modules_are_applied(world: World) -> None:
    healthy = [True]
    checks: list[float] = []

    async def hang(environment: Any) -> None:
        await anyio.sleep_forever()

    async def health() -> dict[str, Any]:
        checks.append(anyio.current_time())
        return {"status": "healthy" if healthy[0] else "unhealthy", "details": {}}

    config = {"moduleStartupTimeout": 100, "moduleHealthCheckInterval": 50}
    core = CoreOrchestrator(world.graph, world.project_id, config)
    await core.register_module({"moduleType": "stuck", "version": "1.0.0", "start": hang})
    await core.register_module(
        {"moduleType": "frail", "version": "1.0.0", "capabilities": ["frail.ask"], "healthCheck": health,
         "operations": {"ask": lambda inputs: {"ok": True}}}
    )  # fmt: skip
    async with core:
        with anyio.fail_after(10), pytest.raises(ModuleStartFailed, match="100 ms"):
            await core.initialize_module("stuck")
        module = await core.initialize_module("frail")
        with anyio.fail_after(4):
            await until(lambda: len(checks) >= 4)  # nobody asked for them
        healthy[0] = False
        await world.until(lambda: runs(core, module.id, False))
        asks = {"id": "s", "name": "s", "moduleType": "frail", "operation": "ask", "inputs": {}}
        with pytest.raises(WorkflowFailed, match="out of service"):
            await core.execute_workflow(workflow(asks))
        healthy[0] = True
        await world.until(lambda: runs(core, module.id, True))
        assert (await core.execute_workflow(workflow(asks))).outputs == {"s": {"ok": True}}
    slow = CoreOrchestratorConfig.single_node()
    assert slow.module_startup_timeout == 30_000 and slow.module_health_check_interval == 5_000


@pytest.mark.req("CORE-54")
async def test_the_settings_of_messages_are_applied(world: World) -> None:
    lab = Lab()

    def message(operation: str, n: int) -> dict[str, Any]:
        return {
            "sourceModule": "context", "targetModule": "lab", "operation": operation, "payload": {"as": f"m{n}"},
            "correlationId": f"c{n}",
        }  # fmt: skip

    async with core_of(world, lab, {"messageQueueSize": 2, "messageTimeout": 60_000}) as core:
        async with anyio.create_task_group() as tasks:
            for n in range(2):
                tasks.start_soon(core.route_message, message("hold", n))
            await until(lambda: {"m0", "m1"} <= set(lab.calls))
            with pytest.raises(QueueFull) as full:
                await core.route_message(message("hold", 2))
            assert full.value.category == "communication_error"
            lab.released.set()
        assert (await core.route_message(message("echo", 3))).success
    async with core_of(world, lab, {"messageTimeout": 200}) as core:
        with anyio.fail_after(20), pytest.raises(MessageTimeout) as late:
            await core.route_message(message("slow", 4))
        assert late.value.category == "communication_error"


@pytest.mark.req("CORE-55", "CORE-56")
async def test_metrics_are_collected_at_the_interval(world: World) -> None:
    collected: dict[int, int] = {}
    for interval in (100, 600_000):
        async with core_of(world, None, {"metricsCollectionInterval": interval}) as core:
            monitor: Any = core.monitor
            with anyio.fail_after(30):
                while not monitor.samples:  # noqa: ASYNC110 - there is nothing that would tell
                    await anyio.sleep(0.005)
            await anyio.sleep(1.0)
            collected[interval] = len(monitor.samples)
    assert collected[600_000] == 1 < collected[100]


@pytest.mark.req("CORE-55", "CORE-56")
async def test_tracing_ties_an_execution_and_its_stages_together(world: World) -> None:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    async def told(on: bool) -> tuple[list[Any], str]:
        exporter.clear()
        async with core_of(world, Lab(), {"enableDistributedTracing": on}) as core:
            result = await core.execute_workflow(workflow(stage("a"), stage("b", "a")))
        began = await world.events(type="plan_in_progress", entity=result.execution_id)
        return [s for s in exporter.get_finished_spans() if s.name in ("workflow", "step a", "step b")], began[0][
            "correlation_id"
        ]

    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.enable(provider)
    try:
        spans, correlation = await told(True)
        assert sorted(s.name for s in spans) == ["step a", "step b", "workflow"]
        assert len({s.context.trace_id for s in spans}) == 1
        assert f"{spans[0].context.trace_id:032x}" == correlation.split("-")[1]
        spans, correlation = await told(False)
        assert spans == [] and uuid.UUID(correlation).version == 4
    finally:
        tracing.enable(None)
        provider.shutdown()
    # Without spans here the trace has its name all the same, for orchestrators elsewhere.
    spans, correlation = await told(True)
    assert spans == [] and tracing.TRACEPARENT.fullmatch(correlation)


@pytest.mark.req("CORE-56")
async def test_resources_are_given_by_the_settings(world: World) -> None:
    for config, strategy, limit in (
        (CoreOrchestratorConfig.single_node(), "fair", 10),
        (CoreOrchestratorConfig.distributed(maxResourceUtilization=0.8), "performance", 8),
        (CoreOrchestratorConfig(resource_allocation_strategy="priority", max_resource_utilization=0.5), "priority", 5),
    ):
        core = CoreOrchestrator(world.graph, world.project_id, config, run_stages=False)
        resources, pool = core.resources, f"pool-{uuid.uuid4()}"
        assert isinstance(resources, ResourceManager)
        await resources.define_pool(pool, 10)
        usage = (await core.get_resource_usage()).pools[pool]
        assert (usage.strategy, usage.limit) == (strategy, limit)
        await resources.remove_pool(pool)
