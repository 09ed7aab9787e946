"""The platform's modules beside an orchestrator: the ten, and those of installed packages, watched while it runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import structlog
from pydantic import ValidationError

from psg.graph import Graph
from psg_cli.settings import settings_invalid
from psg_neo4j.errors import PsgError
from psg_runtime.core_orchestrator import StageService
from psg_runtime.modules import ModuleManager, ModuleSettings, Packages

log = structlog.get_logger(__name__)


@asynccontextmanager
async def modules_running(graph: Graph, stages: StageService | None = None) -> AsyncIterator[ModuleManager]:
    """Run all modules during the block; one that does not start is told and does not keep the others from it.

    Stages of workflows are done by them meanwhile.

    Raises ``ValidationFailed`` naming the variable when PSG_MODULE_… cannot be read.
    """
    try:
        settings = ModuleSettings()
    except ValidationError as error:
        raise settings_invalid(error, "PSG_MODULE_") from error
    async with ModuleManager(graph, settings=settings) as manager:
        for kind in manager.registrations():
            try:
                await manager.initialize_module(kind)
            except PsgError as error:
                log.warning("module_not_started", module=kind, code=error.code, error=error.message)
        packages = Packages(manager)
        await packages.look()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(packages.keep_up, settings.packages_interval_ms)
            if stages is not None:
                stages.shared = manager
            try:
                yield manager
            finally:
                if stages is not None:
                    stages.shared = None
                tasks.cancel_scope.cancel()
