"""What every node of the graph has in the API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, TypeVar

import strawberry

from psg.model.codec import timestamp
from psg_graphql.global_id import global_id
from psg_graphql.scalars import Timestamp

Row = Mapping[str, Any]
E = TypeVar("E", bound=Enum)


@strawberry.interface(description="Anything with an identity in a project.")
class Node:
    id: strawberry.ID = strawberry.field(description="Global id: names type, project and node.")
    uuid: str = strawberry.field(description="The node's id inside its project, as in protocol documents.")
    project_id: strawberry.ID = strawberry.field(description="Global id of the project.")
    revision: int = strawberry.field(description="Grows with each change; give it as `expectedRevision`.")
    deleted: bool = strawberry.field(description="Whether this is a tombstone that references still resolve to.")
    recorded_at: Timestamp = strawberry.field(description="When the node was stored, by the database's clock.")
    changed_at: Timestamp = strawberry.field(description="When it was last changed, by the database's clock.")


def node_readers(label: str) -> dict[str, Callable[[Row], Any]]:
    """Return how the fields of ``Node`` are told from a stored row."""
    return {
        "id": lambda row: global_id(label, row["project_id"], row["id"]),
        "uuid": lambda row: row["id"],
        "project_id": lambda row: global_id("Project", row["project_id"], row["project_id"]),
        "revision": lambda row: row["revision"],
        "deleted": lambda row: row["deleted"],
        "recorded_at": lambda row: timestamp(row["sys_created_ms"]),
        "changed_at": lambda row: timestamp(row["sys_updated_ms"]),
    }


def node_fields(label: str, row: Row) -> dict[str, Any]:
    """Return the fields of ``Node`` for a stored row."""
    return {name: read(row) for name, read in node_readers(label).items()}


def reference(label: str, row: Row, key: str) -> Any:
    """Return the global id of what ``row[key]`` refers to in the same project; ``None`` for nothing."""
    target = row.get(key)
    return None if target is None else global_id(label, row["project_id"], target)


def moment(value: int | None) -> Any:
    """Return milliseconds since 1970 as a timestamp; ``None`` and 0 (never) as ``None``."""
    return timestamp(value) if value else None


def member(kind: type[E], value: str | None) -> Any:
    """Return the enum member of a stored value; ``None`` for none."""
    return None if value is None else kind(value)
