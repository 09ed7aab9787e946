"""The streams of a program: fed and drained at the same time, with a bound on what is kept and on what is taken."""

from __future__ import annotations

from contextlib import suppress

import anyio
import anyio.abc

_DRAIN_SECONDS = 1.0


class Capture:
    """Keeps the beginning of a stream and counts on, so that the program never blocks on a full pipe."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()
        self.truncated = False
        self.size = 0

    def add(self, chunk: bytes) -> None:
        """Take what came."""
        room = self._limit - len(self._kept)
        self._kept += chunk[:room]
        self.truncated = self.truncated or len(chunk) > room
        self.size += len(chunk)

    def data(self) -> bytes:
        """The bytes that were kept."""
        return bytes(self._kept)

    def text(self) -> str:
        """What was kept, as text."""
        return self._kept.decode("utf-8", "replace")


async def communicate(
    process: anyio.abc.Process, stdin: bytes, stdout: Capture, stderr: Capture, *, most: int | None = None
) -> bool:
    """Feed and drain a program until it ends; False when both outputs together had more than ``most`` bytes.

    A child left behind may hold the pipes open; the program itself is done then, and a second later so are we.
    """
    assert process.stdin and process.stdout and process.stderr
    within = True

    async def drain(stream: anyio.abc.ByteReceiveStream, capture: Capture) -> None:
        nonlocal within
        with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
            async for chunk in stream:
                capture.add(chunk)
                if most is not None and stdout.size + stderr.size > most:
                    within = False
                    tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(drain, process.stdout, stdout)
        tasks.start_soon(drain, process.stderr, stderr)
        tasks.start_soon(_feed, process.stdin, stdin)
        await process.wait()
        tasks.cancel_scope.deadline = anyio.current_time() + _DRAIN_SECONDS
    return within


async def _feed(stream: anyio.abc.ByteSendStream, data: bytes) -> None:
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        if data:
            await stream.send(data)
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
        await stream.aclose()
