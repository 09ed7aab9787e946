"""The modules of a process as one project sees them: the same modules, working in that project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psg_runtime.modules.manager import ModuleManager
from psg_runtime.modules.registration import HealthStatus, Module, ModuleRegistration


class ProjectModules:
    """A view of a ``ModuleManager`` that works in one project; any number of projects share its modules.

    Whoever stops a module, or finds it unhealthy, does so for all of them.
    """

    def __init__(self, manager: ModuleManager, project_id: str) -> None:
        self.manager = manager
        self.project_id = project_id

    def registrations(self) -> dict[str, ModuleRegistration]:
        """What is registered, by type."""
        return self.manager.registrations()

    async def initialize_module(self, module_type: str, config: Mapping[str, Any] | None = None) -> Module:
        """As ``ModuleManager.initialize_module``."""
        return await self.manager.initialize_module(module_type, config)

    async def ensure_module(self, module_type: str) -> Module:
        """As ``ModuleManager.ensure_module``."""
        return await self.manager.ensure_module(module_type)

    async def get_module(self, module_id: str) -> Module:
        """As ``ModuleManager.get_module``."""
        return await self.manager.get_module(module_id)

    async def list_modules(self) -> list[Module]:
        """As ``ModuleManager.list_modules``."""
        return await self.manager.list_modules()

    async def shutdown_module(self, module_id: str) -> None:
        """As ``ModuleManager.shutdown_module``: for all projects."""
        await self.manager.shutdown_module(module_id)

    async def get_module_health(self, module_id: str) -> HealthStatus:
        """As ``ModuleManager.get_module_health``."""
        return await self.manager.get_module_health(module_id)

    async def invoke(
        self,
        module_type: str,
        operation: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        correlation_id: str | None = None,
        idempotency_key: str | None = None,
        actor: str = "system",
    ) -> Any:
        """As ``ModuleManager.invoke``, in this project."""
        return await self.manager.invoke(
            module_type, operation, inputs, correlation_id=correlation_id, idempotency_key=idempotency_key,
            project_id=self.project_id, actor=actor,
        )  # fmt: skip
