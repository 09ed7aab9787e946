"""``CoreOrchestrator``: workflows over modules, and one door to the systems around them (CORE-02)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from functools import partial
from types import TracebackType
from typing import Any, Self

import anyio
import anyio.abc

from psg import tracing
from psg.graph import Graph
from psg.model.ids import new_id
from psg_runtime.ael import AdapterLayer, AelSettings, CapabilityRegistry
from psg_runtime.core_orchestrator import components
from psg_runtime.core_orchestrator.engine import Execution, WorkflowEngine
from psg_runtime.core_orchestrator.errors import (
    ExecutionEnded,
    WorkflowCancelled,
    WorkflowFailed,
    WorkflowTimeout,
    failure_details,
)
from psg_runtime.core_orchestrator.groups import ApiGroups
from psg_runtime.core_orchestrator.journal import Journal
from psg_runtime.core_orchestrator.monitor import ExecutionMonitor, Watch
from psg_runtime.core_orchestrator.ports import Hub, ModuleCatalog, Modules, Monitoring, Resources
from psg_runtime.core_orchestrator.result import WorkflowResult, WorkflowStatus
from psg_runtime.core_orchestrator.settings import CoreOrchestratorConfig
from psg_runtime.core_orchestrator.stages import StageRunner
from psg_runtime.modules import ModuleManager
from psg_runtime.orchestrator import Orchestrator, OrchestratorSettings
from psg_runtime.tracing import layer_of, traced

ErrorHandler = Callable[[str, Exception], Awaitable[Any] | Any]
"""Called with the id of an execution and the error that ended it."""


class CoreOrchestrator(ApiGroups):
    """Runs workflows of one project, and coordinates its modules, messages, resources and health.

    ``project_id``: default is the project ``default``. ``config``: a ``CoreOrchestratorConfig``, or its fields.
    Use it as ``async with CoreOrchestrator(graph) as core``; any number of processes may do so for one project, and
    each sees and steers the executions of all. ``run_stages``: whether an orchestrator runs in this process; without
    one the stages are run wherever an orchestrator offers ``module.invoke`` (``psg up``, ``psg orchestrate``).
    ``tools`` are what plans that workflows execute may call here. ``modules``, ``hub``, ``resources`` and ``monitor``
    stand in for the platform's own; ``on_error`` is called when an execution ends in an error.
    """

    def __init__(
        self,
        graph: Graph,
        project_id: str | None = None,
        config: CoreOrchestratorConfig | Mapping[str, Any] | None = None,
        *,
        tools: CapabilityRegistry | None = None,
        modules: Modules | None = None,
        hub: Hub | None = None,
        resources: Resources | None = None,
        monitor: Monitoring | None = None,
        run_stages: bool = True,
        orchestrator_settings: OrchestratorSettings | None = None,
        ael_settings: AelSettings | None = None,
        on_error: ErrorHandler | None = None,
    ) -> None:
        self.graph = graph
        self.config = CoreOrchestratorConfig.parse({} if config is None else config)
        self.project_id = project_id
        self.modules, self.hub, self.resources, self.monitor = modules, hub, resources, monitor
        self.on_error = on_error
        self._registry = tools or CapabilityRegistry()
        self._run_stages = run_stages
        self._orchestrator_settings = orchestrator_settings
        self._ael_settings = ael_settings
        self._engine: WorkflowEngine | None = None
        self._watch: Watch | None = None
        self._stack: AsyncExitStack | None = None
        StageRunner(graph, self._modules_of, self._record).register(self._registry)
        if project_id is not None:
            self._compose(project_id)

    def _compose(self, project_id: str) -> WorkflowEngine:
        """Put together what needs a project."""
        graph, config = self.graph, self.config
        self.project_id = project_id
        self.journal = Journal(config.log_level, project_id)
        if self.modules is None:
            self.modules = components.module_manager(graph, project_id, config)
        own = self.modules if isinstance(self.modules, ModuleManager) else None
        self.hub = self.hub or components.communication_hub(graph, project_id, config, own)
        self.resources = self.resources or components.resource_manager(graph, config)
        self.monitor = self.monitor or components.system_monitor(graph, project_id, config, own)
        self._engine = WorkflowEngine(graph, project_id, config, self._registry if self._run_stages else None)
        return self._engine

    async def engine(self) -> WorkflowEngine:
        """The workflow engine of the project."""
        return self._engine or self._compose(await self.graph.ensure_project())

    # Life

    async def __aenter__(self) -> Self:
        """Begin to run stages, to take messages, to check modules and to keep the clocks of executions."""
        engine = await self.engine()
        async with AsyncExitStack() as stack:
            parts: tuple[Any, ...] = (self.modules, self.hub, self.resources)
            for part in parts:
                if hasattr(part, "__aenter__"):
                    await stack.enter_async_context(part)
            if self.config.enable_distributed_tracing and not tracing.enabled():
                await stack.enter_async_context(traced())
            self._watch = await stack.enter_async_context(self._serving(engine, monitored=True))
            stack.callback(self._ended)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End in good order: stages that run may finish, the rest goes on elsewhere or when somebody comes again."""
        stack, self._stack = self._stack, None
        if stack is not None:
            await stack.aclose()

    def _ended(self) -> None:
        self._watch = None

    @asynccontextmanager
    async def _serving(self, engine: WorkflowEngine, *, monitored: bool = False) -> AsyncIterator[Watch]:
        """Watch executions, and run stages, during the block; ``monitored``: collect metrics and judge health too."""
        watch = Watch(engine, self.journal)
        async with anyio.create_task_group() as tasks:
            worker = _Worker(self._orchestrator(engine.project_id)) if self._run_stages else None
            if worker is not None:
                await tasks.start(worker.run)
            await tasks.start(watch.run)
            run = getattr(self.monitor, "run", None)
            if monitored and run is not None:
                await tasks.start(run)
            try:
                yield watch
            finally:
                with anyio.CancelScope(shield=True):
                    if worker is not None:
                        await worker.drain()
                tasks.cancel_scope.cancel()

    def _orchestrator(self, project_id: str) -> Orchestrator:
        settings = self._orchestrator_settings or OrchestratorSettings()
        settings_of_actions = self._ael_settings or AelSettings()
        make = partial(layer_of, self.graph) if self.config.enable_distributed_tracing else AdapterLayer
        layer = make(self._registry, settings_of_actions)
        return Orchestrator(self.graph, layer, settings.model_copy(update={"projects": (project_id,)}))

    async def _modules_of(self, project_id: str) -> Modules:
        engine = await self.engine()
        assert self.modules is not None and project_id == engine.project_id
        return self.modules

    def _span(self, name: str) -> AbstractContextManager[Any]:
        """A span around a workflow, where distributed tracing is on and somebody makes spans."""
        if not self.config.enable_distributed_tracing:
            return nullcontext()
        return tracing.span(name, psg__project_id=self.project_id)

    def _record(self, module: str, duration_ms: float, done: bool) -> None:
        """Tell the monitor of an operation, for ``module_performance``."""
        record = getattr(self.monitor, "record_operation", None)
        if record is not None:
            record(module, duration_ms, ok=done)

    # Workflow API

    async def execute_workflow(
        self,
        definition: Any,
        inputs: Mapping[str, Any] | None = None,
        *,
        execution_id: str | None = None,
        actor: str = "core-orchestrator",
    ) -> WorkflowResult:
        """Run a workflow to its end (CORE-15 to CORE-18).

        Raises ``WorkflowInvalid`` before anything is run; ``WorkflowFailed``, ``WorkflowTimeout`` or
        ``WorkflowCancelled`` after ``handle_workflow_error``. When the caller is cancelled the execution goes on.
        """
        engine = await self.engine()
        if self._watch is not None:
            return await self._execute(engine, self._watch, definition, inputs, execution_id, actor)
        result: WorkflowResult | None = None
        failed: Exception | None = None
        async with self._serving(engine) as watch:
            try:
                result = await self._execute(engine, watch, definition, inputs, execution_id, actor)
            except Exception as error:  # raised below, as it is and not in a group
                failed = error
        if failed is not None:
            raise failed
        assert result is not None
        return result

    async def _execute(
        self, engine: WorkflowEngine, watch: Watch, definition: Any, inputs: Mapping[str, Any] | None,
        execution_id: str | None, actor: str,
    ) -> WorkflowResult:  # fmt: skip
        with self._span("workflow"):
            execution = await self._start(engine, definition, inputs, execution_id, actor)
            monitor = watch.monitor(execution.id)
            try:
                return await self._completion(engine, execution.id, monitor)
            except Exception as error:
                await self._handled(execution.id, error)
                raise
            finally:
                monitor.stop()

    async def start_workflow(
        self,
        definition: Any,
        inputs: Mapping[str, Any] | None = None,
        *,
        execution_id: str | None = None,
        actor: str = "core-orchestrator",
    ) -> Execution:
        """Begin a workflow and return at once; ``wait_for_workflow``, ``get_workflow_status`` tell what comes of it."""
        engine = await self.engine()
        with self._span("workflow start"):
            return await self._start(engine, definition, inputs, execution_id, actor)

    async def wait_for_workflow(self, execution_id: str) -> WorkflowResult:
        """Wait for the end of an execution, whoever began it; raises as ``execute_workflow``, without handling."""
        engine = await self.engine()
        watch = self._watch
        await engine.status(execution_id, stages=False)
        if watch is not None:
            monitor = watch.monitor(execution_id)
            try:
                return await self._completion(engine, execution_id, monitor)
            finally:
                monitor.stop()
        while not (await engine.status(execution_id, stages=False)).over:
            await self.graph.signals.wait(engine.project_id, self.graph.signals.latest(engine.project_id), 0.2)
        return await _outcome(engine, execution_id)

    async def pause_workflow(self, execution_id: str, *, actor: str = "core-orchestrator") -> None:
        """Let no further stage start (CORE-04)."""
        await (await self.engine()).pause(execution_id, actor=actor)
        self.journal.info("workflow_paused", execution_id=execution_id, actor=actor)

    async def resume_workflow(self, execution_id: str, *, actor: str = "core-orchestrator") -> None:
        """Go on with a paused execution; no completed stage runs again (CORE-04)."""
        await (await self.engine()).resume(execution_id, actor=actor)
        self.journal.info("workflow_resumed", execution_id=execution_id, actor=actor)

    async def cancel_workflow(self, execution_id: str, *, actor: str = "core-orchestrator") -> None:
        """End an execution; no further stage starts (CORE-05)."""
        await (await self.engine()).cancel(execution_id, actor=actor)
        self.journal.info("workflow_cancelled", execution_id=execution_id, actor=actor)

    async def get_workflow_status(self, execution_id: str) -> WorkflowStatus:
        """How an execution stands, with its stages; raises ``ExecutionNotFound`` (CORE-06)."""
        return await (await self.engine()).status(execution_id)

    async def list_workflows(self, *, status: str | None = None, limit: int = 100) -> list[WorkflowStatus]:
        """Executions of the project, the latest first."""
        return await (await self.engine()).page(status=status, limit=limit)

    async def forget_workflows(self) -> int:
        """Delete finished executions beyond ``workflow_history_retention`` now; a running one does so by itself."""
        return await (await self.engine()).forget_old()

    async def handle_workflow_error(self, execution_id: str, error: Exception) -> None:
        """Called when an execution ends in an error, before that is raised (CORE-17): logs it and calls ``on_error``.

        Retries, fallbacks and escalation are data of the workflow and have happened by then.
        """
        code = getattr(error, "code", None)
        self.journal.error("workflow_error", execution_id=execution_id, code=code, error=str(error))
        if self.on_error is not None:
            found = self.on_error(execution_id, error)
            if isinstance(found, Awaitable):
                await found

    @property
    def monitors(self) -> list[ExecutionMonitor]:
        """The monitors of the executions that are waited for in this process."""
        return [] if self._watch is None else self._watch.monitors

    async def _start(
        self, engine: WorkflowEngine, definition: Any, inputs: Mapping[str, Any] | None, execution_id: str | None,
        actor: str,
    ) -> Execution:  # fmt: skip
        execution = await engine.start_execution(
            definition, inputs, execution_id=execution_id, catalog=self._catalog(), actor=actor,
            correlation_id=new_id() if execution_id is None else None,
        )  # fmt: skip
        self.journal.info(
            "workflow_started" if execution.began else "workflow_waits", execution_id=execution.id,
            workflow=execution.workflow_id, correlation_id=execution.correlation_id,
        )  # fmt: skip
        return execution

    def _catalog(self) -> ModuleCatalog | None:
        if isinstance(self.modules, ModuleManager):
            return components.Catalog(self.modules.registrations())
        own: Any = self.modules
        return own if hasattr(own, "supports") and hasattr(own, "module_types") else None

    async def _completion(
        self, engine: WorkflowEngine, execution_id: str, monitor: ExecutionMonitor
    ) -> WorkflowResult:
        await monitor.over()
        result = await _outcome(engine, execution_id)
        self.journal.info("workflow_completed", execution_id=execution_id, duration_ms=result.duration)
        for stage in result.stage_results.values():
            self.journal.debug("stage", execution_id=execution_id, stage=stage.stage_id, status=stage.status)
        return result

    async def _handled(self, execution_id: str, error: Exception) -> None:
        """Have the error handled; a handler that breaks neither hides the error nor takes its place."""
        try:
            await self.handle_workflow_error(execution_id, error)
        except Exception as broken:
            self.journal.error("error_handler_broke", execution_id=execution_id, error_type=type(broken).__name__)
            error.add_note(f"handle_workflow_error broke as well: {type(broken).__name__}")


async def _outcome(engine: WorkflowEngine, execution_id: str) -> WorkflowResult:
    """The result of an execution that is over; raises what ended it when it is not completed."""
    status = await engine.status(execution_id)
    stages = status.stages or {}
    if status.status == "completed":
        return WorkflowResult(
            execution_id=execution_id, workflow_id=status.workflow_id, correlation_id=status.correlation_id,
            status="completed", duration=status.duration or 0, stage_results=stages,
            outputs={name: stage.output for name, stage in stages.items() if stage.status == "completed"},
        )  # fmt: skip
    raise _ending(status)


def _ending(status: WorkflowStatus) -> ExecutionEnded:
    details = failure_details(status.execution_id, list((status.stages or {}).values()))
    details |= {"workflow_id": status.workflow_id, "correlation_id": status.correlation_id, "status": status.to_dict()}
    name = f"workflow `{status.workflow_id}` ({status.execution_id})"
    if status.status == "cancelled":
        return WorkflowCancelled(f"{name} was cancelled", **details)
    error = status.error or {}
    if error.get("code") == "workflow_timeout":
        return WorkflowTimeout(f"{name} was not over within {status.timeout} ms", **details)
    where = f"stage `{error['stage']}` " if error.get("stage") else ""
    return WorkflowFailed(f"{name} failed: {where}{error.get('message', '')}", error=error, **details)


class _Worker:
    """The orchestrator of this process, to be ended in good order."""

    def __init__(self, orchestrator: Orchestrator) -> None:
        self._orchestrator = orchestrator
        self._ended = anyio.Event()

    async def run(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        """Run stages until ``drain``."""
        try:
            await self._orchestrator.run(task_status=task_status)
        finally:
            self._ended.set()

    async def drain(self) -> None:
        """Let what runs finish and be recorded."""
        self._orchestrator.stop()
        await self._ended.wait()
