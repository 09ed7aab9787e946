"""What a policy hook is: something with a name that is asked before a step and told after it (ORCH-15)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from psg.errors import ValidationFailed

PRE, POST = ("pre_execution", "preExecution"), ("post_execution", "postExecution")


@dataclass(frozen=True, slots=True)
class PolicyHook:
    """A hook made of functions, sync (called in a thread) or async.

    ``pre_execution(step, context)`` answers ``{"allow": bool, "reason": text}``; ``post_execution(step, result,
    context)`` is told what came of the step. ``step`` has id, key, type, name, params, description, agent_role,
    plan_id, project_id; ``result`` is the specification's StepResult; all are mappings that can be read by attribute.
    """

    name: str
    pre_execution: Callable[[Any, Any], Any] | None = None
    post_execution: Callable[[Any, Any, Any], Any] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise ValidationFailed(f"A policy hook needs a `name`, not {self.name!r}.")
        for part, call in (("preExecution", self.pre_execution), ("postExecution", self.post_execution)):
            if call is not None and not callable(call):
                raise ValidationFailed(f"Policy hook `{self.name}`: `{part}` cannot be called.", name=self.name)
        if self.pre_execution is None and self.post_execution is None:
            message = f"Policy hook `{self.name}` has neither `pre_execution` nor `post_execution`."
            raise ValidationFailed(message, name=self.name)


def policy_hook(given: Any) -> PolicyHook:
    """The hook in what somebody gave: a ``PolicyHook``, a mapping, or an object with the parts as attributes.

    Raises ``ValidationFailed`` for what has no name, or nothing to call.
    """
    if isinstance(given, PolicyHook):
        return given
    if isinstance(given, type):
        raise ValidationFailed(f"The policy hook `{given.__name__}` is a class; give an instance of it.")
    return PolicyHook(_part(given, ("name",)), _part(given, PRE), _part(given, POST))


def _part(given: Any, spellings: tuple[str, ...]) -> Any:
    for name in spellings:
        found = given.get(name) if isinstance(given, Mapping) else getattr(given, name, None)
        if found is not None:
            return found
    return None
