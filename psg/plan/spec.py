"""The plan as its author writes it (the specification's ``OrchestratorPlan``, ORCH-02, ORCH-03)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from psg.model.codec import storable
from psg.plan.policy import ApprovalSpec, BudgetSpec, CompensationSpec, JoinMode, OnFailure, PolicySpec

StepType = Literal["tool", "agent", "llm", "wait", "conditional", "confirm", "foreach", "plan"]
STEP_TYPES: tuple[str, ...] = ("tool", "agent", "llm", "wait", "conditional", "confirm", "foreach", "plan")


def _json(value: dict[str, Any]) -> dict[str, Any]:
    if not storable(value):
        raise ValueError("not JSON that can be kept: no NaN, no integers beyond 64 bits, text in UTF-8")
    return value


class StepSpec(BaseModel):
    """One step of a plan; ``dependencies`` name other steps of the same plan by ``key``.

    ``timeout_ms`` bounds one attempt in milliseconds, ``retries`` is the number of attempts after the first (C-24);
    what is not said about them the policy has. ``urgency`` orders ready steps (lower is more urgent), ``condition`` is
    CEL and decided before the step is claimed.
    ``join`` says what of its dependencies it waits for: ``not_skipped`` (all ended, none failed, at least one
    completed), ``all`` (all completed), ``any`` (the first that completes), ``settled`` (all ended, whatever came of
    them). ``policy``, ``approval`` and ``budget`` are of this step; ``compensation`` is what undoes it (L3-58).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str = Field(min_length=1, max_length=200, pattern=r"^[A-Za-z_][A-Za-z0-9_.\-]*$")
    type: StepType = "tool"
    name: str | None = Field(default=None, min_length=1, max_length=200)
    description: str = Field(default="", max_length=10_000)
    params: dict[str, Any] = Field(default_factory=dict)
    dependencies: list[str] = Field(default_factory=list)
    timeout_ms: int | None = Field(default=None, ge=1, le=7 * 24 * 3600 * 1000)
    retries: int | None = Field(default=None, ge=0, le=100)
    agent_role: str | None = Field(default=None, min_length=1, max_length=200)
    order_index: int | None = Field(default=None, ge=0, lt=2**63)
    urgency: int = Field(default=100, ge=0, le=1000)
    condition: str | None = Field(default=None, min_length=1, max_length=10_000)
    join: JoinMode = "not_skipped"
    policy: PolicySpec | None = None
    approval: ApprovalSpec | None = None
    budget: BudgetSpec | None = None
    compensation: CompensationSpec | None = None

    @field_validator("params")
    @classmethod
    def _storable(cls, value: dict[str, Any]) -> dict[str, Any]:
        return _json(value)

    @field_validator("dependencies")
    @classmethod
    def _once(cls, value: list[str]) -> list[str]:
        repeated = sorted({v for v in value if value.count(v) > 1}) if len(value) > len(set(value)) else []
        if repeated:
            raise ValueError(f"names {', '.join(repeated)} more than once")
        return value


class PlanSpec(BaseModel):
    """A plan with all its steps; ``params`` are its parameters, open to templates as ``{{params.x}}``.

    ``policy`` holds for every step that does not say otherwise. ``on_failure``: what follows the failure of a step:
    ``continue`` (other branches finish), ``stop`` (nothing more begins), ``compensate`` (stop, then undo what is
    completed), ``replan`` (stop, then go on with a new plan). ``success_criteria`` are CEL, judged at the end.
    A rollback procedure in a policy is carried out by ``compensate``, which it implies (CORE-49).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(min_length=1, max_length=1000)
    objective: str = Field(min_length=1, max_length=10_000)
    goal_id: str | None = Field(default=None, max_length=200)
    steps: list[StepSpec] = Field(min_length=1)
    params: dict[str, Any] = Field(default_factory=dict)
    estimated_duration_ms: int | None = Field(default=None, ge=0, lt=2**63)
    estimated_cost: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    policy: PolicySpec | None = None
    approval: ApprovalSpec | None = None
    budget: BudgetSpec | None = None
    on_failure: OnFailure = "continue"
    success_criteria: tuple[Annotated[str, Field(min_length=1, max_length=10_000)], ...] = Field(
        default=(), max_length=100
    )

    @field_validator("params")
    @classmethod
    def _storable(cls, value: dict[str, Any]) -> dict[str, Any]:
        return _json(value)

    @model_validator(mode="after")
    def _rolled_back(self) -> PlanSpec:
        policies = [self.policy, *(step.policy for step in self.steps)]
        if not any(p and p.recovery and p.recovery.rollback_procedure for p in policies):
            return self
        if self.on_failure == "replan":
            raise ValueError("a plan with a rollback procedure cannot be replanned: it is rolled back")
        object.__setattr__(self, "on_failure", "compensate")
        return self
