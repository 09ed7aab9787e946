"""Values by key in the API (docs/value-state-layer.md)."""

from __future__ import annotations

import strawberry
from strawberry.scalars import JSON

from psg_runtime.vsl import stored_values


@strawberry.type(description="A value that a project keeps under a key.")
class StoredValue:
    key: str
    value: JSON | None
    revision: int = strawberry.field(description="As `expectedRevision`: refuse the write when somebody was quicker.")


@strawberry.type(description="A page of the keys that have values; go on with `after: cursor`.")
class ValueKeys:
    keys: list[str]
    cursor: str | None
    has_next_page: bool


def stored_value_from(found: stored_values.StoredValue) -> StoredValue:
    """Return the value as the API shows it."""
    return StoredValue(key=found.key, value=found.value, revision=found.revision)
