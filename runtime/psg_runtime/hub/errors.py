"""What can go wrong between two modules; all of it is a communication error."""

from __future__ import annotations

from typing import ClassVar

from psg.errors import PsgError
from psg_neo4j.errors import Category


class CommunicationError(PsgError):
    """A message could not be brought to its module, or its answer not back."""

    code = "communication_error"
    category: ClassVar[Category] = "communication_error"


class UnknownTarget(CommunicationError):
    """No module of this name is registered with the hub."""

    code = "unknown_target"


class ForeignSource(CommunicationError):
    """The message speaks in the name of a module that its sender is not, or that is not registered."""

    code = "foreign_source"


class QueueFull(CommunicationError):
    """The module has as many unanswered messages as are allowed; send again when it has answered some."""

    code = "message_queue_full"
    retryable = True


class MessageTimeout(CommunicationError):
    """The module did not answer in time; an answer that comes later is not taken."""

    code = "message_timeout"
    retryable = True


class MessageForgotten(CommunicationError):
    """The message was answered once, and the answer is not kept any more; it is not delivered again."""

    code = "message_forgotten"


class HubNotRunning(CommunicationError):
    """A hub on the graph works only inside ``async with hub:``."""

    code = "hub_not_running"


class DeliveryFailed(CommunicationError):
    """Every process that took the message died of it."""

    code = "delivery_failed"
