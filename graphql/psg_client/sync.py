"""The same face for programs that are not async: ``with psg_client.sync.connect() as psg``.

Nothing is written twice: the async objects live in an event loop of a thread of their own, and what stands here hands
calls over to it, waits, and hands back what came of them.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager, suppress
from typing import Any

import anyio
from anyio.from_thread import BlockingPortal, start_blocking_portal

from psg_client.client import Client
from psg_client.dialog import OpenDialog
from psg_client.project import OpenProject, Platform
from psg_client.project import connect as connect_async
from psg_client.run import Approval, Run
from psg_client.step_worker import StepWorker
from psg_client.transport import Token
from psg_client.values import Values

_PROGRAM = ("main", "run_until_signal")
"""What of a worker needs the main thread, which alone receives signals."""
_FACES = (Platform, OpenProject, Run, Approval, OpenDialog, Values, StepWorker, Client)


class Blocking:
    """Any object of the async face: its methods wait for their answer, its async iterators are plain ones."""

    def __init__(self, portal: BlockingPortal, inner: Any) -> None:
        self._portal = portal
        self._inner = inner

    def __repr__(self) -> str:
        return repr(self._inner)

    def __dir__(self) -> list[str]:
        return [name for name in dir(self._inner) if not name.startswith("_") and not self._lacks(name)]

    def _lacks(self, name: str) -> bool:
        return isinstance(self._inner, StepWorker) and name in _PROGRAM

    def __getattr__(self, name: str) -> Any:
        if self._lacks(name):
            raise AttributeError(
                f"a worker of the sync face has no {name}(): it belongs to a connection that works in a thread. For a "
                "program make one of its own, psg_client.StepWorker(project=…), and call main(); inside of one let a "
                "thread do run() until stop()"
            )
        value = getattr(self._inner, name)
        if not inspect.ismethod(value):
            return _plain(self._portal, value)

        @functools.wraps(value)
        def call(*arguments: Any, **named: Any) -> Any:
            return _answered(self._portal, value, *map(_inner, arguments), **{k: _inner(v) for k, v in named.items()})

        return call


@contextmanager
def connect(
    url: str | None = None, token: Token | None = None, *, actor: str | None = None, **options: Any
) -> Iterator[Any]:
    """A connection as of ``psg_client.connect()``, whose objects are all of this face; not for use in async code."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(connect_async(url, token, actor=actor, **options)) as platform,
    ):
        yield Blocking(portal, platform)


def _answered(portal: BlockingPortal, method: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    answer = portal.call(functools.partial(method, *arguments, **named))  # in the loop, whether it waits or not
    return _iterated(portal, answer) if hasattr(answer, "__aiter__") else _plain(portal, answer)


def _plain(portal: BlockingPortal, value: Any) -> Any:
    """What the caller gets for a value of the async face."""
    if isinstance(value, _FACES):
        return Blocking(portal, value)
    return [_plain(portal, item) for item in value] if isinstance(value, list) else value


def _inner(value: Any) -> Any:
    return value._inner if isinstance(value, Blocking) else value


def _iterated(portal: BlockingPortal, stream: AsyncGenerator[Any]) -> Iterator[Any]:
    """The items of an async generator, which is advanced and closed by one task of the loop."""
    send, receive = anyio.create_memory_object_stream[Any](0)

    async def pump() -> None:
        async with send, aclosing(stream):
            async for item in stream:
                await send.send(item)

    pumping = portal.start_task_soon(pump)
    try:
        while True:
            try:
                item = portal.call(receive.receive)
            except anyio.EndOfStream:
                break
            yield _plain(portal, item)
        pumping.result()
    finally:
        pumping.cancel()
        with suppress(RuntimeError):  # the loop is gone: the connection was closed first
            portal.call(receive.aclose)
