"""Snapshot in the API: a saved state of a project or a plan. It is a place in the log, not a node of the graph."""

from __future__ import annotations

import strawberry

from psg.snapshots import Snapshot as Saved
from psg_graphql.global_id import global_id
from psg_graphql.scalars import Long, Timestamp
from psg_graphql.types.node import moment


@strawberry.type(description="A saved state of a project, or of one plan, that can be gone back to.")
class Snapshot:
    uuid: str = strawberry.field(description="Id of the snapshot in its project.")
    project_id: strawberry.ID
    plan_id: strawberry.ID | None = strawberry.field(description="The plan it is of; null: the whole project.")
    seq: Long = strawberry.field(description="The last event that belongs to the state; `asOf` reads plans as then.")
    reason: str
    actor: str
    taken_at: Timestamp | None
    restored_at: Timestamp | None = strawberry.field(description="When it was last gone back to.")
    restores: int = strawberry.field(description="How often it was gone back to.")


def snapshot_from(saved: Saved) -> Snapshot:
    """Return the API's view of a snapshot."""
    return Snapshot(
        uuid=saved.id,
        project_id=strawberry.ID(global_id("Project", saved.project_id, saved.project_id)),
        plan_id=None if saved.plan_id is None else strawberry.ID(global_id("Plan", saved.project_id, saved.plan_id)),
        seq=Long(saved.seq),
        reason=saved.reason,
        actor=saved.actor,
        taken_at=moment(saved.at),
        restored_at=moment(saved.restored_at),
        restores=saved.restores,
    )
