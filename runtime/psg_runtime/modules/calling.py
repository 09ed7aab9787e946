"""Calling code of modules: asynchronous or not, with a limit of time, and what its failures may say."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
from pydantic import ValidationError

from psg.model.codec import storable
from psg_neo4j.errors import PsgError
from psg_runtime.ael.failures import message_of
from psg_runtime.execution_core import redact_execution_log
from psg_runtime.modules.errors import ModuleFailed
from psg_runtime.modules.registration import HealthCheck, HealthStatus

MOST_THREADS = 16
PATIENCE_S = 30.0


class Caller:
    """Calls the code of one module; what is not asynchronous runs in threads, and hanging ones do not pile up."""

    def __init__(self) -> None:
        self._threads: set[object] = set()

    async def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function; a thread that hangs is left behind when the caller's time is over."""
        if _is_async(function):
            return await function(*arguments)
        await self._room()
        token = object()

        def run() -> Any:
            try:
                return function(*arguments)
            finally:
                self._threads.discard(token)

        self._threads.add(token)
        limiter = anyio.CapacityLimiter(1)
        result = await anyio.to_thread.run_sync(run, abandon_on_cancel=True, limiter=limiter)
        return await result if inspect.isawaitable(result) else result

    async def _room(self) -> None:
        with anyio.move_on_after(PATIENCE_S):
            while len(self._threads) >= MOST_THREADS:  # noqa: ASYNC110 - threads do not wake this loop
                await anyio.sleep(0.01)
            return
        raise ModuleFailed(f"{len(self._threads)} calls of this module hang in their threads")


def _is_async(function: Callable[..., Any]) -> bool:
    while isinstance(function, partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def takes(function: Callable[..., Any]) -> int:
    """How many positional arguments a function of a module takes, at most two."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 1
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return 2
    return min(2, sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters))


def failure_text(error: BaseException) -> str:
    """What a failure of somebody else's code says, without what looks like a secret."""
    text = error.message if isinstance(error, PsgError) else message_of(error)
    return str(redact_execution_log(text))


async def health_of(check: HealthCheck | None, limit_ms: int, caller: Caller) -> HealthStatus:
    """Run a health check within ``limit_ms`` milliseconds; one that raises, hangs or answers nonsense is unhealthy."""
    now = round(time.time() * 1000)
    if check is None:
        return HealthStatus(status="healthy", checked_ms=now)
    try:
        with anyio.fail_after(limit_ms / 1000):
            found = await caller.call(check)
        return _understood(found, now)
    except TimeoutError:
        return _unhealthy(f"the health check did not answer within {limit_ms} ms", now)
    except Exception as error:
        return _unhealthy(failure_text(error), now)


def _understood(found: Any, now: int) -> HealthStatus:
    if isinstance(found, HealthStatus):
        found = found.model_dump()
    try:
        if not isinstance(found, Mapping):
            raise TypeError("no mapping")
        status = HealthStatus(status=found["status"], details=dict(found.get("details") or {}), checked_ms=now)
    except (ValidationError, KeyError, TypeError, ValueError):
        return _unhealthy("the health check did not answer {status: healthy | degraded | unhealthy, details}", now)
    details = redact_execution_log(status.details)
    return status.model_copy(update={"details": details if storable(details) else {"details": repr(details)[:1000]}})


def _unhealthy(reason: str, now: int) -> HealthStatus:
    return HealthStatus(status="unhealthy", details={"reason": reason}, checked_ms=now)
