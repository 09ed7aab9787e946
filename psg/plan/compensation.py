"""What undoes something that was done, as its author writes it (L3-58)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from psg.model.codec import storable

WEEK_MS = 7 * 24 * 3600 * 1000


class Authored(BaseModel):
    """What an author says: nothing unknown, nothing endless, never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class CompensationSpec(Authored):
    """The inverse of a step: what undoes it once it is completed (L3-58).

    ``params`` may read the outputs and parameters of the run that is undone, that of the step itself included.
    """

    name: str = Field(min_length=1, max_length=200)
    type: Literal["tool", "agent", "llm"] = "tool"
    params: dict[str, Any] = Field(default_factory=dict)
    agent_role: str | None = Field(default=None, min_length=1, max_length=200)
    timeout_ms: int | None = Field(default=None, ge=1, le=WEEK_MS)
    retries: int = Field(default=0, ge=0, le=100)

    @model_validator(mode="after")
    def _json(self) -> CompensationSpec:
        if not storable(self.params):
            raise ValueError("params are not JSON that can be kept: no NaN, no integers beyond 64 bits, text in UTF-8")
        return self
