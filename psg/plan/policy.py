"""What an author may say about how a step is run: bounded always, inherited from the plan and the project (EXEC-05)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field, model_validator

from psg.plan.compensation import WEEK_MS, Authored, CompensationSpec
from psg.plan.recovery import RecoverySpec

__all__ = [
    "WEEK_MS",
    "ApprovalSpec",
    "BudgetSpec",
    "CompensationSpec",
    "IdempotencySpec",
    "JoinMode",
    "OnFailure",
    "PolicySpec",
    "RecoverySpec",
    "RetrySpec",
    "TimeoutSpec",
    "authored",
    "inherit",
    "retry_said",
]

DAY_MS = 24 * 3600 * 1000

JoinMode = Literal["all", "any", "not_skipped", "settled"]
OnFailure = Literal["stop", "continue", "compensate", "replan"]


class RetrySpec(Authored):
    """Retries after a failed attempt: N retries are at most N + 1 attempts, delays ``base_ms``·``factor``^k (C-24).

    Times are milliseconds. ``jitter`` is ``none`` (the same delays every time, EXEC-12) or ``full`` (each delay drawn
    between 0 and what it would be). ``non_retryable`` are error codes that end the step at once.
    """

    max_retries: int | None = Field(default=None, ge=0, le=100)
    base_ms: int | None = Field(default=None, ge=1, le=DAY_MS)
    max_ms: int | None = Field(default=None, ge=1, le=DAY_MS)
    factor: int | None = Field(default=None, ge=1, le=10)
    jitter: Literal["none", "full"] | None = None
    non_retryable: tuple[str, ...] | None = Field(default=None, max_length=100)


class TimeoutSpec(Authored):
    """The four clocks of a step, in milliseconds.

    ``queue_ms``: from ready to claimed. ``attempt_ms``: one attempt. ``total_ms``: from the first claim to the end,
    with all retries and waits. ``heartbeat_ms``: between two signs of progress of a running attempt.
    """

    queue_ms: int | None = Field(default=None, ge=1, le=WEEK_MS)
    attempt_ms: int | None = Field(default=None, ge=1, le=WEEK_MS)
    total_ms: int | None = Field(default=None, ge=1, le=4 * WEEK_MS)
    heartbeat_ms: int | None = Field(default=None, ge=1, le=DAY_MS)


class IdempotencySpec(Authored):
    """Whether attempts carry an idempotency key and a repeated key is answered from the effect ledger (EXEC-06).

    ``key`` is a template (``"charge-{{params.order}}"``); without one the key follows from action and context.
    """

    enabled: bool | None = None
    key: str | None = Field(default=None, min_length=1, max_length=1000)


class PolicySpec(Authored):
    """How a step is run; what it leaves open its plan says, what that leaves open the project, then the defaults.

    ``recovery`` is what follows when its attempts fail; ``retry`` overrides the retries that it names.
    """

    retry: RetrySpec | None = None
    timeout: TimeoutSpec | None = None
    idempotency: IdempotencySpec | None = None
    recovery: RecoverySpec | None = None


class ApprovalSpec(Authored):
    """What must be confirmed before a plan starts or a step runs.

    ``quorum``: number of different approvers. ``approvers``: actors, ``roles``: roles that may decide (none named:
    anybody). ``expires_ms``: milliseconds until the request lapses. ``separation_of_duty``: who proposed may not
    approve. ``reason_required``: a decision without a reason is refused.
    """

    quorum: int = Field(default=1, ge=1, le=100)
    approvers: tuple[str, ...] = Field(default=(), max_length=100)
    roles: tuple[str, ...] = Field(default=(), max_length=100)
    expires_ms: int | None = Field(default=None, ge=1, le=52 * WEEK_MS)
    separation_of_duty: bool = False
    reason_required: bool = False
    reason: str | None = Field(default=None, max_length=10_000)

    @model_validator(mode="after")
    def _reachable(self) -> ApprovalSpec:
        if self.approvers and not self.roles and self.quorum > len(set(self.approvers)):
            raise ValueError(f"a quorum of {self.quorum} cannot be reached by {len(set(self.approvers))} approvers")
        return self


class BudgetSpec(Authored):
    """Limits of what may be spent: tokens, money (``cost``, in the unit the prices are in), calls, wall time in ms."""

    tokens: int | None = Field(default=None, ge=0, lt=2**53)
    cost: float | None = Field(default=None, ge=0, le=1e12)
    calls: int | None = Field(default=None, ge=0, lt=2**53)
    wall_ms: int | None = Field(default=None, ge=0, lt=2**53)


def authored(spec: BaseModel | None) -> dict[str, Any] | None:
    """Return what the author said, without what was left open; ``None`` when there is no word about it at all."""
    return None if spec is None else spec.model_dump(mode="json", exclude_none=True, exclude_unset=True)


def inherit(*layers: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """Return the policy that holds, from the most general layer to the most particular: a later word overrides."""
    merged: dict[str, dict[str, Any]] = {}
    for layer in layers:
        for section, values in (layer or {}).items():
            merged[section] = {**merged.get(section, {}), **values}
    return merged


def retry_said(said: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return what an inherited policy says about retries: those of its recovery, where ``retry`` says nothing else."""
    recovery = said.get("recovery")
    of_recovery = {} if recovery is None else RecoverySpec.model_validate(recovery).retry_policy.as_retry
    return {**of_recovery, **said.get("retry", {})}
