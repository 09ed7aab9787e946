"""Mutations of tracked resources: what the graph expects of them, and what somebody saw outside."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NoBase64
from typing import Annotated, Any

import strawberry
from strawberry.scalars import JSON

from psg import drift
from psg.errors import ValidationFailed
from psg.write.command import Answer
from psg_graphql.failures import Conflict, Forbidden, NotFound, Refused, ValidationError
from psg_graphql.global_id import parse_in, project_of
from psg_graphql.mutations.answers import command, effect, given, stored
from psg_graphql.mutations.inputs import CommandId, ExpectedRevision, ProjectRef
from psg_graphql.mutations.results import Effect
from psg_graphql.request_context import Info
from psg_graphql.roots import mutation
from psg_graphql.types.resource import OnDrift, TrackedResource

_Uri = Annotated[str, strawberry.field(description="`file:NAME/PATH` or `git:NAME/refs/…`; `dir:NAME` to untrack.")]


@strawberry.input
class TrackResourceInput:
    project_id: ProjectRef
    root: Annotated[str, strawberry.field(description="Name of the directory; where it lies, each process knows.")]
    settings: Annotated[
        JSON | None,
        strawberry.field(
            description="`interval_ms`, `added`, `modified`, `deleted`, `both` (fs_wins, psg_wins, manual, merge), "
            "`content_bytes`, `include`, `exclude`, `refs`, `on_drift`; absent: the defaults."
        ),
    ] = None
    command_id: CommandId = None


@strawberry.input
class UntrackResourceInput:
    project_id: ProjectRef
    uri: _Uri
    command_id: CommandId = None


@strawberry.input
class ExpectContentInput:
    project_id: ProjectRef
    uri: _Uri
    text: Annotated[str | None, strawberry.field(description="The content; of a git ref the object id.")] = None
    base64: Annotated[str | None, strawberry.field(description="The content where it is no text.")] = None
    absent: Annotated[bool, strawberry.field(description="It is not to be there.")] = False
    expected_revision: ExpectedRevision = None
    command_id: CommandId = None


@strawberry.input
class ReportFileUpdateInput:
    project_id: ProjectRef
    file_path: Annotated[str, strawberry.field(description="Path below the tracked directory.")]
    change_type: Annotated[str, strawberry.field(description="`added`, `modified` or `deleted`.")]
    timestamp: Annotated[str, strawberry.field(description="RFC 3339; the time of the file.")]
    root: Annotated[str | None, strawberry.field(description="May be left out when one directory is tracked.")] = None
    command_id: CommandId = None


@strawberry.input
class DependOnResourceInput:
    project_id: ProjectRef
    uri: _Uri
    dependent_id: Annotated[strawberry.ID, strawberry.field(description="Global id of a plan or step.")]
    on_drift: OnDrift | None = None
    command_id: CommandId = None


@strawberry.input
class RefreshDependentInput:
    project_id: ProjectRef
    dependent_id: Annotated[strawberry.ID, strawberry.field(description="Global id of a plan or step.")]
    command_id: CommandId = None


@strawberry.type
class ResourcePayload(Effect):
    resource: TrackedResource


@strawberry.type
class FileUpdatePayload(Effect):
    drifted: bool = strawberry.field(description="Whether its time is another than the graph's: then it is flagged.")
    resource: TrackedResource | None = strawberry.field(description="Null: it is not known, and gone already.")


@strawberry.type
class RefreshDependentPayload(Effect):
    dependent_id: strawberry.ID


_Failures = NotFound | Conflict | ValidationError | Forbidden | Refused

ResourceResult = Annotated[ResourcePayload | _Failures, strawberry.union("ResourceResult")]
FileUpdateResult = Annotated[FileUpdatePayload | _Failures, strawberry.union("FileUpdateResult")]
RefreshDependentResult = Annotated[RefreshDependentPayload | _Failures, strawberry.union("RefreshDependentResult")]


@strawberry.type
class ResourceMutations:
    @mutation("Track a directory by name, or set how it is tracked.")
    async def track_resource(self, info: Info, input: TrackResourceInput) -> ResourceResult:
        if input.settings is not None and not isinstance(input.settings, dict):
            raise ValidationFailed("settings: an object is expected", field="settings")
        answer = await drift.track(
            info.context.graph, project_of(input.project_id), input.root, input.settings,
            **command(info, input.command_id),
        )  # fmt: skip
        return await _payload(info, answer)

    @mutation("Forget a tracked resource, a directory with all that is below it; no file is touched.")
    async def untrack_resource(self, info: Info, input: UntrackResourceInput) -> ResourceResult:
        answer = await drift.untrack(
            info.context.graph, project_of(input.project_id), input.uri, **command(info, input.command_id)
        )
        return await _payload(info, answer)

    @mutation("Change what a file or ref is to be; it follows with the next reconciliation.")
    async def expect_content(self, info: Info, input: ExpectContentInput) -> ResourceResult:
        answer = await drift.expect(
            info.context.graph, project_of(input.project_id), input.uri, _content(input),
            **command(info, input.command_id, input.expected_revision),
        )  # fmt: skip
        return await _payload(info, answer)

    @mutation("Tell of a change of a file: its time is compared with the graph's, and a drift is flagged.")
    async def report_file_update(self, info: Info, input: ReportFileUpdateInput) -> FileUpdateResult:
        event = given(
            file_path=input.file_path, change_type=input.change_type, timestamp=input.timestamp, root=input.root
        )
        answer = await drift.report_file_update(
            info.context.graph, project_of(input.project_id), event, **command(info, input.command_id)
        )
        found = answer.ids["resource"]
        resource = None if found is None else await stored(info, "Resource", answer, found)
        return FileUpdatePayload(drifted=answer.ids["drifted"], resource=resource, **effect(answer))

    @mutation("Say that a plan or step depends on a resource, and what happens when that changes outside.")
    async def depend_on_resource(self, info: Info, input: DependOnResourceInput) -> ResourceResult:
        inside = project_of(input.project_id)
        dependent = parse_in(inside, input.dependent_id, "dependentId", "Plan", "Step")
        answer = await drift.depend_on(
            info.context.graph, inside, input.uri, dependent,
            on_drift=None if input.on_drift is None else input.on_drift.value, **command(info, input.command_id),
        )  # fmt: skip
        return await _payload(info, answer)

    @mutation("Say that a stale plan or step was looked at.")
    async def refresh_dependent(self, info: Info, input: RefreshDependentInput) -> RefreshDependentResult:
        inside = project_of(input.project_id)
        dependent = parse_in(inside, input.dependent_id, "dependentId", "Plan", "Step")
        answer = await drift.refresh(info.context.graph, inside, dependent, **command(info, input.command_id))
        return RefreshDependentPayload(dependent_id=input.dependent_id, **effect(answer))


async def _payload(info: Info, answer: Answer) -> Any:
    resource = await stored(info, "Resource", answer, answer.ids["resource"])
    return ResourcePayload(resource=resource, **effect(answer))


def _content(given_: ExpectContentInput) -> bytes | None:
    """The content that an input gives in one of three ways."""
    ways = (given_.text is not None, given_.base64 is not None, given_.absent)
    if sum(ways) != 1:
        raise ValidationFailed("text, base64, absent: exactly one of them is expected", field="text")
    if given_.text is not None:
        return given_.text.encode()
    if given_.base64 is None:
        return None
    try:
        return b64decode(given_.base64, validate=True)
    except (NoBase64, ValueError):
        raise ValidationFailed("base64: this is not base64", field="base64") from None
