"""In whose name the steps of a plan have modules do something: a mark that the platform writes, and nobody else.

A step cannot say so itself: steps are written by people, planners, agents and templates, and come into plans late. The
mark is a property of the plan, written in the commit that stores it; it names the steps that it is about and what each
does. What is added to the plan, begun by its steps or derived from it has no part in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from psg.model.codec import dumps, loads
from psg.model.ids import derived_id

Call = tuple[str, str]
"""A module and an operation of it."""


@dataclass(frozen=True, slots=True)
class Invocations:
    """What the steps of one plan may have modules do, by their keys, for ``actor``; ``undo``: when they are undone."""

    actor: str
    calls: Mapping[str, Call] = field(default_factory=dict)
    undo: Mapping[str, Call] = field(default_factory=dict)

    @classmethod
    def of(cls, stored: str | None) -> Self | None:
        """The mark as it was stored; ``None`` for a plan without."""
        found = loads(stored)
        if found is None:
            return None
        calls, undo = ({key: (call[0], call[1]) for key, call in found[name].items()} for name in ("calls", "undo"))
        return cls(found["actor"], calls, undo)

    def stored(self) -> str:
        """The mark as a property of a plan."""
        return dumps({"actor": self.actor, "calls": dict(self.calls), "undo": dict(self.undo)})

    def for_actor(self, actor: str) -> Invocations:
        """The same for somebody else, who asked for the plan to be run again."""
        return replace(self, actor=actor)

    def undoing(self, keys: Mapping[str, str]) -> Invocations | None:
        """The mark of the plan that undoes steps of this one: ``keys`` are those of its steps by those of ours."""
        calls = {keys[key]: call for key, call in self.undo.items() if key in keys}
        return Invocations(self.actor, calls) if calls else None

    def allows(self, plan_id: str, step_id: str, key: str, call: Call) -> bool:
        """Whether a step was stored with the plan to make this call."""
        return self.calls.get(key) == call and step_id == derived_id(plan_id, key)
