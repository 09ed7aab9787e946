"""Calls somebody else's code within a time: coroutines are cancelled, threads are left behind (EXEC-20)."""

from __future__ import annotations

import contextvars
import inspect
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Protocol, TypeVar

import anyio
import anyio.from_thread
import anyio.lowlevel

T = TypeVar("T")
# Threads of the whole process that were left behind and hang; beyond that no further one is begun.
MAX_LEFT_BEHIND = 64


class TimedOut(Exception):
    """The call did not end in its time."""


class Saturated(Exception):
    """Too many calls that were left behind still hang; no further one is begun."""


class CallFailed(Exception):
    """What was called did what would end more than the call; the message continues its name: "called sys.exit(3)"."""


class Clock(Protocol):
    """Time as the core sees it, in milliseconds; another one makes tests exact."""

    def now_ms(self) -> float:
        """Milliseconds since any moment, never going back."""

    async def sleep_ms(self, ms: float) -> None:
        """Wait."""

    async def within(self, ms: float, work: Callable[[], Awaitable[T]]) -> T:
        """Return what ``work`` returns; raise TimedOut when it does not within ``ms``."""


class SystemClock:
    """The clock of the event loop."""

    def now_ms(self) -> float:
        return anyio.current_time() * 1000

    async def sleep_ms(self, ms: float) -> None:
        await anyio.sleep(ms / 1000)

    async def within(self, ms: float, work: Callable[[], Awaitable[T]]) -> T:
        with anyio.move_on_after(ms / 1000):
            return await work()
        raise TimedOut


async def call(function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Any:
    """Return what a function returns, awaited when it is awaitable; a plain function runs in a thread of its own.

    Cancelled, it does not wait for the thread: its result is lost. Raises what the function raises, CallFailed for
    ``SystemExit`` and a cancellation that was not ours, Saturated when too many threads hang.
    """
    try:
        if _is_async(function):
            value = function(*arguments, **named)
        else:
            value = await _in_thread(lambda: function(*arguments, **named))
        return await _in_task(value) if inspect.isawaitable(value) else value
    except SystemExit as error:
        raise CallFailed(f"called sys.exit({error.code!r})") from None


def _is_async(function: Any) -> bool:
    if inspect.iscoroutinefunction(function):
        return True
    return not inspect.isroutine(function) and inspect.iscoroutinefunction(type(function).__call__)


async def _in_task(awaitable: Awaitable[Any]) -> Any:
    """Await in a task of its own: a cancellation from within then ends that one, and not who waits for it."""
    outcome: list[tuple[Any, BaseException | None]] = []
    cancelled = anyio.get_cancelled_exc_class()

    async def run() -> None:
        try:
            outcome.append((await awaitable, None))
        except cancelled:
            raise
        except BaseException as error:  # handed over below, not in a group
            outcome.append((None, error))

    async with anyio.create_task_group() as group:
        group.start_soon(run)
    if not outcome:
        raise CallFailed("was cancelled from within")
    value, error = outcome[0]
    if error is not None:
        raise error
    return value


class _Thread:
    """A plain function in a daemon thread: one of a pool would keep the process from ending while it hangs."""

    _lock = threading.Lock()
    _hanging = 0

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._context = contextvars.copy_context()
        self._token = anyio.lowlevel.current_token()
        self._ended = anyio.Event()
        self._left = False
        self.value: Any = None
        self.error: BaseException | None = None

    async def result(self) -> Any:
        if _Thread._hanging >= MAX_LEFT_BEHIND:
            raise Saturated(f"{MAX_LEFT_BEHIND} calls that were left behind still hang")
        threading.Thread(target=self._run, name="bounded call", daemon=True).start()
        try:
            await self._ended.wait()
        finally:
            with self._lock:
                if not self._done:
                    self._left = True
                    _Thread._hanging += 1
        if self.error is not None:
            raise self.error
        return self.value

    _done = False

    def _run(self) -> None:
        try:
            self.value = self._context.run(self._work)
        except BaseException as error:
            self.error = error
        with self._lock:
            self._done = True
            if self._left:
                _Thread._hanging -= 1
                return
        with suppress(Exception):  # the loop may be gone by now, and nobody waits
            anyio.from_thread.run_sync(self._ended.set, token=self._token)


async def _in_thread(work: Callable[[], Any]) -> Any:
    try:
        return await (thread := _Thread(work)).result()
    except (anyio.get_cancelled_exc_class(), GeneratorExit) as error:
        if thread.error is error:  # of a thread nobody cancels anything
            raise CallFailed(f"raised {type(error).__name__}") from None
        raise
