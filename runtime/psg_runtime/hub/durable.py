"""Messages through the graph: accepted in one commit with their event, taken under a lease, answered once.

A message outlives its sender and its taker: another process takes it when the lease has run out, with a higher fence,
and the answer of the former taker is not accepted any more. A handler may therefore run more than once for a message;
the message's id is what it can tell that by.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio
import structlog
from anyio.abc import TaskGroup, TaskStatus

import psg_cypher
from psg.errors import ControlSignal, PsgError
from psg.graph import Graph
from psg.model.ids import new_id
from psg.write.command import Answer
from psg_neo4j.errors import DatabaseError
from psg_runtime.hub.errors import DeliveryFailed, HubNotRunning, MessageForgotten
from psg_runtime.hub.message import InterModuleMessage, MessageResult
from psg_runtime.hub.port import HubSettings
from psg_runtime.hub.reception import Reception, result_of
from psg_runtime.hub.refusals import full, late, unknown_source, unknown_target
from psg_runtime.hub.writes import (
    STATEMENT,
    HubWrite,
    expire_write,
    finish_write,
    message_of,
    module_write,
    result_stored,
    send_write,
)

log = structlog.get_logger(__name__)

Row = Mapping[str, Any]
FORGET_S = 60.0


@dataclass(slots=True)
class _Waiter:
    """Somebody who waits for a message to be over."""

    over: anyio.Event = field(default_factory=anyio.Event)
    row: Row | None = None


@dataclass(slots=True)
class _Held:
    """A message that this process is at."""

    target: str
    fence: int
    scope: anyio.CancelScope


class GraphTransport:
    """Brings messages to the modules of every process that has a hub on the same project."""

    def __init__(self, graph: Graph, project_id: str, reception: Reception, settings: HubSettings) -> None:
        self._graph = graph
        self._project_id = project_id
        self._reception = reception
        self._settings = settings
        self._owner = new_id()
        self._held: dict[str, _Held] = {}
        self._waiting: dict[str, list[_Waiter]] = {}
        self._announced: set[str] = set()
        self._announcing: set[str] = set()
        self._wake = anyio.Event()
        self._tasks: TaskGroup | None = None
        self._closing = False
        self._forgotten_at = 0.0

    # What senders ask for

    async def knows(self, module: str) -> bool:
        """Whether a module takes messages in this project, in any process."""
        if module in await self._reception.known():
            return True
        (row,) = await self._read("hub_modules")
        return module in row["modules"]

    async def announce(self, module: str) -> None:
        """Note that a module takes messages."""
        self._announcing.add(module)
        try:
            await self._submit(module_write("announce", module))
            self._announced.add(module)
        finally:
            self._announcing.discard(module)
        self._nudge()

    async def withdraw(self, module: str) -> None:
        """Note that a module takes no messages; a process that still has it notes the contrary with its next look."""
        self._announced.discard(module)
        await self._submit(module_write("withdraw", module))

    async def accept(
        self, message: InterModuleMessage, timeout_ms: int | None, *, sent_by: str | None = None
    ) -> None:
        """Store a message for its module; when this returns it will be taken, whatever becomes of this process."""
        write = send_write(message, timeout_ms, self._settings.queue_size, sent_by or new_id())
        answer = await self._submit(write)
        if answer.ids.get("refused") == "full" and await self._expire_overdue([message.target_module]):
            answer = await self._submit(write)
        _accepted(message, answer, self._settings.queue_size)
        if answer.replayed and await self._find(message.id) is None:
            raise MessageForgotten(
                f"message {message.id} was answered before, and its answer is not kept any more", message_id=message.id
            )
        self._nudge()

    async def deliver(self, message: InterModuleMessage, timeout_ms: int) -> MessageResult:
        """Store a message and wait for its result; who sent it first, and waits no longer, ends it."""
        self._check_running()
        waiter, sent_by = self._wait_for(message.id), new_id()
        try:
            with anyio.move_on_after(timeout_ms / 1000):
                await self.accept(message, timeout_ms, sent_by=sent_by)
                return self._told(message, await self._row(waiter, message.id), timeout_ms)
            return await self._give_up(message, timeout_ms, sent_by)
        finally:
            self._wait_no_more(message.id, waiter)

    async def result(self, message_id: str, timeout_ms: int) -> MessageResult:
        """Wait for the result of a message that somebody sent."""
        self._check_running()
        found = await self._find(message_id)
        if found is None:
            raise MessageForgotten(f"message {message_id} is not known here, or not any more", message_id=message_id)
        message, waiter = message_of(found, payload=False), self._wait_for(message_id)
        try:
            with anyio.move_on_after(timeout_ms / 1000):
                return self._told(message, await self._row(waiter, message_id), timeout_ms)
            raise late(message, timeout_ms)
        finally:
            self._wait_no_more(message_id, waiter)

    async def _row(self, waiter: _Waiter, message_id: str) -> Row:
        self._nudge()
        await waiter.over.wait()
        if waiter.row is None:
            raise HubNotRunning(
                f"the hub ended while message {message_id} was waited for; it is not lost: ask for its result again",
                message_id=message_id,
            )
        return waiter.row

    async def _give_up(self, message: InterModuleMessage, timeout_ms: int, sent_by: str) -> MessageResult:
        """End the message, unless it was answered at the last moment, or somebody else sent it first."""
        await self._submit(expire_write(message, sent_by=sent_by))
        rows = await self._read("hub_results", batch={"ids": [message.id]})
        if not rows:  # it goes on, or was not even accepted
            raise late(message, timeout_ms)
        return self._told(message, rows[0]["message"], timeout_ms)

    @staticmethod
    def _told(message: InterModuleMessage, row: Row, timeout_ms: int) -> MessageResult:
        result = result_stored(row)
        if result is None:
            raise late(message, row.get("timeout_ms") or timeout_ms)
        return result

    def _wait_for(self, message_id: str) -> _Waiter:
        waiter = _Waiter()
        self._waiting.setdefault(message_id, []).append(waiter)
        return waiter

    def _wait_no_more(self, message_id: str, waiter: _Waiter) -> None:
        waiters = self._waiting.get(message_id)
        if waiters is not None and waiter in waiters:
            waiters.remove(waiter)
            if not waiters:
                del self._waiting[message_id]

    # The work of the background

    async def run(self, tasks: TaskGroup) -> None:
        """Serve the modules of this process until ``close``; ready when they are known to everybody."""
        self._tasks, self._closing = tasks, False
        for name in sorted(await self._reception.known()):
            await self.announce(name)
        await tasks.start(self._serve)
        tasks.start_soon(self._hold)

    async def close(self) -> None:
        """Take nothing more, let handlers end, give back what they did not end."""
        self._closing = True
        with anyio.move_on_after(self._settings.drain_ms / 1000):
            while self._held:
                await self._graph.signals.wait(self._project_id, self._latest(), 0.02)
        batch = self._batch_held()
        for held in self._held.values():
            held.scope.cancel()
        if batch:
            with anyio.move_on_after(self._settings.drain_ms / 1000 + 1):
                try:
                    await self._write("hub_hold", batch={"held": batch}, owner=self._owner, lease_ms=0)
                except DatabaseError as error:  # their leases run out
                    log.warning("messages_not_given_back", code=error.code, messages=len(batch))
        for waiters in self._waiting.values():
            for waiter in waiters:
                waiter.over.set()
        self._tasks = None

    async def _serve(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        task_status.started()
        while not self._closing:
            try:
                await self._round()
            except PsgError as error:
                log.warning("hub_round_failed", code=error.code, project_id=self._project_id, error=str(error))
                await anyio.sleep(self._settings.poll_ms / 1000)
                continue
            idle = self._reception.fixed and not self._announced and not self._waiting
            with anyio.move_on_after(None if idle else self._settings.poll_ms / 1000):
                await self._wake.wait()

    async def _round(self) -> None:
        """Look once: end what is overdue, take what waits, tell those whose messages are over."""
        self._wake = anyio.Event()
        before = set(self._announced)
        (state,) = await self._read("hub_state", batch={"targets": sorted(await self._reception.serving())})
        await self._tell_who(before, set(state["modules"]))
        await self._expire([m for ids in state["overdue"] for m in ids])
        await self._take(state["waiting"])
        if self._waiting:
            for row in await self._read("hub_results", batch={"ids": list(self._waiting)}):
                self._tell(row["message"])
        if time.monotonic() - self._forgotten_at > FORGET_S:
            self._forgotten_at = time.monotonic()
            await self._write("hub_forget", keep_ms=self._settings.keep_ms)

    async def _tell_who(self, before: set[str], noted: set[str]) -> None:
        """Announce who is here and not ``noted``, withdraw who is not here any more.

        ``before`` were announced before it was read who is noted; who was announced meanwhile is left alone.
        """
        known = await self._reception.known()
        for name in sorted(known - noted):
            if name in before or name not in self._announced | self._announcing:
                await self.announce(name)
        for name in sorted(before - known):
            await self.withdraw(name)

    async def _take(self, waiting: list[str]) -> None:
        busy = Counter(held.target for held in self._held.values())
        room = {name: self._settings.concurrency - busy[name] for name in waiting}
        wanted = [{"target": name, "want": want} for name, want in sorted(room.items()) if want > 0]
        if not wanted or self._closing:
            return
        assert self._tasks is not None
        claimed = await self._write(
            "hub_claim", batch={"wanted": wanted}, owner=self._owner, lease_ms=self._settings.lease_ms
        )
        for found in claimed:
            row = found["message"]
            held = self._held[row["id"]] = _Held(row["target"], row["fence"], anyio.CancelScope())
            self._tasks.start_soon(self._work, row, held)

    async def _work(self, row: Row, held: _Held) -> None:
        """One message that this process took, to its answer."""
        try:
            with held.scope:
                await self._answer(row, held)
        except (PsgError, ControlSignal) as error:  # it is taken again when the lease has run out
            log.warning("message_not_answered", message=row["id"], error=type(error).__name__)
        finally:
            if self._held.get(row["id"]) is held:
                del self._held[row["id"]]
            self._nudge()  # there is room for another

    async def _answer(self, row: Row, held: _Held) -> None:
        lost = held.fence > self._settings.max_deliveries
        message = message_of(row, payload=not lost)
        since = time.monotonic() - row["waited_ms"] / 1000
        left_s = None if row["left_ms"] is None else max(0.0, row["left_ms"] / 1000)
        write: HubWrite | None = None
        if lost:
            error = DeliveryFailed(
                f"message {message.id} was taken {held.fence - 1} times, and each taker was gone before its answer",
                deliveries=held.fence - 1,
            )  # fmt: skip
            result = result_of(message, None, error.to_dict(), 0.0, held.fence - 1)
            write = finish_write(message, held.fence, result)
        else:
            with anyio.move_on_after(left_s):
                result = await self._reception.handle(message, since=since, deliveries=held.fence)
                write = finish_write(message, held.fence, result)
            if write is None:
                write = expire_write(message, fence=held.fence)
        with anyio.CancelScope(shield=True):
            answer = await self._submit(write)
        if answer.ids.get("refused") is not None:
            log.info("answer_too_late", message=message.id, fence=held.fence)
        elif message.id in self._waiting:
            for found in await self._read("hub_results", batch={"ids": [message.id]}):
                self._tell(found["message"])

    async def _hold(self) -> None:
        """Renew the leases of what this process is at; what somebody else has taken meanwhile is stopped."""
        while not self._closing:
            await anyio.sleep(self._settings.lease_ms / 3000)
            batch = self._batch_held()
            if not batch:
                continue
            try:
                rows = await self._write(
                    "hub_hold", batch={"held": batch}, owner=self._owner, lease_ms=self._settings.lease_ms
                )
            except PsgError as error:
                log.warning("leases_not_renewed", code=error.code)
                continue
            kept = {row["id"] for row in rows}
            for one in batch:
                held = self._held.get(one["id"])
                if one["id"] not in kept and held is not None and held.fence == one["fence"]:
                    held.scope.cancel()

    async def _expire_overdue(self, targets: list[str]) -> int:
        (state,) = await self._read("hub_state", batch={"targets": targets})
        return await self._expire([m for ids in state["overdue"] for m in ids])

    async def _expire(self, ids: list[str]) -> int:
        async with anyio.create_task_group() as tasks:
            for message_id in ids:
                tasks.start_soon(self._expire_one, message_id)
        return len(ids)

    async def _expire_one(self, message_id: str) -> None:
        try:
            row = await self._find(message_id)
            if row is not None:
                await self._submit(expire_write(message_of(row, payload=False), overdue=True))
        except PsgError as error:  # the next look finds it again
            log.warning("message_not_ended", message=message_id, code=error.code)

    # Small things

    def _batch_held(self) -> list[dict[str, Any]]:
        return [{"id": key, "fence": held.fence} for key, held in self._held.items()]

    def _tell(self, row: Row) -> None:
        for waiter in self._waiting.get(row["id"], ()):
            waiter.row = row
            waiter.over.set()

    def _nudge(self) -> None:
        self._wake.set()

    def _latest(self) -> int:
        return self._graph.signals.latest(self._project_id)

    def _check_running(self) -> None:
        if self._tasks is None or self._closing:
            raise HubNotRunning("a hub on the graph works inside its block: `async with hub: …`")

    async def _find(self, message_id: str) -> Row | None:
        rows = await self._read("hub_message", id=message_id)
        return rows[0]["message"] if rows else None

    async def _submit(self, write: HubWrite) -> Answer:
        return await self._graph.writer(self._project_id, STATEMENT).submit(write)

    async def _read(self, name: str, **params: Any) -> list[dict[str, Any]]:
        return await self._graph.db.read(psg_cypher.statement(name), project_id=self._project_id, **params)

    async def _write(self, name: str, **params: Any) -> list[dict[str, Any]]:
        return await self._graph.db.write(psg_cypher.statement(name), project_id=self._project_id, **params)


def _accepted(message: InterModuleMessage, answer: Answer, limit: int) -> None:
    refused = answer.ids.get("refused")
    if refused == "full":
        raise full(message, limit)
    if refused == "unknown_target":
        raise unknown_target(message.target_module, message.correlation_id)
    if refused == "foreign_source":
        raise unknown_source(message.source_module, message.correlation_id)
