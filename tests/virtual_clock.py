"""Time that passes only when something takes it, for the execution core: no test waits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from psg_runtime.execution_core import TimedOut

T = TypeVar("T")


class _Deadline(BaseException):
    """What a cancellation is in real time."""


class VirtualClock:
    """A ``Clock``; ``sleeps`` are the waits that were asked for, in milliseconds."""

    def __init__(self) -> None:
        self.ms = 0.0
        self.sleeps: list[float] = []
        self._deadline: float | None = None

    def now_ms(self) -> float:
        return self.ms

    async def sleep_ms(self, ms: float) -> None:
        self.sleeps.append(ms)
        self.ms += ms

    async def within(self, ms: float, work: Callable[[], Awaitable[T]]) -> T:
        self._deadline = self.ms + ms
        try:
            return await work()
        except _Deadline:
            raise TimedOut from None
        finally:
            self._deadline = None

    def take(self, ms: float) -> None:
        """Let time pass inside of an action; what outlives its deadline is stopped there."""
        if self._deadline is not None and self.ms + ms > self._deadline:
            self.ms = self._deadline
            raise _Deadline
        self.ms += ms
