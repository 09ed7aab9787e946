"""A running API for a benchmark, and an HTTP client that costs as little as one can."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import anyio
import orjson
from anyio.abc import SocketStream
from anyio.streams.text import TextReceiveStream
from bench_store import Store

_PROGRAM = Path(__file__).with_name("bench_api_process.py")
READ_BYTES = 65_536


@asynccontextmanager
async def running_api(store: Store, context_id: str) -> AsyncIterator[tuple[str, str]]:
    """The addresses of an API in a process of its own: as users get it, and with mutations that store nothing."""
    command = [sys.executable, str(_PROGRAM), store.server.uri, store.server.user, context_id]
    environment = {**os.environ, "PSG_BENCH_PASSWORD": store.server.password}
    async with await anyio.open_process(command, env=environment, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None and process.stdin is not None
        said = ""
        with anyio.fail_after(30):
            async for text in TextReceiveStream(process.stdout):
                said += text
                if said.count("\n") == 2:
                    break
        if said.count("\n") < 2:
            raise RuntimeError("the API of the benchmark did not start")
        url, url_storing_nothing = said.split()
        yield url, url_storing_nothing
        await process.stdin.aclose()
        with anyio.move_on_after(5):
            await process.wait()
        if process.returncode is None:
            process.kill()


class Connection:
    """One kept HTTP/1.1 connection to a GraphQL address whose answers have a length."""

    def __init__(self, stream: SocketStream, host: str, path: str) -> None:
        self._stream = stream
        self._head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: "
        self._rest = b""

    @classmethod
    @asynccontextmanager
    async def to(cls, url: str, path: str = "/graphql") -> AsyncIterator[Self]:
        """Connect to the API at ``url`` for the length of the block."""
        address = urlsplit(url)
        assert address.hostname is not None and address.port is not None
        async with await anyio.connect_tcp(address.hostname, address.port) as stream:
            yield cls(stream, address.netloc, path)

    async def ask(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Send an operation and return the decoded answer."""
        body = orjson.dumps({"query": query, "variables": variables})
        await self._stream.send(f"{self._head}{len(body)}\r\n\r\n".encode() + body)
        data = self._rest
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += await self._stream.receive(READ_BYTES)
        head = data[:end].lower()
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        while len(data) < end + 4 + length:
            data += await self._stream.receive(READ_BYTES)
        self._rest = data[end + 4 + length :]
        return orjson.loads(data[end + 4 : end + 4 + length])
