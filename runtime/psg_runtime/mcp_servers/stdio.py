"""A program that speaks MCP over its standard streams, bounded in what it can make us hold in memory."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import anyio
import anyio.abc
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import ErrorData, JSONRPCError, jsonrpc_message_adapter

from psg_runtime.mcp_servers.errors import McpUnavailable
from psg_runtime.mcp_servers.settings import ServerSettings

ANSWER_TOO_LARGE = -32099
_GRACE_S = 2.0
_KEPT_STDERR = 4_000
_ENDS = 4_096
_ID = re.compile(rb'"id"\s*:\s*(\d{1,15})')

Streams = tuple[MemoryObjectReceiveStream[SessionMessage | Exception], MemoryObjectSendStream[SessionMessage]]


class Stderr:
    """The last of what a program complained about."""

    def __init__(self) -> None:
        self._kept = b""

    async def drain(self, stream: anyio.abc.ByteReceiveStream) -> None:
        """Read the stream to its end, so that the program never blocks on it."""
        with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
            async for chunk in stream:
                self._kept = (self._kept + chunk)[-_KEPT_STDERR:]

    def text(self) -> str:
        """What was kept."""
        return self._kept.decode("utf-8", "replace").strip()


@asynccontextmanager
async def stdio_streams(
    settings: ServerSettings, stderr: Stderr, on_end: Callable[[], None]
) -> AsyncIterator[Streams]:
    """Start the program and give the two streams of the client; leaving ends it with all its children.

    ``on_end`` is called when it closes its output. Raises McpUnavailable when it cannot be started.
    """
    process = await _started(settings)
    to_client, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outgoing, from_client = anyio.create_memory_object_stream[SessionMessage](0)
    assert process.stdout and process.stdin and process.stderr
    reader = _Reader(to_client, settings.max_answer_bytes)
    with to_client, incoming, outgoing, from_client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stderr.drain, process.stderr)
            tasks.start_soon(_read, process.stdout, reader, to_client, on_end)
            tasks.start_soon(_write, process.stdin, from_client)
            try:
                yield incoming, outgoing
            finally:
                with anyio.CancelScope(shield=True):
                    incoming.close()
                    outgoing.close()
                    await _end(process)
                tasks.cancel_scope.cancel()


async def _started(settings: ServerSettings) -> anyio.abc.Process:
    assert settings.command is not None
    options = {"start_new_session": True} if os.name == "posix" else {}
    try:
        return await anyio.open_process(
            [settings.command, *settings.args],
            env=settings.program_environment,
            cwd=settings.cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **options,  # type: ignore[arg-type]
        )
    except OSError as error:
        raise McpUnavailable(f"`{settings.command}` cannot be started: {error.strerror}.") from None


async def _read(
    stdout: anyio.abc.ByteReceiveStream,
    reader: _Reader,
    to_client: MemoryObjectSendStream[SessionMessage | Exception],
    on_end: Callable[[], None],
) -> None:
    with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
        async for chunk in stdout:
            await reader.take(chunk)
    on_end()
    to_client.close()


async def _write(stdin: anyio.abc.ByteSendStream, from_client: MemoryObjectReceiveStream[SessionMessage]) -> None:
    with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError, OSError):
        async for message in from_client:
            text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
            await stdin.send(text.encode() + b"\n")


class _Reader:
    """Lines out of chunks; of a line over the limit only both ends are kept, to find whom it answers."""

    def __init__(self, to_client: MemoryObjectSendStream[SessionMessage | Exception], limit: int) -> None:
        self._to_client = to_client
        self._limit = limit
        self._line = bytearray()
        self._head = b""

    async def take(self, chunk: bytes) -> None:
        """Hand on every line that ends in this chunk."""
        *ended, rest = chunk.split(b"\n")
        for part in ended:
            self._add(part)
            await self._finish()
        self._add(rest)

    def _add(self, part: bytes) -> None:
        self._line += part
        if len(self._line) > self._limit:
            self._head = self._head or bytes(self._line[:_ENDS])
            del self._line[:-_ENDS]

    async def _finish(self) -> None:
        line, head = bytes(self._line), self._head
        self._line.clear()
        self._head = b""
        if head:
            await self._to_client.send(_too_large(head, line, self._limit))
        elif line.strip():
            await self._to_client.send(_message(line))


def _message(line: bytes) -> SessionMessage | Exception:
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError:
        return ValueError("a line of the server is no JSON-RPC message")


def _too_large(head: bytes, tail: bytes, limit: int) -> SessionMessage | Exception:
    found = _ID.search(head.partition(b'"result"')[0]) or next(iter([*_ID.finditer(tail)][-1:]), None)
    if found is None:
        return ValueError("the server sent a message over the limit that answers nothing")
    error = ErrorData(code=ANSWER_TOO_LARGE, message=f"its answer has more than {limit} bytes")
    return SessionMessage(JSONRPCError(jsonrpc="2.0", id=int(found[1]), error=error))


async def _end(process: anyio.abc.Process) -> None:
    """Close its input, which asks it to end; then end the whole group, first asked, then forced."""
    assert process.stdin
    with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError, OSError):
        await process.stdin.aclose()
    for number in (None, signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        if number is not None:
            _signal_group(process, number)
        with anyio.move_on_after(_GRACE_S):
            await process.wait()
            break
    _signal_group(process, getattr(signal, "SIGKILL", signal.SIGTERM))  # what it left behind
    with anyio.move_on_after(_GRACE_S):
        await process.aclose()


def _signal_group(process: anyio.abc.Process, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        if sys.platform != "win32":
            os.killpg(process.pid, number)  # it leads a session of its own, so its id names the group
        else:
            process.terminate()
