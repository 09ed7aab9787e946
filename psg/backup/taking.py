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
from psg.backup.archive import SECTION_BYTES, ArchiveWriter, Record, Summary
from psg.backup.checking import check
from psg.backup.errors import BackupIncomplete, BackupInvalid, BackupNotVerified
from psg.backup.salvage import Salvaged, salvage
from psg.encryption import keys_of
from psg.errors import EventLogGap
from psg.restore_marker import require_whole
from psg_neo4j import faults
from psg_neo4j.database import Database
from psg_neo4j.errors import DatabaseTimeout, DatabaseTransient
from psg_neo4j.migrations import require_schema

PROJECT_PAGE = 500
EVENT_PAGE = 5_000
NODE_PAGE = 2_000
CATCH_UP = 5
"""Rounds of reading events without a lock; those that come while one is under way are read in the next."""
RESUME_WITHIN_S = 24 * 3600
"""How old an unfinished backup may be to be gone on with: its whole projects stay as they were when it was begun."""
RECORDS: Mapping[str, str] = {
    "Snapshot": "backup_snapshots", "Content": "backup_contents", "Effect": "backup_effects",
    "Checkpoint": "backup_checkpoints", "CheckpointEntity": "backup_checkpoint_entities",
    "AuditFact": "backup_audit_facts", "HubMessage": "backup_hub_messages", "Grant": "backup_grants",
}  # fmt: skip
"""Labels of other nodes that belong to a project, with the statement that reads a page of them."""
LEFT_OUT = frozenset(
    ("Session", "Lock", "Capability", "Reservation", "Encryption", "__Neo4jMigration",
     "HealthRecord", "AlertRule", "Alert", "ModuleInstance", "ResourcePool", "Allocation", "ApiToken", "AuditRecord")
)  # fmt: skip
"""Labels of what belongs to the running platform or to its schema, not to what it keeps; the ids of encryption keys are
in the header."""

Row = dict[str, Any]
T = TypeVar("T")
Read = Callable[..., Awaitable[list[Row]]]
Progress = Callable[[Mapping[str, int], Mapping[str, int]], object]


async def backup(
    db: Database,
    target: BinaryIO,
    *,
    lock_seconds: float = 60.0,
    progress: Progress | None = None,
    resume: bool = False,
    told: Callable[[str], object] | None = None,
    section_bytes: int = SECTION_BYTES,
) -> Summary:
    """Write everything the platform keeps in ``db`` to ``target``, read it back, and return what that is.

    The platform may run on: a project's writers wait while its nodes are read, at most ``lock_seconds``; then
    ``BackupIncomplete`` is raised. ``target`` can be written, read and truncated, and begins empty; with ``resume`` it
    may hold a backup that did not come to its end, which is gone on with behind its last section that is whole, when
    it is of this very database and was begun within ``RESUME_WITHIN_S``; ``told`` hears in words which it was.
    ``progress`` is called after each page with what was written so far and an estimate of all there is. Whatever is
    raised, what is in ``target`` can be gone on with. A project whose log retention cuts meanwhile is read anew.

    Raises ``SchemaNotMigrated`` and the like, ``RestoreUnfinished``, ``EventLogGap``, ``BackupNotVerified``, OSError of
    the target, and the errors of ``psg_neo4j``.
    """
    await require_schema(db)
    await require_whole(db)
    estimate = await totals(db)
    going_on = await _going_on(db, target, told or (lambda _: None)) if resume else None
    writer = await anyio.to_thread.run_sync(_writer, target, estimate, await keys_of(db), going_on)

    async def put(records: Sequence[Record]) -> None:
        await anyio.to_thread.run_sync(writer.write, records)
        if progress is not None:
            progress(writer.summary.counts, estimate)

    async def seal() -> None:
        await anyio.to_thread.run_sync(writer.seal, section_bytes)
        faults.at("backup_sealed")

    async def project(project_id: str, begun: range | None = None) -> None:
        while True:  # again when its log is cut meanwhile: each time needs a cut of its own
            mark = writer.mark()
            try:
                return await _Project(db, project_id, put, seal, begun).run(lock_seconds)
            except _LogCut as cut:
                if begun is not None:  # what is to be taken back lies before the mark
                    why = f"events of project {project_id} were removed by retention while it was read"
                    raise BackupIncomplete(f"{why}: make the backup again", project_id=project_id) from cut
                await anyio.to_thread.run_sync(writer.rewind, mark)

    there: Mapping[str, int] = going_on.heads if going_on is not None else {}
    if going_on is not None and going_on.open_project is not None:
        await project(going_on.open_project, range(going_on.open_first, going_on.open_seq + 1))
        there = {**there, going_on.open_project: 0}
    async for project_id in _projects(db):
        if project_id not in there:
            await project(project_id)
    keys = await keys_of(db)
    made = await anyio.to_thread.run_sync(writer.close, keys)
    made.resumed = going_on is not None
    await anyio.to_thread.run_sync(_read_back, target, made)
    return made


def _writer(target: BinaryIO, estimate: Mapping[str, int], keys: list[str], going_on: Salvaged | None) -> ArchiveWriter:
    end = 0 if going_on is None else going_on.end
    target.seek(end)
    target.truncate()
    header = {
        "migrations": [m.version for m in psg_cypher.migrations()], "created_ms": int(time.time() * 1000),
        "estimate": estimate, "keys": keys,
    }  # fmt: skip
    return ArchiveWriter(target, header, going_on=None if going_on is None else (going_on.summary, going_on.digest))


def _read_back(target: BinaryIO, made: Summary) -> None:
    """Make sure that the archive is what was written. Raises ``BackupNotVerified``."""
    try:
        found = check(target, fold=True)
    except BackupInvalid as error:
        raise BackupNotVerified(f"what was written cannot be read back: {error.message}") from error
    if (found.sha256, found.counts) != (made.sha256, made.counts):
        raise BackupNotVerified("what is read back is another backup than was written")
    made.folded, made.unfolded, made.violations = found.folded, found.unfolded, found.violations


async def _going_on(db: Database, target: BinaryIO, told: Callable[[str], object]) -> Salvaged | None:
    """What of an unfinished backup in ``target`` still holds for this database; ``told`` hears about it."""
    found = await anyio.to_thread.run_sync(salvage, target)
    if found is None:
        return None
    why = await _misfit(db, found)
    if why is not None:
        told(f"the unfinished backup cannot be gone on with: {why}; it begins anew")
        return None
    counts = found.summary.counts
    told(f"going on with the unfinished backup: {counts['projects']} projects and {counts['events']} events are there")
    return found


async def _misfit(db: Database, found: Salvaged) -> str | None:
    """Why an unfinished backup is too old or not one of this database; None when its logs begin those here."""
    if found.summary.migrations != [m.version for m in psg_cypher.migrations()]:
        return "the schema was migrated in between"
    if time.time() - found.summary.created_ms / 1000 > RESUME_WITHIN_S:
        return f"it was begun more than {RESUME_WITHIN_S // 3600} hours ago"
    known, begins = dict(found.heads), dict(found.heads)
    if found.open_project is not None:
        known[found.open_project], begins[found.open_project] = found.open_seq, found.open_first
    for project_id, seq in known.items():
        head = await db.read_one(psg_cypher.statement("log_head"), project_id=project_id)
        if head is None:
            return f"project {project_id} is not in this database"
        if begins[project_id] < head["earliest"]:
            return f"events of project {project_id} were removed by retention in between"
        event = await db.read(
            psg_cypher.statement("backup_events"), project_id=project_id, after=seq - 1, upto=seq, limit=1
        )
        if [row["props"]["event_id"] for row in event] != [found.last_events[project_id]]:
            return f"project {project_id} has another history in this database"
    return None


async def totals(db: Database) -> dict[str, int]:
    """About how many nodes, events and projects there are, at no cost."""
    return {row["what"]: row["count"] for row in await db.read(psg_cypher.statement("backup_totals"))}


async def _projects(db: Database) -> AsyncIterator[str]:
    after = ""
    while page := await db.read(psg_cypher.statement("audit_projects"), after=after, limit=PROJECT_PAGE):
        for row in page:
            yield row["id"]
        after = page[-1]["id"]


class _LogCut(Exception):
    """Retention cut the log while it was read: what was read of it does not fit the nodes any more."""


class _Project:
    """Writes one project."""

    def __init__(
        self,
        db: Database,
        project_id: str,
        put: Callable[[Sequence[Record]], Awaitable[None]],
        seal: Callable[[], Awaitable[None]],
        begun: range | None = None,
    ) -> None:
        """Take where records go, what ends a section, and the numbers of the events that are written already."""
        self._db = db
        self._project_id = project_id
        self._put = put
        self._seal = seal
        self._begun = begun

    async def run(self, lock_seconds: float) -> None:
        """Events, then behind the lock the last events, the nodes with their links, and the head."""
        if self._begun is None:
            (head,) = await self._read("log_head")
            self._begun = range(head["earliest"], head["earliest"])
        self._first, self._after = self._begun.start, self._begun.stop - 1
        try:
            for _ in range(CATCH_UP):
                # Behind the lock once: what was committed before is in every index by then.
                (settled,) = await self._locked(lock_seconds, lambda read: read("log_settle"))
                if settled["seq"] - self._after < EVENT_PAGE:
                    break
                await self._events(self._read, settled["seq"], self._seal)
            await self._locked(lock_seconds, self._cut)
        except (DatabaseTimeout, DatabaseTransient) as error:  # the second is how a wait for a lock that ends is told
            raise BackupIncomplete(
                f"project {self._project_id} could not be read within {lock_seconds:g} s, the time its writers may be "
                "kept waiting; allow more, or make the backup when nothing runs",
                project_id=self._project_id, seconds=lock_seconds,
            ) from error  # fmt: skip
        await self._seal()

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
        self._same_beginning(head.get("earliest_seq", 1))
        await self._events(read, head["seq"])
        after = ""
        while page := await read("backup_nodes", after=after, limit=NODE_PAGE):
            await self._put([self._node(row) for row in page])
            after = page[-1]["id"]
        for statement in RECORDS.values():
            await self._records(read, statement)
        await self._put([{"kind": "head", "props": head}])

    async def _events(self, read: Read, upto: int, seal: Callable[[], Awaitable[None]] | None = None) -> None:
        while self._after < upto:
            page = await read("backup_events", after=self._after, upto=upto, limit=EVENT_PAGE)
            if [row["seq"] for row in page] != list(range(self._after + 1, self._after + len(page) + 1)) or not page:
                (head,) = await read("log_head")
                self._same_beginning(head["earliest"])
                raise EventLogGap(
                    f"the log of project {self._project_id} has a hole behind event {self._after}; run `psg verify`",
                    project_id=self._project_id, after=self._after,
                )  # fmt: skip
            await self._put([{"kind": "event", "labels": row["labels"], "props": row["props"]} for row in page])
            self._after = page[-1]["seq"]
            if seal is not None:
                await seal()

    def _same_beginning(self, earliest: int) -> None:
        if earliest > self._first:
            raise _LogCut

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
            if "key" not in page[-1]:  # all of them at once
                return
            after = page[-1]["key"]
