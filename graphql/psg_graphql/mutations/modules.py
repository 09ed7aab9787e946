"""Mutations of dialogs, collabs, extensions, cores and networks, and of their parts."""

from __future__ import annotations

from enum import Enum
from typing import Any

import strawberry

from psg import parts
from psg.model.codec import timestamp
from psg.model.entities import ENTITIES, MODULES
from psg.model.ids import check_id, derived_id
from psg_graphql.clock import now_ms
from psg_graphql.global_id import GlobalId, parse_global_id, parse_in, project_of
from psg_graphql.mutations import module_inputs as inputs
from psg_graphql.mutations import module_results as results
from psg_graphql.mutations.answers import META, changed_fields, command, effect, given, stored
from psg_graphql.request_context import Info
from psg_graphql.roots import mutation


@strawberry.type
class ModuleMutations:
    @mutation("Create a dialog, with its first messages or none.")
    async def create_dialog(self, info: Info, input: inputs.CreateDialogInput) -> results.DialogResult:
        context = parse_global_id(input.context_id, "contextId", "Context")
        document = given(
            context_id=context.node_id, thread_id=input.thread_id, status=_value(input.status, "active"),
            messages=[_message(message) for message in input.messages or ()], started_at=input.started_at,
            ended_at=input.ended_at,
        )  # fmt: skip
        return results.DialogPayload(**await _create(info, "dialog", context.project_id, document, input))

    @mutation("Create a collab with its participants.")
    async def create_collab(self, info: Info, input: inputs.CreateCollabInput) -> results.CollabResult:
        context = parse_global_id(input.context_id, "contextId", "Context")
        document = given(
            context_id=context.node_id, title=input.title, purpose=input.purpose, mode=input.mode.value,
            status=_value(input.status, "draft"),
            participants=[_participant(context.project_id, item) for item in input.participants],
            created_at=input.created_at,
        )  # fmt: skip
        return results.CollabPayload(**await _create(info, "collab", context.project_id, document, input))

    @mutation("Create an extension.")
    async def create_extension(self, info: Info, input: inputs.CreateExtensionInput) -> results.ExtensionResult:
        context = parse_global_id(input.context_id, "contextId", "Context")
        document = given(
            context_id=context.node_id, name=input.name, extension_type=input.extension_type.value,
            version=input.version, status=_value(input.status, "registered"), config=input.config,
        )  # fmt: skip
        return results.ExtensionPayload(**await _create(info, "extension", context.project_id, document, input))

    @mutation("Create a core: the modules of the protocol that the project uses.")
    async def create_core(self, info: Info, input: inputs.CreateCoreInput) -> results.CoreResult:
        modules = [
            given(
                module_id=item.module_id.value, version=item.version, status=item.status.value,
                required=item.required, description=item.description,
            )
            for item in input.modules
        ]  # fmt: skip
        document = given(
            protocol_version=input.protocol_version, status=_value(input.status, "draft"), modules=modules
        )
        return results.CorePayload(**await _create(info, "core", project_of(input.project_id), document, input))

    @mutation("Create a network, with its nodes or none.")
    async def create_network(self, info: Info, input: inputs.CreateNetworkInput) -> results.NetworkResult:
        context = parse_global_id(input.context_id, "contextId", "Context")
        request = command(info, input.command_id)
        nodes = None
        if input.nodes is not None:
            nodes = [
                _network_node(context.project_id, item, f"{request['command_id']}:{at}")
                for at, item in enumerate(input.nodes)
            ]
        document = given(
            context_id=context.node_id, name=input.name, description=input.description, nodes=nodes,
            topology_type=input.topology_type.value, status=_value(input.status, "draft"),
        )  # fmt: skip
        made = await _create(info, "network", context.project_id, document, input, request)
        return results.NetworkPayload(**made)

    @mutation("Set fields of a dialog.")
    async def update_dialog(self, info: Info, input: inputs.UpdateDocumentInput) -> results.DialogResult:
        return results.DialogPayload(**await _update(info, "dialog", input))

    @mutation("Change the status of a dialog by its lifecycle.")
    async def transition_dialog(self, info: Info, input: inputs.TransitionDialogInput) -> results.DialogResult:
        return results.DialogPayload(**await _transition(info, "Dialog", "dialog", input))

    @mutation("Set fields of a collab.")
    async def update_collab(self, info: Info, input: inputs.UpdateDocumentInput) -> results.CollabResult:
        return results.CollabPayload(**await _update(info, "collab", input))

    @mutation("Change the status of a collab by its lifecycle.")
    async def transition_collab(self, info: Info, input: inputs.TransitionCollabInput) -> results.CollabResult:
        return results.CollabPayload(**await _transition(info, "Collab", "collab", input))

    @mutation("Set fields of an extension.")
    async def update_extension(self, info: Info, input: inputs.UpdateDocumentInput) -> results.ExtensionResult:
        return results.ExtensionPayload(**await _update(info, "extension", input))

    @mutation("Change the status of an extension by its lifecycle.")
    async def transition_extension(self, info: Info, input: inputs.TransitionExtensionInput) -> results.ExtensionResult:
        return results.ExtensionPayload(**await _transition(info, "Extension", "extension", input))

    @mutation("Set fields of a core.")
    async def update_core(self, info: Info, input: inputs.UpdateDocumentInput) -> results.CoreResult:
        return results.CorePayload(**await _update(info, "core", input))

    @mutation("Change the status of a core by its lifecycle.")
    async def transition_core(self, info: Info, input: inputs.TransitionCoreInput) -> results.CoreResult:
        return results.CorePayload(**await _transition(info, "Core", "core", input))

    @mutation("Set fields of a network.")
    async def update_network(self, info: Info, input: inputs.UpdateDocumentInput) -> results.NetworkResult:
        return results.NetworkPayload(**await _update(info, "network", input))

    @mutation("Change the status of a network by its lifecycle.")
    async def transition_network(self, info: Info, input: inputs.TransitionNetworkInput) -> results.NetworkResult:
        return results.NetworkPayload(**await _transition(info, "Network", "network", input))

    @mutation("Change the status of a node of a network by its lifecycle.")
    async def transition_network_node(
        self, info: Info, input: inputs.TransitionNetworkNodeInput
    ) -> results.NetworkNodeResult:
        return results.NetworkNodePayload(**await _transition(info, "NetworkNode", "node", input))

    @mutation("Add a message to an active dialog, behind those there are.")
    async def add_message(self, info: Info, input: inputs.AddMessageInput) -> results.MessageResult:
        dialog = parse_global_id(input.dialog_id, "dialogId", "Dialog")
        request = command(info, input.command_id, input.expected_revision)
        answer = await parts.add(
            info.context.graph, dialog.project_id, "dialog", dialog.node_id, _message(input.message), **request
        )
        message = await stored(info, "Message", answer, answer.ids["message"])
        return results.MessagePayload(dialog_message=message, **effect(answer))

    @mutation("Add a participant to a collab that is not over.")
    async def add_participant(self, info: Info, input: inputs.AddParticipantInput) -> results.ParticipantResult:
        collab = parse_global_id(input.collab_id, "collabId", "Collab")
        request = command(info, input.command_id, input.expected_revision)
        part = _participant(collab.project_id, input.participant)
        answer = await parts.add(
            info.context.graph, collab.project_id, "collab", collab.node_id, part, **request
        )
        participant = await stored(info, "Participant", answer, answer.ids["participant"])
        return results.ParticipantPayload(participant=participant, **effect(answer))

    @mutation("Add a node to a network that is not retired.")
    async def add_network_node(self, info: Info, input: inputs.AddNetworkNodeInput) -> results.NetworkNodeResult:
        network = parse_global_id(input.network_id, "networkId", "Network")
        request = command(info, input.command_id, input.expected_revision)
        part = _network_node(network.project_id, input.node, request["command_id"])
        answer = await parts.add(
            info.context.graph, network.project_id, "network", network.node_id, part, **request
        )
        node = await stored(info, "NetworkNode", answer, answer.ids["network_node"])
        return results.NetworkNodePayload(node=node, **effect(answer))


async def _create(
    info: Info, module: str, project_id: str, fields: dict[str, Any], input: Any, request: dict[str, Any] | None = None
) -> dict[str, Any]:
    request = request or command(info, input.command_id)
    label = MODULES[module]
    node_id = input.uuid or derived_id(module, request["command_id"])
    if module == "collab" and "created_at" not in fields:
        fields = fields | {"created_at": await _created_at(info, project_id, node_id)}
    document = {"meta": META, ENTITIES[label].id_field: node_id} | fields
    answer = await info.context.graph.create_document(project_id, module, document, **request)
    return {module: await stored(info, label, answer, answer.ids[module]), **effect(answer)}


async def _update(info: Info, module: str, input: inputs.UpdateDocumentInput) -> dict[str, Any]:
    target = parse_global_id(input.id, "id", MODULES[module])
    answer = await info.context.graph.update_document(
        target.project_id, module, target.node_id, changed_fields(input.changes),
        **command(info, input.command_id, input.expected_revision),
    )  # fmt: skip
    return {module: await stored(info, target.label, answer, target.node_id), **effect(answer)}


async def _transition(info: Info, label: str, field: str, input: Any) -> dict[str, Any]:
    target: GlobalId = parse_global_id(input.id, "id", label)
    answer = await info.context.graph.transition(
        target.project_id, label, target.node_id, input.status.value,
        **command(info, input.command_id, input.expected_revision),
    )  # fmt: skip
    return {field: await stored(info, label, answer, target.node_id), **effect(answer)}


async def _created_at(info: Info, project_id: str, collab_id: str) -> str:
    """Now, or what an earlier command of the same id took for now: a repeat has to be the same document."""
    (earlier,) = await info.context.reader.by_ids("Collab", [(project_id, check_id(collab_id, "uuid"))])
    return timestamp(now_ms()) if earlier is None else earlier["created_at"]


def _message(message: inputs.MessageInput) -> dict[str, Any]:
    return given(
        role=message.role.value, content=message.content, timestamp=message.timestamp, event=message.event
    )


def _participant(project_id: str, item: inputs.ParticipantInput) -> dict[str, Any]:
    return given(
        participant_id=item.participant_id, role_id=_role(project_id, item.role_id), kind=item.kind.value,
        display_name=item.display_name,
    )  # fmt: skip


def _network_node(project_id: str, item: inputs.NetworkNodeInput, command_id: str) -> dict[str, Any]:
    return given(
        node_id=item.uuid or derived_id("network_node", command_id), name=item.name, kind=item.kind.value,
        role_id=_role(project_id, item.role_id), status=_value(item.status, "active"),
    )  # fmt: skip


def _role(project_id: str, text: str | None) -> str | None:
    return None if text is None else parse_in(project_id, text, "roleId", "Role")


def _value(status: Enum | None, default: str) -> str:
    return default if status is None else status.value
