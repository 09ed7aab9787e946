"""What a call of a tool came to, in our words."""

from __future__ import annotations

from typing import Any

import mcp_types as protocol
import orjson
from mcp import MCPError

from psg.errors import PsgError
from psg_runtime.ael.masking import SecretMask
from psg_runtime.mcp_servers.errors import (
    McpAnswerInvalid,
    McpAnswerTooLarge,
    McpRefused,
    McpToolFailed,
    McpUnavailable,
)
from psg_runtime.mcp_servers.http import TOO_LARGE
from psg_runtime.mcp_servers.stdio import ANSWER_TOO_LARGE

_MAX_MESSAGE_CHARS = 2_000
_REFUSALS = (protocol.INVALID_PARAMS, protocol.METHOD_NOT_FOUND, protocol.INVALID_REQUEST)
# What the HTTP transport says of a server that forgot the session, or of a gateway before one that is down.
_GONE = ("Session terminated", "Server returned an error response")


def output_of(server: str, tool: str, result: protocol.CallToolResult, mask: SecretMask) -> Any:
    """The output of a step: the structured content, else ``text`` and whatever blocks are no text.

    Raises McpToolFailed when the tool says that it failed.
    """
    blocks = [orjson.loads(b.model_dump_json(by_alias=True, exclude_none=True)) for b in result.content]
    text = "\n".join(str(b.get("text", "")) for b in blocks if b.get("type") == "text")
    if result.is_error:
        said = mask.text(text[:_MAX_MESSAGE_CHARS]) or "it gives no reason"
        raise McpToolFailed(f"`{server}.{tool}` failed: {said}", server=server, tool=tool)
    if result.structured_content is not None:
        return result.structured_content
    others = [b for b in blocks if b.get("type") != "text"]
    return {"text": text, "content": others} if others else {"text": text}


def call_failure(server: str, tool: str, error: MCPError, mask: SecretMask) -> PsgError:
    """The error for an answer that is none."""
    said = mask.text(error.message)[:_MAX_MESSAGE_CHARS].removesuffix(".")
    name, facts = f"{server}.{tool}", {"server": server, "tool": tool, "code": error.code}
    if error.code == ANSWER_TOO_LARGE or TOO_LARGE in error.message or "byte limit" in error.message:
        return McpAnswerTooLarge(f"`{name}`: {said}.", **facts)
    if error.code == protocol.PARSE_ERROR:
        return McpAnswerInvalid(f"`{name}`: what the server answered is no result of a tool.", **facts)
    if error.code == protocol.CONNECTION_CLOSED or error.message in _GONE:
        return McpUnavailable(f"The MCP server `{server}` went away during the call of `{tool}`: {said}.", **facts)
    if error.code in _REFUSALS:
        return McpRefused(f"`{name}` refuses the call: {said}.", **facts)
    return McpToolFailed(f"`{name}` failed: {said}.", **facts)
