"""Documents of the modules in which agents talk, work together, are extended and connected."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, StrictStr

from psg.model.protocol.fields import (
    ABSENT,
    BaseEvent,
    DateTime,
    Document,
    Governance,
    Id,
    Module,
    ModuleName,
    Text,
)

_NUMBER = r"(0|[1-9][0-9]*)"
_LABEL = r"(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)"
SemVer = Annotated[
    StrictStr,
    Field(
        pattern=rf"^{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-({_LABEL}(?:\.{_LABEL})*))?"
        r"(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?$"
    ),
]


class MessageDocument(Document):
    role: Literal["user", "assistant", "system", "agent"]
    content: StrictStr
    timestamp: DateTime
    event: BaseEvent = ABSENT


class DialogDocument(Module):
    governance: Governance = ABSENT
    dialog_id: Id
    context_id: Id
    thread_id: Id = ABSENT
    status: Literal["active", "paused", "completed", "cancelled"]
    messages: list[MessageDocument]
    started_at: DateTime = ABSENT
    ended_at: DateTime = ABSENT


class ParticipantDocument(Document):
    participant_id: Text
    role_id: StrictStr = ABSENT
    kind: Literal["agent", "human", "system", "external"]
    display_name: StrictStr = ABSENT


class CollabDocument(Module):
    governance: Governance = ABSENT
    collab_id: Id
    context_id: Id
    title: Text
    purpose: Text
    mode: Literal["broadcast", "round_robin", "orchestrated", "swarm", "pair"]
    status: Literal["draft", "active", "suspended", "completed", "cancelled"]
    participants: Annotated[list[ParticipantDocument], Field(min_length=1)]
    created_at: DateTime
    updated_at: DateTime = ABSENT


class ExtensionDocument(Module):
    governance: Governance = ABSENT
    extension_id: Id
    context_id: Id
    name: Text
    extension_type: Literal["capability", "policy", "integration", "transformation", "validation", "other"]
    version: SemVer
    status: Literal["registered", "active", "inactive", "deprecated"]
    config: dict[str, Any] = ABSENT


class ModuleDescriptor(Document):
    module_id: ModuleName
    version: Text
    status: Literal["enabled", "disabled", "experimental", "deprecated"]
    required: StrictBool = ABSENT
    description: StrictStr = ABSENT


class CoreDocument(Module):
    governance: Governance = ABSENT
    core_id: Id
    protocol_version: Text
    status: Literal["draft", "active", "deprecated", "archived"]
    modules: Annotated[list[ModuleDescriptor], Field(min_length=1)]


class NetworkNodeDocument(Document):
    node_id: Id
    name: StrictStr = ABSENT
    kind: Literal["agent", "service", "database", "queue", "external", "other"]
    role_id: StrictStr = ABSENT
    status: Literal["active", "inactive", "degraded", "unreachable", "retired"]


class NetworkDocument(Module):
    governance: Governance = ABSENT
    network_id: Id
    context_id: Id
    name: Text
    description: StrictStr = ABSENT
    topology_type: Literal["single_node", "hub_spoke", "mesh", "hierarchical", "hybrid", "other"]
    status: Literal["draft", "provisioning", "active", "degraded", "maintenance", "retired"]
    nodes: list[NetworkNodeDocument] = ABSENT
