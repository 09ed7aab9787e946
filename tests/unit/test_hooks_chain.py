"""Hooks are asked before a step and told after it; whatever is wrong with one denies."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from psg.errors import LeaseLost, ValidationFailed
from psg_runtime.hooks import HookChain, PolicyHook, policy_hook
from psg_runtime.hooks import chain as chain_module

pytestmark = pytest.mark.anyio

STEP = {"id": "s1", "key": "s1", "type": "tool", "name": "web_search", "params": {"q": "x", "deep": {"n": [1]}}}
ALLOW = {"allow": True}


def answering(answer: Any, name: str = "h") -> PolicyHook:
    return PolicyHook(name, lambda step, context: answer)


@pytest.mark.req("ORCH-15")
async def test_a_hook_may_be_an_object_a_mapping_or_functions_in_both_spellings() -> None:
    seen: list[Any] = []

    class Limiter:
        name = "rate_limiter"

        async def pre_execution(self, step: Any, context: Any) -> dict[str, Any]:
            seen.append((step.name, context.userId, context["user_id"], step["params"]["q"], step.params.deep.n))
            return ALLOW

    camel = SimpleNamespace(
        name="camel",
        preExecution=lambda s, c: seen.append("pre") or ALLOW,
        postExecution=lambda s, r, c: seen.append(r.status),
    )
    mapping = {"name": "mapping", "postExecution": lambda s, r, c: seen.append(r["duration"])}
    chain = HookChain([Limiter(), camel, mapping])
    assert [hook.name for hook in chain.hooks] == ["rate_limiter", "camel", "mapping"]
    assert (await chain.before(STEP, {"userId": "u1"})).allow
    assert await chain.after(STEP, {"status": "completed", "duration": 5}, {}) == []
    assert seen == [("web_search", "u1", "u1", "x", [1]), "pre", "completed", 5]


@pytest.mark.req("ORCH-15")
@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"preExecution": lambda s, c: ALLOW}, "needs a `name`"),
        ({"name": "x"}, "neither"),
        ({"name": "x", "preExecution": 5}, "cannot be called"),
        (5, "needs a `name`"),
        (None, "needs a `name`"),
        (PolicyHook, "is a class"),
    ],
)
def test_what_is_no_hook_is_refused_when_it_is_given(given: Any, says: str) -> None:
    with pytest.raises(ValidationFailed, match=says):
        policy_hook(given)


@pytest.mark.req("ORCH-16", "ORCH-20")
async def test_all_hooks_apply_and_one_denial_is_enough() -> None:
    asked: list[str] = []

    def hook(name: str, answer: dict[str, Any]) -> PolicyHook:
        return PolicyHook(name, lambda s, c: asked.append(name) or answer)

    denied = {"allow": False, "reason": "Rate limit exceeded"}
    for hooks in (
        [("a", ALLOW), ("b", denied)],
        [("a", denied), ("b", ALLOW)],
        [("a", ALLOW), ("b", ALLOW), ("c", denied)],
    ):
        asked.clear()
        decision = await HookChain([hook(*one) for one in hooks]).before(STEP)
        assert not decision.allow
        assert (decision.reason, decision.fail_closed) == ("Rate limit exceeded", False)
        assert asked == [name for name, _ in hooks][: len(asked)] and decision.hook == asked[-1]
    asked.clear()
    assert (await HookChain([hook("a", ALLOW), hook("b", ALLOW)]).before(STEP)).allow
    assert asked == ["a", "b"]
    assert (await HookChain().before(STEP)).allow
    silent = await HookChain([answering({"allow": False})]).before(STEP)
    assert silent.reason == "denied by policy hook `h`"


@pytest.mark.req("ORCH-20", "EXEC-19")
@pytest.mark.parametrize(
    "answer",
    [
        None,
        True,
        "yes",
        {},
        {"allow": "yes"},
        {"allow": 1},
        {"allow": None},
        {"allow": True, "reason": 5},
        [],
        object(),
    ],
)
async def test_an_answer_that_is_none_denies(answer: Any) -> None:
    decision = await HookChain([answering(answer)]).before(STEP)
    assert (decision.allow, decision.fail_closed, decision.hook) == (False, True, "h")
    assert "instead of" in (decision.reason or "")


@pytest.mark.req("ORCH-20", "EXEC-19")
async def test_a_raising_hook_denies_and_tells_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "marker-0123456789")

    def sync(step: Any, context: Any) -> Any:
        raise KeyError("marker-0123456789")

    async def later(step: Any, context: Any) -> Any:
        raise RuntimeError("broken")

    def leaving(step: Any, context: Any) -> Any:
        raise SystemExit(3)

    for call, said in ((sync, "KeyError"), (later, "RuntimeError: broken"), (leaving, "sys.exit(3)")):
        decision = await HookChain([PolicyHook("h", call)]).before(STEP)
        assert (decision.allow, decision.fail_closed) == (False, True)
        assert said in (decision.reason or "") and "marker" not in (decision.reason or "")


@pytest.mark.req("ORCH-20", "EXEC-19")
async def test_what_cannot_be_shown_to_a_hook_denies() -> None:
    endless: dict[str, Any] = {}
    endless["self"] = endless
    chain = HookChain([answering(ALLOW)])
    decision = await chain.before(STEP, endless)
    assert (decision.allow, decision.fail_closed) == (False, True)
    told = await HookChain([PolicyHook("h", post_execution=lambda s, r, c: None)]).after(STEP, {}, endless)
    assert "RecursionError" in told[0]


@pytest.mark.req("ORCH-20", "EXEC-20")
async def test_a_hanging_hook_denies_in_time_whether_it_is_sync_or_async() -> None:
    gate = threading.Event()

    async def for_ever(step: Any, context: Any) -> Any:
        await anyio.sleep_forever()

    def stuck(step: Any, context: Any) -> Any:
        gate.wait(30)
        return ALLOW

    try:
        for call in (for_ever, stuck):
            with anyio.fail_after(5):
                decision = await HookChain([PolicyHook("h", call)], timeout_ms=30).before(STEP)
            assert (decision.allow, decision.fail_closed) == (False, True)
            assert decision.reason == "policy hook `h` did not end within 30 ms"
    finally:
        gate.set()


async def test_a_hook_that_keeps_hanging_takes_no_more_than_its_threads() -> None:
    gate, calls = threading.Event(), []

    def stuck(step: Any, context: Any) -> Any:
        calls.append(1)
        gate.wait(30)
        return ALLOW

    chain = HookChain([PolicyHook("h", stuck)], timeout_ms=10)
    try:
        decisions = [await chain.before(STEP) for _ in range(chain_module.MAX_STUCK + 3)]
    finally:
        gate.set()
    assert not any(d.allow for d in decisions)
    assert "hangs" in (decisions[-1].reason or "")
    assert len(calls) == chain_module.MAX_STUCK


async def test_control_flow_passes_through_a_hook() -> None:
    async def lost(step: Any, context: Any) -> Any:
        raise LeaseLost("gone")

    with pytest.raises(LeaseLost):
        await HookChain([PolicyHook("h", lost)]).before(STEP)


@pytest.mark.req("ORCH-17")
async def test_a_failing_post_hook_is_recorded_and_the_others_are_told() -> None:
    told: list[Any] = []

    def broken(step: Any, result: Any, context: Any) -> None:
        raise OSError("disk full")

    async def hanging(step: Any, result: Any, context: Any) -> None:
        await anyio.sleep_forever()

    hooks = [
        PolicyHook("broken", post_execution=broken),
        PolicyHook("hanging", post_execution=hanging),
        PolicyHook("audit", post_execution=lambda s, r, c: told.append((s.name, r.status, r.duration, c.userId))),
    ]
    result = {"status": "failed", "duration": 7}
    failures = await HookChain(hooks, timeout_ms=30).after(STEP, result, {"userId": "u"})
    assert told == [("web_search", "failed", 7, "u")]
    assert [f.split("`")[1] for f in failures] == ["broken", "hanging"]
    assert "disk full" in failures[0]


async def test_no_hook_changes_what_runs_or_what_the_next_one_sees() -> None:
    def meddling(step: Any, context: Any) -> Any:
        step["params"]["deep"]["n"].append(2)
        step["name"] = "other"
        context["admin"] = True
        return ALLOW

    def looking(step: Any, context: Any) -> Any:
        return {"allow": step == STEP and "admin" not in context, "reason": "changed"}

    step, context = {**STEP, "params": {"q": "x", "deep": {"n": [1]}}}, {"userId": "u"}
    decision = await HookChain([PolicyHook("m", meddling), PolicyHook("l", looking)]).before(step, context)
    assert decision.allow, decision
    assert (step, context) == (STEP, {"userId": "u"})
