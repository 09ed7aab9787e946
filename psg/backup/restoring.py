"""Everything back into an empty database: the file is checked to its last byte before anything is stored."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, BinaryIO

import anyio.to_thread

import psg_cypher
from psg.backup.archive import Record, Summary, check, records
from psg.backup.errors import BackupInvalid, BackupTooNew, DatabaseNotEmpty
from psg.backup.taking import totals
from psg_neo4j.database import Database, Transaction
from psg_neo4j.migrations import require_schema

BATCH = 1_000
LOCK_SECONDS = 86_400.0
"""How long a restore may take at most; nobody can create a project in that database until it ends."""

Row = dict[str, Any]
Progress = Callable[[Mapping[str, int], Mapping[str, int]], object]


async def restore(db: Database, source: BinaryIO, *, progress: Progress | None = None) -> Summary:
    """Store everything of the backup ``source`` in ``db``, which is migrated and empty; return what that was.

    Ids, numbers, fences, labels and relationships are those of the backup. Sessions are not in it: a step that
    somebody ran is given back, as when its session is taken over. The heads of the projects come last and together, so
    that a restore that does not come to its end leaves nothing anybody could work on. ``progress`` is called with what
    is stored so far and what there is.

    Raises ``BackupInvalid`` or ``BackupTooNew`` before anything is stored, ``DatabaseNotEmpty``, and the errors of
    ``psg_neo4j``.
    """
    await require_schema(db)
    found = await anyio.to_thread.run_sync(check, source)
    known = {migration.version for migration in psg_cypher.migrations()}
    if newer := sorted(set(found.migrations) - known):
        raise BackupTooNew(f"it was made with the migrations {', '.join(newer)}, which this release does not have")
    async with db.transaction(timeout=LOCK_SECONDS) as lock:
        await lock.run(psg_cypher.statement("backup_lock_projects"))
        await _refuse_full(db)
        await _Restore(db, source, found, progress).run(lock)
    return found


async def _refuse_full(db: Database) -> None:
    there = await totals(db)
    if any(there.values()):
        told = ", ".join(f"{count} {what}" for what, count in there.items())
        raise DatabaseNotEmpty(
            f"a restore is into an empty database, this one has {told}; name another one, or empty it", **there
        )


class _Restore:
    """Stores one archive, batch by batch, reading it twice: relationships need both their ends."""

    def __init__(self, db: Database, source: BinaryIO, found: Summary, progress: Progress | None) -> None:
        self._db = db
        self._source = source
        self._found = found
        self._progress = progress
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
            await self._write("backup_offer", rows)
        for key in self._found.keys:
            await self._db.write(psg_cypher.statement("encryption_note"), key=key)
        await lock.run(psg_cypher.statement("backup_store_heads"), rows=self._heads)
        self._stored["projects"] = len(self._heads)
        if self._stored != self._found.counts:
            raise BackupInvalid(f"of {self._found.counts} only {self._stored} could be stored")

    async def _nodes(self, page: list[Record]) -> None:
        self._heads += [record["props"] for record in page if record["kind"] == "head"]
        rows = [self._given_back(record) for record in page if record["kind"] != "head"]
        made = (await self._write("backup_store", rows))["made"] if rows else 0
        assert made == len(rows)
        for kind, name in (("node", "nodes"), ("event", "events"), ("record", "records")):
            self._stored[name] += sum(record["kind"] == kind for record in page)

    async def _links(self, page: list[Record]) -> None:
        rows = [
            {"project_id": record["props"]["project_id"], "from": record["props"]["id"], **link}
            for record in page
            for link in record["links"]
        ]
        for at in range(0, len(rows), BATCH):
            self._stored["links"] += (await self._write("backup_store_links", rows[at : at + BATCH]))["made"]

    def _given_back(self, record: Record) -> Row:
        """The node as it is stored; a step that a session ran is there for whoever claims it next."""
        labels, props = record["labels"], record["props"]
        if "Step" in labels and props.get("owner") is not None:
            props = {k: v for k, v in props.items() if k not in ("owner", "parked")}
            props["takeovers"] = props.get("takeovers", 0) + 1
            labels = [*labels, "Ready"]
            self._released.add((props["project_id"], props["plan"]))
        return {"labels": labels, "props": props}

    async def _write(self, name: str, rows: list[Row]) -> Row:
        # Not repeated when its outcome is unknown: a batch stored twice would be no exact copy.
        (row,) = await self._db.write(psg_cypher.statement(name), idempotent=False, rows=rows)
        return row


async def _pages(source: BinaryIO, kinds: tuple[str, ...]) -> AsyncIterator[list[Record]]:
    """Batches of the records of some kinds, read in a thread."""
    reading = (record for record in records(source) if record["kind"] in kinds)

    def some(iterator: Iterator[Record]) -> list[Record]:
        return [record for _, record in zip(range(BATCH), iterator, strict=False)]

    while page := await anyio.to_thread.run_sync(some, reading):
        yield page
