"""Everything back into an empty database: the file is checked to its last byte before anything is stored.

Batches are numbered, and each is committed together with its number in a marker: one that was stored is not stored
again, by whoever goes on after a crash. The heads of the projects come last and together with the marker's end, so
that until then there is nothing anybody could work on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, BinaryIO

import anyio.to_thread

import psg_cypher
from psg.backup.archive import Record, Summary, records
from psg.backup.checking import check
from psg.backup.errors import BackupInvalid, BackupTooNew, DatabaseInUse, DatabaseNotEmpty
from psg.backup.taking import totals
from psg.restore_marker import MARKER, RestoreUnfinished, unfinished_message, unfinished_restore
from psg_neo4j.database import Database, Transaction
from psg_neo4j.migrations import migrate, require_schema

BATCH = 1_000
WIPED = 5_000
LOCK_SECONDS = 86_400.0
"""How long a restore may take at most; nobody can create a project in that database until it ends."""

_COUNTED = ("nodes", "events", "links")
"""What the store counts by itself."""

Row = dict[str, Any]
Progress = Callable[[Mapping[str, int], Mapping[str, int]], object]


async def restore(
    db: Database,
    source: BinaryIO,
    *,
    replace: bool = False,
    migrating: bool = False,
    progress: Progress | None = None,
) -> Summary:
    """Store everything of the backup ``source`` in ``db``, which is migrated and empty; return what that was.

    Ids, numbers, fences, labels and relationships are those of the backup. Sessions are not in it: a step that
    somebody ran is given back, as when its session is taken over. A restore that was interrupted goes on when it is
    called with the same backup; until then ``require_whole`` refuses the database. With ``replace`` everything in the
    database is removed first, unless somebody works with it. ``migrating`` brings the schema up before, once it is sure
    that the backup can be stored. ``progress`` is called with what is stored so far and
    what there is.

    Raises ``BackupInvalid`` or ``BackupTooNew`` before anything is changed, ``DatabaseNotEmpty``, ``DatabaseInUse``,
    ``RestoreUnfinished`` (of another backup), and the errors of ``psg_neo4j``.
    """
    if not migrating:
        await require_schema(db)
    found = await anyio.to_thread.run_sync(check, source)
    known = {migration.version for migration in psg_cypher.migrations()}
    if newer := sorted(set(found.migrations) - known):
        raise BackupTooNew(f"it was made with the migrations {', '.join(newer)}, which this release does not have")
    await _judge(db, found, replace)
    if migrating:
        await migrate(db)
    async with db.transaction(timeout=LOCK_SECONDS) as lock:
        await lock.run(psg_cypher.statement("backup_lock_projects"))
        stored = await _begun(db, found, replace)
        await _Restore(db, source, found, progress, stored).run(lock)
    return found


async def _judge(db: Database, found: Summary, replace: bool) -> Row | None:
    """Return the marker of a restore that is unfinished. Raises when this backup may not be stored here."""
    marker = await unfinished_restore(db)
    if replace:
        await _refuse_used(db)
        return marker
    if marker is not None:
        if marker["sha256"] != found.sha256:
            raise RestoreUnfinished(unfinished_message(marker), **marker)
        return marker
    there = await totals(db)
    if any(there.values()):
        told = ", ".join(f"{count} {what}" for what, count in there.items())
        raise DatabaseNotEmpty(
            f"a restore is into an empty database, this one has {told}; name another one, or say --replace to lose "
            "what is in it",
            **there,
        )
    return None


async def _begun(db: Database, found: Summary, replace: bool) -> int:
    """Set the marker, or find it, and empty the database where that was asked for; how many batches are stored."""
    marker = await _judge(db, found, replace)
    ours = marker if marker is not None and marker["sha256"] == found.sha256 else None
    if ours is not None and ours["state"] == "storing":
        return int(ours["seq"])
    if replace or ours is not None:
        await _empty(db, found.sha256)
    await _mark(db, found.sha256, "storing")
    return 0


async def _mark(db: Database, sha256: str, state: str) -> None:
    await db.write(psg_cypher.statement("restore_begin"), marker=MARKER, sha256=sha256, state=state)


async def _refuse_used(db: Database) -> None:
    live = await db.read(psg_cypher.statement("sessions_live"))
    if live:
        told = ", ".join(f"{row['host']} (process {row['pid']})" for row in live[:5])
        raise DatabaseInUse(
            f"{len(live)} orchestrators work with this database: {told}; stop them, or wait for the end of their leases"
        )


async def _empty(db: Database, sha256: str) -> None:
    """Remove everything but the schema; the heads first, so that nobody can work on what is still there."""
    await _mark(db, sha256, "emptying")
    for statement in ("restore_remove_heads", "restore_remove"):
        while (await db.write(psg_cypher.statement(statement), limit=WIPED))[0]["removed"]:
            pass


class _Restore:
    """Stores one archive, batch by batch, reading it twice: relationships need both their ends."""

    def __init__(self, db: Database, source: BinaryIO, found: Summary, progress: Progress | None, before: int) -> None:
        self._db = db
        self._source = source
        self._found = found
        self._progress = progress
        self._before = before
        """Batches that an earlier run stored."""
        self._number = 0
        self._stored = dict.fromkeys(found.counts, 0)
        self._heads: list[Row] = []
        self._released: set[tuple[str, str]] = set()

    async def run(self, lock: Transaction) -> None:
        """Nodes and events, then links, then what was given back, then the heads, which ``lock`` commits."""
        for kinds, batch in ((("node", "event", "record", "head"), self._nodes), (("node",), self._links)):
            async for page in _pages(self._source, kinds):
                await batch(page)
                if self._progress is not None:
                    self._progress(self._stored, self._found.counts)
        if self._released:
            rows = [{"project_id": project, "plan": plan} for project, plan in sorted(self._released)]
            await self._db.write(psg_cypher.statement("backup_offer"), rows=rows)
        for key in self._found.keys:
            await self._db.write(psg_cypher.statement("encryption_note"), key=key)
        self._stored["projects"] = len(self._heads)
        await self._count()
        await lock.run(psg_cypher.statement("backup_store_heads"), rows=self._heads)
        await lock.run(psg_cypher.statement("restore_end"), marker=MARKER)

    async def _count(self) -> None:
        """What was stored is what the backup holds, and what the store itself counts."""
        wanted = self._found.counts
        there = await totals(self._db)
        if self._stored != wanted or any(there[name] != wanted[name] for name in _COUNTED):
            raise BackupInvalid(f"of {wanted} only {self._stored} could be stored; the database counts {there}")

    async def _nodes(self, page: list[Record]) -> None:
        self._heads += [record["props"] for record in page if record["kind"] == "head"]
        rows = [self._given_back(record) for record in page if record["kind"] != "head"]
        made = await self._batch("restore_nodes", rows)
        if made != len(rows):
            raise BackupInvalid(f"of {len(rows)} nodes only {made} could be stored")
        for kind, name in (("node", "nodes"), ("event", "events"), ("record", "records")):
            self._stored[name] += sum(record["kind"] == kind for record in page)

    async def _links(self, page: list[Record]) -> None:
        rows = [
            {"project_id": record["props"]["project_id"], "from": record["props"]["id"], **link}
            for record in page
            for link in record["links"]
        ]
        for at in range(0, len(rows), BATCH):
            self._stored["links"] += await self._batch("restore_links", rows[at : at + BATCH])

    def _given_back(self, record: Record) -> Row:
        """The node as it is stored; a step that a session ran is there for whoever claims it next."""
        labels, props = record["labels"], record["props"]
        if "Step" in labels and props.get("owner") is not None:
            props = {k: v for k, v in props.items() if k not in ("owner", "parked")}
            props["takeovers"] = props.get("takeovers", 0) + 1
            labels = [*labels, "Ready"]
            self._released.add((props["project_id"], props["plan"]))
        return {"labels": labels, "props": props}

    async def _batch(self, statement: str, rows: list[Row]) -> int:
        """Store the next batch, unless it is stored; how many of its rows that are."""
        if not rows:
            return 0
        self._number += 1
        if self._number <= self._before:
            return len(rows)
        ours: Row = {"marker": MARKER, "sha256": self._found.sha256, "seq": self._number}
        (row,) = await self._db.write(psg_cypher.statement(statement), rows=rows, **ours)
        if row["made"] == 0:
            # Stored by an attempt whose answer was lost? Then the marker says so.
            marker = await unfinished_restore(self._db)
            return len(rows) if marker is not None and marker["seq"] == self._number else 0
        return int(row["made"])


async def _pages(source: BinaryIO, kinds: tuple[str, ...]) -> AsyncIterator[list[Record]]:
    """Batches of the records of some kinds, read in a thread."""
    reading = (record for record in records(source) if record["kind"] in kinds)

    def some(iterator: Iterator[Record]) -> list[Record]:
        return [record for _, record in zip(range(BATCH), iterator, strict=False)]

    while page := await anyio.to_thread.run_sync(some, reading):
        yield page
