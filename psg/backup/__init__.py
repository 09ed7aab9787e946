"""Everything the platform keeps, in one file, and back into an empty database: logical, streaming, checksummed."""

from __future__ import annotations

from psg.backup.archive import Summary, check
from psg.backup.errors import BackupIncomplete, BackupInvalid, BackupTooNew, DatabaseNotEmpty
from psg.backup.restoring import restore
from psg.backup.taking import backup

__all__ = [
    "BackupIncomplete",
    "BackupInvalid",
    "BackupTooNew",
    "DatabaseNotEmpty",
    "Summary",
    "backup",
    "check",
    "restore",
]
