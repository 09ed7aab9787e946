"""An engine among bad collaborators: tools that exit or cancel, layers that lie, hang or break, gates that raise."""

from __future__ import annotations

import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from processes import PROGRAM, orchestrator_env
from world import World, registry, step

from psg.audit import verify
from psg.errors import ActionFailed
from psg.model.codec import loads
from psg_runtime.ael import ActionResult, AdapterLayer, Parked
from psg_runtime.orchestrator import budget_gate

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j, pytest.mark.timeout(180)]


@pytest.fixture
async def world(db: Any) -> AsyncIterator[World]:
    made = await World.create(db)
    yield made
    report = await verify(db, made.project_id)
    assert report.ok, report.violations


class Layer:
    """Somebody else's layer: answers what it was given for the name of the step's tool."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers

    async def execute(self, action: Any) -> Any:
        answer = self.answers.get(action["name"], {"success": True, "output": "well"})
        if isinstance(answer, BaseException):
            raise answer
        return await answer() if callable(answer) else answer


async def errors(world: World, plan_id: str) -> dict[str, str | None]:
    """The error code of every step, None for those that are completed."""
    stored = await world.steps(plan_id)
    assert all((s["status"] == "completed") == (s["error"] is None) for s in stored.values()), stored
    return {key: None if s["error"] is None else s["error"]["code"] for key, s in stored.items()}


async def test_tools_that_exit_cancel_or_hang_end_their_step_and_nothing_else(world: World) -> None:
    release = threading.Event()

    async def leaves() -> None:
        sys.exit(3)

    async def cancels() -> None:
        raise anyio.get_cancelled_exc_class()

    class Mute(Exception):
        def __str__(self) -> str:
            raise Mute

    def mute() -> None:
        raise Mute

    def details() -> None:
        raise ActionFailed("no", what=object())

    tools = registry(leaves=leaves, cancels=cancels, hangs=release.wait, mute=mute, details=details)
    steps = [step(name, name=name) for name in ("leaves", "cancels", "mute", "details")]
    plan_id = await world.started(*steps, step("hangs", name="hangs", timeout_ms=50), step("ok"))
    try:
        async with world.running(tools):
            assert await world.finished(plan_id) == ["failed"]
            assert await world.finished(await world.started(step("next"))) == ["completed"], "it works on"
    finally:
        release.set()
    found = await errors(world, plan_id)
    assert found == {
        "leaves": "action_failed", "cancels": "action_failed", "mute": "action_failed", "details": "action_failed",
        "hangs": "action_timeout", "ok": None,
    }  # fmt: skip


async def test_a_tool_that_never_returns_does_not_keep_an_orchestrator_from_stopping(
    world: World, neo4j_server: Any, tmp_path: Path
) -> None:
    effects = tmp_path / "effects"
    plan_id = await world.started(step("hang", name="hang", params={"effects": str(effects)}))
    env = orchestrator_env(neo4j_server, world.project_id, PSG_DRAIN_MS="0")
    async with await anyio.open_process([sys.executable, str(PROGRAM)], env=env) as process:

        async def hangs() -> bool:
            return effects.exists()

        await world.until(hangs)
        process.terminate()
        with anyio.fail_after(60):
            assert await process.wait() == 0
    async with world.running(registry(hang=lambda effects: None)):
        assert await world.finished(plan_id) == ["completed"], "another one takes the step over"


class Unreadable(dict[str, Any]):
    def __contains__(self, key: object) -> bool:
        raise KeyError("broken")


BAD_ANSWERS: dict[str, Any] = {
    "said": {"success": "no"}, "one": {"success": 1, "output": 2}, "both": {"success": True, "error": {"code": "x"}},
    "nothing": None, "thing": object(), "result": ActionResult("no", 1), "status": {"status": "fine"},  # type: ignore[arg-type]
    "twice": {"success": True, "status": "failed"}, "unreadable": Unreadable(),
    "output": {"success": True, "output": object()}, "endless": {"success": False, "error": {"code": object()}},
    "parked": Parked(confirm={"reason": object()}), "raises": KeyError("x"),
}  # fmt: skip


@pytest.mark.req("EXEC-19")
async def test_what_is_no_clear_success_that_can_be_kept_is_a_failure(world: World) -> None:
    plan_id = await world.started(*[step(name, name=name) for name in BAD_ANSWERS], step("good", name="good"))
    async with world.running(ael=Layer(BAD_ANSWERS)):
        assert await world.finished(plan_id) == ["failed"]
    found = await errors(world, plan_id)
    assert found.pop("good") is None
    assert None not in found.values(), found


async def test_a_gate_that_breaks_afterwards_is_noted_and_undoes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(budget_gate, "usage_of", broken)
    steps = [step(k, name="noop", policy={"idempotency": {"enabled": True, "key": "once"}}) for k in "ab"]
    plan_id = await world.run(*steps, budget={"calls": 1})
    assert await errors(world, plan_id) == {"a": None, "b": None}, "the result is in the ledger"
    rows = await world.query("MATCH (g:TraceSegment {project_id: $project_id}) RETURN g.payload AS payload")
    notes = [loads(r["payload"])["attributes"].get("gate_errors") for r in rows]
    assert ["BudgetGate broke after the attempt (ZeroDivisionError)"] in notes


@pytest.mark.parametrize("answer", [KeyError("x"), 5])
async def test_a_layer_that_cannot_say_what_it_can_do_has_the_step_denied(world: World, answer: Any) -> None:
    class Vague(AdapterLayer):
        def unavailable_reason(self, step_type: str, name: str | None = None) -> Any:
            if isinstance(answer, Exception):
                raise answer
            return answer

    called: list[str] = []

    async def note() -> None:
        called.append("note")

    plan_id = await world.started(step("asked", name="note", condition="true"), step("other", "asked"), step("ok"))
    async with world.running(ael=Vague(registry(note=note))):
        assert await world.finished(plan_id) == ["failed"]
    stored = await world.steps(plan_id)
    assert stored["asked"]["error"]["code"] == "denied" and not called
    assert stored["asked"]["error"]["details"] == {"status": "denied", "fail_closed": True}
    assert (stored["ok"]["status"], stored["other"]["skip_reason"]) == ("completed", "dependency_failed")


async def test_a_layer_that_keeps_no_time_is_cut_at_the_longest_time_of_the_settings(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PSG_MAX_EXECUTION_TIME", "0.05")
    plan_id = await world.started(step("hang", name="hang"))
    async with world.running(ael=Layer({"hang": anyio.sleep_forever})):
        assert await world.finished(plan_id) == ["failed"]
    assert await errors(world, plan_id) == {"hang": "action_timeout"}
