"""What can go wrong in the value state layer, as leaves of the platform's one tree of errors."""

from __future__ import annotations

from psg.errors import Invalid, PsgError, Refused


class ValueStoreError(PsgError):
    """The value store could not do what it was asked for."""

    code = "value_store_error"


class ValueStoreUnavailable(ValueStoreError):
    """The value store cannot be reached, or was lost in the middle; check its server and try again."""

    code = "value_store_unavailable"
    category = "communication_error"
    retryable = True


class ValueStoreFull(ValueStoreError):
    """The value store has no room left; make some and try again."""

    code = "value_store_full"
    category = "resource_error"
    retryable = True


class ValueDamaged(ValueStoreError):
    """What is stored under this key is not what was written there; it was left as it is."""

    code = "value_damaged"


class DecryptionFailed(ValueDamaged):
    """The value cannot be decrypted: the key is another one, or the value was tampered with; it was left as it is."""

    code = "decryption_failed"
    category = "validation_error"


class NotOffered(Invalid):
    """This value store does not offer what was asked for."""

    code = "not_offered"


class TransactionUnknown(Invalid):
    """No transaction with this handle is open here; it was committed, rolled back, or is of another store."""

    code = "transaction_unknown"


class TransactionConflict(Refused):
    """Somebody changed what this transaction had read; nothing of it was written. Begin anew."""

    code = "transaction_conflict"
    retryable = True


class SchemaVersionMismatch(Refused):
    """The data are of another schema version than the migration expects."""

    code = "schema_version_mismatch"
