"""Brings the schema of a database to this release, one numbered file after the other (DESIGN §3).

The chain in the graph has the format of neo4j-migrations, ``(:__Neo4jMigration)-[:MIGRATED_TO]->(…)`` from
BASELINE on, so that either tool can read it. Files are applied in order and recorded together at the end, since
each change of the schema makes the server plan the recording anew: a runner that dies before leaves them unrecorded
and the next one applies them again, so every file must be harmless when repeated.
"""

from __future__ import annotations

import getpass
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import psg_cypher
from psg_cypher import Migration, Statement, statement
from psg_neo4j import faults
from psg_neo4j.database import Database, Transaction
from psg_neo4j.errors import (
    DatabaseError,
    MigrationChanged,
    MigrationFailed,
    SchemaNotMigrated,
    SchemaTooNew,
)

_BASELINE = "BASELINE"
_LOCK_SECONDS = 900.0
_STATEMENT_SECONDS = 600.0
_SCHEMA_VERBS = frozenset(("CREATE", "DROP"))


@dataclass(frozen=True, slots=True)
class SchemaState:
    """How database and release fit: ``current`` is the last version applied (None: none).

    ``pending`` are the migrations to come, ``too_new`` the versions applied by a newer release, ``changed``
    says in words which applied migrations are not the files of this release any more.
    """

    current: str | None
    pending: tuple[Migration, ...]
    too_new: tuple[str, ...]
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """What :func:`migrate` did: the versions ``applied`` (with ``dry_run``: it would apply) and the last one."""

    applied: list[str]
    current: str | None
    dry_run: bool = False


async def schema_state(db: Database, *, migrations: Sequence[Migration] | None = None) -> SchemaState:
    """Compare the database with ``migrations`` (default: those of this release). Raises a DatabaseError."""
    known = psg_cypher.migrations() if migrations is None else list(migrations)
    rows = await db.read(statement("migration_list"))
    applied = {str(row["version"]): row["checksum"] for row in rows}
    by_version = {migration.version: migration for migration in known}
    latest = max((migration.order for migration in known), default=())
    foreign = sorted((version for version in applied if version not in by_version), key=_order)
    too_new = tuple(version for version in foreign if _order(version) > latest)
    changed = [f"V{version} was applied but does not exist" for version in foreign if version not in too_new]
    changed += [
        f"{migration.source} has another checksum than when it was applied"
        for migration in known
        if applied.get(migration.version, migration.checksum) != migration.checksum
    ]
    current = max(applied, key=_order, default=None)
    pending = tuple(migration for migration in known if migration.version not in applied)
    if not too_new and current is not None:
        changed += [
            f"{migration.source} comes before V{current}, which was applied already"
            for migration in pending
            if migration.order < _order(current)
        ]
    return SchemaState(current, pending, too_new, tuple(changed))


async def require_schema(db: Database, *, migrations: Sequence[Migration] | None = None) -> SchemaState:
    """Return the state when the schema is this release's. Raises SchemaTooNew, MigrationChanged, SchemaNotMigrated."""
    state = await schema_state(db, migrations=migrations)
    _require_clean(state)
    if state.pending:
        missing = ", ".join(f"V{migration.version}" for migration in state.pending)
        raise SchemaNotMigrated(f"the database lacks {missing}; run `psg migrate`", missing=missing)
    return state


async def migrate(
    db: Database, *, dry_run: bool = False, migrations: Sequence[Migration] | None = None
) -> MigrationReport:
    """Apply what is pending, in order, and wait until all indexes are online.

    Several runners at once are safe: one works, the others wait for its lock and then find nothing to do. The
    lock is an open transaction, so a runner that dies gives it back. With ``dry_run`` nothing is written.
    Raises SchemaTooNew, MigrationChanged (nothing was applied then), MigrationFailed, DatabaseError.
    """
    state = await schema_state(db, migrations=migrations)
    _require_clean(state)
    if dry_run or not state.pending:
        return MigrationReport([migration.version for migration in state.pending], state.current, dry_run)
    await db.write(statement("migration_lock_constraint"))
    async with db.transaction(timeout=_LOCK_SECONDS) as lock:
        await lock.run(statement("migration_lock"))
        # Only now is the state ours: another runner may have finished while this one waited.
        state = await schema_state(db, migrations=migrations)
        _require_clean(state)
        applied: list[_Applied] = []
        try:
            for of_schema, group in groupby(state.pending, key=_of_schema):
                if of_schema:
                    applied += await _apply_schema(db, list(group))
                    continue
                for migration in group:
                    applied.append(await _run(migration, partial(db.write_within, _STATEMENT_SECONDS)))
        finally:
            await _record(db, lock, applied, state.current)
    await db.write_within(_STATEMENT_SECONDS, statement("migration_await_indexes"), seconds=int(_STATEMENT_SECONDS))
    versions = [done.migration.version for done in applied]
    return MigrationReport(versions, versions[-1] if versions else state.current)


@dataclass(frozen=True, slots=True)
class _Applied:
    migration: Migration
    took_ms: int


def _of_schema(migration: Migration) -> bool:
    return all(text.split(maxsplit=1)[0].upper() in _SCHEMA_VERBS for text in migration.statements)


async def _apply_schema(db: Database, migrations: Sequence[Migration]) -> list[_Applied]:
    """Run migrations that change the schema only, all in one transaction: on a new store that is most of the time."""
    applied: list[_Applied] = []
    async with db.transaction(timeout=_STATEMENT_SECONDS) as transaction:
        for migration in migrations:
            applied.append(await _run(migration, transaction.run))
    return applied


async def _run(migration: Migration, run: Callable[[Statement], Awaitable[object]]) -> _Applied:
    """Run the statements of one migration. Raises MigrationFailed."""
    began = time.monotonic()
    try:
        for n, text in enumerate(migration.statements, start=1):
            name = f"{migration.source} statement {n}"
            await run(Statement(name, text, "write", "none", migration.description, migration.source))
        faults.at("migration_applied", migration.version)
    except DatabaseError as error:
        raise MigrationFailed(
            f"migration {migration.source} could not be applied and is not recorded: {error.message}",
            version=migration.version,
            cause=error.code,
        ) from error
    return _Applied(migration, round((time.monotonic() - began) * 1000))


async def _record(db: Database, lock: Transaction, applied: Sequence[_Applied], previous: str | None) -> None:
    """Append what was applied to the chain, if the lock is still ours. Raises MigrationFailed."""
    if not applied:
        return
    rows = [
        {
            "previous": before, "version": done.migration.version, "description": done.migration.description,
            "source": done.migration.source, "checksum": done.migration.checksum, "took_ms": done.took_ms,
        }
        for before, done in zip(
            [previous or _BASELINE, *(done.migration.version for done in applied)], applied, strict=False
        )
    ]  # fmt: skip
    try:
        await lock.run(statement("migration_lock_held"))
        await db.write(statement("migration_record"), rows=rows, by=_user(), connected_as=db.user)
        faults.at("migration_recorded", applied[-1].migration.version)
    except DatabaseError as error:
        raise MigrationFailed(
            f"migrations up to {applied[-1].migration.source} were applied but could not be recorded, and will be "
            f"applied again: {error.message}",
            version=applied[-1].migration.version,
            cause=error.code,
        ) from error


def _require_clean(state: SchemaState) -> None:
    """Refuse a database that this release must not touch. Raises SchemaTooNew, MigrationChanged."""
    if state.too_new:
        newest = state.too_new[-1]
        raise SchemaTooNew(
            f"the database is at V{newest}, made by a newer release; upgrade this program", versions=list(state.too_new)
        )
    if state.changed:
        raise MigrationChanged(
            f"{'; '.join(state.changed)}. Restore the file as it was and add a new migration instead",
            changed=list(state.changed),
        )


def _order(version: str) -> tuple[int, ...]:
    """Sort key of a version; one that is no number (another tool's) sorts last."""
    parts = version.replace("_", ".").split(".")
    return tuple(int(part) if part.isdecimal() else 1 << 62 for part in parts)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
