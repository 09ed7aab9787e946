"""Results of the mutations of dialogs, collabs, extensions, cores and networks."""

from __future__ import annotations

from typing import Annotated

import strawberry

from psg_graphql.failures import Conflict, Forbidden, NotFound, Refused, ValidationError
from psg_graphql.mutations.results import Effect
from psg_graphql.types.collab import Collab, Participant
from psg_graphql.types.core import Core
from psg_graphql.types.dialog import Dialog, Message
from psg_graphql.types.extension import Extension
from psg_graphql.types.network import Network, NetworkNode


@strawberry.type
class DialogPayload(Effect):
    dialog: Dialog


@strawberry.type
class MessagePayload(Effect):
    # Not `message`: a failure has that, as text, and a query asks for both.
    dialog_message: Message


@strawberry.type
class CollabPayload(Effect):
    collab: Collab


@strawberry.type
class ParticipantPayload(Effect):
    participant: Participant


@strawberry.type
class ExtensionPayload(Effect):
    extension: Extension


@strawberry.type
class CorePayload(Effect):
    core: Core


@strawberry.type
class NetworkPayload(Effect):
    network: Network


@strawberry.type
class NetworkNodePayload(Effect):
    node: NetworkNode


_Failures = NotFound | Conflict | ValidationError | Forbidden | Refused

DialogResult = Annotated[DialogPayload | _Failures, strawberry.union("DialogResult")]
MessageResult = Annotated[MessagePayload | _Failures, strawberry.union("MessageResult")]
CollabResult = Annotated[CollabPayload | _Failures, strawberry.union("CollabResult")]
ParticipantResult = Annotated[ParticipantPayload | _Failures, strawberry.union("ParticipantResult")]
ExtensionResult = Annotated[ExtensionPayload | _Failures, strawberry.union("ExtensionResult")]
CoreResult = Annotated[CorePayload | _Failures, strawberry.union("CoreResult")]
NetworkResult = Annotated[NetworkPayload | _Failures, strawberry.union("NetworkResult")]
NetworkNodeResult = Annotated[NetworkNodePayload | _Failures, strawberry.union("NetworkNodeResult")]
