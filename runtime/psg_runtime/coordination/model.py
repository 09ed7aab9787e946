"""Who takes part, which steps there are, and which of them are turns: plain data that the modes decide on."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from pydantic.alias_generators import to_camel

from psg.errors import ValidationFailed
from psg.plan.order import levels

Mode = Literal["broadcast", "round_robin", "orchestrated", "pair", "swarm"]
MODES: tuple[Mode, ...] = get_args(Mode)
TERMINAL = frozenset(("completed", "skipped", "failed"))
OPEN = frozenset(("pending", "blocked"))
NO_TURNS = frozenset(("wait", "confirm", "foreach", "conditional", "plan"))
"""Types of steps that nobody does: they cannot be a participant's turn."""

_MISSING: Any = object()


@dataclass(frozen=True, slots=True)
class Participant:
    """Somebody who takes turns. ``role`` is the name of the Role node that ``role_id`` names, where it is known."""

    participant_id: str
    role_id: str | None = None
    role: str | None = None
    kind: str = "agent"

    @property
    def shown(self) -> str:
        """How messages name it: with its role."""
        return f"{self.participant_id} ({self.role or self.role_id or 'without a role'})"


@dataclass(slots=True)
class TurnStep:
    """A step as the modes see it; ``order`` is its order index, or its place in the plan where it has none.

    ``turn`` is the number of its turn in the present session (from 1), ``participant`` whose turn it is.
    """

    step_id: str
    key: str
    order: int
    position: int
    agent_role: str | None = None
    dependencies: tuple[str, ...] = ()
    status: str = "pending"
    type: str = "agent"
    turn: int | None = None
    participant: str | None = None

    @property
    def over(self) -> bool:
        """Whether it has ended, one way or another."""
        return self.status in TERMINAL


@dataclass(frozen=True, slots=True)
class Assignment:
    """A turn to be dispatched: this step to this participant."""

    step: TurnStep
    participant: Participant


@dataclass(slots=True)
class Table:
    """Everything that decides who is next: the mode, the participants in their order, the steps of the plan."""

    mode: Mode
    participants: Sequence[Participant]
    steps: Sequence[TurnStep]
    _by_id: dict[str, TurnStep] = field(init=False)
    _ordered: list[TurnStep] = field(init=False)

    def __post_init__(self) -> None:
        self._by_id = {step.step_id: step for step in self.steps}
        self._ordered = in_turn_order(self.steps)

    def over(self, step_id: str) -> bool:
        """Whether a step has ended; one that is not of this plan holds up nobody."""
        step = self._by_id.get(step_id)
        return step is None or step.over

    @property
    def turns(self) -> list[TurnStep]:
        """The steps that were dispatched, by number."""
        return sorted((s for s in self.steps if s.turn is not None), key=lambda s: s.turn or 0)

    @property
    def waiting(self) -> list[TurnStep]:
        """The steps that nobody has begun and that are no turn yet, in the order of turns."""
        return [s for s in self._ordered if s.status in OPEN and s.turn is None]

    def of_role(self, role: str | None) -> Participant | None:
        """The first participant who plays a role: by its id, else by its name (C-11)."""
        if role is None:
            return None
        by_id = (p for p in self.participants if p.role_id == role)
        by_name = (p for p in self.participants if p.role == role)
        return next(by_id, None) or next(by_name, None)


def in_turn_order(steps: Iterable[TurnStep]) -> list[TurnStep]:
    """Return steps after what they depend on, ties by ascending order index, then by place (DD-47, C-06).

    Raises ``DependencyCycle``.
    """
    steps = list(steps)
    known = {step.step_id: step for step in steps}
    levels({step.step_id: step.dependencies for step in steps})
    dependents: dict[str, list[TurnStep]] = {}
    waits = {step.step_id: 0 for step in steps}
    for step in steps:
        for dependency in step.dependencies:
            if dependency in known:
                waits[step.step_id] += 1
                dependents.setdefault(dependency, []).append(step)
    ready = [(s.order, s.position, s.step_id) for s in steps if not waits[s.step_id]]
    heapq.heapify(ready)
    ordered: list[TurnStep] = []
    while ready:
        step = known[heapq.heappop(ready)[2]]
        ordered.append(step)
        for dependent in dependents.get(step.step_id, ()):
            waits[dependent.step_id] -= 1
            if not waits[dependent.step_id]:
                heapq.heappush(ready, (dependent.order, dependent.position, dependent.step_id))
    return ordered


def said(value: Any, name: str, default: Any = None) -> Any:
    """Return a field of a mapping or an object, in snake_case or camelCase."""
    for spelled in (name, to_camel(name)):
        found = value.get(spelled, _MISSING) if isinstance(value, Mapping) else getattr(value, spelled, _MISSING)
        if found is not _MISSING:
            return found
    return default


def mode_of(value: Any) -> Mode:
    """Return a mode of collaboration; raises ``ValidationFailed``."""
    for mode in MODES:
        if value == mode:
            return mode
    raise ValidationFailed(f"mode: {str(value)[:50]!r} is none of {', '.join(MODES)}", field="mode")


def participants_of(collab: Any, roles: Mapping[str, str] | None = None) -> list[Participant]:
    """Return the participants of a Collab (document or object); ``roles`` names the roles by their ids.

    Raises ``ValidationFailed`` for one without an id and for an id that is there twice.
    """
    found: list[Participant] = []
    for index, given in enumerate(said(collab, "participants", ()) or ()):
        participant_id, role_id = said(given, "participant_id"), said(given, "role_id")
        if not isinstance(participant_id, str) or not participant_id:
            raise ValidationFailed(f"participants[{index}].participant_id: a text is expected", field="participants")
        role = (roles or {}).get(role_id) if isinstance(role_id, str) else None
        found.append(Participant(participant_id, role_id, role, said(given, "kind") or "agent"))
    check_distinct(found)
    return found


def check_distinct(participants: Sequence[Participant]) -> None:
    """Raise ``ValidationFailed`` when two participants have one id: nobody could say whose turn it is."""
    ids = [p.participant_id for p in participants]
    twice = sorted({i for i in ids if ids.count(i) > 1}) if len(set(ids)) < len(ids) else []
    if twice:
        raise ValidationFailed(f"participants: {', '.join(twice)} is there more than once", field="participants")
