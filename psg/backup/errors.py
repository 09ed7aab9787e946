"""How a backup or a restore can fail, beside what the database can do to us."""

from __future__ import annotations

from psg.errors import Refused, ValidationFailed


class BackupInvalid(ValidationFailed):
    """The file is no backup, or not the whole one that was written."""

    code = "backup_invalid"


class BackupTooNew(ValidationFailed):
    """The backup was made by a newer release than this one."""

    code = "backup_too_new"


class BackupIncomplete(Refused):
    """The database holds something that a backup would leave out, or that cannot be read as a whole now."""

    code = "backup_incomplete"


class DatabaseNotEmpty(Refused):
    """A restore is into an empty database only."""

    code = "database_not_empty"
