"""Tracked resources in the API: what a project expects of files, directories and git refs."""

from __future__ import annotations

from enum import Enum

import strawberry
from strawberry.scalars import JSON

from psg.drift import shown
from psg.model.codec import loads
from psg_graphql.global_id import global_id
from psg_graphql.scalars import Long, Timestamp
from psg_graphql.types.node import Node, Row, member, moment, node_fields, reference


@strawberry.enum(description="What is tracked.")
class ResourceKind(Enum):
    directory = "directory"
    file = "file"
    git_ref = "git_ref"


@strawberry.enum(description="How the two sides stand: the same; changed in the graph; changed outside; to be decided.")
class ResourceState(Enum):
    synced = "synced"
    ahead = "ahead"
    drifted = "drifted"
    conflict = "conflict"


@strawberry.enum(description="What happens to a dependent plan when a resource changes outside.")
class OnDrift(Enum):
    mark = "mark"
    gate = "gate"
    replan = "replan"
    compensate = "compensate"


@strawberry.type(description="A plan or step that depends on a resource.")
class ResourceDependent:
    id: strawberry.ID
    stale_since: Timestamp | None = strawberry.field(description="When the resource changed under it; null: never.")
    on_drift: OnDrift | None = strawberry.field(description="Null: as its directory says.")


@strawberry.type(description="A file, directory or git ref as the graph expects it.")
class TrackedResource(Node):
    uri: str | None = strawberry.field(description="`dir:NAME`, `file:NAME/PATH`, `git:NAME/refs/…`; null: forgotten.")
    path: str | None = strawberry.field(description="The path as a person writes it.")
    kind: ResourceKind
    state: ResourceState | None
    hash: str | None = strawberry.field(description="SHA-256 of the content, object id of a ref; null: not there.")
    size: Long | None
    modified_at: Timestamp | None = strawberry.field(description="Time of the file when both sides were the same.")
    found: JSON | None = strawberry.field(description="What was seen outside while the two differ.")
    confirm_id: strawberry.ID | None = strawberry.field(description="The confirm that decides a conflict.")
    settings: JSON | None = strawberry.field(description="Of a directory: how it is watched and reconciled.")
    dependents: list[ResourceDependent]


def resource_from(row: Row) -> TrackedResource:
    """Return the resource of a stored row with its ``dependents``."""
    uri = row.get("uri")
    wanted = loads(row.get("on_drift")) or {}
    return TrackedResource(
        **node_fields("Resource", row),
        uri=uri,
        path=None if uri is None else shown(uri),
        kind=ResourceKind(row["kind"]),
        state=member(ResourceState, row.get("state")),
        hash=row.get("hash"),
        size=row.get("size"),
        modified_at=moment(row.get("mtime_ms")),
        found=loads(row.get("found")),
        confirm_id=reference("Confirm", row, "confirm"),
        settings=loads(row.get("settings")),
        dependents=[
            ResourceDependent(
                id=strawberry.ID(global_id(d["label"], row["project_id"], d["id"])),
                stale_since=moment(d["stale_ms"]),
                on_drift=member(OnDrift, wanted.get(d["id"])),
            )
            for d in row.get("dependents") or ()
        ],
    )
