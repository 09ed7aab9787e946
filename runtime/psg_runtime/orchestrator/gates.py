"""Gates that every attempt passes: the kill switch, and the policy hooks before and after it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from psg_runtime.hooks import HookChain
from psg_runtime.orchestrator.attempt import Attempt, Gate, Outcome
from psg_runtime.orchestrator.denials import StepDenied
from psg_runtime.orchestrator.kill_switch import Rules, action_names
from psg_runtime.secrets.reference import SecretText

# What a step slept for after hooks had let it pass; one that waited for a person may not have come to them before.
SLEPT = frozenset(("timer", "plan", "turn"))

PlanContext = Callable[[str], Awaitable[Mapping[str, Any]]]


class KillGate(Gate):
    """Denies what a kill switch is on for, by what the last commit or the watch saw (EXEC-17)."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    async def before(self, attempt: Attempt) -> Outcome | None:
        """Raise KillSwitchActive when one is on."""
        self.check(attempt.claim, attempt.action["type"])
        return None

    def check(self, claim: Mapping[str, Any], action_type: str) -> None:
        """Raise KillSwitchActive when one is on for such an action of this claim."""
        self._rules.check(claim["plan"], action_names(claim, action_type))


class HookGate(Gate):
    """Asks the policy hooks before each attempt and tells them after it; one that slept goes on unasked."""

    def __init__(self, hooks: HookChain, context: PlanContext) -> None:
        self._hooks = hooks
        self._context = context

    async def before(self, attempt: Attempt) -> Outcome | None:
        """Raise StepDenied with the reason of the hook that denies, or that broke."""
        if not len(self._hooks) or attempt.claim["resumed"] in SLEPT:
            return None
        try:
            context = await self._facts(attempt)
            decision = await self._hooks.before(step_view(attempt), context)
        except Exception as error:
            message = f"the policy hooks could not be asked ({type(error).__name__})"
            raise StepDenied(message, fail_closed=True) from error
        if not decision.allow:
            raise StepDenied(decision.reason, fail_closed=decision.fail_closed, hook=decision.hook)
        return None

    async def after(self, attempt: Attempt, outcome: Outcome) -> Outcome:
        """Tell what came of the attempt; what goes wrong with that is noted in the trace, and changes nothing."""
        if not len(self._hooks) or outcome.parked is not None:
            return outcome
        try:
            context = await self._facts(attempt)
            problems = await self._hooks.after(step_view(attempt), result_view(attempt, outcome), context)
        except Exception as error:
            problems = [f"the policy hooks could not be told ({type(error).__name__})"]
        return replace(outcome, notes={**outcome.notes, "hook_errors": problems}) if problems else outcome

    async def _facts(self, attempt: Attempt) -> dict[str, Any]:
        context = await self._context(attempt.claim["plan"])
        return {**context, "session_id": attempt.session_id, "attempt": attempt.claim["attempt"]}


def step_view(attempt: Attempt) -> dict[str, Any]:
    """Return the step as hooks see it: params resolved, secrets by their names."""
    claim, action = attempt.claim, attempt.action
    return {
        "id": claim["id"], "key": claim["key"], "type": claim["type"], "name": claim["capability"],
        "params": without_secrets(action["params"]), "description": claim["description"],
        "agent_role": claim["agent_role"], "plan_id": claim["plan"], "project_id": action["project_id"],
        "action_type": action["type"], "attempt": claim["attempt"], "idempotency_key": action["idempotency_key"],
    }  # fmt: skip


def result_view(attempt: Attempt, outcome: Outcome) -> dict[str, Any]:
    """Return what came of an attempt as the specification's StepResult has it."""
    error = outcome.error
    result = {
        "step_id": attempt.claim["id"], "status": "failed" if error is not None else "completed",
        "duration": outcome.duration_ms, "duration_ms": outcome.duration_ms, "attempts": attempt.claim["attempt"],
    }  # fmt: skip
    if error is None:
        return {**result, "output": outcome.output}
    return {**result, "error": error.get("message"), "error_code": error.get("code")}


def without_secrets(value: Any) -> Any:
    """Return a copy of resolved params in which each secret is its placeholder."""
    if isinstance(value, SecretText):
        return str(value)
    if isinstance(value, Mapping):
        return {key: without_secrets(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_secrets(item) for item in value]
    return value
