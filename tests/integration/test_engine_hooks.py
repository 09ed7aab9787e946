"""Policy hooks in the engine: asked before each attempt, told after it; whatever goes wrong with one denies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from world import QUICK, World, registry, step

from psg.audit import verify
from psg.errors import ValidationFailed
from psg_runtime.ael import AdapterLayer, AelSettings
from psg_runtime.hooks import HookChain, PolicyHook, RateLimiter, consent_hook, permission_hook, rate_limit_hook
from psg_runtime.orchestrator import Orchestrator, OrchestratorSettings
from psg_runtime.orchestrator.policy_hooks import chain_of

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.fixture
async def world(db: Any) -> AsyncIterator[World]:
    made = await World.create(db)
    yield made
    report = await verify(db, made.project_id)
    assert report.ok, report.violations


async def run(world: World, hooks: Any, tools: Any, *steps: Any, **fields: Any) -> dict[str, dict[str, Any]]:
    """Run a plan with these hooks and return its steps."""
    plan_id = await world.started(*steps, **fields)
    chain = hooks if isinstance(hooks, HookChain) else HookChain(hooks, timeout_ms=300)
    settings = OrchestratorSettings(**{**QUICK, "projects": (world.project_id,)})
    orchestrator = Orchestrator(world.graph, AdapterLayer(tools), settings, hooks=chain)
    async with anyio.create_task_group() as tasks:
        await tasks.start(orchestrator.run)
        await world.finished(plan_id)
        orchestrator.stop()
    return await world.steps(plan_id)


def counted(fails: int = 0) -> tuple[Any, list[int]]:
    calls: list[int] = []

    async def count(**params: Any) -> int:
        calls.append(1)
        if len(calls) <= fails:
            raise RuntimeError("not yet")
        return len(calls)

    return count, calls


@pytest.mark.req("ORCH-16")
async def test_a_denial_keeps_the_adapter_from_being_called_and_its_reason_is_the_steps_error(world: World) -> None:
    count, calls = counted()
    limiter = RateLimiter(1, 60_000)
    stored = await run(
        world, [rate_limit_hook(limiter)], registry(count=count), step("a", name="count"), step("b", "a", name="count"),
        step("c", "b"),
    )  # fmt: skip
    error = stored["b"]["error"]
    assert (error["code"], error["message"]) == ("denied", "Rate limit exceeded")
    assert error["details"] == {"status": "denied", "hook": "rate_limiter"}
    assert stored["a"]["status"] == "completed" and stored["c"]["skip_reason"] == "dependency_failed"
    assert len(calls) == 1


@pytest.mark.req("ORCH-18", "ORCH-20")
async def test_hooks_see_the_step_with_its_params_and_the_context_and_each_must_allow(world: World) -> None:
    seen: list[tuple[dict[str, Any], dict[str, Any]]] = []

    def look(step: Any, context: Any) -> dict[str, bool]:
        seen.append((dict(step), dict(context)))
        return {"allow": True}

    hooks = [PolicyHook("look", look), permission_hook({"ann": ["count"]})]
    count, _ = counted()
    for user, status in (("ann", "completed"), ("bob", "failed")):
        stored = await run(
            world, hooks, registry(count=count), step("a", name="count", params={"x": "{{params.n}}"}),
            params={"n": 3, "context": {"userId": user, "project_id": "a lie", "tier": "gold"}},
        )  # fmt: skip
        assert stored["a"]["status"] == status
    assert stored["a"]["error"]["message"] == "Insufficient permissions"
    looked, context = seen[0]
    assert (looked["key"], looked["name"], looked["params"]) == ("a", "count", {"x": 3})
    assert context["project_id"] == world.project_id and context["actor"] == "system" and context["tier"] == "gold"


@pytest.mark.req("ORCH-19")
@pytest.mark.parametrize("consent", [False, True])
async def test_sensitive_params_need_consent_in_the_context_of_the_plan(world: World, consent: bool) -> None:
    count, calls = counted()
    stored = await run(
        world, [consent_hook()], registry(count=count), step("a", name="count", params={"email": "ann@example.org"}),
        params={"context": {"consentGiven": consent}},
    )  # fmt: skip
    if consent:
        assert stored["a"]["status"] == "completed" and calls
    else:
        assert stored["a"]["error"]["message"] == "Sensitive data detected, consent required" and not calls


@pytest.mark.req("ORCH-20", "EXEC-19")
@pytest.mark.parametrize("broken", ["raises", "hangs", "answers nonsense", "hangs in a thread"])
async def test_a_hook_that_breaks_denies_with_a_marker_in_bounded_time(world: World, broken: str) -> None:
    released = anyio.Event()

    async def hook(step: Any, context: Any) -> Any:
        if broken == "raises":
            raise RuntimeError("no token=abcdef123456 here")
        if broken == "hangs":
            await anyio.sleep_forever()
        return "yes"

    def in_a_thread(step: Any, context: Any) -> Any:
        anyio.from_thread.run(released.wait)

    count, calls = counted()
    call = in_a_thread if broken == "hangs in a thread" else hook
    stored = await run(world, [PolicyHook("bad", call)], registry(count=count), step("a", name="count"))
    error = stored["a"]["error"]
    assert (error["code"], error["details"]["fail_closed"], error["details"]["hook"]) == ("denied", True, "bad")
    assert not calls and "abcdef123456" not in str(error)
    released.set()


@pytest.mark.req("ORCH-17")
async def test_hooks_are_asked_and_told_for_each_attempt_and_a_failure_to_be_told_changes_nothing(world: World) -> None:
    told: list[tuple[str, bool]] = []

    async def after(step: Any, result: Any, context: Any) -> None:
        told.append((result["status"], result["duration"] >= 0))
        raise RuntimeError("cannot write it down")

    asked: list[int] = []

    async def before(step: Any, context: Any) -> dict[str, bool]:
        asked.append(context["attempt"])
        return {"allow": True}

    count, _ = counted(fails=1)
    policy = {"retry": {"max_retries": 1, "base_ms": 1}}
    stored = await run(
        world, [PolicyHook("audit", before, after)], registry(count=count), step("a", name="count", policy=policy)
    )
    assert stored["a"]["output"] == 2
    assert (asked, told) == ([1, 2], [("failed", True), ("completed", True)])
    segments = await world.query("MATCH (g:TraceSegment {project_id: $project_id}) RETURN g.payload AS p")
    assert all("cannot write it down" in s["p"] for s in segments) and len(segments) == 2


async def test_a_step_that_sleeps_in_between_is_asked_about_once(world: World) -> None:
    asked: list[str] = []

    async def before(step: Any, context: Any) -> dict[str, bool]:
        asked.append(step["key"])
        return {"allow": True}

    stored = await run(
        world, [PolicyHook("look", before)], registry(), step("w", type="wait", params={"duration_ms": 20})
    )
    assert stored["w"]["status"] == "completed" and asked == ["w"]


async def test_an_approval_does_not_lead_past_the_hooks(world: World) -> None:
    count, calls = counted()
    deny = PolicyHook("never", lambda step, context: {"allow": False, "reason": "never"})
    plan_id = await world.started(step("a", name="count", approval={"quorum": 1}))
    settings = OrchestratorSettings(**{**QUICK, "projects": (world.project_id,)})
    orchestrator = Orchestrator(world.graph, AdapterLayer(registry(count=count)), settings, hooks=HookChain([deny]))
    async with anyio.create_task_group() as tasks:
        await tasks.start(orchestrator.run)

        async def asked() -> list[dict[str, Any]]:
            return await world.query("MATCH (c:Confirm {project_id: $project_id, status: 'pending'}) RETURN c.id AS id")

        await world.until(asked)
        await world.graph.decide_confirm(world.project_id, (await asked())[0]["id"], "approved", actor="ann")
        await world.finished(plan_id)
        orchestrator.stop()
    assert (await world.steps(plan_id))["a"]["error"]["message"] == "never" and not calls


async def test_rules_of_a_file_and_hooks_of_a_module_are_loaded(world: World, tmp_path: Path, monkeypatch: Any) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        "rules:\n  - name: small\n    match: step.name == 'count'\n    allow: params.x <= 10\n    reason: too much\n"
    )
    (tmp_path / "house_rules.py").write_text(
        "from psg_runtime.hooks import PolicyHook\n"
        "policy_hooks = [PolicyHook('house', lambda step, context: {'allow': step['key'] != 'evil'})]\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    chain = chain_of(("house_rules",), AelSettings(policy_rules=rules))
    assert [hook.name for hook in chain.hooks] == ["house", "policy_rules"]
    count, _ = counted()
    stored = await run(
        world, chain, registry(count=count), step("ok", name="count", params={"x": 1}),
        step("big", name="count", params={"x": 11}), step("evil", name="noop"),
    )  # fmt: skip
    assert stored["ok"]["status"] == "completed"
    assert stored["big"]["error"]["message"] == "too much"
    assert stored["evil"]["error"]["details"]["hook"] == "house"


@pytest.mark.parametrize("reference", ["no_such_module", "json", "json:dumps.nothing", "psg_runtime.hooks:PolicyHook"])
def test_an_orchestrator_whose_policy_is_not_whole_does_not_start(reference: str) -> None:
    with pytest.raises(ValidationFailed, match="hooks"):
        Orchestrator(None, AdapterLayer(registry()), OrchestratorSettings(policy_hooks=(reference,)))  # type: ignore[arg-type]
    assert OrchestratorSettings(policy_hooks="a, b:c").policy_hooks == ("a", "b:c")  # type: ignore[arg-type]
