"""The event bus: what the log of a project tells, brought to whoever registered for it (L3-42, L3-44, L3-45)."""

from psg_runtime.bus.capture import Captured, capture
from psg_runtime.bus.cloud_events import CloudEvent
from psg_runtime.bus.consumers import EventCounters, EventLogger
from psg_runtime.bus.in_order import InOrder, log_of
from psg_runtime.bus.memory import InMemoryEventBus
from psg_runtime.bus.outside import BrokerEventBus
from psg_runtime.bus.port import Consumer, EventBus, Filter, ProtocolEvent, Subscription
from psg_runtime.bus.relay import Relay
from psg_runtime.bus.settings import BusSettings, bus_settings
from psg_runtime.bus.tail import LogTail

__all__ = [
    "BrokerEventBus",
    "BusSettings",
    "Captured",
    "CloudEvent",
    "Consumer",
    "EventBus",
    "EventCounters",
    "EventLogger",
    "Filter",
    "InMemoryEventBus",
    "InOrder",
    "LogTail",
    "ProtocolEvent",
    "Relay",
    "Subscription",
    "bus_settings",
    "capture",
    "log_of",
]
