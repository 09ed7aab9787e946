"""No policy is unbounded: what is missing has a finite default, what is out of bounds is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest

from psg_runtime.execution_core import (
    ACTION_AND_CONTEXT,
    ExecutionPolicy,
    IdempotencyPolicy,
    PolicyError,
    RetryPolicy,
    TimeoutPolicy,
)
from psg_runtime.execution_core.policies import DAY_MS, WEEK_MS

NO_NUMBERS = [math.nan, math.inf, -math.inf, True, False, "3", [], 10**400, -(10**400), 1e308]
LIMITS: list[tuple[type, str, float, float]] = [
    (RetryPolicy, "max_retries", 0, 100),
    (RetryPolicy, "base_ms", 0, DAY_MS),
    (RetryPolicy, "max_ms", 0, DAY_MS),
    (RetryPolicy, "factor", 1, 10),
    (TimeoutPolicy, "attempt_ms", 1, WEEK_MS),
    (TimeoutPolicy, "total_ms", 1, 4 * WEEK_MS),
]


@pytest.mark.req("EXEC-02", "EXEC-03", "EXEC-04", "EXEC-05")
def test_the_defaults() -> None:
    policy = ExecutionPolicy()
    assert policy.retry == RetryPolicy(max_retries=3, base_ms=100, max_ms=5000, factor=2)
    assert policy.timeout == TimeoutPolicy(attempt_ms=5000, total_ms=30_000)
    assert policy.idempotency == IdempotencyPolicy(enabled=False, key_generator=ACTION_AND_CONTEXT)
    assert ExecutionPolicy.of(None) == ExecutionPolicy.of({}) == policy


@pytest.mark.req("EXEC-05")
@pytest.mark.parametrize(("kind", "name", "least", "most"), LIMITS)
def test_each_limit_is_bounded(kind: Any, name: str, least: float, most: float) -> None:
    for bound in (least, most):
        assert getattr(kind(**{name: bound}), name) == bound
    for value in (least - 1, most + 1, -1, *NO_NUMBERS):
        with pytest.raises(PolicyError, match=rf"{kind.__name__}\.{name} must be"):
            kind(**{name: value})
    assert getattr(kind(**{name: None}), name) == getattr(kind(), name)  # what is missing is replaced


@pytest.mark.req("EXEC-05")
def test_whole_numbers_are_whole() -> None:
    assert RetryPolicy(max_retries=2.0).max_retries == 2  # type: ignore[arg-type]
    assert isinstance(RetryPolicy(max_retries=2.0).max_retries, int)  # type: ignore[arg-type]
    with pytest.raises(PolicyError, match="whole"):
        RetryPolicy(max_retries=2.5)  # type: ignore[arg-type]


@pytest.mark.req("EXEC-05")
@pytest.mark.parametrize("codes", ["timeout", 3, [3], ["x"] * 5 + [None], [str(n) for n in range(101)]])
def test_codes_that_are_not_retried_are_a_short_list_of_texts(codes: Any) -> None:
    with pytest.raises(PolicyError, match="non_retryable"):
        RetryPolicy(non_retryable=codes)


@pytest.mark.req("EXEC-02", "EXEC-12")
def test_delays_grow_up_to_the_longest_and_are_always_the_same() -> None:
    retry = RetryPolicy(max_retries=6, base_ms=100, max_ms=1000, factor=2)
    assert [retry.delay_ms(failures) for failures in range(8)] == [0, 100, 200, 400, 800, 1000, 1000, 1000]
    assert retry.max_attempts == 7
    assert RetryPolicy(factor=10).delay_ms(10**6) == 5000
    assert RetryPolicy(base_ms=0, factor=10).delay_ms(10**6) == 0
    assert RetryPolicy(base_ms=500, max_ms=100).delay_ms(1) == 100
    assert RetryPolicy(factor=1).delay_ms(50) == 100
    assert RetryPolicy().delay_ms(-1) == 0


@pytest.mark.req("EXEC-04")
def test_policies_from_mappings_in_any_spelling() -> None:
    expected = ExecutionPolicy(RetryPolicy(1, 5, 9, 3), TimeoutPolicy(7, 8), IdempotencyPolicy(True))
    snake = {
        "retry": {"max_retries": 1, "base_ms": 5, "max_ms": 9, "factor": 3},
        "timeout": {"attempt_ms": 7, "total_ms": 8},
        "idempotency": {"enabled": True, "key_generator": ACTION_AND_CONTEXT},
    }
    camel = {
        "retry": {"maxRetries": 1, "baseMs": 5, "maxMs": 9, "factor": 3},
        "timeout": {"attemptMs": 7, "totalMs": 8},
        "idempotency": {"idempotencyEnabled": True, "keyGenerator": ACTION_AND_CONTEXT},
    }
    assert ExecutionPolicy.of(snake) == ExecutionPolicy.of(camel) == expected
    assert expected.idempotency.idempotency_enabled


@pytest.mark.parametrize("value", [{"retry": {"max_retry": 1}}, {"retries": {}}, {1: 2}, 5, "x", [RetryPolicy()]])
def test_what_is_no_policy_is_refused(value: Any) -> None:
    with pytest.raises(PolicyError):
        ExecutionPolicy.of(value)


@pytest.mark.req("EXEC-06")
@pytest.mark.parametrize(
    "change", [{"key_generator": "random"}, {"key_generator": 5}, {"enabled": "yes"}, {"enabled": 1}]
)
def test_idempotency_that_is_not_known_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(PolicyError, match="IdempotencyPolicy"):
        IdempotencyPolicy(**change)


def test_messages_show_no_texts() -> None:
    with pytest.raises(PolicyError) as caught:
        RetryPolicy(max_retries="hunter2hunter2")  # type: ignore[arg-type]
    assert "hunter2" not in str(caught.value)
