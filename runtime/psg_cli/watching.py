"""The monitor beside the platform's processes: each looks, one of them evaluates the rules of alerts for all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
from pydantic import ValidationError

from psg.graph import Graph
from psg_cli.settings import settings_invalid
from psg_runtime.monitoring import MonitoringSettings, SystemMonitor


@asynccontextmanager
async def monitored(graph: Graph, projects: Sequence[str] = ()) -> AsyncIterator[None]:
    """Watch during the block; a process that is limited to some projects leaves it to others.

    Raises ``ValidationFailed`` naming the variable when PSG_MONITOR_… cannot be read.
    """
    if projects:
        yield
        return
    try:
        settings = MonitoringSettings()
    except ValidationError as error:
        raise settings_invalid(error, "PSG_MONITOR_") from error
    monitor = SystemMonitor(graph, settings=settings, sampling=False)
    async with anyio.create_task_group() as tasks:
        await tasks.start(monitor.run)
        try:
            yield
        finally:
            monitor.stop()
