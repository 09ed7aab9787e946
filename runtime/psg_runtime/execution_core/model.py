"""What is decided, tried and reported: the contract types of the core (EXEC-09, EXEC-10, EXEC-27)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any


class ExecutionStatus(StrEnum):
    """How an attempt, or the whole execution, ended."""

    SUCCESS = "success"
    FAILED = "failed"
    SKIPPED = "skipped"
    DENIED = "denied"


class DecisionUnreadable(ValueError):
    """What was given as a decision is none."""


@dataclass(frozen=True)
class FinalDecision:
    """What was decided: an action, and whether it is allowed. Only ``True`` allows."""

    action: Any = field(repr=False)
    allowed: bool
    reasons: tuple[str, ...] = ()

    @classmethod
    def of(cls, value: Any) -> FinalDecision:
        """Return the decision that an object or a mapping with ``action`` and ``allowed`` tells.

        Raises DecisionUnreadable when ``allowed`` is not exactly true or false, or an allowed one has no action.
        """
        if isinstance(value, Mapping):
            action, allowed = value.get("action"), value.get("allowed")
        else:
            action, allowed = getattr(value, "action", None), getattr(value, "allowed", None)
        if not isinstance(allowed, bool):
            raise DecisionUnreadable(f"`allowed` of a decision is true or false, not {type(allowed).__name__}")
        if action is None and allowed:
            raise DecisionUnreadable("an allowed decision needs an `action`")
        return cls(action, allowed)


class Sealed:
    """Holds a value that must not be written down by accident: its text, copies for records and pickles are empty."""

    __slots__ = ("_value",)

    def __init__(self, value: Any = None) -> None:
        self._value = value

    def reveal(self) -> Any:
        return self._value

    def __repr__(self) -> str:
        return "<sealed>"

    def __copy__(self) -> Sealed:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Sealed:
        return self

    def __reduce__(self) -> tuple[type[Sealed], tuple[()]]:
        return (Sealed, ())


@dataclass(frozen=True)
class ExecutionPlan:
    """What will be done at most: the same for the same decision, context and policy (EXEC-11); without secrets.

    ``delays_ms``: the wait after each failed attempt but the last.
    """

    action: Any
    action_type: str | None
    max_attempts: int
    delays_ms: tuple[int, ...]
    attempt_timeout_ms: int
    total_timeout_ms: int
    idempotency_key: str | None = None

    @property
    def idempotency_enabled(self) -> bool:
        return self.idempotency_key is not None

    @property
    def max_retries(self) -> int:
        return self.max_attempts - 1


@dataclass(frozen=True)
class ExecutionAttempt:
    """The result of a single attempt, without secrets. ``attempt_number`` counts from 1; latency in milliseconds."""

    action: Any
    status: ExecutionStatus
    attempt_number: int
    latency_ms: int
    idempotency_key: str | None = None
    output: Any = None
    error_code: str | None = None
    error_type: str | None = None
    error: str | None = None
    fail_closed: bool = False


@dataclass(frozen=True)
class ExecutionReport:
    """The final report: attempts, metrics, trace keys (EXEC-27).

    The counts are of attempts; an execution that was denied or skipped before its first attempt counts as one.
    ``fail_closed`` marks that it is no success because something broke, ran out of time or could not be read;
    ``reason`` says why it ended so. Of the attempts' outputs only the redacted form is in the report; ``output`` is the
    one of the success as it was returned, for the caller: it is in no text, dict, copy for records or pickle of it.
    """

    status: ExecutionStatus = ExecutionStatus.FAILED
    attempts: list[ExecutionAttempt] = field(default_factory=list)
    total_latency_ms: int = 0
    success_count: int = 0
    failed_count: int = 0
    skipped_count: int = 0
    denied_count: int = 0
    fail_closed: bool = False
    reason: str | None = None
    error: str | None = None
    plan: ExecutionPlan | None = None
    returned: Sealed = field(default_factory=Sealed, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        status: ExecutionStatus,
        attempts: Iterable[ExecutionAttempt] = (),
        *,
        fail_closed: bool = False,
        reason: str | None = None,
        error: str | None = None,
        plan: ExecutionPlan | None = None,
        returned: Any = None,
    ) -> ExecutionReport:
        """Return a report with its counts taken from the attempts."""
        attempts = list(attempts)
        succeeded = status is ExecutionStatus.SUCCESS
        counts = Counter(attempt.status for attempt in attempts) if attempts else Counter((status,))
        return cls(
            status,
            attempts,
            success_count=counts[ExecutionStatus.SUCCESS],
            failed_count=counts[ExecutionStatus.FAILED],
            skipped_count=counts[ExecutionStatus.SKIPPED],
            denied_count=counts[ExecutionStatus.DENIED],
            fail_closed=fail_closed or (not succeeded and any(attempt.fail_closed for attempt in attempts)),
            reason=reason,
            error=error,
            plan=plan,
            returned=Sealed(returned),
        )

    def lasting(self, latency_ms: float) -> ExecutionReport:
        """Return the report with its duration, in milliseconds."""
        return replace(self, total_latency_ms=max(0, round(latency_ms)))

    @property
    def output(self) -> Any:
        """What the successful attempt returned, unredacted; ``None`` without a success."""
        return self.returned.reveal()

    @property
    def attempt_count(self) -> int:
        return len(self.attempts)

    @property
    def trace_keys(self) -> dict[str, int | bool]:
        """The keys that the report adds to a trace (EXEC-10, EXEC-26)."""
        return {
            "exec.total_latency_ms": self.total_latency_ms,
            "exec.success_count": self.success_count,
            "exec.failed_count": self.failed_count,
            "exec.skipped_count": self.skipped_count,
            "exec.denied_count": self.denied_count,
            "exec.attempt_count": self.attempt_count,
            "exec.fail_closed": self.fail_closed,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data for a record, without what the caller alone may see."""
        data = asdict(self)
        del data["returned"]
        return data | {"status": self.status.value}

    def to_external_dict(self) -> dict[str, int | bool]:
        """Return ``trace_keys``."""
        return self.trace_keys


@dataclass(frozen=True)
class PacketV2:
    """What is traced of a decision outside of it: ``external`` holds the trace keys (EXEC-27)."""

    external: Mapping[str, Any] = field(default_factory=dict)
