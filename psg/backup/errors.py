"""How a backup or a restore can fail, beside what the database can do to us."""

from __future__ import annotations

from psg.errors import PsgError, Refused, ValidationFailed


class BackupInvalid(ValidationFailed):
    """The file is no backup, or not the whole one that was written."""

    code = "backup_invalid"


class BackupTooNew(ValidationFailed):
    """The backup was made by a newer release than this one."""

    code = "backup_too_new"


class BackupIncomplete(Refused):
    """The database holds something that a backup would leave out, or that cannot be read as a whole now."""

    code = "backup_incomplete"


class BackupNotVerified(PsgError):
    """What can be read back is not what was written: the storage under the file is not to be trusted."""

    code = "backup_not_verified"
    category = "resource_error"


class DatabaseNotEmpty(Refused):
    """A restore is into an empty database, unless it was told to replace what is there."""

    code = "database_not_empty"


class DatabaseInUse(Refused):
    """Somebody works with the database that a restore is to replace."""

    code = "database_in_use"
