"""Workflows as the specification writes them (CORE-07 to CORE-11), in snake_case or camelCase."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator
from pydantic.alias_generators import to_camel

from psg.errors import ValidationFailed
from psg.plan.policy import DAY_MS, OnFailure, RetrySpec
from psg.plan.recovery import RecoverySpec
from psg_runtime.contracts.model import MAX_TIMEOUT_MS, ContractModel, Json, JsonObject, Name, Whole
from psg_runtime.core_orchestrator.errors import WorkflowInvalid

ExecutionMode = Literal["sequential", "parallel", "conditional"]
MAX_STAGES = 500

_OPERATORS = {
    "==": "==", "eq": "==", "equals": "==", "!=": "!=", "ne": "!=", "notequals": "!=", ">": ">", "gt": ">",
    "greaterthan": ">", ">=": ">=", "gte": ">=", "<": "<", "lt": "<", "lessthan": "<", "<=": "<=", "lte": "<=",
    "in": "in", "contains": "contains", "exists": "exists", "notexists": "not exists",
}  # fmt: skip
_STRATEGIES: Mapping[str, OnFailure] = {
    "stop": "stop", "failfast": "stop", "abort": "stop", "continue": "continue", "compensate": "compensate",
    "rollback": "compensate",
}  # fmt: skip
_RECOVERY = frozenset(to_camel(name) for name in RecoverySpec.model_fields) | frozenset(RecoverySpec.model_fields)
Timeout = Annotated[Whole, Field(ge=1, le=MAX_TIMEOUT_MS)]
"""Milliseconds."""


def _plain(word: str) -> str:
    return word.replace("_", "").replace("-", "").replace(" ", "").lower()


class StageRetryPolicy(ContractModel):
    """``max_retries`` attempts after the first, the k-th after ``base_delay``·2^k ms (exponential) or ``base_delay``.

    ``max_delay`` bounds the delay; all in milliseconds (C-24).
    """

    max_retries: Annotated[Whole, Field(ge=0, le=100)] = 0
    backoff_strategy: Literal["exponential", "fixed"] = "exponential"
    base_delay: Annotated[Whole, Field(ge=1, le=DAY_MS)] = 1000
    max_delay: Annotated[Whole, Field(ge=1, le=DAY_MS)] | None = None

    def spec(self) -> RetrySpec:
        """The same as the policy of a step."""
        given: dict[str, Any] = {} if self.max_delay is None else {"max_ms": self.max_delay}
        return RetrySpec(
            max_retries=self.max_retries, base_ms=self.base_delay,
            factor=2 if self.backoff_strategy == "exponential" else 1, **given,
        )  # fmt: skip


class ErrorHandling(ContractModel):
    """What follows the failure of a stage.

    ``strategy``: ``stop`` (nothing more begins), ``continue`` (what does not depend on it goes on) or ``compensate``
    (stop, then undo what is completed, the last first). Either way the workflow has failed. ``recovery`` is a recovery
    strategy (``psg_runtime.recovery``): retries, fallbacks, escalation, rollback.
    """

    strategy: OnFailure | None = None
    recovery: RecoverySpec | None = None

    @model_validator(mode="before")
    @classmethod
    def _word(cls, value: Any) -> Any:
        """One word is the strategy; the parts of a recovery strategy may stand here directly."""
        if isinstance(value, str):
            return {"strategy": value}
        if isinstance(value, Mapping) and not _RECOVERY.isdisjoint(value):
            recovery = {k: v for k, v in value.items() if k in _RECOVERY}
            return {**{k: v for k, v in value.items() if k not in _RECOVERY}, "recovery": recovery}
        return value

    @field_validator("strategy", mode="before")
    @classmethod
    def _known(cls, value: Any) -> Any:
        if value is None:
            return None
        found = _STRATEGIES.get(_plain(value)) if isinstance(value, str) else None
        if found is None:
            raise ValueError(f"{str(value)[:50]!r} is none of stop, continue, compensate")
        return found


class ExecutionCondition(ContractModel):
    """Something that must hold for a stage to run: CEL in which ``${…}`` reads stages and inputs.

    Either ``expression``, or ``field``, ``operator`` and ``value``.
    """

    expression: Annotated[str, Field(min_length=1, max_length=5_000)] | None = None
    field: Annotated[str, Field(min_length=1, max_length=1_000)] | None = None
    operator: str | None = None
    value: Json = None

    @model_validator(mode="before")
    @classmethod
    def _text(cls, value: Any) -> Any:
        return {"expression": value} if isinstance(value, str) else value

    @field_validator("operator")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is None:
            return None
        found = _OPERATORS.get(value) or _OPERATORS.get(_plain(value))
        if found is None:
            raise ValueError(f"{value[:50]!r} is none of ==, !=, >, >=, <, <=, in, contains, exists, not exists")
        return found

    @model_validator(mode="after")
    def _one_way(self) -> ExecutionCondition:
        if (self.expression is None) == (self.field is None):
            raise ValueError("give either an `expression` or a `field`")
        if self.expression is not None and (self.operator is not None or "value" in self.model_fields_set):
            raise ValueError("`operator` and `value` go with a `field`")
        if self.field is not None and self.operator is None:
            raise ValueError("a `field` needs an `operator`")
        return self


class StageCompensation(ContractModel):
    """What undoes a stage once it is completed: another operation of a module."""

    module_type: Name
    operation: Name
    inputs: JsonObject = Field(default_factory=dict)


class WorkflowStage(ContractModel):
    """One call of a module's operation (CORE-09).

    ``outputs`` names the fields of the result that are the stage's output (none named: all); each must be there.
    ``dependencies`` are ids of stages that finish before it starts; what its inputs and conditions read is one too.
    Beyond the specification: ``timeout`` and ``retry_policy`` of its own, and the ``compensation`` that undoes it.
    """

    id: Name
    name: Name
    module_type: Name
    operation: Name
    inputs: JsonObject = Field(default_factory=dict)
    outputs: list[Name] | None = None
    dependencies: list[Name] = Field(default_factory=list)
    conditions: list[ExecutionCondition] = Field(default_factory=list)
    timeout: Timeout | None = None
    retry_policy: StageRetryPolicy | None = None
    compensation: StageCompensation | None = None

    @field_validator("dependencies", "conditions", mode="before")
    @classmethod
    def _none(cls, value: Any) -> Any:
        return [] if value is None else value

    @field_validator("outputs", "dependencies")
    @classmethod
    def _once(cls, value: list[str] | None) -> list[str] | None:
        repeated = sorted({name for name in value or () if (value or []).count(name) > 1})
        if repeated:
            raise ValueError(f"names {', '.join(repeated)} more than once")
        return value


class WorkflowDefinition(ContractModel):
    """Stages of modules' operations in an order (CORE-07).

    ``execution_mode``: ``sequential`` (one after the other, in the given order as far as dependencies allow it),
    ``parallel`` (each as soon as its dependencies are done) or ``conditional`` (so too, and meant for stages whose
    ``conditions`` decide whether they run; these are asked in every mode). ``timeout`` is milliseconds from the start
    to the end, without pauses.
    """

    id: Name
    name: Name
    version: Annotated[str, Field(min_length=1, max_length=100)]
    stages: list[WorkflowStage] = Field(max_length=MAX_STAGES)
    execution_mode: ExecutionMode
    timeout: Timeout | None = None
    retry_policy: StageRetryPolicy | None = None
    error_handling: ErrorHandling | None = None

    def to_dict(self) -> dict[str, Any]:
        """The specification's form, as JSON."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    @classmethod
    def of(cls, value: Any) -> WorkflowDefinition:
        """Return a definition made of ``value``; raises ``WorkflowInvalid`` naming every field that does not fit."""
        try:
            return cls.parse(value)
        except ValidationFailed as error:
            name = value.get("id") if isinstance(value, Mapping) else None
            problems = error.details.get("problems") or [error.message]
            raise WorkflowInvalid.of(str(name)[:200], problems) from None
