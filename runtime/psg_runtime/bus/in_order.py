"""Every event of a project once and in its order, whatever a bus repeats, loses or mixes up (L3-44)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import anyio
import structlog

from psg.errors import CursorExpired
from psg.events.projection import protocol_event
from psg.graph import Graph
from psg.read.events import EventLog
from psg_runtime.bus.port import Consumer, ProtocolEvent

log = structlog.get_logger(__name__)

_PAGE = 500


@dataclass(frozen=True, slots=True)
class LogPart:
    """Events of a log behind a cursor, and the cursor behind them; ``more`` tells that the log goes on."""

    events: Sequence[ProtocolEvent]
    cursor: int
    more: bool


ReadLog = Callable[[str, int], Awaitable[LogPart]]
"""Project id and cursor → what the log has behind it. Of the graph: ``log_of(graph)``; elsewhere: the GraphQL API."""


@dataclass(slots=True)
class _Project:
    cursor: int
    order: anyio.Lock = field(default_factory=lambda: anyio.Lock(fast_acquire=True))


class InOrder:
    """A consumer that stands before another one: drops what was seen, and fetches from the log what is missing.

    ``after`` are the cursors to begin at by project; one that is not named begins with the first event that comes.
    Keep ``cursors`` and begin there next time: the consumer behind then gets every event at least once, and twice only
    those it was taking when the process died. Without ``read_log`` a gap cannot be filled; it is counted in ``gaps``.
    ``unknown`` counts what came over the bus and is not in the log.
    A consumer that raises has had its event, as on every bus. ``run`` also finds what got lost at the end of the log.
    """

    def __init__(
        self,
        consumer: Consumer,
        *,
        read_log: ReadLog | None = None,
        after: Mapping[str, int] | None = None,
        look_s: float = 5.0,
    ) -> None:
        self._consumer = consumer
        self._read_log = read_log
        self._look_s = look_s
        self._projects = {project_id: _Project(cursor) for project_id, cursor in (after or {}).items()}
        self.repeated = 0
        self.filled = 0
        self.gaps = 0
        self.failed = 0
        self.unknown = 0

    @property
    def cursors(self) -> dict[str, int]:
        """The number of the last event handed over, by project."""
        return {project_id: known.cursor for project_id, known in self._projects.items()}

    async def __call__(self, event: ProtocolEvent, /) -> None:
        """Take one event as it comes from a bus; raises what the consumer behind raises."""
        project_id, seq = str(event["project_id"]), int(event["lamport_timestamp"])
        known = self._projects.setdefault(project_id, _Project(seq - 1))
        async with known.order:
            if seq <= known.cursor:
                self.repeated += 1
                return
            if seq == known.cursor + 1:
                await self._hand_over(known, event)
            elif self._read_log is None:
                self._missed(project_id, known, seq - 1)
                await self._hand_over(known, event)
            else:
                # A number far ahead is believed of the log only, not of whoever can write to the bus.
                await self._fill(project_id, known, seq)
                if known.cursor < seq:
                    self.unknown += 1
                    log.warning("event_not_in_log", project_id=project_id, seq=seq, head=known.cursor)

    async def catch_up(self, project_id: str) -> None:
        """Hand over what the log has and no bus brought; raises what reading the log raises."""
        known = self._projects.setdefault(project_id, _Project(0))
        async with known.order:
            await self._fill(project_id, known, None)

    async def run(self) -> None:
        """Catch up with the logs of the known projects every ``look_s`` seconds, until cancelled."""
        while True:
            for project_id in list(self._projects):
                try:
                    await self.catch_up(project_id)
                except Exception as error:
                    log.warning("log_not_caught_up", project_id=project_id, error=repr(error))
            await anyio.sleep(self._look_s)

    async def _fill(self, project_id: str, known: _Project, upto: int | None) -> None:
        """Hand over from the log, up to that number or its end; what is not readable any more is a gap."""
        more = True
        while more and self._read_log is not None and (upto is None or known.cursor < upto):
            try:
                part = await self._read_log(project_id, known.cursor)
            except CursorExpired as error:
                self._missed(project_id, known, int(error.details["earliest"]))
                continue
            for event in part.events:
                self.filled += 1
                try:
                    await self._hand_over(known, event)
                except Exception as error:
                    self.failed += 1
                    log.warning("consumer_failed", seq=known.cursor, project_id=project_id, error=repr(error))
            known.cursor, more = max(known.cursor, part.cursor), part.more

    async def _hand_over(self, known: _Project, event: ProtocolEvent) -> None:
        try:
            await self._consumer(event)
        except Exception:  # not a cancellation: then the event is handed over again
            known.cursor = int(event["lamport_timestamp"])
            raise
        known.cursor = int(event["lamport_timestamp"])

    def _missed(self, project_id: str, known: _Project, upto: int) -> None:
        """Go on behind events that nobody can fetch any more."""
        self.gaps += 1
        log.warning("events_missed", project_id=project_id, after=known.cursor, upto=upto)
        known.cursor = upto


def log_of(graph: Graph) -> ReadLog:
    """Return what reads the logs in the graph."""
    source = EventLog(graph.db)

    async def read(project_id: str, after: int) -> LogPart:
        page = await source.page(project_id, after, _PAGE)
        return LogPart([protocol_event(row) for row in page.events], page.cursor, page.more)

    return read
