"""Connecting to MCP servers for as long as a process needs them."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from psg_runtime.ael.registry import CapabilityRegistry
from psg_runtime.mcp_servers.errors import McpSettingsInvalid
from psg_runtime.mcp_servers.pins import Pins
from psg_runtime.mcp_servers.settings import read_servers

if TYPE_CHECKING:
    from psg_runtime.mcp_servers.servers import McpServers


@asynccontextmanager
async def mcp_capabilities(
    registry: CapabilityRegistry, path: Path | None, *, only: str | None = None, remember: bool = True
) -> AsyncIterator[McpServers | None]:
    """The tools of the servers in the file ``path`` are in the registry during the block; None does nothing.

    ``only`` names the one server wanted; without ``remember`` servers never seen before are not accepted by that.
    Raises McpSettingsInvalid, and McpUnavailable when a required server does not come up.
    """
    if path is None:
        yield None
        return
    file = read_servers(path)
    if importlib.util.find_spec("mcp") is None:
        raise McpSettingsInvalid(f"{path}: MCP servers need another part: install psg-platform[mcp].")
    # Optional dependency, and slow to import: only who has servers pays for it.
    from psg_runtime.mcp_servers.servers import McpServers

    if only is not None:
        chosen = file.servers[only].model_copy(update={"disabled": False, "required": True})
        file = file.model_copy(update={"servers": {only: chosen}})
    servers = McpServers(registry, file, Pins.beside(path), remember=remember)
    try:
        async with anyio.create_task_group() as tasks:
            await servers.start(tasks)
            yield servers
            tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        if len(group.exceptions) == 1:  # what happened in the block, as it was raised
            raise group.exceptions[0] from None
        raise
