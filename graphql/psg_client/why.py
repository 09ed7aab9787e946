"""Why a step is where it is: told from what the server says of it, in sentences."""

from __future__ import annotations

from dataclasses import dataclass

from psg_client.generated import ConfirmSummary, PlanSummary, StepFacts

_SHOWN = 10
_BEFORE_START = {
    "draft": "its plan is a draft: it has to be proposed, approved and started",
    "proposed": "its plan waits for approval",
    "approved": "its plan is approved and has not been started",
}
_PARKED = {
    "turn": "it waits for a worker: one that serves its name has to take it, or has it",
    "plan": "its sub-plan is under way",
}


@dataclass(frozen=True, slots=True)
class Why:
    """What keeps a step: ``reasons`` in words (none: nothing does), ``waits_for`` the keys of the steps before it."""

    step: str
    status: str
    reasons: tuple[str, ...]
    waits_for: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.step} is {self.status}: {'; '.join(self.reasons) or 'nothing keeps it'}"


def why(step: StepFacts, plan: PlanSummary, confirms: list[ConfirmSummary]) -> Why:
    """What keeps ``step`` of ``plan``; ``confirms`` are those of the plan that wait for a decision."""
    waits_for = tuple(d.key for d in step.dependencies if d.status not in ("completed", "skipped", "failed"))
    if step.status in ("completed", "skipped", "failed"):
        return Why(step.key, step.status, _over(step))
    reasons = [_BEFORE_START[plan.status]] if plan.status in _BEFORE_START else []
    if plan.status in ("completed", "failed", "cancelled"):
        reasons.append(f"its plan is {plan.status}")
    if plan.paused:
        reasons.append("its plan is paused")
    if waits_for:
        names = [f"{d.key} ({d.status})" for d in step.dependencies if d.key in waits_for]
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        reasons.append(f"it waits for {', '.join(names[:_SHOWN])}{more}")
    reasons += [_decision(confirm) for confirm in confirms if confirm.step_id == step.id]
    if step.parked == "timer":
        reasons.append(f"it rests until {step.due_at}" + (", to be tried again" if step.attempt else ""))
    elif step.parked in _PARKED:
        reasons.append(_PARKED[step.parked])
    if step.status == "blocked":
        reasons.append("it is blocked: it is a turn of a session, or an earlier one decides")
    if step.ready and not reasons:
        reasons.append("it is ready: the next orchestrator with room takes it")
    elif step.status == "in_progress" and step.parked is None:
        reasons.append(f"it is being worked on (attempt {step.attempt})")
    return Why(step.key, step.status, tuple(reasons), waits_for)


def _over(step: StepFacts) -> tuple[str, ...]:
    if step.status == "skipped":
        return (f"it was skipped: {step.skip_reason or 'no reason is recorded'}",)
    if step.status == "failed":
        error = step.error if isinstance(step.error, dict) else {}
        return (f"it failed: {error.get('code', 'unknown')}: {error.get('message', 'no message')}",)
    return ("it is done",)


def _decision(confirm: ConfirmSummary) -> str:
    asked = confirm.approval
    quorum = "" if asked is None else f" ({asked.approvals} of {asked.quorum} so far)"
    return f"it waits for a decision{quorum}: {confirm.reason or 'no reason given'}"
