"""Which events a bus admits: the same question at the door of every one of them (DD-36 … DD-38)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from psg.events.causality import CausalityGuard
from psg.events.emit import plan_creation
from psg.events.models import check_event
from psg.graph import Graph
from psg_runtime.bus.port import ProtocolEvent

CreationOf = Callable[[str, str], Awaitable[int | None]]
"""Project id and plan id → Lamport timestamp of the plan's creation, ``None`` when there was none."""


class Judge:
    """Judges events one after another; ``creation_of`` tells of plans that were created before this bus began."""

    def __init__(self, creation_of: CreationOf | None = None) -> None:
        self._creation_of = creation_of
        self._guard = CausalityGuard()

    async def check(self, event: ProtocolEvent) -> None:
        """Raise ``ValidationFailed`` or ``CausalityViolation`` for an event that must not be published."""
        check_event(event)
        start = self._guard.unknown_start(event)
        if start is not None and self._creation_of is not None:
            created = await self._creation_of(*start)
            if created is not None:
                self._guard.learn(start, created)
        self._guard.check(event)

    def admit(self, event: ProtocolEvent) -> None:
        """Take note that an event was published."""
        self._guard.admit(event)


def creation_in_log(graph: Graph | None) -> CreationOf | None:
    """Return what finds the creation of a plan in the log of ``graph``."""
    if graph is None:
        return None

    async def creation_of(project_id: str, plan_id: str) -> int | None:
        return await plan_creation(graph.db, project_id, plan_id)

    return creation_of
