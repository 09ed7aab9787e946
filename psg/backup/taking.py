"""Reading everything while the platform runs: each project as it is at one number of its log.

Events never change, so they are read without a lock; only what came meanwhile, and the nodes, are read behind the
project's head lock, so that a project is one consistent cut (a transaction alone is no snapshot: Neo4j reads what
others committed in between). Projects do not refer to each other, so each has a cut of its own.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, BinaryIO, TypeVar

import anyio.to_thread

import psg_cypher
from psg.backup.archive import ArchiveWriter, Record, Summary
from psg.backup.errors import BackupIncomplete
from psg.encryption import keys_of
from psg.errors import EventLogGap
from psg_neo4j.database import Database
from psg_neo4j.errors import DatabaseTimeout, DatabaseTransient
from psg_neo4j.migrations import require_schema

PROJECT_PAGE = 500
EVENT_PAGE = 5_000
NODE_PAGE = 2_000
CATCH_UP = 5
"""Rounds of reading events without a lock; those that come while one is under way are read in the next."""
RECORDS: Mapping[str, str] = {
    "Snapshot": "backup_snapshots", "Content": "backup_contents", "Effect": "backup_effects",
    "Checkpoint": "backup_checkpoints", "CheckpointEntity": "backup_checkpoint_entities",
    "AuditFact": "backup_audit_facts", "HubMessage": "backup_hub_messages",
}  # fmt: skip
"""Labels of other nodes that belong to a project, with the statement that reads a page of them."""
LEFT_OUT = frozenset(
    ("Session", "Lock", "Capability", "Reservation", "Encryption", "__Neo4jMigration",
     "HealthRecord", "AlertRule", "Alert", "ModuleInstance", "ResourcePool", "Allocation")
)  # fmt: skip
"""Labels of what belongs to the running platform or to its schema, not to what it keeps; the ids of encryption keys are
in the header."""

Row = dict[str, Any]
T = TypeVar("T")
Read = Callable[..., Awaitable[list[Row]]]
Progress = Callable[[Mapping[str, int], Mapping[str, int]], object]


async def backup(
    db: Database, target: BinaryIO, *, lock_seconds: float = 60.0, progress: Progress | None = None
) -> Summary:
    """Write everything the platform keeps in ``db`` to ``target`` and return what that is.

    The platform may run on: a project's writers wait while its nodes are read, at most ``lock_seconds``; then
    ``BackupIncomplete`` is raised. ``progress`` is called after each page with what was written so far and an estimate
    of all there is. Raises ``SchemaNotMigrated`` and the like, ``EventLogGap``, and the errors of ``psg_neo4j``.
    """
    await require_schema(db)
    estimate = await totals(db)
    header = {
        "migrations": [m.version for m in psg_cypher.migrations()], "created_ms": int(time.time() * 1000),
        "estimate": estimate, "keys": await keys_of(db),
    }  # fmt: skip
    writer = await anyio.to_thread.run_sync(ArchiveWriter, target, header)

    async def put(records: Sequence[Record]) -> None:
        await anyio.to_thread.run_sync(writer.write, records)
        if progress is not None:
            progress(writer.summary.counts, estimate)

    async for project_id in _projects(db):
        await _Project(db, project_id, put).run(lock_seconds)
    return await anyio.to_thread.run_sync(writer.close)


async def totals(db: Database) -> dict[str, int]:
    """About how many nodes, events and projects there are, at no cost."""
    return {row["what"]: row["count"] for row in await db.read(psg_cypher.statement("backup_totals"))}


async def _projects(db: Database) -> AsyncIterator[str]:
    after = ""
    while page := await db.read(psg_cypher.statement("audit_projects"), after=after, limit=PROJECT_PAGE):
        for row in page:
            yield row["id"]
        after = page[-1]["id"]


class _Project:
    """Writes one project."""

    def __init__(self, db: Database, project_id: str, put: Callable[[Sequence[Record]], Awaitable[None]]) -> None:
        self._db = db
        self._project_id = project_id
        self._put = put
        self._after = 0

    async def run(self, lock_seconds: float) -> None:
        """Events, then behind the lock the last events, the nodes with their links, and the head."""
        (head,) = await self._read("log_head")
        self._after = head["earliest"] - 1
        try:
            for _ in range(CATCH_UP):
                # Behind the lock once: what was committed before is in every index by then.
                (settled,) = await self._locked(lock_seconds, lambda read: read("log_settle"))
                if settled["seq"] - self._after < EVENT_PAGE:
                    break
                await self._events(self._read, settled["seq"])
            await self._locked(lock_seconds, self._cut)
        except (DatabaseTimeout, DatabaseTransient) as error:  # the second is how a wait for a lock that ends is told
            raise BackupIncomplete(
                f"project {self._project_id} could not be read within {lock_seconds:g} s, the time its writers may be "
                "kept waiting; allow more, or make the backup when nothing runs",
                project_id=self._project_id, seconds=lock_seconds,
            ) from error  # fmt: skip

    async def _locked(self, seconds: float, work: Callable[[Read], Awaitable[T]]) -> T:
        async with self._db.transaction(timeout=seconds) as transaction:

            async def read(name: str, **params: Any) -> list[Row]:
                return await transaction.run(psg_cypher.statement(name), project_id=self._project_id, **params)

            return await work(read)

    async def _read(self, name: str, **params: Any) -> list[Row]:
        return await self._db.read(psg_cypher.statement(name), project_id=self._project_id, **params)

    async def _cut(self, read: Read) -> None:
        (locked,) = await read("backup_lock")
        head = {k: v for k, v in locked["head"].items() if k != "_lock"}
        await self._events(read, head["seq"])
        after = ""
        while page := await read("backup_nodes", after=after, limit=NODE_PAGE):
            await self._put([self._node(row) for row in page])
            after = page[-1]["id"]
        for statement in RECORDS.values():
            await self._records(read, statement)
        await self._put([{"kind": "head", "props": head}])

    async def _events(self, read: Read, upto: int) -> None:
        while self._after < upto:
            page = await read("backup_events", after=self._after, upto=upto, limit=EVENT_PAGE)
            if [row["seq"] for row in page] != list(range(self._after + 1, self._after + len(page) + 1)) or not page:
                raise EventLogGap(
                    f"the log of project {self._project_id} has a hole behind event {self._after}; run `psg verify`",
                    project_id=self._project_id, after=self._after,
                )  # fmt: skip
            await self._put([{"kind": "event", "labels": row["labels"], "props": row["props"]} for row in page])
            self._after = page[-1]["seq"]

    def _node(self, row: Row) -> Record:
        links = []
        for link in row["links"]:
            if link["project_id"] != self._project_id or link["to"] is None:
                raise BackupIncomplete(
                    f"node {row['id']} of project {self._project_id} points out of it by {link['type']}; "
                    "run `psg verify`",
                    project_id=self._project_id, id=row["id"],
                )  # fmt: skip
            links.append({"type": link["type"], "to": link["to"], "props": link["props"]})
        return {"kind": "node", "labels": row["labels"], "props": row["props"], "links": links}

    async def _records(self, read: Read, statement: str) -> None:
        after = ""
        while page := await read(statement, after=after, limit=NODE_PAGE):
            await self._put([{"kind": "record", "labels": row["labels"], "props": row["props"]} for row in page])
            after = page[-1]["key"]
