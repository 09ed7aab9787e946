"""A step that runs here: what can end its attempt, and the clocks that watch it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import anyio

from psg.errors import PsgError
from psg_runtime.ael import heartbeat
from psg_runtime.orchestrator.denials import HeartbeatTimeout, TotalTimeout
from psg_runtime.orchestrator.policy import StepPolicy

LEAST_LOOK_S = 0.1

Work = Callable[[], Awaitable[Any]]
Left = Callable[[], Awaitable[int | None]]
"""What is left of the total time of a step, in milliseconds; ``None``: there is no limit."""


class Running:
    """One claim at work. ``scope`` ends it without a word (it is not ours any more), ``stop`` with an error."""

    def __init__(self, claim: Mapping[str, Any]) -> None:
        self.claim = claim
        self.scope = anyio.CancelScope()
        self.action_type: str | None = None
        self._work: anyio.CancelScope | None = None
        self._stopped: PsgError | None = None
        self._alive = time.monotonic()

    def stop(self, error: PsgError) -> None:
        """End the attempt with an error as its result; without effect once it ended by itself."""
        if self._stopped is None:
            self._stopped = error
            if self._work is not None:
                self._work.cancel()

    async def do(self, work: Work, policy: StepPolicy, left: Left) -> Any:
        """Do the work of the attempt; raises what it raises, or the error that it was stopped with."""
        if policy.total_ms is None and policy.heartbeat_ms is None:
            return await self._do(work)
        if policy.heartbeat_ms is not None:
            heartbeat.listen(self._is_alive)
        result, failure = None, None
        async with anyio.create_task_group() as tasks:
            if policy.total_ms is not None:
                tasks.start_soon(self._watch_total, policy.total_ms, left)
            if policy.heartbeat_ms is not None:
                tasks.start_soon(self._watch_heartbeat, policy.heartbeat_ms)
            try:
                result = await self._do(work)
            except Exception as error:
                failure = error
            tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure
        return result

    async def _do(self, work: Work) -> Any:
        if self._stopped is None:
            with anyio.CancelScope() as scope:
                self._work = scope
                try:
                    return await work()
                finally:
                    self._work = None
        assert self._stopped is not None
        raise self._stopped

    def _is_alive(self) -> None:
        self._alive = time.monotonic()

    async def _watch_heartbeat(self, limit_ms: int) -> None:
        self._is_alive()
        while (rest := self._alive + limit_ms / 1000 - time.monotonic()) > 0:  # noqa: ASYNC110 - it moves meanwhile
            await anyio.sleep(rest)
        message = f"no sign of progress for {limit_ms} ms (a tool gives one by `ctx.report`)"
        self.stop(HeartbeatTimeout(message, heartbeat_ms=limit_ms))

    async def _watch_total(self, limit_ms: int, left: Left) -> None:
        least = 0.0
        while True:
            try:
                rest = await left()
            except PsgError:
                rest = None  # the database is away: nothing can be stored now either
            if rest is not None and rest <= 0:
                self.stop(total_timeout(limit_ms))
                return
            await anyio.sleep(max(least, LEAST_LOOK_S if rest is None else rest / 1000))
            least = LEAST_LOOK_S  # the plan may be paused: then something is left at every look


def total_timeout(limit_ms: int, **details: Any) -> TotalTimeout:
    """Return the error of a step whose total time is over."""
    return TotalTimeout(f"the step did not end within {limit_ms} ms, all attempts and waits counted",
                        total_ms=limit_ms, **details)  # fmt: skip
