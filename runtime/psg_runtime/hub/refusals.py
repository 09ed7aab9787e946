"""What senders are told when a message is not accepted, or not answered; each names the message's work."""

from __future__ import annotations

from psg_runtime.hub.errors import ForeignSource, MessageTimeout, QueueFull, UnknownTarget
from psg_runtime.hub.message import InterModuleMessage


def full(message: InterModuleMessage, limit: int) -> QueueFull:
    """The refusal of one message too many."""
    return QueueFull(
        f"module {message.target_module!r} has {limit} messages that are not answered, as many as are allowed; "
        f"message {message.id} was not accepted",
        target=message.target_module, limit=limit, message_id=message.id, correlation_id=message.correlation_id,
    )  # fmt: skip


def late(message: InterModuleMessage, timeout_ms: int) -> MessageTimeout:
    """What the sender is told when no answer came."""
    return MessageTimeout(
        f"module {message.target_module!r} did not answer message {message.id} ({message.operation}) within "
        f"{timeout_ms} ms",
        target=message.target_module, message_id=message.id, timeout_ms=timeout_ms,
        correlation_id=message.correlation_id,
    )  # fmt: skip


def unknown_target(module: str, correlation_id: str | None) -> UnknownTarget:
    """The refusal of a message to nobody."""
    return UnknownTarget(
        f"target_module: no module {module!r} is registered; register it, or start the process that has it",
        target=module, correlation_id=correlation_id,
    )  # fmt: skip


def unknown_source(module: str, correlation_id: str | None) -> ForeignSource:
    """The refusal of a message from nobody."""
    return ForeignSource(
        f"source_module: no module {module!r} is registered, so nobody can speak in its name",
        source=module, correlation_id=correlation_id,
    )  # fmt: skip


def foreign_name(source: str, sender: str, correlation_id: str | None) -> ForeignSource:
    """The refusal of a message that one module sends in the name of another."""
    return ForeignSource(
        f"source_module: module {sender!r} cannot speak in the name of {source!r}",
        source=source, sender=sender, correlation_id=correlation_id,
    )  # fmt: skip
