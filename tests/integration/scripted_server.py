"""A real HTTP server on loopback that answers exactly what a test says, also what no proper server would."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.abc
from anyio.streams.buffered import BufferedByteReceiveStream
from anyio.streams.tls import TLSListener


@dataclass(slots=True)
class Received:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Answer = bytes | Callable[[Any], Awaitable[None]]
Script = Callable[[Received], Answer]


@dataclass(slots=True)
class ScriptedServer:
    """``script`` turns each request into raw bytes, or into a function that writes to the stream itself."""

    port: int
    host: str = "127.0.0.1"
    scheme: str = "http"
    received: list[Received] = field(default_factory=list)

    def url(self, path: str = "/", host: str | None = None) -> str:
        """Where it listens."""
        return f"{self.scheme}://{host or self.host}:{self.port}{path}"


def reply(status: int = 200, body: bytes | str = b"", **headers: str) -> bytes:
    """An answer with a Content-Length; underscores in the names of headers are dashes."""
    data = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(data)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + data


def chunked(*pieces: bytes, end: bool = True, **headers: str) -> bytes:
    """An answer in chunks, without its end if ``end`` is false."""
    lines = ["HTTP/1.1 200 X", "Transfer-Encoding: chunked"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    body = b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces)
    return "\r\n".join([*lines, "", ""]).encode() + body + (b"0\r\n\r\n" if end else b"")


@asynccontextmanager
async def serving(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[ScriptedServer]:
    """The server, during the block."""
    listener: Any = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    server = ScriptedServer(port, scheme="http" if tls is None else "https")

    async def handle(stream: Any) -> None:
        async with stream:
            try:
                received = await _read(stream)
                server.received.append(received)
                answer = script(received)
                if isinstance(answer, bytes):
                    await stream.send(answer)
                else:
                    await answer(stream)
            except (anyio.BrokenResourceError, anyio.EndOfStream, anyio.IncompleteRead, ssl.SSLError):
                pass

    if tls is not None:
        listener = TLSListener(listener, tls, standard_compatible=False)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, handle)
        yield server
        tasks.cancel_scope.cancel()


async def _read(stream: Any) -> Received:
    buffered = BufferedByteReceiveStream(stream)
    head = (await buffered.receive_until(b"\r\n\r\n", 100_000)).decode("latin-1")
    first, *lines = head.split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await buffered.receive_exactly(int(headers.get("content-length", "0")))
    return Received(method, path, headers, body)
