"""The root of the platform's exception tree, and what reaching and running Neo4j can do to us.

::

    PsgError
    ├── DatabaseError
    │   ├── DatabaseUnavailable        not reachable, or shutting down (retryable)
    │   │   └── OutcomeUnknown         the connection was lost after a write was sent
    │   ├── DatabaseTransient          the server asks for a repeat (retryable)
    │   │   └── Deadlock
    │   ├── DatabaseAuthFailed, DatabaseNotFound
    │   ├── DatabaseTimeout            the server stopped the transaction (retryable)
    │   ├── TransactionTooLarge        split the batch; never repeated as it is
    │   ├── ConstraintViolated, StatementRejected
    │   └── DatabaseFailed             any other answer of the server
    ├── SchemaError                    SchemaTooNew, SchemaNotMigrated, MigrationChanged, MigrationFailed
    └── EmbeddedError                  EmbeddedPartMissing, DownloadFailed, ChecksumMismatch, EmbeddedServerFailed,
                                       PortTaken, HomeInUse, StoreDamaged
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

Category = Literal[
    "workflow_error",
    "module_error",
    "communication_error",
    "resource_error",
    "validation_error",
    "system_error",
]


class PsgError(Exception):
    """Something in the platform went wrong.

    ``message`` says what was wrong, where, and what to do; it defaults to the class's own first sentence.
    ``details`` are JSON-like facts for programs. ``code`` is stable, ``category`` one of the specification's
    error categories, ``retryable`` whether the same request may succeed later.
    """

    code: ClassVar[str] = "psg_error"
    category: ClassVar[Category] = "system_error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str | None = None, /, **details: Any) -> None:
        if message is None:
            message = (type(self).__doc__ or type(self).__name__).strip().split("\n\n")[0]
            message = " ".join(message.split())
        super().__init__(message)
        self.message: str = message
        self.details: dict[str, Any] = details

    def __str__(self) -> str:
        return self.message

    def to_dict(self) -> dict[str, Any]:
        """The error as data: code, message, category, retryable, details."""
        return {
            "code": self.code,
            "message": self.message,
            "category": self.category,
            "retryable": self.retryable,
            "details": dict(self.details),
        }


class DatabaseError(PsgError):
    """Neo4j could not do what it was asked for."""

    code = "database_error"


class DatabaseUnavailable(DatabaseError):
    """Neo4j cannot be reached; check that the server runs and that the address is right."""

    code = "database_unavailable"
    category = "communication_error"
    retryable = True


class OutcomeUnknown(DatabaseUnavailable):
    """The connection was lost after a write was sent; it may have been committed or not.

    Repeat it with the same command id: it is then answered with the first answer.
    """

    code = "outcome_unknown"


class DatabaseTransient(DatabaseError):
    """Neo4j could not finish the transaction just now and asks for a repeat."""

    code = "database_transient"
    category = "resource_error"
    retryable = True


class Deadlock(DatabaseTransient):
    """Neo4j broke a deadlock by rolling this transaction back."""

    code = "deadlock"


class DatabaseAuthFailed(DatabaseError):
    """Neo4j refused the user name or password; check the configured credentials."""

    code = "database_auth_failed"
    category = "validation_error"


class DatabaseNotFound(DatabaseError):
    """The server has no database of this name."""

    code = "database_not_found"
    category = "validation_error"


class DatabaseTimeout(DatabaseError):
    """The transaction ran longer than allowed and was rolled back."""

    code = "database_timeout"
    category = "resource_error"
    retryable = True


class TransactionTooLarge(DatabaseError):
    """The transaction needs more memory than the server allows; split the batch."""

    code = "transaction_too_large"
    category = "resource_error"


class ConstraintViolated(DatabaseError):
    """The write would break a uniqueness constraint of the graph."""

    code = "constraint_violated"
    category = "validation_error"


class StatementRejected(DatabaseError):
    """Neo4j does not accept the statement or its parameters: a defect of the platform."""

    code = "statement_rejected"


class DatabaseFailed(DatabaseError):
    """Neo4j reported an error that the platform does not know."""

    code = "database_failed"


class SchemaError(PsgError):
    """The schema of the database and the one of this release do not fit."""

    code = "schema_error"


class SchemaTooNew(SchemaError):
    """The database was migrated by a newer release; upgrade this program."""

    code = "schema_too_new"


class SchemaNotMigrated(SchemaError):
    """The database lacks migrations of this release; run `psg migrate`."""

    code = "schema_not_migrated"


class MigrationChanged(SchemaError):
    """A migration that was applied has been edited since; restore it and add a new one instead."""

    code = "migration_changed"


class MigrationFailed(SchemaError):
    """A migration could not be applied; nothing after it was tried."""

    code = "migration_failed"


class EmbeddedError(PsgError):
    """The embedded Neo4j could not be installed or run."""

    code = "embedded_error"


class EmbeddedPartMissing(EmbeddedError):
    """No Neo4j is named, and the one of one's own is not installed: pip install 'psg-platform[embedded]', or set
    PSG_NEO4J_URI to a Neo4j that runs already.
    """

    code = "embedded_part_missing"
    category = "resource_error"


class DownloadFailed(EmbeddedError):
    """A part of Neo4j could not be downloaded; check the network and run the command again."""

    code = "download_failed"
    category = "communication_error"
    retryable = True


class ChecksumMismatch(EmbeddedError):
    """A downloaded file is not the one that was pinned; it was removed."""

    code = "checksum_mismatch"
    category = "validation_error"


class EmbeddedServerFailed(EmbeddedError):
    """The embedded Neo4j did not start."""

    code = "embedded_server_failed"


class PortTaken(EmbeddedServerFailed):
    """A network port that the embedded Neo4j needs is taken by another program."""

    code = "port_taken"
    category = "resource_error"
    retryable = True


class HomeInUse(EmbeddedServerFailed):
    """Another Neo4j, not started by this platform, uses this data folder; stop it or choose another."""

    code = "home_in_use"
    category = "resource_error"


class StoreDamaged(EmbeddedServerFailed):
    """The data files are damaged and the database stays offline; restore a backup or run `psg doctor`."""

    code = "store_damaged"
