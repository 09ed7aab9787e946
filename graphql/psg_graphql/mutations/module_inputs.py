"""Inputs of the mutations of dialogs, collabs, extensions, cores and networks."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.scalars import JSON

from psg_graphql.module_enums import (
    CollabMode,
    CollabStatus,
    CoreModuleStatus,
    CoreStatus,
    DialogStatus,
    ExtensionStatus,
    ExtensionType,
    MessageRole,
    NetworkNodeKind,
    NetworkNodeStatus,
    NetworkStatus,
    ParticipantKind,
    TopologyType,
)
from psg_graphql.mutations.inputs import CommandId, ExpectedRevision, NodeUuid, ProjectRef
from psg_graphql.scalars import Module, Timestamp

RoleId = Annotated[strawberry.ID | None, strawberry.field(description="Global id of the role that it plays.")]


@strawberry.input
class UpdateDocumentInput:
    id: strawberry.ID
    changes: Annotated[
        JSON,
        strawberry.field(description="Protocol fields with new values; null removes one. Not status, ids or parts."),
    ]
    expected_revision: ExpectedRevision = None
    command_id: CommandId = None


@strawberry.input
class MessageInput:
    role: MessageRole
    content: str
    timestamp: Annotated[
        Timestamp | None, strawberry.field(description="Absent: now; given with a dialog's first messages.")
    ] = None
    event: Annotated[JSON | None, strawberry.field(description="Protocol event that comes with the message.")] = None


@strawberry.input
class CreateDialogInput:
    context_id: strawberry.ID
    messages: Annotated[list[MessageInput] | None, strawberry.field(description="Absent: none yet.")] = None
    status: Annotated[DialogStatus | None, strawberry.field(description="Absent: active.")] = None
    thread_id: Annotated[str | None, strawberry.field(description="UUID v4 that groups dialogs.")] = None
    started_at: Timestamp | None = None
    ended_at: Timestamp | None = None
    uuid: NodeUuid = None
    command_id: CommandId = None


@strawberry.input
class AddMessageInput:
    dialog_id: strawberry.ID
    message: MessageInput
    expected_revision: ExpectedRevision = None
    command_id: CommandId = None


@strawberry.input
class ParticipantInput:
    participant_id: Annotated[str, strawberry.field(description="Identifier of the participant, of your own making.")]
    kind: ParticipantKind
    role_id: RoleId = None
    display_name: str | None = None


@strawberry.input
class CreateCollabInput:
    context_id: strawberry.ID
    title: str
    purpose: str
    mode: CollabMode
    participants: list[ParticipantInput]
    status: Annotated[CollabStatus | None, strawberry.field(description="Absent: draft.")] = None
    created_at: Annotated[Timestamp | None, strawberry.field(description="Absent: now.")] = None
    uuid: NodeUuid = None
    command_id: CommandId = None


@strawberry.input
class AddParticipantInput:
    collab_id: strawberry.ID
    participant: ParticipantInput
    expected_revision: ExpectedRevision = None
    command_id: CommandId = None


@strawberry.input
class CreateExtensionInput:
    context_id: strawberry.ID
    name: str
    extension_type: ExtensionType
    version: Annotated[str, strawberry.field(description="Semantic version, for example 1.2.3.")]
    status: Annotated[ExtensionStatus | None, strawberry.field(description="Absent: registered.")] = None
    config: JSON | None = None
    uuid: NodeUuid = None
    command_id: CommandId = None


@strawberry.input
class CoreModuleInput:
    module_id: Module
    version: str
    status: CoreModuleStatus
    required: bool | None = None
    description: str | None = None


@strawberry.input
class CreateCoreInput:
    project_id: ProjectRef
    modules: list[CoreModuleInput]
    protocol_version: str = "1.0.0"
    status: Annotated[CoreStatus | None, strawberry.field(description="Absent: draft.")] = None
    uuid: NodeUuid = None
    command_id: CommandId = None


@strawberry.input
class NetworkNodeInput:
    kind: NetworkNodeKind
    name: str | None = None
    role_id: RoleId = None
    status: Annotated[NetworkNodeStatus | None, strawberry.field(description="Absent: active.")] = None
    uuid: NodeUuid = None


@strawberry.input
class CreateNetworkInput:
    context_id: strawberry.ID
    name: str
    topology_type: TopologyType
    description: str | None = None
    nodes: list[NetworkNodeInput] | None = None
    status: Annotated[NetworkStatus | None, strawberry.field(description="Absent: draft.")] = None
    uuid: NodeUuid = None
    command_id: CommandId = None


@strawberry.input
class AddNetworkNodeInput:
    network_id: strawberry.ID
    node: NetworkNodeInput
    expected_revision: ExpectedRevision = None
    command_id: CommandId = None


@strawberry.input
class TransitionDialogInput:
    id: strawberry.ID
    status: DialogStatus
    expected_revision: ExpectedRevision = None
    command_id: CommandId = None


@strawberry.input
class TransitionCollabInput:
    id: strawberry.ID
    status: CollabStatus
    expected_revision: ExpectedRevision = None
    command_id: CommandId = None


@strawberry.input
class TransitionExtensionInput:
    id: strawberry.ID
    status: ExtensionStatus
    expected_revision: ExpectedRevision = None
    command_id: CommandId = None


@strawberry.input
class TransitionCoreInput:
    id: strawberry.ID
    status: CoreStatus
    expected_revision: ExpectedRevision = None
    command_id: CommandId = None


@strawberry.input
class TransitionNetworkInput:
    id: strawberry.ID
    status: NetworkStatus
    expected_revision: ExpectedRevision = None
    command_id: CommandId = None


@strawberry.input
class TransitionNetworkNodeInput:
    id: strawberry.ID
    status: NetworkNodeStatus
    expected_revision: ExpectedRevision = None
    command_id: CommandId = None
