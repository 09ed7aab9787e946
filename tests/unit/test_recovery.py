"""Recovery strategies as data and for any operation; a category on every error (CORE-44 to CORE-49)."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError
from virtual_clock import VirtualClock

import psg
import psg_cli
import psg_client
import psg_graphql
import psg_neo4j
import psg_runtime
from psg.errors import ActionFailed, Forbidden, PsgError, ValidationFailed
from psg.plan.policy import PolicySpec
from psg.plan.spec import PlanSpec
from psg_client.errors import ClientError
from psg_client.run import RunFailed, RunTimeout
from psg_runtime.ael import ActionResult
from psg_runtime.orchestrator.attempt import outcome_of
from psg_runtime.orchestrator.policy import Policies
from psg_runtime.orchestrator.settings import OrchestratorSettings
from psg_runtime.recovery import (
    DEFAULT_RECOVERY_STRATEGY,
    ErrorCategory,
    Escalation,
    RecoveryStrategy,
    ResultCache,
    category_of,
    recover,
    reported,
    strategy_of,
)

SIX = {"workflow_error", "module_error", "communication_error", "resource_error", "validation_error", "system_error"}


class Broken:
    """An operation that fails ``times`` times."""

    def __init__(self, times: int = 10**9, error: Exception | None = None) -> None:
        self.left = times
        self.calls = 0
        self.error = error or ConnectionError("away")

    async def __call__(self) -> str:
        self.calls += 1
        if self.left:
            self.left -= 1
            raise self.error
        return "there"


def subclasses(kind: type) -> list[type]:
    return [kind, *(found for child in kind.__subclasses__() for found in subclasses(child))]


@pytest.mark.req("CORE-44")
def test_the_categories_are_the_six_and_every_error_class_has_one() -> None:
    assert {c.value for c in ErrorCategory} == SIX
    for package in (psg, psg_cli, psg_client, psg_graphql, psg_neo4j, psg_runtime):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "__main__" not in module.name and "mcp_acceptance" not in module.name:
                importlib.import_module(module.name)
    ours = [c for c in subclasses(PsgError) if c.__module__.startswith("psg")]
    assert len(ours) > 80
    assert {c.__name__: c.category for c in ours if c.category not in SIX} == {}
    assert {c("x").to_dict()["category"] for c in (Forbidden, ActionFailed)} <= SIX
    plan = SimpleNamespace(title="t", status="failed")
    facts = {RunFailed: (SimpleNamespace(plan=plan, steps=[]),), RunTimeout: (plan, 1.0)}
    for kind in subclasses(ClientError):
        asked = inspect.signature(kind).parameters
        assert kind(*facts.get(kind, ("x",)), **({"code": "x"} if "code" in asked else {})).category in SIX


@pytest.mark.req("CORE-44")
@pytest.mark.parametrize(
    ("error", "category"),
    [
        (ConnectionResetError(), "communication_error"), (TimeoutError(), "communication_error"),
        (MemoryError(), "resource_error"), (ValueError(), "validation_error"), (RuntimeError(), "system_error"),
        (Forbidden(), "validation_error"), (ActionFailed(), "module_error"), (None, "system_error"),
        ({"category": "resource_error"}, "resource_error"), ({"category": "nonsense"}, "system_error"),
        ({"category": ["list"]}, "system_error"),
    ],
)  # fmt: skip
def test_anything_that_goes_wrong_has_a_category(error: Any, category: str) -> None:
    assert category_of(error) == category


@pytest.mark.req("CORE-44")
@pytest.mark.parametrize("error", [{}, {"category": "zzz", "code": 7, "details": "no"}, {"message": None, "code": ""}])
def test_an_error_that_somebody_elses_layer_reports_gets_what_it_lacks(error: dict[str, Any]) -> None:
    told = outcome_of(ActionResult(False, error=error or {"x": 1})).error
    assert told is not None
    assert told == reported(error or {"x": 1})
    assert (told["category"], told["code"], told["retryable"]) == ("module_error", "action_failed", False)
    assert told["message"] and isinstance(told["details"], dict)


@pytest.mark.req("CORE-45")
def test_a_strategy_is_data_in_either_spelling() -> None:
    given = {
        "retryPolicy": {"maxRetries": 1, "backoffStrategy": "fixed", "baseDelay": 5},
        "fallbackActions": [{"type": "ask_colleague", "conditions": ["colleague_there"]}],
        "escalationRules": [{"condition": "recovery_failed", "action": "page", "severity": "critical"}],
        "rollbackProcedure": {"name": "undo", "actions": [{"name": "undo.it"}]},
    }
    strategy = strategy_of(given)
    assert strategy == strategy_of(strategy.model_dump(mode="json"))
    assert (strategy.retry_policy.max_retries, strategy.retry_policy.as_retry["factor"]) == (1, 1)
    assert strategy.rollback_procedure is not None and strategy.rollback_procedure.actions[0].name == "undo.it"
    assert strategy_of({**given, "rollbackProcedure": [{"name": "undo.it"}]}).rollback_procedure is not None
    assert strategy_of(None).rollback_procedure is None


@pytest.mark.req("CORE-45")
@pytest.mark.parametrize(
    "given",
    [
        {"retryPolicy": {"maxRetries": -1}}, {"retryPolicy": {"backoffStrategy": "hope"}}, {"unknown": 1},
        {"fallbackActions": [{"type": ""}]}, {"escalationRules": [{"condition": "x", "severity": "loud"}]},
        {"rollbackProcedure": [{"params": {}}]}, {"retryPolicy": {"baseDelay": 0}}, {"retryPolicy": None},
    ],
)  # fmt: skip
def test_a_strategy_that_is_none_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationFailed):
        strategy_of(given)


@pytest.mark.req("CORE-46", "CORE-47", "CORE-48")
def test_the_default_is_the_specifications() -> None:
    assert DEFAULT_RECOVERY_STRATEGY.model_dump(mode="json", by_alias=True, exclude_none=True) == {
        "retryPolicy": {"maxRetries": 3, "backoffStrategy": "exponential", "baseDelay": 1000},
        "fallbackActions": [
            {"type": "use_cached_result", "conditions": ["cache_available"]},
            {"type": "degrade_gracefully", "conditions": ["non_critical_operation"]},
        ],
        "escalationRules": [
            {"condition": "max_retries_exceeded", "action": "notify_administrator", "severity": "high"}
        ],
    }
    assert RecoveryStrategy() == DEFAULT_RECOVERY_STRATEGY


@pytest.mark.anyio
@pytest.mark.req("CORE-46")
async def test_the_default_waits_one_two_and_four_seconds() -> None:
    clock, operation = VirtualClock(), Broken()
    with pytest.raises(ConnectionError):
        await recover(operation, clock=clock)
    assert (clock.sleeps, operation.calls) == ([1000, 2000, 4000], 4)


@pytest.mark.req("CORE-46")
def test_a_policy_with_a_recovery_waits_the_same() -> None:
    def of(text: str) -> Any:
        claim = {"plan_policy": None, "policy": text, "timeout_ms": None, "retries": None}
        return Policies(OrchestratorSettings()).of(claim, None)

    retry = of('{"recovery":{}}').retry
    assert [retry.delay_ms(n) for n in (1, 2, 3)] == [1000, 2000, 4000]
    assert retry.max_retries == 3
    named = of('{"recovery":{},"retry":{"max_retries":1}}').retry
    assert (named.max_retries, named.base_ms) == (1, 1000)
    assert of("{}").recovery is None


@pytest.mark.anyio
async def test_what_works_at_last_is_the_value() -> None:
    done = await recover(Broken(2), clock=VirtualClock())
    assert (done.value, done.attempts, done.fallback, done.escalations) == ("there", 3, None, ())


@pytest.mark.anyio
async def test_an_error_that_cannot_pass_is_not_repeated_and_a_plain_function_will_do() -> None:
    clock, operation = VirtualClock(), Broken(error=ValidationFailed("no"))
    with pytest.raises(ValidationFailed, match="no"):
        await recover(operation, clock=clock)
    assert operation.calls == 1
    assert (await recover(lambda: {"success": False}, clock=clock)).value == {"success": False}


@pytest.mark.anyio
@pytest.mark.req("CORE-47")
@pytest.mark.parametrize(
    ("cached", "critical", "fallback", "value"),
    [
        (True, True, "use_cached_result", "earlier"), (True, False, "use_cached_result", "earlier"),
        (False, False, "degrade_gracefully", "less"), (False, True, None, None),
    ],
)  # fmt: skip
async def test_fallbacks_come_in_order_where_their_conditions_hold(
    cached: bool, critical: bool, fallback: str | None, value: Any
) -> None:
    cache = ResultCache()
    if cached:
        await recover(lambda: "earlier", name="op", cache=cache)
    how: dict[str, Any] = {
        "name": "op", "critical": critical, "cache": cache, "degraded": lambda: "less", "clock": VirtualClock(),
    }  # fmt: skip
    if fallback is None:
        with pytest.raises(ConnectionError):
            await recover(Broken(), **how)
        return
    done = await recover(Broken(), **how)
    assert (done.fallback, done.value, done.attempts) == (fallback, value, 4)
    assert done.error is not None and done.error["category"] == "communication_error"


@pytest.mark.anyio
async def test_a_fallback_that_breaks_gives_way_to_the_next_and_ones_own_can_be_given() -> None:
    strategy = {
        "retryPolicy": {"maxRetries": 0},
        "fallbackActions": [{"type": "bad"}, {"type": "good", "conditions": ["friday"]}, {"type": "never"}],
    }

    def broken(error: BaseException) -> Any:
        raise RuntimeError("not me")

    async def good(error: BaseException) -> str:
        return f"instead of {error}"

    fallbacks = {"bad": broken, "good": good, "never": broken}
    done = await recover(Broken(), strategy, fallbacks=fallbacks, conditions={"friday": True})
    assert (done.fallback, done.value) == ("good", "instead of away")
    with pytest.raises(ConnectionError):
        await recover(Broken(), strategy, fallbacks=fallbacks)
    with pytest.raises(ValidationFailed, match="nobody can do the fallback 'bad'"):
        await recover(Broken(), strategy)


@pytest.mark.anyio
@pytest.mark.req("CORE-48")
async def test_only_used_up_retries_notify_the_administrator_with_severity_high() -> None:
    told: list[Escalation] = []
    with pytest.raises(ConnectionError):
        await recover(Broken(), name="import", notify=told.append, clock=VirtualClock())
    (escalation,) = told
    assert (escalation.condition, escalation.action, escalation.severity, escalation.operation) == (
        "max_retries_exceeded", "notify_administrator", "high", "import",
    )  # fmt: skip
    assert escalation.error["message"] == "ConnectionError: away"
    told.clear()
    await recover(Broken(3), notify=told.append, clock=VirtualClock())
    with pytest.raises(ValidationFailed):
        await recover(Broken(error=ValidationFailed("no")), notify=told.append, clock=VirtualClock())
    assert told == []
    done = await recover(Broken(), critical=False, notify=told.append, clock=VirtualClock())
    assert (done.fallback, done.escalations) == ("degrade_gracefully", tuple(told))


@pytest.mark.anyio
@pytest.mark.req("CORE-49")
async def test_the_rollback_procedure_runs_when_nothing_helped_and_only_then() -> None:
    strategy = {"retryPolicy": {"maxRetries": 0}, "rollbackProcedure": [{"name": "undo.it"}]}
    ran: list[Any] = []

    async def rollback(procedure: Any, error: BaseException) -> None:
        ran.append((procedure.actions[0].name, str(error)))

    await recover(Broken(0), strategy, rollback=rollback)
    await recover(Broken(), strategy, critical=False, rollback=rollback)
    assert ran == []
    with pytest.raises(ConnectionError):
        await recover(Broken(), strategy, rollback=rollback)
    assert ran == [("undo.it", "away")]
    with pytest.raises(ValidationFailed, match="no `rollback`"):
        await recover(Broken(0), strategy)


@pytest.mark.anyio
@pytest.mark.req("CORE-49")
async def test_a_rollback_that_breaks_does_not_hide_the_error() -> None:
    def rollback(procedure: Any, error: BaseException) -> None:
        raise RuntimeError("cannot")

    with pytest.raises(ConnectionError) as caught:
        await recover(Broken(), {"retryPolicy": {"maxRetries": 0}}, rollback=rollback)
    assert caught.value.__notes__ == ["and rolling back failed: RuntimeError"]


@pytest.mark.anyio
async def test_nothing_stands_in_for_what_was_denied() -> None:
    denied = [Forbidden("no"), ActionFailed("no", status="denied")]
    for error in denied:
        with pytest.raises(type(error)):
            await recover(Broken(error=error), critical=False, clock=VirtualClock())


def test_a_cache_forgets_what_was_used_longest_ago() -> None:
    cache = ResultCache(most=2)
    for key in ("a", "b"):
        cache.put(key, key)
    assert cache.get("a") == "a"
    cache.put("c", "c")
    assert ("a" in cache, "b" in cache, cache.get("b")) == (True, False, None)


def _plan(**fields: Any) -> dict[str, Any]:
    return {"title": "t", "objective": "o", "steps": [{"key": "a", "name": "x"}], **fields}


@pytest.mark.req("CORE-49")
def test_a_rollback_procedure_of_a_plan_implies_that_it_is_undone() -> None:
    policy = {"recovery": {"rollback_procedure": [{"name": "undo.it"}]}}
    step = {"key": "a", "name": "x", "policy": policy}
    for given in (_plan(policy=policy), _plan(steps=[step]), _plan(policy=policy, on_failure="stop")):
        assert PlanSpec.model_validate(given).on_failure == "compensate"
    assert PlanSpec.model_validate(_plan(policy={"recovery": {}})).on_failure == "continue"
    with pytest.raises(ValidationError, match="cannot be replanned"):
        PlanSpec.model_validate(_plan(policy=policy, on_failure="replan"))


@pytest.mark.parametrize(
    "recovery",
    [
        {"fallback_actions": [{"type": "ask_colleague"}]},
        {"fallback_actions": [{"type": "use_cached_result", "conditions": ["full_moon"]}]},
        {"escalation_rules": [{"condition": "full_moon"}]},
        {"escalation_rules": [{"condition": "recovery_failed", "action": "send_flowers"}]},
        {"rollback_procedure": []}, {"degraded_output": float("nan")}, {"critical": "perhaps"},
    ],
)  # fmt: skip
def test_a_step_is_not_given_a_strategy_that_nobody_would_carry_out(recovery: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PolicySpec.model_validate({"recovery": recovery})
