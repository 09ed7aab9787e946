"""The communication hub: messages between modules, events for whoever wants them (CORE-27 … CORE-32)."""

from __future__ import annotations

from psg_runtime.hub.errors import (
    CommunicationError,
    DeliveryFailed,
    ForeignSource,
    HubNotRunning,
    MessageForgotten,
    MessageTimeout,
    QueueFull,
    UnknownTarget,
)
from psg_runtime.hub.hub import CommunicationHub, ModuleDoor
from psg_runtime.hub.message import InterModuleMessage, MessagePriority, MessageResult, SystemEvent
from psg_runtime.hub.port import EventHandler, MessageHandler, ModuleDirectory, ModuleLike

__all__ = [
    "CommunicationError",
    "CommunicationHub",
    "DeliveryFailed",
    "EventHandler",
    "ForeignSource",
    "HubNotRunning",
    "InterModuleMessage",
    "MessageForgotten",
    "MessageHandler",
    "MessagePriority",
    "MessageResult",
    "MessageTimeout",
    "ModuleDirectory",
    "ModuleDoor",
    "ModuleLike",
    "QueueFull",
    "SystemEvent",
    "UnknownTarget",
]
