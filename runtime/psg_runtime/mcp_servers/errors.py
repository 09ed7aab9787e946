"""What can go wrong with a server of tools."""

from __future__ import annotations

from typing import ClassVar

from psg.errors import ActionFailed, ValidationFailed
from psg_neo4j.errors import Category
from psg_runtime.ael.failures import ActionRefused


class McpSettingsInvalid(ValidationFailed):
    """The file of MCP servers cannot be read as one."""

    code = "mcp_settings_invalid"


class McpUnavailable(ActionFailed):
    """The MCP server cannot be reached, or went away in the middle; later it may be back."""

    code = "mcp_unavailable"
    category: ClassVar[Category] = "communication_error"


class McpToolFailed(ActionFailed):
    """The tool of the MCP server says that it failed."""

    code = "mcp_tool_failed"


class McpRefused(ActionRefused):
    """The MCP server refuses this call as it is."""

    code = "mcp_refused"


class McpAnswerInvalid(ActionRefused):
    """What the MCP server answered is not what the protocol, or its own tool's schema, promises."""

    code = "mcp_answer_invalid"
    category: ClassVar[Category] = "communication_error"


class McpAnswerTooLarge(ActionRefused):
    """The answer of the MCP server is larger than allowed; it was not read to its end."""

    code = "output_too_large"
    category: ClassVar[Category] = "resource_error"
