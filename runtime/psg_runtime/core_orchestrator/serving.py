"""Stages of any project's workflows, in processes that run orchestrators (``psg up``, ``psg orchestrate``)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.abc

from psg.graph import Graph
from psg_runtime.ael import CapabilityRegistry
from psg_runtime.core_orchestrator.components import loaded, module_manager
from psg_runtime.core_orchestrator.engine import WorkflowEngine
from psg_runtime.core_orchestrator.journal import Journal
from psg_runtime.core_orchestrator.monitor import Watch
from psg_runtime.core_orchestrator.settings import CoreOrchestratorConfig
from psg_runtime.core_orchestrator.stages import StageRunner
from psg_runtime.modules import ModuleManager, ProjectModules


class StageService:
    """Has the modules of a project do its stages, and keeps the clocks of its executions from then on.

    The modules are the ten of the protocol and those of installed packages (entry points ``psg.modules``).
    """

    def __init__(self, graph: Graph, config: CoreOrchestratorConfig | None = None) -> None:
        self._graph = graph
        self._config = config or CoreOrchestratorConfig()
        self._modules: dict[str, ModuleManager] = {}
        self.shared: ModuleManager | None = None
        self._kept: set[str] = set()
        self._opening = anyio.Lock()
        self._tasks: anyio.abc.TaskGroup | None = None

    def register(self, registry: CapabilityRegistry) -> None:
        """Offer ``module.invoke`` to plans."""
        StageRunner(self._graph, self.modules_of).register(registry)

    async def modules_of(self, project_id: str) -> ModuleManager | ProjectModules:
        """The modules that work on a project: ``shared`` ones, else its own, made when a stage of it first asks."""
        modules: ModuleManager | ProjectModules
        if self.shared is not None:
            modules = ProjectModules(self.shared, project_id)
        else:
            async with self._opening:
                found = self._modules.get(project_id)
                if found is None:
                    found = self._modules[project_id] = await loaded(
                        module_manager(self._graph, project_id, self._config)
                    )
                modules = found
        if self._tasks is not None and project_id not in self._kept:
            self._kept.add(project_id)
            self._tasks.start_soon(self._keep, project_id)
        return modules

    async def _keep(self, project_id: str) -> None:
        """Keep the clocks of a project while it has executions; the next stage begins it anew."""
        engine = WorkflowEngine(self._graph, project_id, self._config)
        try:
            await Watch(engine, Journal(self._config.log_level, project_id)).keep(while_busy=True)
        finally:
            self._kept.discard(project_id)

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Keep clocks until cancelled, then stop the modules."""
        try:
            async with anyio.create_task_group() as tasks:
                self._tasks = tasks
                task_status.started()
                await anyio.sleep_forever()
        finally:
            self._tasks = None
            with anyio.move_on_after(5, shield=True):
                for modules in self._modules.values():
                    await modules.close()


@asynccontextmanager
async def stages_served(graph: Graph, registry: CapabilityRegistry) -> AsyncIterator[StageService]:
    """Let orchestrators with this registry do stages of workflows during the block."""
    service = StageService(graph)
    service.register(registry)
    async with anyio.create_task_group() as tasks:
        await tasks.start(service.run)
        try:
            yield service
        finally:
            tasks.cancel_scope.cancel()
