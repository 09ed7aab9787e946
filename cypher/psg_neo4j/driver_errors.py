"""The one place where the driver's exceptions become the platform's errors.

Messages name the address without credentials and the statement by name, never parameters or passwords.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from neo4j import exceptions as driver

from psg_neo4j.errors import (
    ConstraintViolated,
    DatabaseAuthFailed,
    DatabaseError,
    DatabaseFailed,
    DatabaseNotFound,
    DatabaseTimeout,
    DatabaseTransient,
    DatabaseUnavailable,
    Deadlock,
    OutcomeUnknown,
    StatementRejected,
    TransactionTooLarge,
)

_BY_CODE: dict[str, type[DatabaseError]] = {
    "Neo.TransientError.General.MemoryPoolOutOfMemoryError": TransactionTooLarge,
    "Neo.TransientError.General.TransactionOutOfMemoryError": TransactionTooLarge,
    "Neo.TransientError.General.OutOfMemoryError": TransactionTooLarge,
    "Neo.TransientError.Transaction.DeadlockDetected": Deadlock,
    "Neo.TransientError.General.DatabaseUnavailable": DatabaseUnavailable,
    "Neo.ClientError.Transaction.TransactionTimedOut": DatabaseTimeout,
    "Neo.ClientError.Transaction.TransactionTimedOutClientConfiguration": DatabaseTimeout,
    "Neo.ClientError.Transaction.LockAcquisitionTimeout": DatabaseTimeout,
    "Neo.TransientError.Transaction.LockAcquisitionTimeout": DatabaseTimeout,
    "Neo.ClientError.Transaction.Terminated": DatabaseTransient,
    "Neo.ClientError.Transaction.LockClientStopped": DatabaseTransient,
    "Neo.ClientError.Schema.ConstraintValidationFailed": ConstraintViolated,
    "Neo.ClientError.Database.DatabaseNotFound": DatabaseNotFound,
    "Neo.ClientError.Security.CredentialsExpired": DatabaseAuthFailed,
}


def place(uri: str) -> str:
    """Scheme, host and port of ``uri``, without user and password."""
    parts = urlsplit(uri)
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        port = ":?"
    return f"{parts.scheme}://{host}{port}"


def sent(error: BaseException) -> bool:
    """Whether a statement may have reached the server before ``error``: its outcome is then unknown."""
    if isinstance(error, driver.ConnectionAcquisitionTimeoutError):
        return False
    # The driver has no type of its own for "never connected", only a text.
    return not str(error).startswith(("Couldn't connect", "Failed to DNS resolve", "Cannot resolve"))


def mapped(error: Exception, uri: str, statement: str = "") -> DatabaseError:
    """The platform's error for ``error``, an exception of the driver; chain it (``from error``)."""
    where = place(uri)
    facts: dict[str, str] = {"uri": where}
    if statement:
        facts["statement"] = statement
    if isinstance(error, driver.Neo4jError):
        return _answered(error, where, facts)
    if isinstance(error, driver.ConnectionAcquisitionTimeoutError):
        return DatabaseUnavailable(f"no connection to Neo4j at {where} became free in time", **facts)
    if isinstance(error, driver.IncompleteCommit):
        return OutcomeUnknown(f"the connection to {where} was lost during the commit", **facts)
    if isinstance(error, (driver.ServiceUnavailable, driver.SessionExpired, OSError)):
        if sent(error):
            return DatabaseUnavailable(f"the connection to Neo4j at {where} was lost", **facts)
        return DatabaseUnavailable(
            f"Neo4j cannot be reached at {where}; check that the server runs and that the address is right",
            **facts,
        )
    if isinstance(error, driver.ConfigurationError):
        # The driver quotes the address as it was given, with a password if there was one.
        return DatabaseFailed(f"the driver cannot use {where}: {str(error).replace(uri, where)}", **facts)
    return DatabaseFailed(f"the driver failed at {where}: {type(error).__name__}", **facts)


def _answered(error: driver.Neo4jError, where: str, facts: dict[str, str]) -> DatabaseError:
    """The platform's error for an answer of the server."""
    code = error.code or ""
    facts = {**facts, "neo4j_code": code}
    kind = _BY_CODE.get(code)
    if isinstance(error, driver.AuthError) or kind is DatabaseAuthFailed:
        return DatabaseAuthFailed(
            f"Neo4j at {where} refused the user name or password; check the configured credentials", **facts
        )
    if kind is None and code.startswith("Neo.ClientError.Security.Authentication"):
        kind = DatabaseAuthFailed
    if kind is None and code.startswith("Neo.TransientError."):
        kind = DatabaseTransient
    if kind is None and code.startswith(("Neo.ClientError.Statement.", "Neo.ClientError.Request.")):
        kind = StatementRejected
    kind = kind or DatabaseFailed
    subject = f"statement '{facts['statement']}': " if "statement" in facts else ""
    lead = (kind.__doc__ or "").strip().split("\n")[0]
    return kind(f"{subject}{lead} ({where} says: {error.message})", **facts)
