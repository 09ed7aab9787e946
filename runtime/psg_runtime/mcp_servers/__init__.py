"""Servers of the Model Context Protocol: their tools are capabilities (needs ``psg-platform[mcp]``)."""

from __future__ import annotations

from psg_runtime.mcp_servers.opening import mcp_capabilities
from psg_runtime.mcp_servers.settings import read_servers

__all__ = ["mcp_capabilities", "read_servers"]
