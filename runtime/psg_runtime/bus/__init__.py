"""The event bus: what the log of a project tells, brought to whoever registered for it (L3-42, L3-44, L3-45)."""

from psg_runtime.bus.capture import Captured, capture
from psg_runtime.bus.consumers import EventCounters, EventLogger
from psg_runtime.bus.memory import InMemoryEventBus
from psg_runtime.bus.port import Consumer, EventBus, Filter, ProtocolEvent, Subscription
from psg_runtime.bus.tail import LogTail

__all__ = [
    "Captured",
    "Consumer",
    "EventBus",
    "EventCounters",
    "EventLogger",
    "Filter",
    "InMemoryEventBus",
    "LogTail",
    "ProtocolEvent",
    "Subscription",
    "capture",
]
