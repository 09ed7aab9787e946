"""Events for whoever wants them: subscribers of this process, and the log that brings events to those of every process.

An event that was broadcast on the graph stands in the project's log, so its order is everybody's and nothing is kept
for a subscriber: one that is slow reads later.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from contextvars import ContextVar
from inspect import isawaitable
from typing import Any

import anyio
import structlog

from psg.errors import CursorExpired, EventLogGap, PsgError
from psg.events.emit import emit
from psg.events.projection import EMITTED
from psg.graph import Graph
from psg.model.cipher import PayloadUnreadable
from psg.model.codec import loads
from psg.model.ids import derived_id
from psg.read.events import EventLog
from psg_runtime.ael.failures import message_of
from psg_runtime.hub.message import SystemEvent
from psg_runtime.hub.port import EventHandler, HubSettings
from psg_runtime.hub.reception import speaks

log = structlog.get_logger(__name__)

FAMILY = "external_integration"
MARK = "broadcast"
PAGE = 200
UNHEARD_S = 1.0
"""How often the end of the log is looked for while nobody subscribes."""

_delivering: ContextVar[bool] = ContextVar("psg_hub_delivering", default=False)


class Subscribers:
    """Handlers by the type of event they want."""

    def __init__(self, timeout_ms: int) -> None:
        self._timeout_s = timeout_ms / 1000
        self._handlers: defaultdict[str, list[EventHandler]] = defaultdict(list)
        self._arrived = anyio.Event()

    async def arrival(self, seconds: float) -> None:
        """Wait until somebody is added, but no longer than so many seconds."""
        self._arrived = anyio.Event()
        with anyio.move_on_after(seconds):
            await self._arrived.wait()

    def add(self, event_type: str, handler: EventHandler) -> None:
        """Deliver events of this type to ``handler``, each once however often it was added."""
        if handler not in self._handlers[event_type]:
            self._handlers[event_type].append(handler)
        self._arrived.set()

    def remove(self, event_type: str, handler: EventHandler) -> None:
        """Deliver nothing of this type to ``handler`` any more; one that was never added is no error."""
        handlers = self._handlers.get(event_type, [])
        if handler in handlers:
            handlers.remove(handler)
        if not handlers:
            self._handlers.pop(event_type, None)

    def __bool__(self) -> bool:
        return bool(self._handlers)

    def wants(self, event_type: str) -> bool:
        """Whether anybody here wants such events."""
        return event_type in self._handlers

    async def deliver(self, event: SystemEvent) -> None:
        """Give an event to its handlers, all at once; one that raises or hangs harms nobody else."""
        token = _delivering.set(True)
        try:
            with speaks(None):
                async with anyio.create_task_group() as tasks:
                    for handler in list(self._handlers.get(event.type, ())):
                        tasks.start_soon(self._give, handler, event)
        finally:
            _delivering.reset(token)

    async def _give(self, handler: EventHandler, event: SystemEvent) -> None:
        if handler not in self._handlers.get(event.type, ()):  # taken back since
            return
        try:
            with anyio.fail_after(self._timeout_s):
                given = handler(event)
                if isawaitable(given):
                    await given
        except Exception as error:
            log.warning("subscriber_failed", event_type=event.type, event_id=event.id, error=message_of(error))


class LogEvents:
    """Brings broadcast events of a project's log to the subscribers of this process, in the log's order."""

    def __init__(self, graph: Graph, project_id: str, subscribers: Subscribers, settings: HubSettings) -> None:
        self._graph = graph
        self._log = EventLog(graph.db)
        self._project_id = project_id
        self._subscribers = subscribers
        self._settings = settings
        self._cursor = 0
        self._moved = anyio.Event()

    async def begin(self) -> None:
        """Stand at the end of the log: what comes from now on is delivered."""
        self._cursor = (await self._log.head(self._project_id)).seq

    async def broadcast(self, event: SystemEvent) -> int:
        """Write an event into the log; its number. The same event again is the same entry."""
        about = {"id": event.id, "source_module": event.source_module, "timestamp": event.timestamp.isoformat()}
        answer = await emit(
            self._graph, self._project_id, FAMILY, event.type, event.payload, fields={MARK: about},
            actor=event.source_module or "system", command_id=derived_id("hub_event", event.id),
            correlation_id=event.correlation_id,
        )  # fmt: skip
        return answer.seq

    async def delivered(self, seq: int) -> None:
        """Wait until the subscribers of this process had the event of this number; not from inside one of them."""
        while self._cursor < seq and not _delivering.get():
            await self._moved.wait()

    async def run(self) -> None:
        """Deliver until cancelled; a database that is away is waited for."""
        while True:
            try:
                more = await self._page()
            except CursorExpired as error:
                earliest = int(error.details["earliest"])
                log.warning("broadcasts_missed", project_id=self._project_id, after=self._cursor, earliest=earliest)
                self._to(earliest - 1)
                continue
            except EventLogGap:
                log.error("event_log_gap", project_id=self._project_id, after=self._cursor)
                self._to((await self._log.head(self._project_id)).seq)
                continue
            except PsgError as error:
                log.warning("log_not_read", code=error.code, project_id=self._project_id)
                await anyio.sleep(self._settings.poll_ms / 1000)
                continue
            if not self._subscribers:
                await self._subscribers.arrival(UNHEARD_S)
            elif not more:
                await self._graph.signals.wait(self._project_id, self._cursor, self._settings.poll_ms / 1000)

    async def _page(self) -> bool:
        if not self._subscribers:
            head = (await self._log.head(self._project_id)).seq
            if not self._subscribers:  # who came while it was read may want what came with them
                self._to(head)
            return False
        page = await self._log.page(self._project_id, self._cursor, PAGE, families=[FAMILY])
        for row in page.events:
            event = _event(row)
            if event is not None and self._subscribers.wants(event.type):
                await self._subscribers.deliver(event)
            self._to(row["seq"])
        self._to(page.cursor)
        return page.more

    def _to(self, seq: int) -> None:
        self._cursor = max(seq, self._cursor)
        self._moved.set()
        self._moved = anyio.Event()


def _event(row: Mapping[str, Any]) -> SystemEvent | None:
    """The event that was broadcast; ``None`` for another entry of the log, or one that this process cannot read."""
    try:
        told = (loads(row["changes"]) or {}).get(EMITTED)
    except PayloadUnreadable:
        log.error("broadcast_unreadable", seq=row["seq"])
        return None
    if not isinstance(told, dict) or not isinstance(told["fields"].get(MARK), dict):
        return None
    about = told["fields"][MARK]
    return SystemEvent(
        id=about["id"], type=row["type"], payload=told["payload"], source_module=about["source_module"],
        correlation_id=row["correlation_id"], timestamp=about["timestamp"],
    )  # fmt: skip
