"""The event stream of a run, captured from the log itself: exact, for assertions about counts (L3-45)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psg.events.projection import protocol_event
from psg.graph import Graph
from psg.read.events import EventLog
from psg_runtime.bus.port import Filter, ProtocolEvent

PAGE = 1_000


class Captured(list[ProtocolEvent]):
    """The protocol events since the beginning of the capture, in order; ``read()`` fetches those that came since."""

    def __init__(self, log: EventLog, project_id: str, after: int, wanted: Filter, plan_id: str | None) -> None:
        super().__init__()
        self._log = log
        self._project_id = project_id
        self._cursor = after
        self._wanted = wanted
        self._plan_id = plan_id

    async def read(self) -> Captured:
        """Add what was committed up to now."""
        families = None if self._wanted.families is None else sorted(self._wanted.families)
        more = True
        while more:
            page = await self._log.page(
                self._project_id, self._cursor, PAGE, families=families, plan_id=self._plan_id
            )
            self.extend(e for e in map(protocol_event, page.events) if self._wanted.wants(e))
            self._cursor, more = page.cursor, page.more
        return self


@asynccontextmanager
async def capture(
    graph: Graph, project_id: str, *, families: list[str] | None = None, types: list[str] | None = None,
    plan_id: str | None = None,
) -> AsyncIterator[Captured]:  # fmt: skip
    """Capture what is committed to a project's log during the block; complete once the block has ended.

    Raises ``NotFound`` for the project.
    """
    log = EventLog(graph.db)
    head = await log.head(project_id)
    captured = Captured(log, project_id, head.seq, Filter.of(families, types), plan_id)
    yield captured
    await captured.read()
