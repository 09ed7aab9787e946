"""The adapter of workers outside: what it parks with, what it makes of their answers, what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from plans_in_memory import step

from psg.errors import ActionTimeout, PsgError, ValidationFailed
from psg_runtime import CapabilityRegistry, Executor
from psg_runtime.ael import AdapterLayer, Parked
from psg_runtime.ael.capability_file import CapabilityFileInvalid
from psg_runtime.expressions import step_template

pytestmark = pytest.mark.anyio


def registry(**fields: Any) -> CapabilityRegistry:
    made = CapabilityRegistry()
    made.register(name="coder", type="agent", version="1.2.0", adapter="external", **fields)
    return made


def action(resumed: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "type": "agent_handoff", "name": "coder", "params": {"n": 1}, "step_key": "s", "resumed": resumed, **fields,
    }  # fmt: skip


def came_back(**turn: Any) -> dict[str, Any]:
    return {"reason": "turn", "turn": turn}


async def test_it_parks_with_the_action_for_whoever_works_as_the_capability() -> None:
    layer = AdapterLayer(registry())
    for named in ({}, {"name": "coder@1.2.0"}, {"name": None, "agent_role": "coder", "type": "step_execution"}):
        parked = await layer.execute(action(**named))
        assert isinstance(parked, Parked) and parked.turn is not None
        assert (parked.turn["offered_to"], parked.turn["lost"], parked.turn["action"]["params"]) == (
            "coder", 0, {"n": 1},
        )  # fmt: skip
    assert registry().names() == ["coder", "coder@1.2.0"] and registry().roles() == ["coder", "coder@1.2.0"]


async def test_an_answer_is_the_result() -> None:
    layer = AdapterLayer(registry(output_schema={"type": "object", "required": ["m"]}))
    done = await layer.execute(action(came_back(answer={"output": {"m": 1}})))
    assert (done.success, done.output) == (True, {"m": 1})  # type: ignore[union-attr]
    failed = await layer.execute(action(came_back(answer={"error": {"message": "no", "category": "odd"}})))
    assert not failed.success  # type: ignore[union-attr]
    assert failed.error["category"] == "module_error"  # type: ignore[union-attr,index]
    with pytest.raises(ValidationFailed):
        await layer.execute(action(came_back(answer={"output": {}})))


@pytest.mark.parametrize(
    ("turn", "lost"),
    [({"why": "lost", "lost": 0}, 1), ({"why": "lost", "lost": 4}, 5), ({"why": "returned", "lost": 2}, 2)],
)
async def test_a_turn_that_came_back_is_offered_again(turn: dict[str, Any], lost: int) -> None:
    parked = await AdapterLayer(registry()).execute(action(came_back(**turn)))
    assert isinstance(parked, Parked) and parked.turn is not None
    assert parked.turn["lost"] == lost


@pytest.mark.parametrize(
    ("turn", "code", "retryable"),
    [
        ({"why": "lost", "lost": 5}, "worker_lost", False), ({"why": "unclaimed"}, "queue_timeout", False),
        ({"why": "overdue", "attempt_ms": 5}, "action_timeout", True),
        ({"why": "silent", "heartbeat_ms": 5}, "heartbeat_timeout", True),
    ],
)  # fmt: skip
async def test_a_turn_that_is_over_says_why(turn: dict[str, Any], code: str, retryable: bool) -> None:
    with pytest.raises(PsgError) as caught:
        await AdapterLayer(registry()).execute(action(came_back(**turn)))
    assert (caught.value.code, caught.value.retryable) == (code, retryable)
    assert isinstance(caught.value, ActionTimeout) == (code == "action_timeout")


async def test_a_secret_is_not_handed_outside() -> None:
    params = step_template("agent", {"key": "{{secrets.TOKEN}}"}).resolve({})
    with pytest.raises(PsgError, match="looks up its secrets itself"):
        await AdapterLayer(registry()).execute(action(params=params))


async def test_without_a_graph_there_is_nobody_to_fetch_it() -> None:
    executor = Executor(registry(), None, {"retry_base_ms": 1})
    plan = {"id": "p", "goalId": "g", "steps": [{**step("a"), "type": "agent", "name": "coder"}]}
    result = await executor.execute(plan, None)
    assert "kept in the graph" in str(result)


@pytest.mark.parametrize("fields", [{"adapter": "ftp"}, {"adapter": ""}, {"adapter": "external", "call": print}])
def test_other_adapters_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationFailed, match="adapter"):
        CapabilityRegistry().register(name="x", type="agent", **fields)


def test_a_file_declares_it(tmp_path: Path) -> None:
    path = tmp_path / "agents.yaml"
    path.write_text("capabilities:\n  - {name: coder, type: agent, adapter: external}\n")
    made = CapabilityRegistry()
    made.load(str(path))
    assert made.external("coder") and made.names() == ["coder"]
    path.write_text("capabilities:\n  - {name: coder, type: agent, adapter: 7}\n")
    with pytest.raises(CapabilityFileInvalid, match="adapter"):
        CapabilityRegistry().load(str(path))
