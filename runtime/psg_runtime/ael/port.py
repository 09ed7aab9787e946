"""The port between the orchestrator and whatever does the work (L3-25, DD-29, DD-42, C-12)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any, Protocol

from psg.errors import ValidationFailed

ACTION_TYPES = (
    "llm_call",
    "tool_call",
    "agent_handoff",
    "file_operation",
    "custom_action",
    "step_execution",
    "agent_execution",
)
FILE_OPERATIONS = ("file.read", "file.write")
CONTROL_STEPS = ("wait", "confirm", "foreach", "conditional", "plan")


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do, as the orchestrator hands it over.

    ``type`` is one of ACTION_TYPES; ``name`` the capability; ``params`` are resolved except ``do`` of a foreach;
    ``inputs`` is the scope of templates (``steps``, ``params``); ``timeout_ms`` bounds this attempt;
    ``resumed`` is ``{"reason": "timer" | "confirm" | "plan" | "turn", "decision": {…}, "subplan": {…}, "turn": {…}}``
    when a parked step goes on.
    """

    type: str
    name: str | None = None
    params: dict[str, Any] = field(default_factory=dict)
    step_id: str = ""
    step_key: str = ""
    agent_role: str | None = None
    plan_id: str = ""
    project_id: str = ""
    attempt: int = 1
    fence: int = 0
    idempotency_key: str = ""
    timeout_ms: int | None = None
    resumed: dict[str, Any] | None = None
    inputs: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, action: Action | Mapping[str, Any]) -> Action:
        """An action from its mapping; raises ValidationFailed for an unknown type (C-12: it is refused).

        Vendor keys that we do not know are left out.
        """
        if isinstance(action, Action):
            return action
        kind = action.get("type")
        if kind not in ACTION_TYPES:
            near = get_close_matches(str(kind), ACTION_TYPES, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"known are {', '.join(ACTION_TYPES)}"
            raise ValidationFailed(f"Unknown action type `{kind}`: {hint}", type=kind)
        return cls(**{key: value for key, value in action.items() if key in _ACTION_FIELDS})

    @property
    def executor_kind(self) -> str:
        """Who does it, in the words of ``runtime_execution`` events: agent, tool, llm, worker, external (L3-27)."""
        if self.type in ("agent_handoff", "agent_execution", "step_execution"):
            return "agent"
        if self.type == "llm_call":
            return "llm"
        if self.name == "process.run":
            return "external"
        return "worker" if self.type == "custom_action" and self.name in CONTROL_STEPS else "tool"


_ACTION_FIELDS = frozenset(f.name for f in fields(Action))


@dataclass(frozen=True, slots=True)
class ActionResult:
    """What an action came to: ``output`` is JSON; ``error`` is {code, message, category, retryable, details}."""

    success: bool
    output: Any = None
    error: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Parked:
    """The step goes to sleep without holding a worker: until a time, a decision, the end of a plan, or an answer.

    ``due_in_ms`` is the sleep in milliseconds, None for no limit; ``confirm`` asks for a decision
    (reason, requested_by_role); ``plan`` is the sub-plan to begin (``spec``, and the ``template`` it is from);
    ``turn`` is offered to workers outside (``offered_to``, ``action``, and how many workers were ``lost`` with it).
    """

    due_in_ms: int | None = None
    confirm: dict[str, Any] | None = None
    plan: dict[str, Any] | None = None
    turn: dict[str, Any] | None = None


class ActionExecutionLayer(Protocol):
    """Does actions. ``execute`` returns the result and throws on failure (L3-25, L3-26)."""

    async def execute(self, action: Any, /) -> Any:
        """Do the action."""


class InMemoryAEL:
    """The specification's reference layer: reports every action as executed, does nothing (L3-28)."""

    async def execute(self, action: Any, /) -> dict[str, Any]:
        """Exactly ``{"status": "executed", "action": action}``."""
        return {"status": "executed", "action": action}


def action_target(step_type: str, name: str | None, agent_role: str | None) -> tuple[str, str | None]:
    """The action type and name for a step: role-bound steps are ``step_execution`` (DD-42, C-12, C-23).

    Waits, confirmations, loops and conditions are ``custom_action`` named after the step type; a conditional step
    that names a capability calls it.
    """
    if step_type in ("wait", "confirm", "foreach", "plan"):
        return "custom_action", step_type
    if step_type == "conditional" and name is None:
        return "custom_action", "conditional"
    if step_type == "llm":
        return "llm_call", name
    if agent_role is not None:
        return "step_execution", name
    if step_type == "agent":
        return "agent_handoff", name
    if step_type == "conditional":
        return "custom_action", name
    return ("file_operation" if name in FILE_OPERATIONS else "tool_call"), name
