"""Those of this process who wait for resources: woken by its own releases at once, by those of others in one look."""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import structlog

import psg_cypher
from psg_neo4j.database import Database
from psg_neo4j.errors import PsgError
from psg_runtime.resources.settings import ResourceSettings

log = structlog.get_logger(__name__)

PROCESS = f"{socket.gethostname()}:{os.getpid()}"
Reclaim = Callable[[list[str]], Awaitable[Any]]


class Waiters:
    """Requests of this process that wait, each with the event that ends its waiting."""

    def __init__(self, db: Database, settings: ResourceSettings) -> None:
        self._db = db
        self._settings = settings
        self._events: dict[anyio.Event, str] = {}
        # Those whose request is written, with their pools: only what is stored can be looked at.
        self._open: dict[anyio.Event, tuple[str, ...]] = {}
        self._some = anyio.Event()
        self._renewed = 0.0

    @contextmanager
    def waiting(self, allocation_id: str) -> Iterator[anyio.Event]:
        """Take part in being woken, from before the request is written."""
        event = anyio.Event()
        self._events[event] = allocation_id
        try:
            yield event
        finally:
            del self._events[event]

    def wake(self, allocation_ids: Collection[str]) -> None:
        """Wake those who were granted something."""
        for event, allocation_id in self._events.items():
            if allocation_id in allocation_ids:
                event.set()

    async def until(self, event: anyio.Event, pools: Iterable[str], reclaim: Reclaim, *, alone: bool) -> None:
        """Wait until a request is decided; ``alone``: nobody watches for this process, so it looks itself."""
        self._open[event] = tuple(pools)
        self._some.set()
        try:
            while alone and not event.is_set():
                with anyio.move_on_after(self._settings.poll_ms / 1000):
                    await event.wait()
                if not event.is_set():
                    await self._look(reclaim)
            await event.wait()
        finally:
            del self._open[event]

    async def watch(self, reclaim: Reclaim) -> None:
        """Look, while anybody waits, with one statement for all of them."""
        while True:
            await self._some.wait()
            self._some = anyio.Event()
            while self._open:
                await anyio.sleep(self._settings.poll_ms / 1000)
                await self._look(reclaim)

    async def _look(self, reclaim: Reclaim) -> None:
        waiting = {self._events[event]: pools for event, pools in self._open.items()}
        shares = {f"{i}/{name}": i for i, pools in waiting.items() for name in pools}
        if not shares:
            return
        names = sorted({name for pools in waiting.values() for name in pools})
        try:
            if anyio.current_time() - self._renewed > self._settings.lease_ms / 3000:
                self._renewed = anyio.current_time()
                await self._db.write(psg_cypher.statement("resource_renew"), batch={"ids": sorted(shares)})
            row = await self._db.read_one(
                psg_cypher.statement("resource_watch"), batch={"ids": sorted(shares), "names": names}
            )
            assert row is not None
            if row["lapsed"]:
                await reclaim(row["lapsed"])
        except PsgError as error:
            log.warning("waiting_not_looked_at", code=error.code, error=error.message)
            return
        still = {shares[s["id"]] for s in row["shares"] if s["state"] == "waiting"}
        self.wake(set(waiting) - still)
