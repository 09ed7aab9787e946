"""Whatever is decided, tried and answered: bounded, deterministic, closed on failure, without secrets."""

from __future__ import annotations

import copy
import json
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_clock import VirtualClock

from psg_runtime.execution_core import (
    ExecutionPolicy,
    ExecutionReport,
    ExecutionStatus,
    FinalDecision,
    IdempotencyPolicy,
    PolicyError,
    RetryPolicy,
    TimeoutPolicy,
    build_plan,
    execute,
    idempotency_key,
    kill_switch_active,
    redact_execution_log,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=10,
)
ANYTHING = st.one_of(JSON, st.binary(max_size=8), st.builds(object), st.just(float("nan")), st.tuples(JSON, JSON))
POLICIES = st.builds(
    ExecutionPolicy,
    retry=st.builds(
        RetryPolicy,
        max_retries=st.integers(0, 6),
        base_ms=st.integers(0, 500),
        max_ms=st.integers(0, 2000),
        factor=st.floats(1, 10),
    ),
    timeout=st.builds(TimeoutPolicy, attempt_ms=st.integers(1, 3000), total_ms=st.integers(1, 5000)),
    idempotency=st.builds(IdempotencyPolicy, enabled=st.booleans()),
)
# What one attempt does: it takes some time, then answers or raises.
ANSWERS = st.one_of(
    st.sampled_from(
        [True, False, None, "done", (True, 1), (False, "no"), {"success": True},
         {"success": False, "retry_after_ms": 300},
         {"success": "?"}, {"status": "denied"}, {"status": "skipped"}, ValueError("x"), SystemExit(1), KeyError("k")]
    ),
    ANYTHING,
)  # fmt: skip
ATTEMPTS = st.lists(st.tuples(st.floats(0, 4000), ANSWERS), min_size=1, max_size=8)
FAILING = st.sampled_from([False, (False, 1), {"success": False}, {"success": 1}, ValueError("x"), SystemExit(0)])


class Script:
    """An executor that plays attempts on a virtual clock."""

    def __init__(self, attempts: list[tuple[float, Any]]) -> None:
        self.attempts = attempts
        self.clock = VirtualClock()
        self.called = 0

    async def execute(self, action: Any, context: Any) -> Any:
        takes, answer = self.attempts[min(self.called, len(self.attempts) - 1)]
        self.called += 1
        self.clock.take(takes)
        if isinstance(answer, BaseException):
            raise answer
        return answer


def play(
    attempts: list[tuple[float, Any]], policy: Any, decision: Any = None, context: Any = None
) -> tuple[ExecutionReport, Script]:
    script = Script(attempts)
    decision = FinalDecision("act", True) if decision is None else decision

    async def main() -> ExecutionReport:
        return await execute(decision, {} if context is None else context, policy, script, clock=script.clock)

    return anyio.run(main), script


@pytest.mark.req("EXEC-02", "EXEC-03", "EXEC-20", "EXEC-27")
@settings(max_examples=100, deadline=None)
@given(ATTEMPTS, POLICIES)
def test_it_is_bounded_whatever_the_executor_does(attempts: list[Any], policy: ExecutionPolicy) -> None:
    report, script = play(attempts, policy)
    assert script.called == report.attempt_count <= policy.retry.max_retries + 1
    assert script.clock.ms <= policy.timeout.total_ms + 1e-6
    assert all(attempt.latency_ms <= policy.timeout.attempt_ms for attempt in report.attempts)
    counts = (report.success_count, report.failed_count, report.skipped_count, report.denied_count)
    assert sum(counts) == report.attempt_count
    assert report.success_count == (report.status is ExecutionStatus.SUCCESS)
    delays = [policy.retry.delay_ms(n) for n in range(1, len(script.clock.sleeps) + 1)]
    assert all(slept >= delay for slept, delay in zip(script.clock.sleeps, [d for d in delays if d], strict=False))


@pytest.mark.req("EXEC-19")
@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 100), FAILING), min_size=1, max_size=8), POLICIES)
def test_no_failure_is_ever_a_success(attempts: list[Any], policy: ExecutionPolicy) -> None:
    report, _ = play(attempts, policy)
    assert report.status is ExecutionStatus.FAILED
    assert (report.success_count, report.output) == (0, None)
    raised = [attempt for attempt in report.attempts if attempt.error_code in ("executor_exception", "executor_exited")]
    assert all(attempt.fail_closed for attempt in raised)
    assert report.fail_closed or not raised


@pytest.mark.req("EXEC-15", "EXEC-17", "EXEC-19")
@settings(max_examples=100, deadline=None)
@given(ANYTHING, ANYTHING, ANYTHING)
def test_nonsense_is_reported_and_never_allowed(decision: Any, context: Any, policy: Any) -> None:
    report, script = play([(0, True)], policy, {"action": "a", "allowed": decision}, context)
    assert isinstance(report, ExecutionReport)
    if decision is not True:
        assert script.called == 0
        assert report.status in ("denied", "skipped")
    assert (report.status == "success") == (script.called == 1)
    switched, script = play([(0, True)], policy, decision, {"ops_deny_actions": True, "x": context})
    assert (switched.status, script.called) == ("denied", 0)


@pytest.mark.req("EXEC-11", "EXEC-12")
@settings(max_examples=100, deadline=None)
@given(ATTEMPTS, POLICIES, JSON)
def test_the_same_input_gives_the_same_plan_and_report(
    attempts: list[Any], policy: ExecutionPolicy, value: Any
) -> None:
    decision, context = FinalDecision({"type": "act", "x": value}, True), {"value": value}
    reports = [play(attempts, policy, copy.deepcopy(decision), copy.deepcopy(context))[0] for _ in range(2)]
    assert reports[0].plan == build_plan(decision, context, policy)
    # Outputs may be objects that equal nothing but themselves.
    shown = [str(report.to_dict()) for report in reports]
    assert shown[0] == shown[1]


@pytest.mark.req("EXEC-08")
@settings(max_examples=200, deadline=None)
@given(JSON, JSON)
def test_keys_are_equal_exactly_when_what_they_are_of_is(one: Any, other: Any) -> None:
    def plain(value: Any) -> str:  # numbers in one spelling, keys in order
        return json.dumps(value, sort_keys=True)

    same = idempotency_key("a", {"x": one}) == idempotency_key("a", {"x": copy.deepcopy(one)})
    assert same
    if plain(one) == plain(other):
        assert idempotency_key("a", {"x": one}) == idempotency_key("a", {"x": other})
    elif idempotency_key("a", {"x": one}) == idempotency_key("a", {"x": other}):
        assert one == other


@pytest.mark.req("EXEC-05")
@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["max_retries", "base_ms", "max_ms", "factor"]), ANYTHING | st.floats() | st.integers())
def test_a_policy_is_bounded_or_refused(name: str, value: Any) -> None:
    try:
        policy = RetryPolicy(**{name: value})
    except PolicyError:
        return
    assert 0 <= policy.max_retries <= 100
    delays = [policy.delay_ms(n) for n in range(policy.max_attempts + 1)]
    assert all(0 <= delay <= policy.max_ms for delay in delays)
    assert delays[1:] == sorted(delays[1:])


MARKER = "Zq7m4rk3rQ"
NAMES = st.sampled_from(
    ["password", "API_KEY", "accessToken", "client-secret", "Authorization", "db_password", "private_key"]
)
PLANTED_TEXT = st.sampled_from(
    [f"Bearer {MARKER}", f"password={MARKER}", f'{{"token": "{MARKER}"}}', f"https://user:{MARKER}@host/",
     f"--secret {MARKER} x", f"Login(api_key='{MARKER}', n=1)", f"?access_token={MARKER}&a=1",
     f"Authorization: Basic {MARKER}", f"PWD = {MARKER};"]
)  # fmt: skip
WORDS = st.text(st.characters(codec="utf-8"), max_size=10).map(lambda text: f"{text} ")
SHAPES = st.recursive(
    st.just(MARKER),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, min_size=1, max_size=3)
        | st.tuples(inner)
        | st.frozensets(st.just(MARKER))
    ),
    max_leaves=5,
)
PLANTED = st.one_of(
    st.builds(lambda name, shape: {name: shape}, NAMES, SHAPES),
    st.builds(lambda before, text: before + text, WORDS, PLANTED_TEXT),
)
LOGS = st.recursive(
    PLANTED | JSON,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4) | st.tuples(inner)
    ),
    max_leaves=8,
)


@pytest.mark.req("EXEC-21", "EXEC-22", "EXEC-23", "EXEC-24")
@settings(max_examples=200, deadline=None)
@given(LOGS)
def test_redaction_leaves_no_planted_secret_and_does_it_once(log: Any) -> None:
    before = copy.deepcopy(log)
    redacted = redact_execution_log(log)
    assert log == before
    assert MARKER not in repr(redacted)
    assert redact_execution_log(redacted) == redacted


PIECES = [
    "password",
    "api_key",
    "tokens",
    "=",
    ":",
    " ",
    '"',
    "'",
    "\\",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    ",",
    "abc",
    "5",
    "--token",
]
PIECES += [
    "Bearer",
    "basic",
    "https://",
    "u:p@h",
    "@",
    "/",
    "[REDACTED]",
    "\n",
    ";",
    "&",
    "Cookie",
    "Authorization",
    "b'",
    "==",
]


@pytest.mark.req("EXEC-24")
@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join) | st.text())
def test_redacting_a_text_again_changes_nothing(text: str) -> None:
    once = redact_execution_log(text)
    assert redact_execution_log(once) == once


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(["ops_deny_actions", "kill_switch", "ops_health", "x"]), ANYTHING, max_size=3))
def test_any_signal_is_read_as_yes_or_no(context: dict[str, Any]) -> None:
    assert kill_switch_active(context, "send") in (True, False)
