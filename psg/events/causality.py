"""What may follow what: Lamport timestamps grow, nothing is executed before it was created (DD-36 … DD-38)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from psg.errors import Refused, ValidationFailed

EXECUTION_STARTED = "plan_execution_started"
PLAN_CREATED = "plan_created"
EXECUTED_BEFORE_CREATION = "Causality violation: Plan executed before creation"
OUT_OF_ORDER = "Causality violation: Timestamps out of order"
PLANS_KEPT = 10_000

PlanKey = tuple[str, str]
"""Project id and plan id."""


class CausalityViolation(Refused):
    """Causality violation: this event cannot have happened before what it follows from."""

    code = "causality_violation"


def check_execution_start(created: int | None, stamp: int) -> None:
    """Judge the start of a plan's execution at Lamport timestamp ``stamp``.

    ``created`` is the timestamp of the plan's creation, ``None`` when there was none. Raises ``CausalityViolation``
    with exactly the two messages of DD-37 and DD-38.
    """
    if created is None:
        raise CausalityViolation(EXECUTED_BEFORE_CREATION)
    if created >= stamp:
        raise CausalityViolation(OUT_OF_ORDER, created=created, started=stamp)


class CausalityGuard:
    """Judges protocol events one after another; it knows only what it was shown, and touches nothing else.

    Of the plans that were created it remembers the last ``plans_kept``; who knows of an earlier one says so by
    ``learn``.
    """

    def __init__(self, plans_kept: int = PLANS_KEPT) -> None:
        self._plans_kept = plans_kept
        self._last: dict[str, int] = {}
        self._created: OrderedDict[PlanKey, int] = OrderedDict()

    def last(self, project_id: str) -> int:
        """Return the timestamp of the last event of a project that was admitted, 0 when none was."""
        return self._last.get(project_id, 0)

    def learn(self, plan: PlanKey, created: int) -> None:
        """Take note that a plan was created at this timestamp."""
        self._created[plan] = created
        self._created.move_to_end(plan)
        if len(self._created) > self._plans_kept:
            self._created.popitem(last=False)

    def unknown_start(self, event: Mapping[str, Any]) -> PlanKey | None:
        """Return the plan whose start ``event`` is, when its creation is not known here."""
        key = _started(event)
        return None if key in self._created else key

    def check(self, event: Mapping[str, Any]) -> None:
        """Raise ``CausalityViolation`` or ``ValidationFailed`` for an event that cannot come next; note nothing."""
        project_id, stamp = event.get("project_id"), event.get("lamport_timestamp")
        if not isinstance(project_id, str) or not isinstance(stamp, int) or isinstance(stamp, bool):
            raise ValidationFailed("an event on the bus needs project_id and lamport_timestamp (a whole number)")
        if stamp <= self.last(project_id):
            raise CausalityViolation(OUT_OF_ORDER, last=self.last(project_id), given=stamp)
        key = _started(event)
        if key is not None:
            check_execution_start(self._created.get(key), stamp)

    def admit(self, event: Mapping[str, Any]) -> None:
        """Take note of a protocol event, or raise what ``check`` raises and note nothing."""
        self.check(event)
        project_id, stamp = event["project_id"], event["lamport_timestamp"]
        self._last[project_id] = stamp
        if event["event_type"] == PLAN_CREATED and event["event_family"] == "graph_update":
            self.learn((project_id, str(event.get("plan_id"))), stamp)


def _started(event: Mapping[str, Any]) -> PlanKey | None:
    if event["event_type"] != EXECUTION_STARTED:
        return None
    return str(event["project_id"]), str(event.get("plan_id"))
