"""An MCP server made with the library: over its standard streams, or over HTTP (``http PORTFILE``)."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import anyio
import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel

server = MCPServer("desk")


class Sum(BaseModel):
    total: int


@server.tool()
def add(a: int, b: int = 10) -> Sum:
    """Adds two numbers."""
    return Sum(total=a + b)


@server.tool(structured_output=False)
def greet(name: str) -> str:
    """Greets somebody."""
    return f"Hello, {name}!"


@server.tool()
def fail(why: str) -> str:
    """Fails."""
    raise ToolError(why)


@server.tool()
def environment() -> dict[str, str]:
    """What the server knows of its surroundings."""
    return dict(os.environ)


@server.tool()
async def slow(ctx: Context) -> str:
    """Never ends."""
    await ctx.report_progress(0.5, 1.0, "half")
    await anyio.sleep_forever()
    return ""


@server.tool(structured_output=False)
def big(size: int) -> str:
    """Gives a text of this size."""
    return "x" * size


@server.tool(structured_output=False)
def die() -> str:
    """Ends the server in the middle of the call."""
    os._exit(3)


async def over_http(port_file: Path) -> None:
    app = server.streamable_http_app()
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", int(sys.argv[3]) if len(sys.argv) > 3 else 0))
        listening.listen()
        port_file.with_suffix(".part").write_text(str(listening.getsockname()[1]))
        port_file.with_suffix(".part").replace(port_file)
        await uvicorn.Server(uvicorn.Config(app, log_level="error")).serve(sockets=[listening])


if __name__ == "__main__":
    if sys.argv[1:2] == ["http"]:
        anyio.run(over_http, Path(sys.argv[2]))
    else:
        server.run("stdio")
