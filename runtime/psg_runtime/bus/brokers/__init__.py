"""Brokers outside this process, one module for each; what an installation does not use, it need not install."""

from __future__ import annotations

import importlib
import importlib.util

from psg_runtime.bus.brokers.port import Broker, Received
from psg_runtime.bus.errors import BusPartMissing, BusUrlInvalid
from psg_runtime.bus.settings import BusSettings, Kind

_PARTS: dict[Kind, tuple[str, str, str]] = {
    "redis-streams": ("redis_streams", "redis", "psg-platform[redis]"),
    "redis-pubsub": ("redis_pubsub", "redis", "psg-platform[redis]"),
    "nats": ("nats", "nats", "psg-platform[nats]"),
    "kafka": ("kafka", "aiokafka", "psg-platform[kafka]"),
    "websocket": ("websocket", "websockets", "psg-platform"),
}

__all__ = ["Broker", "Received", "broker_of"]


def broker_of(settings: BusSettings) -> Broker:
    """Return the broker that the settings name, not connected yet; raises ``BusUrlInvalid`` or ``BusPartMissing``."""
    address = settings.address
    module, library, part = _PARTS[address.kind]
    if importlib.util.find_spec(library) is None:
        raise BusPartMissing(f"An event bus at {address.shown} needs another part: install {part}.")
    # Optional dependencies: only who has such a broker pays for its library.
    connect = importlib.import_module(f"psg_runtime.bus.brokers.{module}").connect
    try:
        made: Broker = connect(settings)
    except (TypeError, ValueError):  # what it says may quote the address
        raise BusUrlInvalid(f"PSG_BUS: {address.shown} is followed by what its library does not know") from None
    return made
