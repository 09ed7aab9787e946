"""Executes one decision: bounded, deterministic, failing closed (EXEC-01, EXEC-11 to EXEC-20)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from psg_runtime.execution_core.calls import CallFailed, Clock, Saturated, SystemClock, TimedOut, call
from psg_runtime.execution_core.idempotency import derive_key
from psg_runtime.execution_core.kill_switch import action_type_of, kill_switch_active, read_kill_switch
from psg_runtime.execution_core.model import (
    ExecutionAttempt,
    ExecutionPlan,
    ExecutionReport,
    ExecutionStatus,
    FinalDecision,
)
from psg_runtime.execution_core.policies import ExecutionPolicy
from psg_runtime.execution_core.redaction import Redactor, secret_values
from psg_runtime.execution_core.verdict import Verdict, retry_after_ms, verdict_of

_MESSAGE_CHARS = 2000
_READ_CHARS = 64 * 1024


async def execute(
    decision: FinalDecision | Mapping[str, Any],
    context: Mapping[str, Any],
    policy: ExecutionPolicy | Mapping[str, Any] | None,
    executor: Any,
    *,
    clock: Clock | None = None,
) -> ExecutionReport:
    """Execute a decision's action and report on it (EXEC-01).

    In this order (EXEC-15): the kill switch in ``context``, then ``allowed``, then the plan, then the attempts within
    the limits of ``policy`` (``None``: the defaults). ``executor`` is a function of action and context, or an object
    with such an ``execute``, plain or async; one with a parameter ``idempotency_key`` is given the key. How it can
    answer says ``verdict_of``. Before every further attempt the kill switch is read again.

    Every exception becomes a report that is no success (EXEC-19); only control flow passes through (cancellation
    and other exceptions that are no ``Exception``). An async executor that blocks the event loop cannot be stopped
    in time; its attempt counts as timed out when it comes back.
    """
    clock = clock or SystemClock()
    started: float | None = None
    try:
        started = clock.now_ms()
        report = await _execute(decision, context, policy, executor, clock, started)
        return report.lasting(clock.now_ms() - started)
    except Exception as error:
        return _closed(ExecutionStatus.FAILED, "orchestrator_error", error, decision, context)


def build_plan(
    decision: FinalDecision, context: Mapping[str, Any], policy: ExecutionPolicy, *, redactor: Redactor | None = None
) -> ExecutionPlan:
    """Return what would be done at most: the same for the same input (EXEC-11, EXEC-12).

    Raises PolicyError, KeyNotDerivable, and what a key generator raises.
    """
    decision, policy = FinalDecision.of(decision), ExecutionPolicy.of(policy)
    redactor = redactor or Redactor(known=secret_values(decision.action, context))
    return ExecutionPlan(
        action=redactor.value(decision.action),
        action_type=action_type_of(decision.action),
        max_attempts=policy.retry.max_attempts,
        delays_ms=tuple(policy.retry.delay_ms(failures) for failures in range(1, policy.retry.max_attempts)),
        attempt_timeout_ms=min(policy.timeout.attempt_ms, policy.timeout.total_ms),
        total_timeout_ms=policy.timeout.total_ms,
        idempotency_key=derive_key(policy.idempotency, decision.action, context),
    )


async def _execute(
    decision: Any, context: Any, policy: Any, executor: Any, clock: Clock, started: float
) -> ExecutionReport:
    def denied(reason: str, error: Exception) -> ExecutionReport:
        return _closed(ExecutionStatus.DENIED, reason, error, decision, context)

    try:
        if _killed(context, decision):
            return ExecutionReport.of(ExecutionStatus.DENIED, reason="kill_switch")
    except Exception as error:
        return denied("context_unreadable", error)
    try:
        decision = FinalDecision.of(decision)
    except Exception as error:
        return denied("decision_unreadable", error)
    if not decision.allowed:
        return ExecutionReport.of(ExecutionStatus.SKIPPED, reason="not_allowed")
    try:
        policy = ExecutionPolicy.of(policy)
    except Exception as error:
        return denied("policy_unbounded", error)
    redactor = Redactor(known=secret_values(decision.action, context))
    try:
        plan = await _plan(decision, context, policy, redactor, clock)
    except Exception as error:
        return denied("idempotency_key", error)
    try:
        function = _function(executor)
    except Exception as error:
        return denied("executor_unreadable", error)
    return await _Run(decision.action, context, policy, function, plan, redactor, clock, started).report()


def _killed(context: Any, decision: Any) -> bool:
    try:
        action_type = action_type_of(_action_of(decision))
    except Exception:
        action_type = None  # of an unknown type: any signal denies it
    return read_kill_switch(context, action_type)


def _action_of(decision: Any) -> Any:
    try:
        return decision.get("action") if isinstance(decision, Mapping) else getattr(decision, "action", None)
    except Exception:
        return None


async def _plan(
    decision: FinalDecision, context: Any, policy: ExecutionPolicy, redactor: Redactor, clock: Clock
) -> ExecutionPlan:
    if not (policy.idempotency.enabled and callable(policy.idempotency.key_generator)):
        return build_plan(decision, context, policy, redactor=redactor)
    # Somebody else's function: it may hang, as an executor may.
    limit = min(policy.timeout.attempt_ms, policy.timeout.total_ms)
    return await clock.within(limit, lambda: call(build_plan, decision, context, policy, redactor=redactor))


def _function(executor: Any) -> Callable[..., Any]:
    function = getattr(executor, "execute", executor)
    if not callable(function):
        raise TypeError(f"an executor is a function or has a method `execute`, not {type(executor).__name__}")
    return function


def _closed(status: ExecutionStatus, reason: str, error: Exception, decision: Any, context: Any) -> ExecutionReport:
    """The report of an execution that ended before its first attempt because something is broken."""
    redactor = Redactor(known=secret_values(_action_of(decision), context))
    return ExecutionReport.of(status, fail_closed=True, reason=reason, error=_message(error, redactor))


class _Run:
    """The attempts of one plan."""

    def __init__(
        self,
        action: Any,
        context: Mapping[str, Any],
        policy: ExecutionPolicy,
        function: Callable[..., Any],
        plan: ExecutionPlan,
        redactor: Redactor,
        clock: Clock,
        started: float,
    ) -> None:
        self._action = action
        self._context = context
        self._policy = policy
        self._function = function
        self._plan = plan
        self._redactor = redactor
        self._clock = clock
        self._started = started
        self._attempts: list[ExecutionAttempt] = []
        self._named = {"idempotency_key": plan.idempotency_key} if _takes_key(function) else {}

    async def report(self) -> ExecutionReport:
        for number in range(1, self._plan.max_attempts + 1):
            if number > 1 and kill_switch_active(self._context, self._plan.action_type):
                self._record(number, Verdict(ExecutionStatus.DENIED, code="kill_switch"), 0)
                return self._ended(ExecutionStatus.DENIED, "kill_switch")
            remaining = self._remaining()
            if remaining <= 0:
                return self._ended(ExecutionStatus.FAILED, "total_timeout", fail_closed=True)
            verdict = await self._attempt(number, min(self._plan.attempt_timeout_ms, remaining))
            if verdict.status is not ExecutionStatus.FAILED:
                return self._ended(verdict.status, verdict.code, returned=verdict.output)
            if not self._may_repeat(verdict):
                return self._ended(ExecutionStatus.FAILED, "not_retryable")
            if number == self._plan.max_attempts:
                break
            delay = max(self._plan.delays_ms[number - 1], verdict.retry_after_ms)
            if delay >= self._remaining():  # a retry that would outlive the total is not begun
                return self._ended(ExecutionStatus.FAILED, "total_timeout", fail_closed=True)
            if delay:
                await self._clock.sleep_ms(delay)
        return self._ended(ExecutionStatus.FAILED, "retries_exhausted")

    def _remaining(self) -> float:
        return self._plan.total_timeout_ms - max(0.0, self._clock.now_ms() - self._started)

    def _may_repeat(self, verdict: Verdict) -> bool:
        return verdict.retryable and not self._policy.retry.non_retryable & {verdict.code, verdict.error_type}

    async def _attempt(self, number: int, limit_ms: float) -> Verdict:
        begun = self._clock.now_ms()
        try:
            value = await self._clock.within(
                limit_ms, lambda: call(self._function, self._action, self._context, **self._named)
            )
            took = self._clock.now_ms() - begun
            # What comes after its time counts as if it had been left behind, however it came to be late.
            verdict = Verdict.timeout(limit_ms) if took > limit_ms else verdict_of(value)
        except TimedOut:
            took, verdict = self._clock.now_ms() - begun, Verdict.timeout(limit_ms)
        except Exception as error:
            took, verdict = self._clock.now_ms() - begun, _raised(error)
        self._record(number, verdict, took)
        return verdict

    def _record(self, number: int, verdict: Verdict, took: float) -> None:
        self._attempts.append(
            ExecutionAttempt(
                action=self._plan.action,
                status=verdict.status,
                attempt_number=number,
                latency_ms=max(0, round(took)),
                idempotency_key=self._plan.idempotency_key,
                output=self._redactor.value(verdict.output),
                error_code=None if verdict.code is None else self._redactor.text(verdict.code),
                error_type=verdict.error_type,
                error=None if verdict.error is None else _message(verdict.error, self._redactor),
                fail_closed=verdict.fail_closed,
            )
        )

    def _ended(
        self, status: ExecutionStatus, reason: str | None, *, fail_closed: bool = False, returned: Any = None
    ) -> ExecutionReport:
        error = None if status is ExecutionStatus.SUCCESS or not self._attempts else self._attempts[-1].error
        return ExecutionReport.of(
            status, self._attempts, fail_closed=fail_closed, reason=reason, error=error, plan=self._plan,
            returned=returned,
        )  # fmt: skip


def _takes_key(function: Callable[..., Any]) -> bool:
    try:
        parameter = inspect.signature(function).parameters.get("idempotency_key")
    except (TypeError, ValueError):
        return False
    return parameter is not None and parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)


def _raised(error: Exception) -> Verdict:
    """The verdict on a call that raised; an error may say whether it is worth a retry, and when."""
    if isinstance(error, Saturated):
        return Verdict(ExecutionStatus.FAILED, code="executor_saturated", error=error, fail_closed=True)
    code = "executor_exited" if isinstance(error, CallFailed) else "executor_exception"
    try:
        said = getattr(error, "code", None)
        code = said if isinstance(said, str) and 0 < len(said) <= 100 else code
        retryable = getattr(error, "retryable", True) is not False
        after = retry_after_ms(getattr(error, "retry_after_ms", None))
    except Exception:
        retryable, after = False, 0
    return Verdict(
        ExecutionStatus.FAILED, code=code, error_type=type(error).__name__, error=error, retryable=retryable,
        retry_after_ms=after, fail_closed=True,
    )  # fmt: skip


def _message(error: Any, redactor: Redactor) -> str:
    """What an error says, without secrets; redacted before it is cut, so that no cut goes through a secret."""
    try:
        text = str(error).strip()[:_READ_CHARS] or type(error).__name__
        text = redactor.text(text)
    except Exception:
        text = f"{type(error).__name__} (without a readable message)"
    return text if len(text) <= _MESSAGE_CHARS else text[: _MESSAGE_CHARS - 1] + "…"
