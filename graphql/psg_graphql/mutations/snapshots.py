"""Mutations of snapshots: save a state, go back to it, and say whether starts save one by themselves."""

from __future__ import annotations

from typing import Annotated

import strawberry

from psg import snapshots
from psg_graphql.failures import Conflict, Forbidden, NotFound, Refused, ValidationError
from psg_graphql.global_id import parse_in, project_of
from psg_graphql.mutations.answers import command, effect
from psg_graphql.mutations.inputs import CommandId, ProjectRef
from psg_graphql.mutations.results import Effect
from psg_graphql.request_context import Info
from psg_graphql.roots import mutation
from psg_graphql.types.snapshot import Snapshot, snapshot_from

SnapshotRef = Annotated[str, strawberry.field(description="UUID of the snapshot, as `snapshots` tells it.")]


@strawberry.input
class TakeSnapshotInput:
    project_id: ProjectRef
    plan_id: Annotated[strawberry.ID | None, strawberry.field(description="Absent: the whole project.")] = None
    reason: str = "on demand"
    command_id: CommandId = None


@strawberry.input
class RestoreSnapshotInput:
    project_id: ProjectRef
    snapshot_id: SnapshotRef
    command_id: CommandId = None


@strawberry.input
class SetSnapshotPolicyInput:
    project_id: ProjectRef
    before_start: Annotated[bool, strawberry.field(description="Save a snapshot whenever a plan starts.")]
    command_id: CommandId = None


@strawberry.type
class SnapshotPayload(Effect):
    snapshot: Snapshot


@strawberry.type
class RestorePayload(Effect):
    snapshot: Snapshot
    before: Snapshot = strawberry.field(description="The state that was left; restore it to undo this.")
    restored: int = strawberry.field(description="How many nodes changed.")


@strawberry.type
class SnapshotPolicyPayload(Effect):
    before_start: bool


_Failures = NotFound | Conflict | ValidationError | Forbidden | Refused

SnapshotResult = Annotated[SnapshotPayload | _Failures, strawberry.union("SnapshotResult")]
RestoreResult = Annotated[RestorePayload | _Failures, strawberry.union("RestoreResult")]
SnapshotPolicyResult = Annotated[SnapshotPolicyPayload | _Failures, strawberry.union("SnapshotPolicyResult")]


@strawberry.type
class SnapshotMutations:
    @mutation("Save the state of a project, or of one plan; it costs the same whatever its size.")
    async def take_snapshot(self, info: Info, input: TakeSnapshotInput) -> SnapshotResult:
        project_id = project_of(input.project_id)
        plan_id = None if input.plan_id is None else parse_in(project_id, input.plan_id, "planId", "Plan")
        graph = info.context.graph
        answer = await snapshots.take_command(
            graph, project_id, plan_id=plan_id, reason=input.reason, **command(info, input.command_id)
        )
        saved = await snapshots.find(graph.db, project_id, answer.ids["snapshot"])
        return SnapshotPayload(snapshot=snapshot_from(saved), **effect(answer))

    @mutation("Bring nodes, edges and values back to a snapshot; traces and the log stay. A running plan is refused.")
    async def restore_snapshot(self, info: Info, input: RestoreSnapshotInput) -> RestoreResult:
        project_id, graph = project_of(input.project_id), info.context.graph
        answer = await snapshots.restore(
            graph, project_id, input.snapshot_id, **command(info, input.command_id)
        )
        info.context.fresh()
        saved, before = [await snapshots.find(graph.db, project_id, answer.ids[i]) for i in ("snapshot", "before")]
        return RestorePayload(
            snapshot=snapshot_from(saved), before=snapshot_from(before), restored=answer.ids["restored"],
            **effect(answer),
        )  # fmt: skip

    @mutation("Set whether a project saves a snapshot whenever one of its plans starts; it does unless told not to.")
    async def set_snapshot_policy(self, info: Info, input: SetSnapshotPolicyInput) -> SnapshotPolicyResult:
        answer = await snapshots.set_policy(
            info.context.graph, project_of(input.project_id), before_start=input.before_start,
            **command(info, input.command_id),
        )  # fmt: skip
        return SnapshotPolicyPayload(before_start=input.before_start, **effect(answer))
