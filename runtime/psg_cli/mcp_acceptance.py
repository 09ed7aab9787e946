"""What is new at an MCP server since its tools were accepted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psg.errors import NotFound
from psg_runtime.ael import CapabilityRegistry
from psg_runtime.mcp_servers import mcp_capabilities, read_servers


@dataclass(frozen=True, slots=True)
class Look:
    """What was found: for each tool that is not as accepted its name, what changed, and what the server says."""

    changes: list[dict[str, Any]]
    accept: Callable[[], None]


async def look_at(file: Path, server: str) -> Look:
    """Connect to one server of the file; raises NotFound, and what ``mcp_capabilities`` raises."""
    known = read_servers(file).servers
    if server not in known:
        names = ", ".join(known) or "none"
        raise NotFound(f"{file} has no server {server!r}; it has {names}.", server=server)
    registry = CapabilityRegistry()
    async with mcp_capabilities(registry, file, only=server, remember=False) as servers:
        assert servers is not None
        return Look(servers.changes(server), lambda: servers.accept(server))
