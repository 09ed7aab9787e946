"""Live logs: subscribers sleep until their project's log grows; whoever wakes reads the database (ECOSYSTEM 1.5)."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import anyio
import structlog
from anyio.abc import TaskGroup

from psg.errors import PsgError, Refused
from psg.read.events import EventLog
from psg.write.signals import Signals

T = TypeVar("T")

_FAILED_POLL_S = 1.0
_CLOSE_CHECK_S = 0.25


class TooManySubscriptions(Refused):
    """This server has as many subscribers as it takes; try again later or ask another one."""

    code = "too_many_subscriptions"
    category = "resource_error"
    retryable = True


class LiveLog:
    """Wake-ups for subscribers, from writers of this process at once and from others by one poll for all projects.

    ``run()`` polls while there are subscribers; ``close()`` ends it and all subscriptions.
    """

    def __init__(self, log: EventLog, signals: Signals, poll_s: float, most: int, most_each: int | None = None) -> None:
        self._log = log
        self._signals = signals
        self._poll_s = poll_s
        self._most = most
        self._most_each = most if most_each is None else most_each
        self._by_actor: Counter[str] = Counter()
        self._subscribed: Counter[str] = Counter()
        self._someone = anyio.Event()
        self._nobody = anyio.Event()
        self._closed = anyio.Event()
        self._readers: TaskGroup | None = None

    @property
    def closing(self) -> bool:
        """Whether this server ends its subscriptions."""
        return self._closed.is_set()

    def close(self) -> None:
        """End all subscriptions with a cursor to resume from."""
        self._closed.set()
        self._someone.set()

    async def drained(self, timeout_s: float) -> bool:
        """Wait until every subscriber has heard that this server closes; ``False`` when some do not listen."""
        with anyio.move_on_after(timeout_s):
            while self._subscribed:
                self._nobody = anyio.Event()
                await self._nobody.wait()
            return True
        return False

    @contextlib.contextmanager
    def subscribed(self, project_id: str, who: str) -> Iterator[None]:
        """Have the project polled for ``who`` as long as the block runs; raises ``TooManySubscriptions``."""
        if self._subscribed.total() >= self._most or self._by_actor[who] >= self._most_each:
            raise TooManySubscriptions()
        self._by_actor[who] += 1
        self._subscribed[project_id] += 1
        self._someone.set()
        try:
            yield
        finally:
            for counted, name in ((self._subscribed, project_id), (self._by_actor, who)):
                counted[name] -= 1
                if not counted[name]:
                    del counted[name]
            if not self._subscribed:
                self._nobody.set()

    async def wait(self, project_id: str, after: int, timeout_s: float) -> bool:
        """Return ``True`` once the log may reach past ``after`` (or this server closes), ``False`` after a while."""
        until = anyio.current_time() + timeout_s
        while not self.closing and (left := until - anyio.current_time()) > 0:
            if await self._signals.wait(project_id, after, min(left, _CLOSE_CHECK_S)):
                return True
        return self.closing

    async def read(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Return what ``ask`` reads, in a task that outlives a subscriber who leaves meanwhile.

        A read that is cut off costs its connection to the database, and subscribers come and go.
        """
        if self._readers is None or self.closing:
            return await ask()
        done, found, failed = anyio.Event(), [], []

        async def work() -> None:
            try:
                found.append(await ask())
            except Exception as error:
                failed.append(error)
            finally:
                done.set()

        self._readers.start_soon(work)
        await done.wait()
        if failed:
            raise failed[0]
        return found[0]

    async def run(self) -> None:
        """Serve reads, and poll the heads of subscribed projects, until ``close()``."""
        async with anyio.create_task_group() as self._readers:
            await self._poll()

    async def _poll(self) -> None:
        while not self.closing:
            if not self._subscribed:
                self._someone = anyio.Event()
                await self._someone.wait()
                continue
            try:
                for project_id, seq in (await self._log.heads(list(self._subscribed))).items():
                    self._signals.notify(project_id, seq)
                await anyio.sleep(self._poll_s)
            except PsgError as error:
                structlog.get_logger().warning("log_poll_failed", code=error.code)
                await anyio.sleep(_FAILED_POLL_S)
