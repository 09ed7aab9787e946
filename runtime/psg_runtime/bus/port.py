"""The port of the event bus: an implementation carries the same events, whatever it is made of (L3-44)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

ProtocolEvent = Mapping[str, Any]
"""An event as ``psg.events.projection.protocol_event`` makes it: JSON values only, so that any broker can carry it."""

ERRORS_KEPT = 100


class Consumer(Protocol):
    """Whoever takes events: logging, monitoring, an integration. What it raises is recorded and harms nobody else."""

    async def __call__(self, event: ProtocolEvent, /) -> None:
        """Take one event; the next comes when this returns."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events a consumer wants; ``None`` is all of them."""

    families: frozenset[str] | None = None
    types: frozenset[str] | None = None
    projects: frozenset[str] | None = None

    @classmethod
    def of(
        cls,
        families: Iterable[str] | None = None,
        types: Iterable[str] | None = None,
        projects: Iterable[str] | None = None,
    ) -> Filter:
        """Return the filter for these names."""
        return cls(*(None if names is None else frozenset(names) for names in (families, types, projects)))

    def wants(self, event: ProtocolEvent) -> bool:
        """Whether ``event`` passes."""
        wanted = (
            (self.families, event["event_family"]),
            (self.types, event["event_type"]),
            (self.projects, event.get("project_id")),
        )
        return all(names is None or value in names for names, value in wanted)


@dataclass(slots=True)
class Subscription:
    """A registered consumer and how it fares.

    ``delivered`` events were taken, ``failed`` ones raised (the last of them in ``errors``: Lamport timestamp, error),
    ``dropped`` ones did not reach a consumer that was too slow; ``first_dropped`` (project id, Lamport timestamp) is
    where it has to begin again from the log, which has everything.
    """

    name: str
    wanted: Filter
    delivered: int = 0
    failed: int = 0
    dropped: int = 0
    first_dropped: tuple[str, int] | None = None
    errors: deque[tuple[int, Exception]] = field(default_factory=lambda: deque(maxlen=ERRORS_KEPT))
    closed: bool = False

    def close(self) -> None:
        """Deliver nothing more to this consumer."""
        self.closed = True


class EventBus(Protocol):
    """Carries protocol events from whoever publishes them to the consumers registered for them.

    Events of one project arrive at every consumer in the order of their ``lamport_timestamp``.
    """

    async def publish(self, event: ProtocolEvent) -> None:
        """Hand an event to the bus.

        Raises ``CausalityViolation`` or ``ValidationFailed`` for one that must not be published (DD-36 … DD-38).
        """

    def subscribe(
        self,
        consumer: Consumer,
        *,
        name: str | None = None,
        families: Iterable[str] | None = None,
        types: Iterable[str] | None = None,
        projects: Iterable[str] | None = None,
    ) -> Subscription:
        """Register a consumer for events published from now on; ``close()`` of what is returned ends it."""
