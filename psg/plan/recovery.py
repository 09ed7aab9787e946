"""How failures are recovered from, as data: retries, fallbacks, escalation, rollback (CORE-45 to CORE-49)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from pydantic import ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from psg.model.codec import storable
from psg.plan.compensation import Authored, CompensationSpec

Severity = Literal["low", "medium", "high", "critical"]

USE_CACHED_RESULT = "use_cached_result"
DEGRADE_GRACEFULLY = "degrade_gracefully"
CACHE_AVAILABLE = "cache_available"
NON_CRITICAL_OPERATION = "non_critical_operation"
MAX_RETRIES_EXCEEDED = "max_retries_exceeded"
RECOVERY_FAILED = "recovery_failed"
NOTIFY_ADMINISTRATOR = "notify_administrator"
FALLBACKS = (USE_CACHED_RESULT, DEGRADE_GRACEFULLY)
CONDITIONS = (CACHE_AVAILABLE, NON_CRITICAL_OPERATION, MAX_RETRIES_EXCEEDED)
ESCALATIONS = (*CONDITIONS, RECOVERY_FAILED)
DAY_MS = 24 * 3600 * 1000

R = TypeVar("R", bound="RecoveryStrategy")
_NAME = r"^[A-Za-z_][A-Za-z0-9_.\-]*$"


class _Spelled(Authored):
    """Both spellings are read, ``max_retries`` and ``maxRetries``; the first is written."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class RecoveryRetry(_Spelled):
    """The retries of a strategy (CORE-46): ``max_retries`` after the first attempt.

    ``base_delay`` is the first wait in milliseconds; ``exponential`` doubles it each time, ``fixed`` keeps it.
    """

    max_retries: int = Field(default=3, ge=0, le=100)
    backoff_strategy: Literal["exponential", "fixed"] = "exponential"
    base_delay: int = Field(default=1000, ge=1, le=DAY_MS)
    max_delay: int | None = Field(default=None, ge=1, le=DAY_MS)

    @property
    def as_retry(self) -> dict[str, Any]:
        """The same in the words of ``RetrySpec``."""
        factor = 2 if self.backoff_strategy == "exponential" else 1
        return {
            "max_retries": self.max_retries, "base_ms": self.base_delay, "factor": factor,
            "max_ms": self.max_delay or DAY_MS,
        }  # fmt: skip


class FallbackAction(_Spelled):
    """What stands in for a result when no attempt is left; only where all its ``conditions`` hold (CORE-47)."""

    type: str = Field(min_length=1, max_length=200, pattern=_NAME)
    conditions: tuple[str, ...] = Field(default=(), max_length=20)


class EscalationRule(_Spelled):
    """Who is told, and how loudly, when ``condition`` holds (CORE-48)."""

    condition: str = Field(min_length=1, max_length=200)
    action: str = Field(default=NOTIFY_ADMINISTRATOR, min_length=1, max_length=200)
    severity: Severity = "high"


class RollbackProcedure(_Spelled):
    """What is done when nothing helped (CORE-49): ``actions``, one after the other; one that fails stops no other."""

    name: str | None = Field(default=None, min_length=1, max_length=200)
    actions: tuple[CompensationSpec, ...] = Field(default=(), max_length=100)


class RecoveryStrategy(_Spelled):
    """How an operation recovers from its failures; without a word about it, as the specification's default does."""

    retry_policy: RecoveryRetry = Field(default_factory=RecoveryRetry)
    fallback_actions: tuple[FallbackAction, ...] = Field(
        default=(
            FallbackAction(type=USE_CACHED_RESULT, conditions=(CACHE_AVAILABLE,)),
            FallbackAction(type=DEGRADE_GRACEFULLY, conditions=(NON_CRITICAL_OPERATION,)),
        ),
        max_length=20,
    )
    escalation_rules: tuple[EscalationRule, ...] = Field(
        default=(EscalationRule(condition=MAX_RETRIES_EXCEEDED),), max_length=20
    )
    rollback_procedure: RollbackProcedure | None = None

    @model_validator(mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        """A procedure may be given as the list of its actions."""
        if isinstance(value, Mapping):
            for name in ("rollback_procedure", "rollbackProcedure"):
                if isinstance(value.get(name), (list, tuple)):
                    return {**value, name: {"actions": value[name]}}
        return value

    def fallbacks(self, facts: Mapping[str, bool]) -> list[FallbackAction]:
        """Return what may stand in, in its order; what nobody knows does not hold."""
        return [f for f in self.fallback_actions if all(facts.get(c, False) is True for c in f.conditions)]

    def escalations(self, facts: Mapping[str, bool]) -> list[EscalationRule]:
        """Return the rules whose condition holds."""
        return [r for r in self.escalation_rules if facts.get(r.condition, False) is True]


class RecoverySpec(RecoveryStrategy):
    """The strategy of steps: what the platform can do by itself, and nothing that it would pass over in silence.

    ``critical``: whether the plan cannot do without the result; of a step that is not critical, ``degraded_output`` may
    stand in for it.
    """

    critical: bool = True
    degraded_output: Any = None

    @model_validator(mode="after")
    def _known(self) -> RecoverySpec:
        for fallback in self.fallback_actions:
            _among("fallback action", fallback.type, FALLBACKS)
            for condition in fallback.conditions:
                _among("condition", condition, CONDITIONS)
        for rule in self.escalation_rules:
            _among("condition", rule.condition, ESCALATIONS)
            _among("escalation", rule.action, (NOTIFY_ADMINISTRATOR,))
        if self.rollback_procedure is not None and not self.rollback_procedure.actions:
            raise ValueError("a rollback procedure has at least one action")
        if not storable({"output": self.degraded_output}):
            raise ValueError("degraded_output is not JSON that can be kept")
        return self

    @property
    def caches(self) -> bool:
        """Whether results are kept, to stand in for those that fail to come."""
        return any(f.type == USE_CACHED_RESULT for f in self.fallback_actions)


def _among(what: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise ValueError(f"unknown {what} {name!r}; known are {', '.join(known)}")


DEFAULT_RECOVERY_STRATEGY = RecoveryStrategy()
