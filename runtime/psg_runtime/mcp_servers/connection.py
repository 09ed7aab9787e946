"""The connection to one MCP server: brought up, kept up, and asked to call tools."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
import mcp_types as protocol
import orjson
import structlog
from mcp import Client, MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from psg import tracing
from psg.errors import ActionTimeout, PsgError
from psg_runtime.ael.capability import ActionContext
from psg_runtime.ael.masking import SecretMask
from psg_runtime.mcp_servers.answers import call_failure, output_of
from psg_runtime.mcp_servers.errors import McpAnswerInvalid, McpUnavailable
from psg_runtime.mcp_servers.http import http_streams
from psg_runtime.mcp_servers.settings import ServerSettings
from psg_runtime.mcp_servers.stdio import Stderr, stdio_streams

log = structlog.get_logger(__name__)
# The library logs messages as they come and go, with all that is in them.
for _name in ("mcp.client", "mcp.shared"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)

MAX_TOOLS = 1_000
_MAX_PAGES = 100
_FIRST_DELAY_S = 0.1
_LONGEST_DELAY_S = 10.0
_STABLE_S = 30.0
_WAIT_FOR_CONNECTION_S = 10.0
# A server that answers nothing any more is started anew after this many calls.
_SILENT_CALLS = 3
_LOOK_SOON_S = 5.0
_REPORT_EVERY_S = 0.5
_MAX_REPORT_CHARS = 500

Tools = list[protocol.Tool]
OnTools = Callable[[str, Tools], Awaitable[None]]


class Connection:
    """One server. ``on_tools`` gets its tools whenever they are listed: at every connect and when they change."""

    def __init__(self, name: str, settings: ServerSettings, on_tools: OnTools, mask: SecretMask) -> None:
        self.name = name
        self._settings = settings
        self._on_tools = on_tools
        self._mask = mask
        self._client: Client | None = None
        self._up = anyio.Event()
        self._lost = anyio.Event()
        self._changed = anyio.Event()
        self._silent = 0
        self._in_flight = 0

    @property
    def connected(self) -> bool:
        """Whether the server can be asked now."""
        return self._client is not None

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Stay connected until cancelled; ready (``task_status``) with the first connection.

        Raises McpUnavailable when a required server does not come up; later losses are made good, with growing
        pauses.
        """
        started, delay = False, _FIRST_DELAY_S
        if not self._settings.required:
            task_status.started()
            started = True
        while True:
            since = anyio.current_time()
            try:
                async with self._connected() as client:
                    if not started:
                        task_status.started()
                        started = True
                    await self._keep(client)
                reason = "it closed the connection"
            except Exception as error:
                if not started:
                    raise self._not_started(error) from None
                reason = self._said(error)
            finally:
                self._lose()
            if anyio.current_time() - since > _STABLE_S:
                delay = _FIRST_DELAY_S
            log.warning("mcp_server_lost", server=self.name, reason=reason, again_in_s=delay)
            await anyio.sleep(delay)
            delay = min(delay * 2, _LONGEST_DELAY_S)

    def look_again(self) -> None:
        """Have the tools listed again soon."""
        self._changed.set()

    async def call(self, tool: str, arguments: dict[str, Any], context: ActionContext) -> Any:
        """Call a tool and return its output as JSON-like data.

        Raises McpUnavailable (worth a retry), ActionTimeout, McpToolFailed, McpRefused, McpAnswerInvalid or
        McpAnswerTooLarge.
        """
        seconds = self._settings.call_timeout
        if context.timeout_ms is not None:
            seconds = min(seconds, context.timeout_ms / 1000)
        client = await self._ready(min(seconds, _WAIT_FOR_CONNECTION_S))
        started = anyio.current_time()
        self._in_flight += 1
        try:
            result = await self._request(client, tool, arguments, context, seconds)
        except anyio.get_cancelled_exc_class():
            if anyio.current_time() - started >= 0.9 * seconds:  # the layer's clock was a little faster than ours
                self._unanswered(client)
            raise
        except MCPError as error:
            if error.code == protocol.REQUEST_TIMEOUT:
                self._unanswered(client)
                message = f"`{self.name}.{tool}` did not answer within {round(seconds * 1000)} ms."
                raise ActionTimeout(message, timeout_ms=round(seconds * 1000)) from None
            self._silent = 0
            failure = call_failure(self.name, tool, error, self._mask)
            if isinstance(failure, McpUnavailable):
                self._lose(client)
            raise failure from None
        except ValidationError:
            message = f"`{self.name}.{tool}`: what the server answered is no result of a tool."
            raise McpAnswerInvalid(message, server=self.name) from None
        except (anyio.ClosedResourceError, anyio.BrokenResourceError, httpx2.HTTPError, OSError) as error:
            self._lose(client)
            raise McpUnavailable(f"The MCP server `{self.name}` went away: {self._said(error)}.") from None
        finally:
            self._in_flight -= 1
        self._silent = 0
        return output_of(self.name, tool, result, self._mask)

    def _unanswered(self, client: Client) -> None:
        """Start a server anew that answers nothing; one that still works on another call is only slow."""
        self._silent += 1
        if self._silent >= _SILENT_CALLS and self._in_flight == 1:
            self._lose(client)

    def _lose(self, client: Client | None = None) -> None:
        """The connection is of no use any more; with ``client`` only when it is still that one."""
        if client is not None and client is not self._client:
            return
        self._client = None
        self._lost.set()
        if self._up.is_set():  # who waits already waits for this very event
            self._up = anyio.Event()

    async def _request(
        self, client: Client, tool: str, arguments: dict[str, Any], context: ActionContext, seconds: float
    ) -> protocol.CallToolResult:
        last = -_REPORT_EVERY_S

        async def report(progress: float, total: float | None, message: str | None) -> None:
            nonlocal last
            if anyio.current_time() - last >= _REPORT_EVERY_S:  # a server does not decide how much we write down
                last = anyio.current_time()
                fraction = progress / total if total and 0 <= progress <= total else None
                context.report(None if message is None else message[:_MAX_REPORT_CHARS], fraction=fraction)

        traceparent = tracing.traceparent()
        meta = {"psg/idempotency-key": context.idempotency_key}
        # Not ``client.call_tool``: it checks the answer in a way that the server's own schema can make endless.
        return await client.session.send_request(
            protocol.CallToolRequest(
                params=protocol.CallToolRequestParams(
                    name=tool,
                    arguments=arguments,
                    _meta=meta if traceparent is None else {**meta, "traceparent": traceparent},  # type: ignore[arg-type]
                )
            ),
            protocol.CallToolResult,
            request_read_timeout_seconds=seconds,
            progress_callback=report,
        )

    async def _ready(self, seconds: float) -> Client:
        if self._client is None:
            with anyio.move_on_after(seconds):
                await self._up.wait()
        if self._client is None:
            raise McpUnavailable(f"The MCP server `{self.name}` is not connected now.", server=self.name)
        return self._client

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Client]:
        """A connection whose tools are known; raises McpUnavailable when that takes too long."""
        self._lost, self._changed, self._silent = anyio.Event(), anyio.Event(), 0
        stderr = Stderr()
        with anyio.CancelScope(deadline=anyio.current_time() + self._settings.start_timeout) as scope:
            try:
                async with self._client_of(stderr) as client:
                    await self._on_tools(self.name, await self._tools(client))
                    scope.deadline = float("inf")
                    self._client = client
                    self._up.set()
                    yield client
            except Exception as error:
                complaint = self._mask.text(stderr.text())[-500:]
                said = self._said(error)
                raise McpUnavailable(f"{said}; it said: {complaint}" if complaint else said) from None
        if scope.cancelled_caught:
            complaint = self._mask.text(stderr.text())[-500:]
            message = f"it was not ready within {self._settings.start_timeout:g} s"
            raise McpUnavailable(f"{message}; it said: {complaint}" if complaint else message)

    def _client_of(self, stderr: Stderr) -> Client:
        transport: Any
        if self._settings.command is not None:
            transport = stdio_streams(self._settings, stderr, self._lose)
        else:
            transport = http_streams(self._settings)
        return Client(transport, message_handler=self._on_message, cache=None)

    async def _tools(self, client: Client) -> Tools:
        found: Tools = []
        cursor: str | None = None
        for _ in range(_MAX_PAGES):
            page = await client.session.list_tools(params=protocol.PaginatedRequestParams(cursor=cursor))
            found += page.tools
            cursor = page.next_cursor
            if cursor is None or len(found) > MAX_TOOLS:
                break
        if cursor is not None or len(found) > MAX_TOOLS:
            raise McpUnavailable(f"it lists more than {MAX_TOOLS} tools")
        return found

    async def _keep(self, client: Client) -> None:
        """Look at the tools again when the server says so, and now and then; return when the connection is lost."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._look_again, client)
            tasks.start_soon(self._listen, client)
            await self._lost.wait()
            tasks.cancel_scope.cancel()

    async def _look_again(self, client: Client) -> None:
        pause = self._settings.look_again
        while True:
            with anyio.move_on_after(pause):
                await self._changed.wait()
            self._changed = anyio.Event()
            try:
                with anyio.fail_after(self._settings.start_timeout):
                    tools = await self._tools(client)
                await self._on_tools(self.name, tools)
                pause = self._settings.look_again
            except (MCPError, PsgError, TimeoutError) as error:  # it may be busy with a call that takes long
                pause = min(_LOOK_SOON_S, self._settings.look_again)
                log.info("mcp_tools_not_listed", server=self.name, reason=self._said(error))

    async def _listen(self, client: Client) -> None:
        """On the newer protocol changes are only told to who asks; without it there is still the second look."""
        offered = client.server_capabilities.tools
        if client.protocol_version not in MODERN_PROTOCOL_VERSIONS or offered is None or not offered.list_changed:
            return
        try:
            async with client.listen(tools_list_changed=True) as changes:
                async for _ in changes:
                    self._changed.set()
        except (MCPError, TimeoutError, RuntimeError, OSError, httpx2.HTTPError) as error:
            log.info("mcp_changes_not_told", server=self.name, reason=self._said(error))

    async def _on_message(self, message: object) -> None:
        if isinstance(message, protocol.ToolListChangedNotification):
            self._changed.set()
        elif isinstance(message, Exception):
            log.warning("mcp_message_unreadable", server=self.name, reason=self._said(message))

    def _not_started(self, error: Exception) -> McpUnavailable:
        return McpUnavailable(f"The MCP server `{self.name}` did not come up: {self._said(error)}.", server=self.name)

    def _said(self, error: BaseException) -> str:
        while isinstance(error, BaseExceptionGroup) and error.exceptions:
            error = error.exceptions[0]
        if isinstance(error, ValidationError):  # its text quotes what was sent
            return "what it sent is not the protocol"
        text = error.message if isinstance(error, PsgError) else str(error) or type(error).__name__
        return self._mask.text(text)[:1000].removesuffix(".")


def definition_of(tool: protocol.Tool) -> dict[str, Any]:
    """What a server says about a tool, as data; without what nobody reads as a description of it."""
    data: dict[str, Any] = orjson.loads(
        tool.model_dump_json(by_alias=True, exclude_none=True, exclude={"meta", "icons", "execution"})
    )
    return data
