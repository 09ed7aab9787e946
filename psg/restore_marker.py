"""A database into which a restore did not come to its end: told before anybody works with it."""

from __future__ import annotations

import time

import psg_cypher
from psg.errors import Refused
from psg_neo4j.database import Database, Row


class RestoreUnfinished(Refused):
    """A restore into this database did not come to its end: there is nothing to work with until it does."""

    code = "restore_unfinished"


MARKER = "restore"
"""Id of the lock node that a restore keeps until its end; `seq` numbers the batches that are stored."""


async def unfinished_restore(db: Database) -> Row | None:
    """Return sha256, state, seq and started_ms of the restore that is under way or was interrupted, if there is one."""
    return await db.read_one(psg_cypher.statement("restore_marker"), marker=MARKER)


async def require_whole(db: Database) -> None:
    """Make sure that no restore is unfinished. Raises ``RestoreUnfinished``."""
    row = await unfinished_restore(db)
    if row is not None:
        raise RestoreUnfinished(unfinished_message(row), **row)


def unfinished_message(row: Row) -> str:
    """Say in words what is unfinished and what to do."""
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(row["started_ms"] / 1000))
    return (
        f"the restore of the backup with sha256 {row['sha256'][:12]}…, begun {since}, is not finished: wait for it, or "
        "run `psg restore` with the same file again to go on, or with another one and --replace"
    )
