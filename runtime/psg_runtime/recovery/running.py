"""Recovering any operation by a strategy: retries, fallbacks in their order, escalation, rollback (CORE-45 ff.)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from pydantic import ValidationError

from psg.errors import ActionFailed, Denied, ValidationFailed
from psg.plan.policy import WEEK_MS
from psg.plan.recovery import (
    CACHE_AVAILABLE,
    DEFAULT_RECOVERY_STRATEGY,
    DEGRADE_GRACEFULLY,
    MAX_RETRIES_EXCEEDED,
    NON_CRITICAL_OPERATION,
    RECOVERY_FAILED,
    USE_CACHED_RESULT,
    FallbackAction,
    RecoveryStrategy,
    RollbackProcedure,
)
from psg_runtime.ael.failures import failure_of
from psg_runtime.execution_core import execute
from psg_runtime.execution_core.calls import Clock, call
from psg_runtime.recovery.categories import category_of
from psg_runtime.recovery.results import ResultCache

log = structlog.get_logger(__name__)

Operation = Callable[[], Any]
Fallback = Callable[[BaseException], Any]
Rollback = Callable[["RollbackProcedure | None", BaseException], Any]


@dataclass(frozen=True, slots=True)
class Escalation:
    """What a rule asks for: ``action`` (who is told), because ``condition`` holds for ``operation``."""

    condition: str
    action: str
    severity: str
    operation: str
    error: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Recovered:
    """What an operation came to: ``value``, after ``attempts``; ``fallback`` says what stood in for a result, if any.

    ``error`` is then why, as it is stored; ``escalations`` are those that were told.
    """

    value: Any
    attempts: int
    fallback: str | None = None
    error: dict[str, Any] | None = None
    escalations: tuple[Escalation, ...] = ()


Notify = Callable[[Escalation], Any]


def strategy_of(value: RecoveryStrategy | Mapping[str, Any] | None) -> RecoveryStrategy:
    """Return the strategy that is meant, the specification's default for ``None``; raises ValidationFailed."""
    if value is None:
        return DEFAULT_RECOVERY_STRATEGY
    if isinstance(value, RecoveryStrategy):
        return value
    try:
        return RecoveryStrategy.model_validate(value)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, fault["loc"])) or "strategy"
        raise ValidationFailed(f"recovery strategy: {field}: {fault['msg']}", field=field) from None


async def recover(
    operation: Operation,
    strategy: RecoveryStrategy | Mapping[str, Any] | None = None,
    *,
    name: str = "operation",
    critical: bool = True,
    cache: ResultCache | None = None,
    cache_key: str | None = None,
    degraded: Any = None,
    fallbacks: Mapping[str, Fallback] | None = None,
    conditions: Mapping[str, bool] | None = None,
    notify: Notify | None = None,
    rollback: Rollback | None = None,
    clock: Clock | None = None,
) -> Recovered:
    """Do ``operation`` (a function, sync or async, of no arguments), and recover from its failures by ``strategy``.

    Attempts are those of the execution core: an error that is not ``retryable`` ends them. Then the first fallback
    whose conditions hold and that works gives the value: ``use_cached_result`` that of ``cache`` (where results are
    kept under ``cache_key``, default: ``name``), ``degrade_gracefully`` of an operation that is not ``critical``
    the value ``degraded`` or what this function returns, any other the function of its type in ``fallbacks``.
    ``conditions`` are further facts for fallbacks and escalation. ``notify`` is told each escalation (default: it is
    logged). When nothing helps, ``rollback`` runs, with the strategy's procedure and the error, and the error is
    raised. What was denied is neither repeated nor stood in for.

    Raises ValidationFailed, before anything is done, for a strategy that names what nobody here can do.
    """
    chosen = strategy_of(strategy)
    handlers: dict[str, Fallback] = dict(fallbacks or {})
    key = cache_key or name
    if cache is not None:
        handlers.setdefault(USE_CACHED_RESULT, lambda _: cache.get(key))
    handlers.setdefault(DEGRADE_GRACEFULLY, lambda _: degraded() if callable(degraded) else degraded)
    _check(chosen, handlers, rollback)
    attempts, exhausted, value, error = await _attempted(operation, chosen, clock)
    if error is None:
        if cache is not None:
            cache.put(key, value)
        return Recovered(value, attempts)
    failure = {**failure_of(error), "category": category_of(error).value}
    facts = {
        **(conditions or {}), CACHE_AVAILABLE: cache is not None and key in cache,
        NON_CRITICAL_OPERATION: not critical, MAX_RETRIES_EXCEEDED: exhausted,
    }  # fmt: skip
    used, value = (None, None) if denied(error) else await _fallen_back(chosen.fallbacks(facts), handlers, error)
    facts[RECOVERY_FAILED] = used is None
    told = await _escalated(chosen, facts, name, failure, notify)
    if used is None:
        await _rolled_back(chosen.rollback_procedure, rollback, error, name)
        raise error
    return Recovered(value, attempts, used.type, failure, told)


def denied(error: BaseException) -> bool:
    """Whether somebody decided that this must not be: nothing may stand in for it."""
    details = getattr(error, "details", None)
    return isinstance(error, Denied) or (isinstance(details, Mapping) and details.get("status") == "denied")


def _check(strategy: RecoveryStrategy, handlers: Mapping[str, Fallback], rollback: Rollback | None) -> None:
    for fallback in strategy.fallback_actions:
        if fallback.type not in handlers and fallback.type != USE_CACHED_RESULT:
            known = ", ".join(sorted({*handlers, USE_CACHED_RESULT}))
            raise ValidationFailed(f"nobody can do the fallback {fallback.type!r}; known are {known}")
    if strategy.rollback_procedure is not None and rollback is None:
        raise ValidationFailed("the strategy has a rollback procedure, but there is no `rollback` that runs it")


async def _attempted(
    operation: Operation, strategy: RecoveryStrategy, clock: Clock | None
) -> tuple[int, bool, Any, Exception | None]:
    """Return the number of attempts, whether all were used up, and the value or the last error."""
    failures: list[Exception] = []

    async def attempt(action: Any, context: Any) -> tuple[bool, Any]:
        try:
            return True, await call(operation)
        except Exception as error:
            failures.append(error)
            raise

    policy = {
        "retry": strategy.retry_policy.as_retry,
        "timeout": {"attempt_ms": WEEK_MS, "total_ms": 4 * WEEK_MS},
    }  # fmt: skip
    decision = {"allowed": True, "action": {"type": "custom_action"}}
    report = await execute(decision, {}, policy, attempt, clock=clock)
    if report.status == "success":
        return report.attempt_count, False, report.output, None
    exhausted = report.reason == "retries_exhausted"
    error = failures[-1] if failures else ActionFailed(report.error or f"it was not done: {report.reason}")
    return report.attempt_count, exhausted, None, error


async def _fallen_back(
    fallbacks: list[FallbackAction], handlers: Mapping[str, Fallback], error: Exception
) -> tuple[FallbackAction | None, Any]:
    for fallback in fallbacks:
        handler = handlers.get(fallback.type)
        if handler is None:
            continue
        try:
            return fallback, await _awaited(handler(error))
        except Exception as broken:
            log.warning("fallback_failed", fallback=fallback.type, error=type(broken).__name__)
    return None, None


async def _escalated(
    strategy: RecoveryStrategy, facts: Mapping[str, bool], name: str, failure: dict[str, Any], notify: Notify | None
) -> tuple[Escalation, ...]:
    told = []
    for rule in strategy.escalations(facts):
        escalation = Escalation(rule.condition, rule.action, rule.severity, name, failure)
        told.append(escalation)
        if notify is None:
            log.error("recovery_escalated", operation=name, condition=rule.condition, severity=rule.severity)
            continue
        try:
            await _awaited(notify(escalation))
        except Exception as broken:
            log.error("escalation_failed", operation=name, condition=rule.condition, error=type(broken).__name__)
    return tuple(told)


async def _rolled_back(
    procedure: RollbackProcedure | None, rollback: Rollback | None, error: Exception, name: str
) -> None:
    if rollback is None:
        return
    try:
        await _awaited(rollback(procedure, error))
    except Exception as broken:
        log.error("rollback_failed", operation=name, error=type(broken).__name__)
        error.add_note(f"and rolling back failed: {type(broken).__name__}")


async def _awaited(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value
