"""What the core orchestrator needs of the systems that it puts together: anything of this shape will do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol


class ModuleCatalog(Protocol):
    """What modules there are and what they can do; asked before a workflow is run."""

    def module_types(self) -> Sequence[str]:
        """The types of modules that there are."""

    def supports(self, module_type: str, operation: str) -> bool:
        """Whether a module has an operation."""

    def operations(self, module_type: str) -> Sequence[str]:
        """The operations of a module, for messages."""


class Modules(Protocol):
    """Module API: life of modules, and calls of their operations (``psg_runtime.modules.ModuleManager``)."""

    async def initialize_module(self, module_type: str, config: Any = None) -> Any:
        """Start a module."""

    def get_module(self, module_id: str) -> Any:
        """A module by its id."""

    def list_modules(self) -> Any:
        """All modules."""

    async def shutdown_module(self, module_id: str) -> Any:
        """Stop a module."""

    async def get_module_health(self, module_id: str) -> Any:
        """Ask a module how it is."""

    async def invoke(
        self, module_type: str, operation: str, inputs: Mapping[str, Any], *, correlation_id: str | None = None
    ) -> Any:
        """Do an operation of a module."""


class Hub(Protocol):
    """Communication API (``psg_runtime.hub.CommunicationHub``)."""

    async def route_message(self, message: Any) -> Any:
        """Hand a message to its target and return the answer."""

    async def broadcast(self, event: Any) -> Any:
        """Tell every subscriber."""

    def subscribe(self, event_type: str, handler: Callable[..., Any]) -> Any:
        """Hear of events of a type."""

    def unsubscribe(self, event_type: str, handler: Callable[..., Any]) -> Any:
        """Hear of them no more."""


class Resources(Protocol):
    """Resource API (``psg_runtime.resources.ResourceManager``)."""

    async def allocate_resources(self, request: Any) -> Any:
        """Reserve resources."""

    async def release_resources(self, allocation_id: str) -> Any:
        """Give them back."""

    async def get_resource_usage(self) -> Any:
        """What is in use."""

    async def optimize_resource_allocation(self) -> Any:
        """Put it in a better order."""


class Monitoring(Protocol):
    """Monitoring API (``psg_runtime.monitoring.SystemMonitor``)."""

    async def system_metrics(self) -> Any:
        """What the system does, in numbers."""

    async def check_system_health(self) -> Any:
        """How the system is."""

    async def check_module_health(self, module_id: str) -> Any:
        """How a module is."""

    async def get_health_history(self, time_range: Any) -> Any:
        """How it was."""

    async def configure_health_alerts(self, config: Any) -> Any:
        """When to raise an alert."""
