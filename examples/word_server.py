"""A small MCP server: it counts words. `examples/mcp-servers.yaml` names it, `examples/mcp-tool.yaml` uses it."""

from __future__ import annotations

import re
from collections import Counter
from typing import Annotated

from mcp.server.mcpserver import MCPServer
from pydantic import BaseModel, Field

server = MCPServer("words")


class Size(BaseModel):
    words: int
    characters: int


class Frequent(BaseModel):
    words: list[str]


@server.tool()
def measure(text: str) -> Size:
    """Count the words and characters of a text."""
    return Size(words=len(_words(text)), characters=len(text))


@server.tool()
def frequent(text: str, most: Annotated[int, Field(ge=1, le=100)] = 3) -> Frequent:
    """Name the most frequent words of a text, the most frequent first."""
    ranked = sorted(Counter(_words(text)).items(), key=lambda found: (-found[1], found[0]))
    return Frequent(words=[word for word, _ in ranked[:most]])


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


if __name__ == "__main__":
    server.run("stdio")
