"""What can go wrong with an event bus outside this process."""

from __future__ import annotations

from typing import ClassVar

from psg.errors import PsgError, ValidationFailed
from psg_neo4j.errors import Category


class BusUrlInvalid(ValidationFailed):
    """The address of the event bus is none of those that are known; see `docs/event-bus.md`."""

    code = "bus_url_invalid"


class BusPartMissing(ValidationFailed):
    """The library that speaks to this event bus is not installed."""

    code = "bus_part_missing"


class BusUnavailable(PsgError):
    """The broker of the event bus does not answer; what is in the log is published when it does."""

    code = "bus_unavailable"
    category: ClassVar[Category] = "communication_error"
    retryable = True


class EnvelopeInvalid(ValidationFailed):
    """What came over the bus is not a CloudEvent of this platform."""

    code = "envelope_invalid"
