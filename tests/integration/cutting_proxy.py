"""A proxy on loopback between a client and an API that cuts connections where a test wants it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
from anyio.abc import SocketStream

Allowed = Callable[[bytes], int | None]
"""Says of all that came from the API on a connection how many bytes of it may pass; None: all so far, and go on."""


@dataclass
class Proxy:
    """Where the proxy listens, and how many connections came."""

    url: str = ""
    connections: int = 0
    cut: int = 0
    errors: list[str] = field(default_factory=list)


@asynccontextmanager
async def cutting_proxy(target: str, allowed: Callable[[int], Allowed | None]) -> AsyncIterator[Proxy]:
    """Forward to ``target``; ``allowed`` gives the rule for the nth connection (from 1), None for one without."""
    made = Proxy()
    host, port = target.removeprefix("http://").split("/")[0].split(":")

    async def connection(client: SocketStream) -> None:
        made.connections += 1
        rule = allowed(made.connections)
        async with client, await anyio.connect_tcp(host, int(port)) as server, anyio.create_task_group() as tasks:

            async def upstream() -> None:
                try:
                    async for data in client:
                        # One request for each connection, so that each answer can be lost on its own.
                        await server.send(data.replace(b"Connection: keep-alive", b"Connection: close"))
                except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                    pass
                tasks.cancel_scope.cancel()

            async def downstream() -> None:
                passed = b""
                try:
                    async for data in server:
                        most = None if rule is None else rule(passed + data)
                        if most is not None:
                            made.cut += 1
                            await client.send((passed + data)[len(passed) : max(most, len(passed))])
                            break
                        await client.send(data)
                        passed += data
                except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                    pass
                tasks.cancel_scope.cancel()

            tasks.start_soon(upstream)
            tasks.start_soon(downstream)

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, connection)
        made.url = f"http://127.0.0.1:{listener.extra(anyio.abc.SocketAttribute.local_port)}/graphql"
        try:
            yield made
        finally:
            tasks.cancel_scope.cancel()


def frames(count: int, mark: bytes = b"event: next") -> Allowed:
    """Let ``count`` messages of a stream pass whole, and nothing of the next one."""

    def rule(received: bytes) -> int | None:
        at = -1
        for _ in range(count + 1):
            at = received.find(mark, at + 1)
            if at < 0:
                return None
        return at

    return rule


def nothing(received: bytes) -> int | None:
    """Let no byte of the answer pass: it was given, and nobody hears it."""
    return 0
