"""The plan as its author writes it (the specification's ``OrchestratorPlan``, ORCH-02, ORCH-03)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from psg.model.codec import storable

StepType = Literal["tool", "agent", "llm", "wait", "conditional", "confirm", "foreach"]
STEP_TYPES: tuple[str, ...] = ("tool", "agent", "llm", "wait", "conditional", "confirm", "foreach")


def _json(value: dict[str, Any]) -> dict[str, Any]:
    if not storable(value):
        raise ValueError("not JSON that can be kept: no NaN, no integers beyond 64 bits, text in UTF-8")
    return value


class StepSpec(BaseModel):
    """One step of a plan; ``dependencies`` name other steps of the same plan by ``key``.

    ``timeout_ms`` bounds one attempt in milliseconds, ``retries`` is the number of attempts after the first (C-24),
    ``urgency`` orders ready steps (lower is more urgent), ``condition`` is CEL and decided before the step is claimed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str = Field(min_length=1, max_length=200, pattern=r"^[A-Za-z_][A-Za-z0-9_.\-]*$")
    type: StepType = "tool"
    name: str | None = Field(default=None, min_length=1, max_length=200)
    description: str = Field(default="", max_length=10_000)
    params: dict[str, Any] = Field(default_factory=dict)
    dependencies: list[str] = Field(default_factory=list)
    timeout_ms: int | None = Field(default=None, ge=1, le=7 * 24 * 3600 * 1000)
    retries: int = Field(default=0, ge=0, le=100)
    agent_role: str | None = Field(default=None, min_length=1, max_length=200)
    order_index: int | None = Field(default=None, ge=0, lt=2**63)
    urgency: int = Field(default=100, ge=0, le=1000)
    condition: str | None = Field(default=None, min_length=1, max_length=10_000)

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
    """A plan with all its steps; ``params`` are its parameters, open to templates as ``{{params.x}}``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(min_length=1, max_length=1000)
    objective: str = Field(min_length=1, max_length=10_000)
    goal_id: str | None = Field(default=None, max_length=200)
    steps: list[StepSpec] = Field(min_length=1)
    params: dict[str, Any] = Field(default_factory=dict)
    estimated_duration_ms: int | None = Field(default=None, ge=0, lt=2**63)
    estimated_cost: float | None = Field(default=None, ge=0, allow_inf_nan=False)

    @field_validator("params")
    @classmethod
    def _storable(cls, value: dict[str, Any]) -> dict[str, Any]:
        return _json(value)
