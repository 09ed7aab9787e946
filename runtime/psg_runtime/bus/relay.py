"""Brings the logs of projects to the bus outside, from where it left off, whoever died meanwhile (L3-44)."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

import anyio
import structlog
from anyio.abc import TaskGroup, TaskStatus

import psg_cypher
from psg.errors import CursorExpired, PsgError
from psg.events.projection import protocol_event
from psg.graph import Graph
from psg.read.events import EventLog, LogPage
from psg_runtime.bus.errors import BusUnavailable
from psg_runtime.bus.outside import BrokerEventBus
from psg_runtime.bus.settings import BusSettings

log = structlog.get_logger(__name__)

_PAGE = 500
_PROJECTS = 1_000
_AT_ONCE = 100
_FIRST_PAUSE_S = 0.05


@dataclass(frozen=True, slots=True)
class _Held:
    """A project's way to the bus, held by this relay."""

    project_id: str
    cursor: str
    fence: int
    seq: int


class Relay:
    """Publishes every project's log on a bus; start as many as you like, each project is carried by one at a time.

    What the broker acknowledged is kept in the graph: another relay, or the next start, goes on behind it. A broker
    that is away is waited for, and so is the database; nothing is left out, something may come twice. ``projects``
    (ids) limits it to these. A relay that dies is succeeded within ``bus_lease_ms``.
    """

    def __init__(
        self, graph: Graph, bus: BrokerEventBus, settings: BusSettings, *, projects: tuple[str, ...] = ()
    ) -> None:
        self._graph = graph
        self._log = EventLog(graph.db)
        self._bus = bus
        self._settings = settings
        self._projects = projects
        self._name = f"bus {settings.address.name(settings.bus_topic)} "
        self._id = str(uuid4())
        self._stop = anyio.Event()
        self._carried: set[str] = set()
        self._crowded = False
        self.published = 0

    def stop(self) -> None:
        """Ask for an orderly end: what is under way is acknowledged, and others may go on at once."""
        self._stop.set()

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Carry until ``stop()``; ready (``task_status``) at once, or with ``bus_start=fail`` once the broker answers.

        With ``bus_start=fail`` it raises ``BusUnavailable`` for a broker that does not answer at the start.
        """
        if self._settings.bus_start == "fail":
            await self._bus.reachable()
        task_status.started()
        async with anyio.create_task_group() as tasks:
            while not self._stop.is_set():
                try:
                    fresh = [p for p in await self._waiting() if p not in self._carried]
                    places = max(0, _AT_ONCE - len(self._carried))
                    self._crowded = len(fresh) > places
                    for project_id in fresh[:places]:
                        self._carried.add(project_id)
                        tasks.start_soon(self._carry, project_id)
                except PsgError as error:
                    log.warning("relay_cannot_look", code=error.code)
                await self._rest(self._settings.bus_poll_s if not self._crowded else _FIRST_PAUSE_S)

    async def behind(self) -> dict[str, int]:
        """Return by project how many events of its log the bus has not acknowledged; of the relay's projects only."""
        rows = await self._graph.db.read(
            psg_cypher.statement("bus_cursors"), bus=self._name, batch={"project_ids": list(self._projects)}
        )
        return {row["project_id"]: row["head"] - row["seq"] for row in rows}

    async def _waiting(self) -> list[str]:
        """Projects that have something for the bus and nobody who brings it."""
        known = {"bus": self._name, "owner": self._id}
        if self._projects:
            rows = await self._graph.db.read(
                psg_cypher.statement("bus_behind_of"), **known, batch={"project_ids": list(self._projects)}
            )
            return [row["project_id"] for row in rows if row["waits"]]
        found: list[str] = []
        after = ""
        while True:
            rows = await self._graph.db.read(
                psg_cypher.statement("bus_behind"), **known, after=after, limit=_PROJECTS
            )
            found += [row["project_id"] for row in rows if row["waits"]]
            if len(rows) < _PROJECTS:
                return found
            after = rows[-1]["project_id"]

    async def _carry(self, project_id: str) -> None:
        """Bring one project's log to the bus until it has been quiet for a while, or another relay took it over."""
        try:
            held = await self._take(project_id)
            if held is not None:
                await self._bring(held)
        except PsgError as error:
            log.warning("relay_interrupted", project_id=project_id, code=error.code, error=error.message)
            await self._rest(self._settings.bus_poll_s)
        except Exception as error:  # what nobody foresaw must not end the orchestrator beside which this runs
            log.error("relay_failed", project_id=project_id, error=repr(error))
            await self._rest(self._settings.bus_retry_max_s)
        finally:
            self._carried.discard(project_id)

    async def _take(self, project_id: str) -> _Held | None:
        cursor = f"{self._name}{project_id}"
        (row,) = await self._graph.db.write(
            psg_cypher.statement("bus_take"), cursor=cursor, owner=self._id, lease_ms=self._settings.bus_lease_ms
        )
        if not row["taken"]:
            return None
        if row["seq"] is None and self._settings.bus_from == "now":
            held = _Held(project_id, cursor, row["fence"], (await self._log.head(project_id)).seq)
            return held if await self._keep(held, held.seq) else None
        return _Held(project_id, cursor, row["fence"], row["seq"] or 0)

    async def _bring(self, held: _Held) -> None:
        lease_s = self._settings.bus_lease_ms / 1000
        seq, pause, saved = held.seq, _FIRST_PAUSE_S, anyio.current_time()
        quiet_until = saved + lease_s
        while not self._stop.is_set():
            page = await self._page(held.project_id, seq)
            if page.events:
                try:
                    await self._bus.forward([protocol_event(row) for row in page.events])
                except BusUnavailable as error:
                    log.warning("bus_away", error=error.message, project_id=held.project_id, again_in_s=pause)
                    if not await self._keep(held, seq):
                        return
                    await self._rest(min(pause, lease_s / 3))
                    pause = min(2 * pause, self._settings.bus_retry_max_s)
                    continue
                self.published += len(page.events)
                pause, quiet_until = _FIRST_PAUSE_S, anyio.current_time() + lease_s
            if page.cursor != seq or anyio.current_time() - saved > lease_s / 3:
                seq, saved = page.cursor, anyio.current_time()
                if not await self._keep(held, seq):
                    return
            if anyio.current_time() > quiet_until or (self._crowded and not page.more):
                break  # others wait for this place
            if not page.more:
                await self._grown(held.project_id, seq)
        await self._let_go(held, seq)

    async def _page(self, project_id: str, after: int) -> LogPage:
        """What the log has behind a cursor; behind one that it has no more, where it begins now."""
        try:
            return await self._log.page(project_id, after, _PAGE)
        except CursorExpired as error:
            earliest = int(error.details["earliest"])
            log.error("events_gone_before_publishing", project_id=project_id, after=after, upto=earliest)
            return LogPage([], earliest, earliest + 1)

    async def _keep(self, held: _Held, seq: int) -> bool:
        """Note what is acknowledged; ``False`` when another relay has the project now."""
        return await self._acknowledged(held, seq, self._settings.bus_lease_ms)

    async def _let_go(self, held: _Held, seq: int) -> None:
        try:
            await self._acknowledged(held, seq, 0)
        except PsgError as error:
            log.info("relay_not_let_go", project_id=held.project_id, code=error.code)

    async def _acknowledged(self, held: _Held, seq: int, lease_ms: int) -> bool:
        rows = await self._graph.db.write(
            psg_cypher.statement("bus_acknowledge"), cursor=held.cursor, owner=self._id, fence=held.fence, seq=seq,
            lease_ms=lease_ms,
        )  # fmt: skip
        return bool(rows)

    async def _grown(self, project_id: str, seq: int) -> None:
        """Sleep until the log may have grown, at most until the next look."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._cancel_at_stop, tasks)
            await self._graph.signals.wait(project_id, seq, min(self._settings.bus_poll_s, 0.2))
            tasks.cancel_scope.cancel()

    async def _cancel_at_stop(self, tasks: TaskGroup) -> None:
        await self._stop.wait()
        tasks.cancel_scope.cancel()

    async def _rest(self, seconds: float) -> None:
        with anyio.move_on_after(seconds):
            await self._stop.wait()
