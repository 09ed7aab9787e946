"""Tools of MCP servers as capabilities ``server.tool``, as long as they are what was accepted (decision 0041)."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import anyio
import mcp_types as protocol
import structlog

from psg.errors import PsgError
from psg_runtime.ael.capability import ActionContext, build_capability
from psg_runtime.ael.masking import SecretMask
from psg_runtime.ael.registry import CapabilityRegistry
from psg_runtime.mcp_servers.connection import Connection, Tools, definition_of
from psg_runtime.mcp_servers.errors import McpUnavailable
from psg_runtime.mcp_servers.pins import Pins, definition_hash
from psg_runtime.mcp_servers.settings import ServersFile

log = structlog.get_logger(__name__)

SOURCE = "mcp:"
_TOOL_NAME = re.compile(r"[A-Za-z0-9_.\-/]{1,128}", re.ASCII)
_NEW = "it is new since the tools of its server were accepted; look at it, then `psg capabilities accept {server}`"
_CHANGED = "it is not what was accepted any more; look at it, then `psg capabilities accept {server}`"
_GONE = "its server does not offer it any more"


class McpServers:
    """The tools of all servers of a file, in a registry."""

    def __init__(self, registry: CapabilityRegistry, file: ServersFile, pins: Pins, *, remember: bool = True) -> None:
        self._registry = registry
        self._remember = remember
        self._file = file
        self._pins = pins
        mask = SecretMask(file.taken)
        self._connections = {
            name: Connection(name, settings, self._on_tools, mask)
            for name, settings in file.servers.items()
            if not settings.disabled
        }
        # What each capability of ours was made from.
        self._hashes: dict[str, str] = {}
        self._offered: dict[str, dict[str, dict[str, Any]]] = {}

    @property
    def connections(self) -> dict[str, Connection]:
        """The connections by the name of the server."""
        return self._connections

    async def start(self, tasks: anyio.abc.TaskGroup) -> None:
        """Connect to all servers at the same time; raises McpUnavailable for the first that does not come up."""
        failures: list[McpUnavailable] = []

        async def one(connection: Connection) -> None:
            try:
                await tasks.start(connection.run)
            except McpUnavailable as error:
                failures.append(error)

        async with anyio.create_task_group() as starting:
            for connection in self._connections.values():
                starting.start_soon(one, connection)
        if failures:
            raise failures[0]

    def accept(self, server: str) -> None:
        """Accept the tools of a server as they are now; they can be called from its next look on."""
        now = {tool: definition_hash(definition) for tool, definition in self._offered.get(server, {}).items()}
        self._pins.accept(server, now)
        self._connections[server].look_again()

    def changes(self, server: str) -> list[dict[str, Any]]:
        """Tools of a server that are not as they were accepted: tool, change (new, changed), and what it says now."""
        accepted = self._pins.of(server) or {}
        return [
            {
                "tool": tool,
                "change": "changed" if tool in accepted else "new",
                "description": str(definition.get("description", "")),
                "definition": definition,
            }
            for tool, definition in sorted(self._offered.get(server, {}).items())
            if accepted.get(tool) != definition_hash(definition)
        ]

    async def _on_tools(self, server: str, tools: Tools) -> None:
        """Register what is as accepted, and turn off what is not."""
        wanted = self._file.servers[server].tools
        listed: dict[str, protocol.Tool] = {}
        twice: set[str] = set()
        for tool in tools:
            twice |= {tool.name} & listed.keys()
            if not _TOOL_NAME.fullmatch(tool.name):
                log.warning("mcp_tool_left_out", server=server, tool=tool.name[:100], reason="its name is not usable")
            elif wanted is None or tool.name in wanted:
                listed[tool.name] = tool
        for name in twice & listed.keys():
            log.warning("mcp_tool_left_out", server=server, tool=name, reason="two tools have this name")
            del listed[name]
        definitions = {name: definition_of(tool) for name, tool in listed.items()}
        hashes = {name: definition_hash(definition) for name, definition in definitions.items()}
        self._offered[server] = definitions
        accepted = self._pins.of(server)
        if accepted is None:
            accepted = hashes
            if self._remember:
                self._pins.accept(server, hashes)
        for name, definition in definitions.items():
            reason = None
            if accepted.get(name) != hashes[name]:
                reason = (_CHANGED if name in accepted else _NEW).format(server=server)
            self._offer(server, name, definition, hashes[name], reason)
        self._withdraw(server, hashes.keys())

    def _offer(self, server: str, tool: str, definition: dict[str, Any], hashed: str, reason: str | None) -> None:
        name = f"{server}.{tool}"
        if reason is not None:
            log.warning("mcp_tool_refused", capability=name, reason=reason)
        if name in self._hashes and (self._hashes[name] == hashed or reason is not None):
            self._switch(name, reason)
            return
        if name in self._hashes:
            self._registry.remove(name)
            del self._hashes[name]
        try:
            built = build_capability(
                name=name,
                type="tool",
                description=str(definition.get("description", ""))[:20_000],
                input_schema=definition["inputSchema"],
                output_schema=definition.get("outputSchema"),
                metadata={"mcp": {"server": server, "tool": tool}},
                call=partial(self._call, server, tool),
                takes_params=True,
                source=f"{SOURCE}{server}",
            )
            self._registry.add(built.disabled(reason))
        except PsgError as error:
            log.warning("mcp_tool_left_out", capability=name, reason=error.message)
            return
        self._hashes[name] = hashed

    def _withdraw(self, server: str, offered: Any) -> None:
        for name in self._hashes:
            of, _, tool = name.partition(".")
            if of == server and tool not in offered:
                self._switch(name, _GONE)

    def _switch(self, name: str, reason: str | None) -> None:
        if reason is None:
            self._registry.enable(name)
        else:
            self._registry.disable(name, reason)

    async def _call(self, server: str, tool: str, params: dict[str, Any], ctx: ActionContext) -> Any:
        return await self._connections[server].call(tool, params, ctx)
