"""What came of a plan and of each of its steps (ORCH-07 to ORCH-09)."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from psg_runtime.contracts.model import ContractModel, Cost, Duration, Json, Name, Time, Whole

StepStatus = Literal["pending", "running", "completed", "failed", "skipped"]
ExecutionStatus = Literal["pending", "running", "completed", "failed", "cancelled"]


class StepResult(ContractModel):
    """What came of one step; ``duration`` is milliseconds over all attempts.

    Beyond the specification: ``attempts``, the ``error_code``, the ``reason`` of a skip, whether the step was denied
    because a check itself broke (``fail_closed``), and ``hook_errors``: what went wrong in hooks after the step.
    """

    step_id: Name
    status: StepStatus
    output: Json = None
    error: str | None = None
    duration: Duration | None = None
    started_at: Time | None = None
    completed_at: Time | None = None
    attempts: Annotated[Whole, Field(ge=0)] | None = None
    error_code: str | None = None
    reason: str | None = None
    fail_closed: bool | None = None
    hook_errors: list[str] | None = None


class ExecutionMetadata(ContractModel):
    """Counts and sums over the steps (ORCH-08); ``total_duration`` is milliseconds on the clock."""

    total_duration: Duration
    total_cost: Cost | None = None
    total_steps: Annotated[Whole, Field(ge=0)]
    completed_steps: Annotated[Whole, Field(ge=0)]
    failed_steps: Annotated[Whole, Field(ge=0)]


class ExecutionResult(ContractModel):
    """What came of a plan (ORCH-07): one ``StepResult`` for each step, in the plan's order.

    ``output`` is the output of the only step nothing depends on, or of all of these by their ids. Beyond the
    specification, for a plan with success criteria: whether all are met (``goal_met``), and {text, met, error} of each.
    """

    plan_id: Name
    status: ExecutionStatus
    steps: list[StepResult]
    output: Json = None
    error: str | None = None
    metadata: ExecutionMetadata
    started_at: Time
    completed_at: Time | None = None
    goal_met: bool | None = None
    criteria: list[dict[str, Any]] | None = None

    @model_validator(mode="after")
    def _counts_agree(self) -> Self:
        told = (self.metadata.total_steps, self.metadata.completed_steps, self.metadata.failed_steps)
        completed, failed = (sum(s.status == wanted for s in self.steps) for wanted in ("completed", "failed"))
        if told != (len(self.steps), completed, failed):
            raise ValueError(f"metadata counts {told} steps, the steps are {(len(self.steps), completed, failed)}")
        return self

    def step(self, step_id: str) -> StepResult | None:
        """The result of one step, None when the plan has no such step."""
        return next((step for step in self.steps if step.step_id == step_id), None)
