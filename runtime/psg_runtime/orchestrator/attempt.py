"""One attempt of a step and the gates before and after it: who may stop it, answer for it, or add to its result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from psg.budgets import Reservation, Spend
from psg.model.codec import dumps
from psg_runtime.ael import ActionResult, Parked
from psg_runtime.ael.usage import Meter
from psg_runtime.execution_core.model import ExecutionStatus
from psg_runtime.execution_core.redaction import Redactor
from psg_runtime.execution_core.verdict import verdict_of
from psg_runtime.orchestrator.policy import StepPolicy
from psg_runtime.recovery.categories import reported

# Things are called by their key here.
_REDACTOR = Redactor(open_names=("key", "keys", "step_key"))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt came to: a result, an error, or a step to be parked; with its duration in milliseconds.

    ``effect`` is the idempotency key under which the result is to be recorded, ``notes`` go into the trace segment,
    ``policy`` is what held for the attempt (``None``: none could be read), ``spend`` what it used of a budget.
    """

    output: Any = None
    error: dict[str, Any] | None = None
    parked: Parked | None = None
    duration_ms: int = 0
    effect: str | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)
    policy: StepPolicy | None = None
    spend: Spend | None = None


@dataclass(slots=True)
class Attempt:
    """One attempt under way: the claim, the policy that holds for it, and the action that will be done.

    ``resumed`` tells that a parked step goes on: the attempt is the one that was begun before. Gates may note things.
    ``called``: its adapter was. ``reservation`` is its share of budgets that cover it, ``meter`` counts what it uses.
    """

    claim: Mapping[str, Any]
    policy: StepPolicy
    action: dict[str, Any]
    session_id: str = ""
    effect: str | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    called: bool = False
    reservation: Reservation | None = None
    meter: Meter | None = None

    @property
    def resumed(self) -> bool:
        """Whether this goes on with an attempt that was begun before."""
        return bool(self.claim["resumed"])


class Gate:
    """What stands between a claim and its adapter. The order: kill switch, approval, hooks, effect ledger, budget.

    A gate that raises in ``before`` fails the attempt (``StepDenied`` and its kind say that it was not allowed); the
    adapter is not called then, nor are the gates behind it.
    """

    async def before(self, attempt: Attempt) -> Outcome | None:
        """Let the attempt pass (``None``), or end it with an outcome instead of calling the adapter."""
        return None

    async def after(self, attempt: Attempt, outcome: Outcome) -> Outcome:
        """Hear of what came of an attempt that this gate let pass; returns what is to be stored."""
        return outcome


def outcome_of(result: Any) -> Outcome:
    """Read what a layer returned: ours, or any mapping with ``success`` or the specification's ``status``.

    A success is what says so clearly; everything else is a failure (EXEC-19).
    """
    if isinstance(result, Parked):
        return Outcome(parked=result)
    if isinstance(result, ActionResult):
        success, output, error = result.success is True, result.output, result.error
    elif isinstance(result, Mapping):
        said = result["success"] is True if "success" in result else result.get("status") == "executed"
        success = said and verdict_of(result).status is ExecutionStatus.SUCCESS
        output, error = result.get("output"), result.get("error")
    else:
        success, output, error = False, None, None
    if success:
        return Outcome(output=output)
    if isinstance(error, Mapping):
        return Outcome(error=reported(error))
    return Outcome(error=_failed(str(error or "the action reported no success")))


def _failed(message: str) -> dict[str, Any]:
    failure = {"code": "action_failed", "message": message, "category": "system_error", "retryable": False}
    return {**failure, "details": {}}


def redacted(error: Mapping[str, Any]) -> dict[str, Any]:
    """Return an error without what looks like a secret in it (EXEC-24); one that cannot be looked through says so."""
    shown = _REDACTOR.value({"message": error.get("message"), "details": error.get("details")})
    told = {**error, **{name: shown.get(name) for name in ("message", "details") if name in error}}
    try:
        dumps(told)
    except (TypeError, ValueError):
        return _failed("the error of the action is not JSON that can be kept")
    return told
