"""Enums of dialogs, collabs, extensions, cores and networks; values are spelled as the protocol spells them."""

from __future__ import annotations

from enum import Enum

import strawberry


@strawberry.enum(description="Status of a dialog.")
class DialogStatus(Enum):
    active = "active"
    paused = "paused"
    completed = "completed"
    cancelled = "cancelled"


@strawberry.enum(description="Who speaks in a message.")
class MessageRole(Enum):
    user = "user"
    assistant = "assistant"
    system = "system"
    agent = "agent"


@strawberry.enum(description="Status of a collab.")
class CollabStatus(Enum):
    draft = "draft"
    active = "active"
    suspended = "suspended"
    completed = "completed"
    cancelled = "cancelled"


@strawberry.enum(description="How the participants of a collab take turns.")
class CollabMode(Enum):
    broadcast = "broadcast"
    round_robin = "round_robin"
    orchestrated = "orchestrated"
    swarm = "swarm"
    pair = "pair"


@strawberry.enum(description="What a participant is.")
class ParticipantKind(Enum):
    agent = "agent"
    human = "human"
    system = "system"
    external = "external"


@strawberry.enum(description="Status of an extension.")
class ExtensionStatus(Enum):
    registered = "registered"
    active = "active"
    inactive = "inactive"
    deprecated = "deprecated"


@strawberry.enum(description="What an extension adds.")
class ExtensionType(Enum):
    capability = "capability"
    policy = "policy"
    integration = "integration"
    transformation = "transformation"
    validation = "validation"
    other = "other"


@strawberry.enum(description="Status of a core: the set of modules that a project uses.")
class CoreStatus(Enum):
    draft = "draft"
    active = "active"
    deprecated = "deprecated"
    archived = "archived"


@strawberry.enum(description="Whether a core has a module switched on.")
class CoreModuleStatus(Enum):
    enabled = "enabled"
    disabled = "disabled"
    experimental = "experimental"
    deprecated = "deprecated"


@strawberry.enum(description="Status of a network.")
class NetworkStatus(Enum):
    draft = "draft"
    provisioning = "provisioning"
    active = "active"
    degraded = "degraded"
    maintenance = "maintenance"
    retired = "retired"


@strawberry.enum(description="Shape of a network.")
class TopologyType(Enum):
    single_node = "single_node"
    hub_spoke = "hub_spoke"
    mesh = "mesh"
    hierarchical = "hierarchical"
    hybrid = "hybrid"
    other = "other"


@strawberry.enum(description="What a node of a network is.")
class NetworkNodeKind(Enum):
    agent = "agent"
    service = "service"
    database = "database"
    queue = "queue"
    external = "external"
    other = "other"


@strawberry.enum(description="Status of a node of a network.")
class NetworkNodeStatus(Enum):
    active = "active"
    inactive = "inactive"
    degraded = "degraded"
    unreachable = "unreachable"
    retired = "retired"
