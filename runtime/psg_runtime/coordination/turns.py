"""What an agent is told of its turn, and how its action is made of the step's (DD-52, DD-57, L3-34)."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from psg.model.codec import loads
from psg_runtime.ael import CapabilityRegistry


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn, as the agent that takes it sees it.

    ``metadata`` is what the agents of the run share (``coordination.metadata``); an output with an object there adds
    to it for all turns after. ``inputs`` are the outputs of the steps that this one depends on, by key; ``before`` is
    the turn before this one: ``{"step", "participant_id", "output"}``.
    """

    session_id: str
    turn_id: str
    number: int
    participant_id: str
    mode: str
    step: Mapping[str, Any]
    inputs: Mapping[str, Any] = field(default_factory=dict)
    before: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The turn as JSON."""
        return {
            "session_id": self.session_id, "turn_id": self.turn_id, "turn_number": self.number,
            "participant_id": self.participant_id, "mode": self.mode, "step": dict(self.step),
            "inputs": dict(self.inputs), "before": None if self.before is None else dict(self.before),
            "metadata": dict(self.metadata),
        }  # fmt: skip


_PRESENT: ContextVar[Turn | None] = ContextVar("psg_turn", default=None)


def current_turn() -> Turn | None:
    """Return the turn that the calling agent works for; ``None`` outside a session."""
    return _PRESENT.get()


def turn_of(claim: Mapping[str, Any], binding: Mapping[str, Any]) -> Turn:
    """Return the turn that a claimed step is, by a row of ``turn_binding``."""
    step = {
        "step_id": claim["id"], "key": claim["key"], "description": claim["description"],
        "agent_role": claim["agent_role"], "order_index": binding["order_index"],
    }  # fmt: skip
    before = binding["before"]
    return Turn(
        binding["session_id"], binding["turn_id"], binding["turn_number"], binding["participant_id"], binding["mode"],
        step, {d["key"]: loads(d["output"]) for d in binding["dependencies"]},
        None if before is None else
        {"step": before["key"], "participant_id": before["participant_id"], "output": loads(before["output"])},
        loads(binding["metadata"]) or {},
    )  # fmt: skip


def take(action: dict[str, Any], turn: Turn, agent: str | None, registry: CapabilityRegistry | None) -> None:
    """Make the action of a step that of a turn, done by ``agent`` where one is known.

    A capability that takes a parameter ``turn`` is given the turn in it, wherever it runs; a worker outside too, unless
    its capability says that it takes no such parameter.
    """
    said = turn.to_dict()
    action |= {
        "type": "agent_execution", "participant_id": turn.participant_id, "turn_id": turn.turn_id,
        "session_id": turn.session_id, "context": said, "step": said["step"], "name": agent,
    }  # fmt: skip
    if "turn" not in action["params"] and _takes_turn(agent or action["agent_role"], registry):
        action["params"] = {**action["params"], "turn": said}
    _PRESENT.set(turn)


def _takes_turn(name: str | None, registry: CapabilityRegistry | None) -> bool:
    if registry is None or name is None or registry.type_of(name) is None:
        return False
    schema = registry.get(name).input.json_schema()
    if registry.external(name) and schema.get("additionalProperties", True) is not False:
        return True
    return "turn" in (schema.get("properties") or {})
