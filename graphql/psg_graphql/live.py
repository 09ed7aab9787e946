"""Live logs: subscribers sleep until their project's log grows; whoever wakes reads the database (ECOSYSTEM 1.5)."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator

import anyio
import structlog

from psg.errors import PsgError, Refused
from psg.read.events import EventLog
from psg.write.signals import Signals

_FAILED_POLL_S = 1.0
_CLOSE_CHECK_S = 0.25


class TooManySubscriptions(Refused):
    """This server has as many subscribers as it takes; try again later or ask another one."""

    code = "too_many_subscriptions"
    category = "resource_error"
    retryable = True


class LiveLog:
    """Wake-ups for subscribers, from writers of this process at once and from others by one poll for all projects.

    ``run()`` polls while there are subscribers and ends with its task; ``close()`` ends all subscriptions.
    """

    def __init__(self, log: EventLog, signals: Signals, poll_s: float, most: int) -> None:
        self._log = log
        self._signals = signals
        self._poll_s = poll_s
        self._most = most
        self._subscribed: Counter[str] = Counter()
        self._someone = anyio.Event()
        self._closed = anyio.Event()

    @property
    def closing(self) -> bool:
        """Whether this server ends its subscriptions."""
        return self._closed.is_set()

    def close(self) -> None:
        """End all subscriptions with a cursor to resume from."""
        self._closed.set()

    @contextlib.contextmanager
    def subscribed(self, project_id: str) -> Iterator[None]:
        """Have the project polled as long as the block runs; raises ``TooManySubscriptions``."""
        if self._subscribed.total() >= self._most:
            raise TooManySubscriptions()
        self._subscribed[project_id] += 1
        self._someone.set()
        try:
            yield
        finally:
            self._subscribed[project_id] -= 1
            if not self._subscribed[project_id]:
                del self._subscribed[project_id]

    async def wait(self, project_id: str, after: int, timeout_s: float) -> bool:
        """Return ``True`` once the log may reach past ``after`` (or this server closes), ``False`` after a while."""
        until = anyio.current_time() + timeout_s
        while not self.closing and (left := until - anyio.current_time()) > 0:
            if await self._signals.wait(project_id, after, min(left, _CLOSE_CHECK_S)):
                return True
        return self.closing

    async def run(self) -> None:
        """Poll the heads of subscribed projects until cancelled."""
        while True:
            if not self._subscribed:
                self._someone = anyio.Event()
                await self._someone.wait()
            try:
                for project_id, seq in (await self._log.heads(list(self._subscribed))).items():
                    self._signals.notify(project_id, seq)
                await anyio.sleep(self._poll_s)
            except PsgError as error:
                structlog.get_logger().warning("log_poll_failed", code=error.code)
                await anyio.sleep(_FAILED_POLL_S)
