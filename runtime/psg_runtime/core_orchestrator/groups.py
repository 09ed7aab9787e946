"""The API groups of the specification besides workflows: Module, Communication, Resource, Monitoring (CORE-57)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from psg_runtime.core_orchestrator.errors import NotRunning
from psg_runtime.core_orchestrator.ports import Hub, Modules, Monitoring, Resources


class ApiGroups:
    """Hands calls on to the four systems; each can be replaced by another of the same shape."""

    modules: Modules | None
    hub: Hub | None
    resources: Resources | None
    monitor: Monitoring | None

    # Module API

    async def register_module(self, registration: Any) -> Any:
        """Register a module of one's own, or another one in the place of one of the ten."""
        return await self._modules().register(registration)  # type: ignore[attr-defined]

    async def initialize_module(self, module_type: str, config: Mapping[str, Any] | None = None) -> Any:
        """Start a module and those it needs; returns the ``Module``."""
        return await self._modules().initialize_module(module_type, config)

    async def get_module(self, module_id: str) -> Any:
        """Return a module by its id."""
        return await self._modules().get_module(module_id)

    async def list_modules(self) -> Any:
        """Return the modules that run."""
        return await self._modules().list_modules()

    async def shutdown_module(self, module_id: str) -> Any:
        """Stop a module."""
        return await self._modules().shutdown_module(module_id)

    async def get_module_health(self, module_id: str) -> Any:
        """Check a module; returns its ``HealthStatus``."""
        return await self._modules().get_module_health(module_id)

    # Communication API

    async def route_message(self, message: Any) -> Any:
        """Bring a message to its module and return the ``MessageResult``."""
        return await self._hub().route_message(message)

    async def broadcast(self, event: Any) -> Any:
        """Bring an event to all subscribers of its type."""
        return await self._hub().broadcast(event)

    def subscribe(self, event_type: str, handler: Callable[..., Any]) -> Any:
        """Have events of a type brought to ``handler``."""
        return self._hub().subscribe(event_type, handler)

    def unsubscribe(self, event_type: str, handler: Callable[..., Any]) -> Any:
        """Have no more events of a type brought to ``handler``."""
        return self._hub().unsubscribe(event_type, handler)

    # Resource API

    async def allocate_resources(self, request: Any) -> Any:
        """Reserve resources; returns the ``ResourceAllocation``."""
        return await self._resources().allocate_resources(request)

    async def release_resources(self, allocation_id: str) -> Any:
        """Give reserved resources back."""
        return await self._resources().release_resources(allocation_id)

    async def get_resource_usage(self) -> Any:
        """Return what is in use."""
        return await self._resources().get_resource_usage()

    async def optimize_resource_allocation(self) -> Any:
        """Reclaim what has lapsed and put what waits in order; returns the ``OptimizationResult``."""
        return await self._resources().optimize_resource_allocation()

    # Monitoring API

    async def get_system_metrics(self) -> Any:
        """Collect the ``SystemMetrics`` now."""
        return await self._monitor().system_metrics()

    async def check_system_health(self) -> Any:
        """Check every part; returns the ``SystemHealth``."""
        return await self._monitor().check_system_health()

    async def check_module_health(self, module_id: str) -> Any:
        """Check one module; returns its ``ModuleHealth``."""
        return await self._monitor().check_module_health(module_id)

    async def get_health_history(self, time_range: Any) -> Any:
        """Return what was noted of health within a time."""
        return await self._monitor().get_health_history(time_range)

    async def configure_health_alerts(self, config: Any) -> Any:
        """Say when alerts are raised."""
        return await self._monitor().configure_health_alerts(config)

    def _modules(self) -> Modules:
        return _there(self.modules)

    def _hub(self) -> Hub:
        return _there(self.hub)

    def _resources(self) -> Resources:
        return _there(self.resources)

    def _monitor(self) -> Monitoring:
        return _there(self.monitor)


def _there(system: Any) -> Any:
    if system is None:
        raise NotRunning("the core orchestrator has no project yet: use it as `async with CoreOrchestrator(…)`")
    return system
