"""The log of a project brought to the bus: in order, without gaps, from wherever one left off."""

from __future__ import annotations

from collections import deque

import anyio
import structlog
from anyio.abc import TaskStatus

from psg.errors import PsgError
from psg.events.projection import protocol_event
from psg.graph import Graph
from psg.read.events import EventLog
from psg_neo4j.errors import DatabaseError
from psg_runtime.bus.port import ERRORS_KEPT, EventBus

log = structlog.get_logger(__name__)


class LogTail:
    """Publishes every event of a project's log behind ``after``, those to come included.

    Nothing is published that is not committed, and nothing that was rolled back. ``cursor`` is the number of the last
    event handed over: keep it, and begin there next time. Writers of this process wake it up at once, those of others
    are seen within ``poll_s`` seconds. A database that is away is waited for.
    """

    def __init__(
        self,
        graph: Graph,
        bus: EventBus,
        project_id: str,
        *,
        after: int = 0,
        page_size: int = 500,
        poll_s: float = 0.5,
    ) -> None:
        self._log = EventLog(graph.db)
        self._signals = graph.signals
        self._bus = bus
        self._project_id = project_id
        self._page_size = page_size
        self._poll_s = poll_s
        self._stop = anyio.Event()
        self._moved = anyio.Event()
        self.cursor = after
        self.refused: deque[tuple[int, PsgError]] = deque(maxlen=ERRORS_KEPT)

    def stop(self) -> None:
        """Ask ``run`` to end after the event it is at."""
        self._stop.set()

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Publish until ``stop()``; ready (``task_status``) once the events of the first page are out.

        An event that the bus refuses is kept in ``refused``, and the tail goes on; a bus that is away is waited for.
        Raises ``NotFound`` for the project, ``ValidationFailed`` for a cursor ahead of the log, ``CursorExpired`` and
        ``EventLogGap`` where it cannot be read.
        """
        ready = False
        while not self._stop.is_set():
            more = await self._page()
            if more is not None and not ready:
                ready = True
                task_status.started()
            if not more:
                await self._wait()

    async def reached(self, seq: int) -> None:
        """Wait until the event of this number was handed to the bus."""
        while self.cursor < seq:
            await self._moved.wait()

    async def _page(self) -> bool | None:
        """Publish one page; whether there is more, ``None`` when the database or the bus does not answer."""
        try:
            page = await self._log.page(self._project_id, self.cursor, self._page_size)
        except DatabaseError as error:
            log.warning("log_not_read", code=error.code, project_id=self._project_id)
            return None
        for event in page.events:
            if self._stop.is_set():
                return False
            try:
                await self._bus.publish(protocol_event(event))
            except PsgError as error:
                if error.retryable:
                    log.warning("bus_away", code=error.code, project_id=self._project_id)
                    return None
                self.refused.append((event["seq"], error))
                log.error("event_refused", seq=event["seq"], code=error.code, error=str(error))
            self._to(event["seq"])
        self._to(page.cursor)
        return page.more

    def _to(self, seq: int) -> None:
        self.cursor = seq
        self._moved.set()
        self._moved = anyio.Event()

    async def _wait(self) -> None:
        """Sleep until the log may have grown, or this is to end."""
        async with anyio.create_task_group() as tasks:

            async def ended() -> None:
                await self._stop.wait()
                tasks.cancel_scope.cancel()

            tasks.start_soon(ended)
            await self._signals.wait(self._project_id, self.cursor, self._poll_s)
            tasks.cancel_scope.cancel()
