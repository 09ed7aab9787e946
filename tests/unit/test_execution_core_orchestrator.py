"""One decision executed: its order, its limits, and what every kind of trouble becomes."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import json
import pickle
from collections.abc import Iterator, Mapping
from enum import Enum
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from virtual_clock import VirtualClock

from psg_runtime.execution_core import (
    ExecutionAttempt,
    ExecutionPlan,
    ExecutionPolicy,
    ExecutionReport,
    ExecutionStatus,
    FinalDecision,
    IdempotencyPolicy,
    RetryPolicy,
    TimeoutPolicy,
    build_plan,
    execute,
)

pytestmark = pytest.mark.anyio

YES = FinalDecision("send", True)
QUICK = ExecutionPolicy(RetryPolicy(2, base_ms=10, max_ms=1000), TimeoutPolicy(attempt_ms=50, total_ms=300))


class Executor:
    """Plays a list of answers, one a call; the last one again and again. Exceptions are raised."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.calls: list[tuple[Any, Any]] = []

    async def execute(self, action: Any, context: Any) -> Any:
        self.calls.append((action, context))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer


async def run(executor: Any, decision: Any = YES, context: Any = None, policy: Any = QUICK) -> ExecutionReport:
    return await execute(decision, {} if context is None else context, policy, executor, clock=VirtualClock())


@pytest.mark.req("EXEC-01", "EXEC-09", "EXEC-10", "EXEC-27")
async def test_a_success_is_reported_with_its_attempt_plan_and_metrics() -> None:
    executor = Executor({"sent": 3})
    context = {"to": "a"}
    report = await run(executor, context=context)
    assert isinstance(report, ExecutionReport)
    assert executor.calls == [("send", context)]
    assert (report.status, report.fail_closed, report.reason, report.error) == ("success", False, None, None)
    assert (report.success_count, report.failed_count, report.skipped_count, report.denied_count) == (1, 0, 0, 0)
    [attempt] = report.attempts
    assert isinstance(attempt, ExecutionAttempt)
    assert (attempt.action, attempt.status, attempt.attempt_number) == ("send", ExecutionStatus.SUCCESS, 1)
    assert attempt.output == report.output == {"sent": 3}
    assert isinstance(report.plan, ExecutionPlan)
    assert [status.value for status in ExecutionStatus] == ["success", "failed", "skipped", "denied"]


@pytest.mark.req("EXEC-02", "EXEC-12", "EXEC-27")
async def test_retries_wait_longer_each_time_and_end_at_their_number() -> None:
    clock = VirtualClock()
    executor = Executor(ValueError("no"))
    report = await execute(YES, {}, {"retry": {"max_retries": 3, "base_ms": 100}}, executor, clock=clock)
    assert clock.sleeps == [100, 200, 400]
    assert len(executor.calls) == report.attempt_count == report.failed_count == 4
    assert [attempt.attempt_number for attempt in report.attempts] == [1, 2, 3, 4]
    assert (report.status, report.reason, report.fail_closed) == ("failed", "retries_exhausted", True)
    assert report.total_latency_ms == 700


@pytest.mark.req("EXEC-02")
async def test_a_later_attempt_may_succeed() -> None:
    report = await run(Executor(ValueError("no"), {"success": False, "error": "not yet"}, "done"))
    assert [attempt.status for attempt in report.attempts] == ["failed", "failed", "success"]
    assert (report.status, report.output, report.fail_closed, report.error) == ("success", "done", False, None)
    assert report.attempts[0].fail_closed
    assert not report.attempts[1].fail_closed


@pytest.mark.req("EXEC-15", "EXEC-17")
@pytest.mark.parametrize("decision", [YES, FinalDecision("send", False), None, {"allowed": "yes"}])
async def test_the_kill_switch_comes_before_everything(decision: Any) -> None:
    executor = Executor("done")
    report = await run(executor, decision, {"ops_deny_actions": True}, {"retry": {"max_retries": -1}})
    assert executor.calls == report.attempts == []
    assert (report.status, report.reason, report.denied_count, report.fail_closed) == (
        "denied",
        "kill_switch",
        1,
        False,
    )


@pytest.mark.req("EXEC-15", "EXEC-16")
async def test_what_is_not_allowed_is_skipped_before_a_plan_is_made() -> None:
    executor = Executor("done")
    for decision in (FinalDecision("send", False), {"action": "send", "allowed": False}):
        report = await run(executor, decision, policy={"retry": {"max_retries": -1}})
        assert executor.calls == report.attempts == []
        assert (report.status, report.reason, report.skipped_count, report.plan) == ("skipped", "not_allowed", 1, None)


@pytest.mark.req("EXEC-17", "EXEC-18")
async def test_a_kill_switch_that_goes_on_between_attempts_denies_the_next() -> None:
    signals: dict[str, Any] = {"ops_deny_actions": []}

    async def fails_once(action: Any, context: Any) -> None:
        signals["ops_deny_actions"] = ["send"]
        raise ValueError("no")

    policy = {"idempotency": {"enabled": True}}
    report = await execute(YES, signals, policy, fails_once, clock=VirtualClock())
    assert [attempt.status for attempt in report.attempts] == ["failed", "denied"]
    assert (report.status, report.reason) == ("denied", "kill_switch")
    assert len({attempt.idempotency_key for attempt in report.attempts} - {None}) == 1


class RaisingContext(Mapping[str, Any]):
    def __getitem__(self, key: str) -> Any:
        raise RuntimeError("no context")

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("no context")

    def __len__(self) -> int:
        return 1


class RaisingDecision:
    @property
    def allowed(self) -> bool:
        raise RuntimeError("no decision")


def raising_key(action: Any, context: Any) -> str:
    raise RuntimeError("no key")


@pytest.mark.req("EXEC-19")
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"context": RaisingContext()}, "context_unreadable"),
        ({"context": [1]}, "context_unreadable"),
        ({"decision": None}, "decision_unreadable"),
        ({"decision": RaisingDecision()}, "decision_unreadable"),
        ({"decision": FinalDecision("send", 1)}, "decision_unreadable"),  # type: ignore[arg-type]
        ({"decision": {"action": "send", "allowed": "true"}}, "decision_unreadable"),
        ({"decision": {"allowed": True}}, "decision_unreadable"),
        ({"policy": {"retry": {"max_retries": -1}}}, "policy_unbounded"),
        ({"policy": "none"}, "policy_unbounded"),
        ({"policy": SimpleNamespace(retry=None)}, "policy_unbounded"),
        ({"policy": {"idempotency": {"enabled": True, "key_generator": raising_key}}}, "idempotency_key"),
        ({"policy": {"idempotency": {"enabled": True, "key_generator": lambda a, c: None}}}, "idempotency_key"),
        ({"policy": {"idempotency": {"enabled": True}}, "context": {"x": object()}}, "idempotency_key"),
        ({"policy": {"idempotency": {"enabled": True}}, "context": {"x": float("nan")}}, "idempotency_key"),
        ({"executor": None}, "executor_unreadable"),
        ({"executor": {"execute": 1}}, "executor_unreadable"),
    ],
)
async def test_what_is_broken_before_the_first_attempt_denies(change: dict[str, Any], reason: str) -> None:
    executor = Executor("done")
    report = await run(**{"executor": executor} | change)
    assert executor.calls == report.attempts == []
    assert (report.status, report.fail_closed, report.reason, report.denied_count) == ("denied", True, reason, 1)


async def test_a_policy_forced_open_is_refused() -> None:
    policy = ExecutionPolicy()
    object.__setattr__(policy.retry, "max_retries", 10**9)
    report = await run(Executor(ValueError()), policy=policy)
    assert (report.status, report.reason) == ("denied", "policy_unbounded")


async def test_without_a_policy_the_defaults_hold() -> None:
    report = await run(Executor(ValueError()), policy=None)
    assert report.attempt_count == 4


class RaisingAnswer:
    @property
    def success(self) -> bool:
        raise RuntimeError("unreadable")


def never_run() -> Iterator[int]:
    yield 1


class State(Enum):
    BAD = "failed"


@pytest.mark.req("EXEC-19")
@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (RuntimeError("x"), "failed"),
        (SystemExit(1), "failed"),
        (asyncio.CancelledError(), "failed"),
        (StopIteration(1), "failed"),
        (ExceptionGroup("many", [ValueError("x")]), "failed"),
        (RaisingAnswer(), "failed"),
        (False, "failed"),
        ((False, "no"), "failed"),
        ({"success": False, "error": "no"}, "failed"),
        ({"success": "yes"}, "failed"),
        ({"success": True, "status": "failed"}, "failed"),
        ({"ok": False}, "failed"),
        ({"error": "no"}, "failed"),
        ({"status": State.BAD}, "failed"),
        (never_run(), "failed"),
        (NotImplemented, "failed"),
        (ExecutionReport(), "failed"),
        ({"status": "denied"}, "denied"),
        (ExecutionStatus.DENIED, "denied"),
        ({"status": "skipped"}, "skipped"),
    ],
)
async def test_no_trouble_is_a_success(answer: Any, status: str) -> None:
    report = await run(Executor(answer))
    assert (report.status, report.success_count, report.output) == (status, 0, None)
    assert report.reason


@pytest.mark.parametrize(
    ("answer", "output"),
    [
        (None, None), (True, True), ("x", "x"), (0, 0), ([], []), ((True, "x"), "x"), ({}, {}), ({"a": 1}, {"a": 1}),
        ({"success": True, "output": 5}, 5), ({"status": "completed", "n": 1}, {"status": "completed", "n": 1}),
        ({"status": 404}, {"status": 404}), ({"error": None, "a": 1}, {"error": None, "a": 1}),
        (SimpleNamespace(success=True, output=7, error=None), 7), (ExecutionStatus.SUCCESS, None),
    ],
)  # fmt: skip
async def test_answers_that_are_successes(answer: Any, output: Any) -> None:
    report = await run(Executor(answer))
    assert (report.status, report.output) == ("success", output)


class Refusal(Exception):
    code = "refused"
    retryable = False


@pytest.mark.parametrize(
    ("answer", "retry"),
    [
        (Refusal("never"), {}),
        ({"success": False, "retryable": False}, {}),
        (KeyError("x"), {"non_retryable": ["KeyError"]}),
        ({"success": False}, {"non_retryable": ["executor_failed"]}),
    ],
)
async def test_what_cannot_succeed_is_not_tried_again(answer: Any, retry: dict[str, Any]) -> None:
    report = await run(Executor(answer), policy={"retry": retry})
    assert (report.attempt_count, report.reason) == (1, "not_retryable")


async def test_a_wait_that_is_asked_for_is_kept_and_never_shortens_the_backoff() -> None:
    clock = VirtualClock()
    answers = [{"success": False, "retry_after_ms": wait} for wait in (750, 1, float("nan"), -5)]
    await execute(YES, {}, {"retry": {"max_retries": 4, "base_ms": 100}}, Executor(*answers), clock=clock)
    assert clock.sleeps == [750, 200, 400, 800]


@pytest.mark.req("EXEC-01", "EXEC-14")
async def test_executors_of_every_kind() -> None:
    class Plain:
        def execute(self, action: Any, context: Any) -> str:
            return "plain"

    class Callable:
        async def __call__(self, action: Any, context: Any) -> str:
            return "callable"

    async def coroutine(action: Any, context: Any) -> str:
        return "coroutine"

    executors = [Plain(), Callable(), coroutine, lambda a, c: "function", lambda a, c: coroutine(a, c)]
    outputs = [(await execute(YES, {}, QUICK, executor)).output for executor in executors]
    assert outputs == ["plain", "callable", "coroutine", "function", "coroutine"]


async def test_control_flow_passes_through() -> None:
    class Lost(BaseException):
        pass

    def loses(action: Any, context: Any) -> None:
        raise Lost

    for executor in (Executor(Lost()), loses):
        with pytest.raises(Lost):
            await run(executor)
    with anyio.move_on_after(0.01) as scope:
        await execute(YES, {}, None, lambda a, c: anyio.sleep_forever())
    assert scope.cancelled_caught


@pytest.mark.req("EXEC-19")
@pytest.mark.parametrize("error", [SystemExit(2), asyncio.CancelledError(), GeneratorExit(), RuntimeError("x")])
async def test_a_thread_cannot_end_more_than_its_attempt(error: BaseException) -> None:
    def raises(action: Any, context: Any) -> None:
        raise error

    report = await execute(YES, {}, {"retry": {"max_retries": 0}}, raises)
    assert (report.status, report.fail_closed) == ("failed", True)


@pytest.mark.req("EXEC-19")
async def test_trouble_of_the_core_itself_is_a_report() -> None:
    class Broken(VirtualClock):
        async def sleep_ms(self, ms: float) -> None:
            raise RuntimeError("no clock; password=hunter2")

    report = await execute(YES, {}, None, Executor(ValueError()), clock=Broken())
    assert (report.status, report.fail_closed, report.reason) == ("failed", True, "orchestrator_error")
    assert report.failed_count == 1
    assert "hunter2" not in str(report)


@pytest.mark.req("EXEC-24")
async def test_a_denial_holds_no_secret_of_what_it_denies() -> None:
    def raises(action: Any, context: Any) -> str:
        raise RuntimeError(f"no key of {action['token']} and {context['password']}")

    decision = {"action": {"type": "send", "token": "m4rk3r-1"}, "allowed": True}
    policy = {"idempotency": {"enabled": True, "key_generator": raises}}
    report = await run(Executor("done"), decision, {"password": "m4rk3r-2"}, policy)
    assert (report.status, report.error) == ("denied", "no key of [REDACTED] and [REDACTED]")


@pytest.mark.req("EXEC-24")
async def test_no_form_of_a_report_holds_a_secret() -> None:
    marker = "m4rk3r-5f2b8c"
    action = {"type": "send", "params": {"password": marker, "to": "a"}}
    context = {"auth": {"user": "u", "client_secret": marker}}

    class Leak(Exception):
        code = marker
        retry_after_ms = 1

    answers = [Leak(f"refused {marker}"), {"success": False, "error": {"token": marker}}, {"api_key": marker, "n": 1}]
    report = await run(Executor(*answers), FinalDecision(action, True), context)
    assert report.status == "success"
    assert report.output == {"api_key": marker, "n": 1}  # who asked for it gets it
    shown = [str(report), repr(report), json.dumps(report.to_dict()), str(dataclasses.asdict(report)), str(report.plan)]
    shown += [str(vars(report)), str(copy.deepcopy(report)), pickle.dumps(report).decode("latin-1")]
    assert [form for form in shown if marker in form] == []
    assert report.attempts[-1].output == {"api_key": "[REDACTED]", "n": 1}
    assert report.attempts[0].error is not None
    assert "refused" in report.attempts[0].error
    assert action["params"]["password"] == marker  # type: ignore[index]


@pytest.mark.req("EXEC-19")
async def test_an_error_that_cannot_be_read_is_reported_without_its_message() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("mute")

        @property
        def retryable(self) -> bool:
            raise RuntimeError("mute")

    report = await run(Executor(Mute()))
    assert (report.status, report.error, report.attempt_count) == ("failed", "Mute (without a readable message)", 1)


async def test_long_messages_are_cut_after_they_are_redacted() -> None:
    report = await run(Executor(ValueError("x" * 1990 + " password=" + "hunter2" * 100_000)))
    assert report.error is not None
    assert len(report.error) <= 2000
    assert "hunter" not in report.error


@pytest.mark.req("EXEC-07")
async def test_an_executor_is_given_the_key_when_it_takes_one() -> None:
    seen = []

    async def takes(action: Any, context: Any, *, idempotency_key: str | None) -> bool:
        seen.append(idempotency_key)
        return len(seen) > 1

    report = await run(takes, policy=ExecutionPolicy(idempotency=IdempotencyPolicy(True)))
    assert seen == [attempt.idempotency_key for attempt in report.attempts]
    assert len(set(seen)) == 1
    assert seen[0]


@pytest.mark.req("EXEC-11")
async def test_the_plan_says_all_that_may_happen() -> None:
    policy = ExecutionPolicy(RetryPolicy(3, 100, 300), TimeoutPolicy(90_000, 1000), IdempotencyPolicy(True))
    plan = build_plan(YES, {"a": 1}, policy)
    assert (plan.max_attempts, plan.max_retries, plan.delays_ms) == (4, 3, (100, 200, 300))
    assert (plan.attempt_timeout_ms, plan.total_timeout_ms) == (1000, 1000)
    assert plan == build_plan(YES, {"a": 1}, policy)
    assert plan == (await run(Executor("x"), context={"a": 1}, policy=policy)).plan
    assert plan.idempotency_enabled
