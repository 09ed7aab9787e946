"""The limits of time: of one attempt, of all of them, and of code that hangs."""

from __future__ import annotations

import threading
import time
from typing import Any

import anyio
import pytest
from virtual_clock import VirtualClock

from psg_runtime.execution_core import ExecutionPolicy, FinalDecision, RetryPolicy, TimeoutPolicy, calls, execute

pytestmark = pytest.mark.anyio

YES = FinalDecision("send", True)


@pytest.mark.req("EXEC-03", "EXEC-20")
async def test_an_attempt_and_all_of_them_are_bounded() -> None:
    clock = VirtualClock()

    async def hangs(action: Any, context: Any) -> None:
        clock.take(1e9)

    policy = ExecutionPolicy(RetryPolicy(9, base_ms=10), TimeoutPolicy(attempt_ms=100, total_ms=250))
    report = await execute(YES, {}, policy, hangs, clock=clock)
    assert [attempt.latency_ms for attempt in report.attempts] == [100, 100, 20]
    assert {attempt.error_code for attempt in report.attempts} == {"timeout"}
    assert (report.status, report.reason, report.fail_closed) == ("failed", "total_timeout", True)
    assert report.total_latency_ms == clock.ms == 250


@pytest.mark.req("EXEC-03")
async def test_a_retry_that_would_outlive_the_total_is_not_begun() -> None:
    clock = VirtualClock()
    called = []

    async def later(action: Any, context: Any) -> dict[str, Any]:
        called.append(action)
        return {"success": False, "retry_after_ms": 60_000}

    report = await execute(YES, {}, None, later, clock=clock)
    assert called == ["send"]
    assert (report.attempt_count, clock.sleeps, clock.ms) == (1, [], 0)
    assert (report.reason, report.fail_closed) == ("total_timeout", True)


@pytest.mark.req("EXEC-03")
async def test_an_answer_after_its_time_is_no_success() -> None:
    clock = VirtualClock()

    async def late(action: Any, context: Any) -> str:
        clock.ms += 51  # blocks the loop: nothing can stop it
        return "done"

    report = await execute(YES, {}, {"timeout": {"attempt_ms": 50, "total_ms": 300}}, late, clock=clock)
    assert (report.status, report.output) == ("failed", None)
    assert {attempt.error_code for attempt in report.attempts} == {"timeout"}


@pytest.mark.req("EXEC-20")
@pytest.mark.parametrize("kind", ["async", "plain", "key"])
async def test_hanging_code_is_left_in_real_time(kind: str) -> None:
    release = threading.Event()

    async def waits(action: Any, context: Any) -> None:
        await anyio.sleep_forever()

    def hangs(action: Any, context: Any) -> str:
        release.wait(30)
        return "late"

    policy: dict[str, Any] = {"retry": {"max_retries": 1, "base_ms": 1}, "timeout": {"attempt_ms": 40, "total_ms": 100}}
    if kind == "key":
        policy["idempotency"] = {"enabled": True, "key_generator": hangs}
    started = time.monotonic()
    report = await execute(YES, {}, policy, waits if kind == "async" else hangs)
    release.set()
    assert time.monotonic() - started < 5
    assert report.status == ("denied" if kind == "key" else "failed")
    assert report.fail_closed


@pytest.mark.req("EXEC-20")
async def test_an_executor_that_answers_to_its_cancellation_is_late_all_the_same() -> None:
    async def stubborn(action: Any, context: Any) -> str:
        try:
            await anyio.sleep_forever()
        except BaseException:
            return "done"

    policy = {"retry": {"max_retries": 0}, "timeout": {"attempt_ms": 20}}
    report = await execute(YES, {}, policy, stubborn)
    assert (report.status, report.output, report.attempts[0].error_code) == ("failed", None, "timeout")


def join_threads() -> None:
    for thread in threading.enumerate():
        if thread.name == "bounded call":
            thread.join(10)


@pytest.mark.req("EXEC-20")
async def test_no_thread_is_begun_when_too_many_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    join_threads()  # those that other tests left behind
    monkeypatch.setattr(calls, "MAX_LEFT_BEHIND", 1)
    release = threading.Event()
    policy = {"retry": {"max_retries": 1, "base_ms": 1}, "timeout": {"attempt_ms": 20}}
    report = await execute(YES, {}, policy, lambda action, context: release.wait(30))
    assert [attempt.error_code for attempt in report.attempts] == ["timeout", "executor_saturated"]
    release.set()
    join_threads()
    assert (await execute(YES, {}, policy, lambda action, context: "done")).output == "done"


@pytest.mark.req("EXEC-19")
async def test_a_call_of_its_own_contains_what_would_end_more() -> None:
    def leaves() -> None:
        raise SystemExit(3)

    async def cancels() -> None:
        raise anyio.get_cancelled_exc_class()

    for function, message in ((leaves, r"called sys\.exit\(3\)"), (cancels, "was cancelled from within")):
        with pytest.raises(calls.CallFailed, match=message):
            await calls.call(function)
    assert await calls.call(lambda function, arguments: (function, arguments), function=1, arguments=2) == (1, 2)
