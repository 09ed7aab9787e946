"""The systems around the workflow engine, each with the settings of the core orchestrator (CORE-53 to CORE-55)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from psg.graph import Graph
from psg_neo4j.errors import PsgError
from psg_runtime.core_orchestrator.settings import CoreOrchestratorConfig
from psg_runtime.hub import CommunicationHub
from psg_runtime.modules import MODULE_TYPES, ModuleManager, ModuleRegistration, ModuleSettings, OperationNotAllowed
from psg_runtime.modules.operation_names import capability_of
from psg_runtime.monitoring import MonitoringSettings, SystemMonitor
from psg_runtime.resources import ResourceManager, ResourceSettings

log = structlog.get_logger(__name__)


def module_manager(graph: Graph, project_id: str, config: CoreOrchestratorConfig) -> ModuleManager:
    """The modules of a project, started and checked by the settings."""
    settings = ModuleSettings(
        startup_timeout_ms=config.module_startup_timeout, health_check_interval_ms=config.module_health_check_interval
    )
    return ModuleManager(graph, project_id, settings)


async def loaded(modules: ModuleManager) -> ModuleManager:
    """Register what installed packages offer; a package that is broken is told in the log and left out."""
    try:
        await modules.load()
    except PsgError as error:
        log.warning("modules_not_loaded", code=error.code, error=error.message)
    return modules


def communication_hub(
    graph: Graph, project_id: str, config: CoreOrchestratorConfig, modules: ModuleManager | None
) -> CommunicationHub:
    """The hub of a project, with queues and patience by the settings."""
    return CommunicationHub(
        graph, project_id, modules=None if modules is None else Directory(modules),
        queue_size=config.message_queue_size, timeout_ms=config.message_timeout,
    )  # fmt: skip


def system_monitor(
    graph: Graph, project_id: str, config: CoreOrchestratorConfig, modules: ModuleManager | None
) -> SystemMonitor:
    """The monitor of a project, collecting and checking by the settings."""
    settings = MonitoringSettings(
        metrics_collection_interval=config.metrics_collection_interval,
        health_check_interval=config.module_health_check_interval,
    )
    return SystemMonitor(graph, project_id=project_id, modules=modules, settings=settings)


def resource_manager(graph: Graph, config: CoreOrchestratorConfig) -> ResourceManager:
    """The resources of the installation, given away by the settings.

    Pools belong to all processes, so only what somebody set changes how they are given away.
    """
    said = config.model_fields_set
    given: dict[str, Any] = {}
    if "resource_allocation_strategy" in said:
        given["strategy"] = config.resource_allocation_strategy
    if "max_resource_utilization" in said:
        given["max_resource_utilization"] = config.max_resource_utilization
    return ResourceManager(graph, ResourceSettings(**given))


class Catalog:
    """What the modules of a manager can do, for definitions to be checked against."""

    def __init__(self, registrations: Mapping[str, ModuleRegistration]) -> None:
        self._registrations = dict(registrations)

    def module_types(self) -> Sequence[str]:
        """The types that are registered."""
        return sorted(self._registrations, key=lambda kind: (kind not in MODULE_TYPES, kind))

    def supports(self, module_type: str, operation: str) -> bool:
        """Whether an operation is among a module's capabilities, under any of its names."""
        registration = self._registrations[module_type]
        try:
            capability_of(module_type, operation, registration.capabilities, registration.operation_names)
        except OperationNotAllowed:
            return False
        return True

    def operations(self, module_type: str) -> Sequence[str]:
        """The capabilities of a module and the other names they go by."""
        registration = self._registrations[module_type]
        return [*registration.capabilities, *registration.operation_names]


async def catalog_everywhere(graph: Graph, project_id: str) -> Catalog:
    """The ten modules, those of installed packages, and those that run in other processes."""
    modules = await loaded(ModuleManager(graph, project_id))
    known = modules.registrations()
    for module in await modules.list_modules(everywhere=True):
        if module.module_type not in known:
            known[module.module_type] = ModuleRegistration(
                module_type=module.module_type, version=module.version, capabilities=module.capabilities
            )
    return Catalog(known)


@dataclass(frozen=True, slots=True)
class _Named:
    module_type: str


class Directory:
    """A module manager as the hub knows it: every registered module sends and receives, started when first asked."""

    def __init__(self, modules: ModuleManager) -> None:
        self._modules = modules

    def list_modules(self) -> Iterable[_Named]:
        """The registered modules."""
        return [_Named(kind) for kind in self._modules.registrations()]

    async def invoke(
        self,
        module_type: str,
        operation: str,
        inputs: dict[str, Any],
        *,
        correlation_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> Any:
        """Have a module do one of its operations."""
        await self._modules.ensure_module(module_type)
        return await self._modules.invoke(
            module_type, operation, inputs, correlation_id=correlation_id, idempotency_key=idempotency_key
        )
