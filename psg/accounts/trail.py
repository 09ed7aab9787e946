"""The audit trail: denials and failures counted together: who has ten thousand of them fills no disk."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import anyio
import structlog

import psg_cypher
from psg.accounts.model import AuditRecord, Outcome
from psg.model.codec import dumps, loads
from psg_neo4j.database import Database, Transaction
from psg_neo4j.errors import PsgError

LOCK = "audit"
LOCK_SECONDS = 10.0
WINDOW_S = 60
PER_ACTOR = 60
"""How many records the denials of one actor can make in a window, and its failures; what comes after is one more."""
PER_PROCESS = 600
"""The same for all actors together: their names may be made up."""
KEEP_DENIED_MS = 90 * 86_400_000
BATCH = 100
_PRUNE = 2_000
_PRUNE_EVERY_S = 3_600.0
_DETAILS = 4_000
_NO_NUMBER = 2**62


def audit_row(
    record: AuditRecord, key: str | None = None, add: int = 0, begun: str | None = None
) -> dict[str, Any]:  # fmt: skip
    """The row of the statement; without a ``key`` the record stands for itself. It takes the place of ``begun``."""
    details = dumps(dict(record.details)) if record.details else None
    props = {
        "actor": record.actor, "act": record.act, "outcome": record.outcome, "project_id": record.project_id,
        "token_id": record.token_id, "request_id": record.request_id, "reason": record.reason,
        "details": details if details is None or len(details) <= _DETAILS else dumps({"left_out": len(details)}),
    }  # fmt: skip
    return {"key": key or str(uuid.uuid4()), "add": add, "props": props, "instead_of": [] if begun is None else [begun]}


async def append(transaction: Transaction, rows: list[dict[str, Any]]) -> None:
    """Keep records in the commit of what they tell of; whoever does is the only one until then."""
    (lock,) = await transaction.run(psg_cypher.statement("platform_lock"), lock_id=LOCK)
    await transaction.run(psg_cypher.statement("trail_append"), batch={"rows": rows}, now=lock["now"])


class Trail:
    """Writes and reads audit records."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._window = -1
        self._kept: set[str] = set()
        self._of_actor: Counter[str] = Counter()
        self._more: dict[str, tuple[AuditRecord, int]] = {}
        self._waiting: list[_Waiting] = []
        self._writing = anyio.Lock()

    async def begin(self, record: AuditRecord) -> str:
        """Keep a record, and return its key."""
        row = audit_row(record)
        await self._append([row])
        return str(row["key"])

    async def record(self, record: AuditRecord, begun: str | None = None) -> None:
        """Keep a record; a denial or failure that is one of many may be counted only.

        It takes the place of the record ``begun``, in one commit.
        """
        if record.outcome == "allowed":
            await self._append([audit_row(record)])
            return
        key, record = self._key(record)
        if begun is not None:
            self._kept.add(key)
            await self._append([audit_row(record, key, 1, begun)])
            return
        if key in self._kept:
            first, count = self._more.get(key, (record, 0))
            self._more[key] = (first, count + 1)
            return
        self._kept.add(key)
        try:
            await self._append([audit_row(record, key, 1)])
        except PsgError as error:  # who is denied is denied, also when that cannot be kept
            structlog.get_logger().warning("audit_not_written", code=error.code, actor=record.actor, act=record.act)
            self._more[key] = (record, self._more.get(key, (record, 0))[1] + 1)

    def _key(self, record: AuditRecord) -> tuple[str, AuditRecord]:
        """What a denial is counted with; beyond the bounds with all others of its actor, or of everybody."""
        window = int(time.time()) // WINDOW_S
        if window != self._window:
            self._window = window
            self._kept.clear()
            self._of_actor.clear()
        outcome = record.outcome
        who = f"{outcome}|{record.token_id or ''}|{record.actor.partition('/')[0]}"
        key = f"{window}|{who}|{record.act}|{record.project_id or ''}|{record.reason or ''}"
        if key in self._kept:
            return key, record
        if len(self._kept) >= PER_PROCESS:
            several = AuditRecord("*", "*", outcome, reason="several")
            return f"{window}|{outcome}|*", several
        if self._of_actor[who] >= PER_ACTOR:
            several = AuditRecord(record.actor, "*", outcome, token_id=record.token_id, reason="several")
            return f"{window}|{who}|*", several
        self._of_actor[who] += 1
        return key, record

    async def flush(self) -> None:
        """Write counts that were not written; what cannot be written now is kept for the next time."""
        counted, self._more = self._more, {}
        try:
            await self._append([audit_row(record, key, count) for key, (record, count) in counted.items()])
        except BaseException:
            for key, (record, count) in counted.items():
                self._more[key] = (record, count + self._more.get(key, (record, 0))[1])
            raise

    async def run(self, interval_s: float) -> None:
        """Write counts every ``interval_s`` seconds and at the end; forget old ones every hour."""
        pruned = 0.0
        try:
            while True:
                await anyio.sleep(interval_s)
                try:
                    await self.flush()
                    if time.monotonic() - pruned > _PRUNE_EVERY_S:
                        pruned = time.monotonic()
                        await self.prune()
                except PsgError as error:
                    structlog.get_logger().warning("audit_not_written", code=error.code)
        finally:
            with anyio.CancelScope(shield=True), anyio.move_on_after(2.0):
                try:
                    await self.flush()
                except PsgError as error:
                    structlog.get_logger().warning("audit_not_written", code=error.code)

    async def prune(self, keep_ms: int = KEEP_DENIED_MS) -> int:
        """Forget denials and failures older than ``keep_ms`` and return how many; what was allowed is kept."""
        removed = 0
        while True:
            (row,) = await self._db.write(psg_cypher.statement("trail_prune"), keep_ms=keep_ms, limit=_PRUNE)
            removed += row["removed"]
            if row["removed"] < _PRUNE:
                return removed

    async def page(
        self, after: int, first: int, project_id: str | None, actor: str | None, outcome: Outcome | None, latest: bool
    ) -> list[AuditRecord]:
        """One page, see ``Accounts.audit_records``."""
        name = "trail_page" + ("" if project_id is None else "_project") + ("_latest" if latest else "")
        asked: dict[str, Any] = {"limit": first, "actor": actor, "outcome": outcome}
        asked |= {"before": after or _NO_NUMBER} if latest else {"after": after}
        if project_id is not None:
            asked["project_id"] = project_id
        rows = await self._db.read(psg_cypher.statement(name), **asked)
        return [_record(row["record"]) for row in rows]

    async def _append(self, rows: list[dict[str, Any]]) -> None:
        """Write rows, together with those of others that come meanwhile: one commit at a time, none waits to fill."""
        mine = [_Waiting(row) for row in rows]
        self._waiting += mine
        try:
            while not all(each.done for each in mine):
                async with self._writing:
                    if not all(each.done for each in mine):
                        await self._write_some()
        finally:
            self._waiting = [each for each in self._waiting if each not in mine]
        for each in mine:
            if each.error is not None:
                raise each.error

    async def _write_some(self) -> None:
        batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
        try:
            rows = merged(each.row for each in batch)
            await self._db.in_transaction(lambda transaction: append(transaction, rows), timeout=LOCK_SECONDS)
        except PsgError as error:
            for each in batch:
                each.error = error
        except BaseException:  # cut off: whether it was committed is not known, and those of others are sent again
            self._waiting = batch + self._waiting
            raise
        for each in batch:
            each.done = True


@dataclass(slots=True, eq=False)
class _Waiting:
    """A row on its way."""

    row: dict[str, Any]
    done: bool = False
    error: PsgError | None = None


def merged(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with each key once; what is counted under one key is added up."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        known = found.get(row["key"])
        found[row["key"]] = row if known is None else _sum(known, row)
    return list(found.values())


def _sum(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {**one, "add": one["add"] + other["add"], "instead_of": one["instead_of"] + other["instead_of"]}


def _record(row: Mapping[str, Any]) -> AuditRecord:
    return AuditRecord(
        row["actor"], row["act"], row["outcome"], row.get("project_id"), row.get("token_id"), row.get("request_id"),
        row.get("reason"), loads(row.get("details")) or {}, row["seq"], row["at"], row["last_ms"], row["count"],
    )  # fmt: skip
