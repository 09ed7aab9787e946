"""Everything the platform keeps, in one file, and back into a database: logical, streaming, resumable, checksummed."""

from __future__ import annotations

from psg.backup.archive import Summary
from psg.backup.checking import check
from psg.backup.errors import (
    BackupIncomplete,
    BackupInvalid,
    BackupNotVerified,
    BackupTooNew,
    DatabaseInUse,
    DatabaseNotEmpty,
)
from psg.backup.restoring import restore
from psg.backup.taking import backup
from psg.restore_marker import RestoreUnfinished, require_whole, unfinished_restore

__all__ = [
    "BackupIncomplete",
    "BackupInvalid",
    "BackupNotVerified",
    "BackupTooNew",
    "DatabaseInUse",
    "DatabaseNotEmpty",
    "RestoreUnfinished",
    "Summary",
    "backup",
    "check",
    "require_whole",
    "restore",
    "unfinished_restore",
]
