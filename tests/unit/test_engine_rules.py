"""Policies, kill switches and retries as the engine reads them: pure, bounded, and closed where they break."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from pydantic import ValidationError

from psg.plan.policy import WEEK_MS
from psg.plan.spec import PlanSpec, StepSpec
from psg_runtime.ael.heartbeat import sign_of_life
from psg_runtime.execution_core.policies import RetryPolicy
from psg_runtime.orchestrator.clocks import elapsed_ms, left_ms, pauses_of
from psg_runtime.orchestrator.decide import Fail, Retry, decide_claim, decide_retry
from psg_runtime.orchestrator.denials import HeartbeatTimeout, KillSwitchActive, PolicyUnreadable, TotalTimeout
from psg_runtime.orchestrator.kill_switch import Rules
from psg_runtime.orchestrator.policy import Policies, StepPolicy
from psg_runtime.orchestrator.running import Running
from psg_runtime.orchestrator.settings import OrchestratorSettings

NOTHING: dict[str, Any] = {"plan_policy": None, "policy": None, "timeout_ms": None, "retries": None}
RETRYABLE = {"code": "action_failed", "retryable": True, "details": {}}


def policies() -> Policies:
    return Policies(OrchestratorSettings())


def test_the_more_particular_word_wins_key_by_key_and_the_shorthand_over_all() -> None:
    claim = NOTHING | {
        "plan_policy": '{"retry":{"max_retries":2,"base_ms":10}}', "policy": '{"timeout":{"attempt_ms":7}}',
        "retries": 5,
    }  # fmt: skip
    held = policies().of(claim, '{"retry":{"factor":3,"base_ms":1},"timeout":{"attempt_ms":1,"total_ms":9}}')
    assert (held.retry.max_retries, held.retry.base_ms, held.retry.factor) == (5, 10, 3)
    assert (held.attempt_ms, held.total_ms, held.queue_ms) == (7, 9, None)


def test_without_a_word_nothing_is_tried_again_and_no_clock_runs() -> None:
    held = policies().of(NOTHING, None)
    assert held == StepPolicy(RetryPolicy(max_retries=0, base_ms=100, max_ms=60_000, factor=2))


def test_a_first_delay_beyond_the_default_longest_is_meant() -> None:
    assert policies().of(NOTHING | {"policy": '{"retry":{"base_ms":70000}}'}, None).retry.max_ms == 70_000


@pytest.mark.req("EXEC-05")
@pytest.mark.parametrize(
    "text", ["{", "[]", "7", '"x"', '{"retry":{"max_retries":-1}}', '{"retry":{"factor":99}}', '{"other":{}}',
             '{"timeout":{"total_ms":1e300}}', '{"retry":7}']
)  # fmt: skip
def test_a_text_that_is_no_bounded_policy_is_told_as_such_every_time(text: str) -> None:
    known = policies()
    for _ in range(2):
        with pytest.raises(PolicyUnreadable) as found:
            known.of(NOTHING | {"policy": text}, None)
        assert found.value.details == {"status": "denied", "fail_closed": True}


@pytest.mark.req("EXEC-05")
@pytest.mark.parametrize(
    "policy",
    [
        {"retry": {"max_retries": -1}}, {"retry": {"max_retries": 101}}, {"retry": {"base_ms": 0}},
        {"retry": {"factor": 0}}, {"timeout": {"queue_ms": -1}}, {"timeout": {"attempt_ms": 10**12}},
        {"timeout": {"total_ms": float("inf")}}, {"timeout": {"heartbeat_ms": float("nan")}}, {"retry": {"x": 1}},
        {"idempotency": {"key": ""}}, {"retry": {"non_retryable": ["x"] * 101}},
    ],
)  # fmt: skip
def test_a_policy_without_bounds_cannot_be_written_into_a_plan(policy: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        StepSpec(key="a", name="x", policy=policy)  # type: ignore[arg-type]
    with pytest.raises(ValidationError):
        PlanSpec(title="t", objective="o", steps=[StepSpec(key="a", name="x")], policy=policy)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "delay"),
    [(500, 500), (5, 20), (-5, 20), ("500", 20), (True, 20), (None, 20), (float("nan"), 20), (float("inf"), 20),
     (10**15, WEEK_MS), (10**20, 20), (30.2, 31)],
)  # fmt: skip
def test_what_a_server_asks_for_raises_the_delay_and_nonsense_does_not(asked: Any, delay: int) -> None:
    policy = RetryPolicy(max_retries=1, base_ms=20, max_ms=20)
    assert decide_retry(0, policy, RETRYABLE | {"details": {"retry_after_ms": asked}}) == Retry(delay)


def test_a_code_or_an_exception_type_ends_it() -> None:
    policy = RetryPolicy(max_retries=3, non_retryable=frozenset(("bad", "KeyError")))
    assert decide_retry(0, policy, RETRYABLE | {"code": "bad"}) == Fail()
    assert decide_retry(0, policy, RETRYABLE | {"details": {"error_type": "KeyError"}}) == Fail()
    assert decide_retry(0, policy, RETRYABLE | {"details": "odd"}) == Retry(100)
    assert decide_retry(3, policy, RETRYABLE) == Fail() == decide_retry(0, policy, {"code": "x"})


def test_no_wait_outlives_the_total_time() -> None:
    policy = RetryPolicy(max_retries=3, base_ms=100)
    assert decide_retry(0, policy, RETRYABLE, left_ms=101) == Retry(100)
    assert decide_retry(0, policy, RETRYABLE, left_ms=100) == Fail(because="total_timeout")


def test_clocks_at_the_claim() -> None:
    assert decide_claim(waited_ms=5, queue_ms=5, taken_ms=4, total_ms=5) is None
    assert decide_claim(waited_ms=6, queue_ms=5) == "queue_timeout"
    assert decide_claim(waited_ms=6, queue_ms=5, taken_ms=5, total_ms=5) == "total_timeout"
    assert decide_claim(waited_ms=None, queue_ms=5, taken_ms=None, total_ms=5) is None
    pauses = pauses_of([("plan_resumed", 1), ("plan_paused", 10), ("plan_resumed", 30), ("plan_paused", 90)])
    assert (elapsed_ms(0, 100, pauses), left_ms(50, 20, 40, pauses)) == (70, 40)


def rules(kill: str | None = None, everywhere: str | None = None) -> dict[str, Any]:
    return {"policy": None, "budget": None, "kill": kill, "kill_all": everywhere}


@pytest.mark.req("EXEC-17", "EXEC-18")
def test_a_switch_denies_what_it_is_about_and_an_overtaken_answer_does_not_bring_it_back() -> None:
    known = Rules()
    known.check("p", ("tool_call",))
    known.tell(5, 100, rules('[{"plan":"p","action_type":"tool","reason":"why"}]'))
    known.check("other", ("tool_call", "tool"))
    known.check("p", ("llm_call", "llm"))
    with pytest.raises(KillSwitchActive, match="why"):
        known.check("p", ("tool_call", "tool"))
    known.tell(4, 200, rules())
    known.tell(5, 99, rules())
    with pytest.raises(KillSwitchActive):
        known.check("p", ("tool_call", "tool"))
    known.tell(5, 101, rules())
    known.check("p", ("tool_call", "tool"))
    known.tell(5, 102, rules(everywhere="[{}]"))
    with pytest.raises(KillSwitchActive) as found:
        known.check("q", ("anything",))
    assert found.value.details["scope"] == "global"


@pytest.mark.anyio
async def test_an_attempt_is_cut_by_its_clocks_or_by_who_stops_it_and_only_then() -> None:
    async def nothing_left() -> int:
        return 0

    async def no_limit() -> None:
        return None

    async def done() -> str:
        sign_of_life()()
        return "done"

    retry = RetryPolicy()
    for policy, left, error in (
        (StepPolicy(retry, heartbeat_ms=20), no_limit, HeartbeatTimeout),
        (StepPolicy(retry, total_ms=20), nothing_left, TotalTimeout),
    ):
        with pytest.raises(error):
            await Running({}).do(anyio.sleep_forever, policy, left)
        assert await Running({}).do(done, StepPolicy(retry, total_ms=99, heartbeat_ms=99), no_limit) == "done"
    stopped = Running({})
    stopped.stop(KillSwitchActive("now"))
    with pytest.raises(KillSwitchActive):
        await stopped.do(done, StepPolicy(retry), no_limit)
    ended = Running({})
    assert await ended.do(done, StepPolicy(retry), no_limit) == "done"
    ended.stop(KillSwitchActive("too late"))

    async def fails() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError):
        await Running({}).do(fails, StepPolicy(retry, total_ms=99), no_limit)
