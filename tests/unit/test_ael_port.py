"""The port of the Action Execution Layer: actions, their types, the reference layer, parallel execution."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from psg.errors import (
    ActionFailed,
    DependencyCycle,
    EvaluationFailed,
    LeaseLost,
    ReferenceMissing,
    ValidationFailed,
)
from psg_runtime.ael import (
    ACTION_TYPES,
    Action,
    ActionResult,
    AdapterLayer,
    AelSettings,
    CapabilityRegistry,
    InMemoryAEL,
    action_target,
    failure_of,
    parallel_ael_execution,
)
from psg_runtime.ael.masking import SecretMask


@pytest.mark.anyio
@pytest.mark.req("L3-28", "L3-25")
@pytest.mark.parametrize("action", [{"type": "tool_call", "x": 1}, {"type": "nonsense"}, "text", None])
async def test_the_reference_layer_reports_the_action_as_executed(action: Any) -> None:
    result = await InMemoryAEL().execute(action)
    assert result == {"status": "executed", "action": action}
    assert result["action"] is action


@pytest.mark.req("DD-29")
def test_the_action_types_of_the_specification() -> None:
    named = {"llm_call", "tool_call", "agent_handoff", "file_operation", "custom_action"}
    assert named | {"step_execution", "agent_execution"} == set(ACTION_TYPES)
    assert [Action.parse({"type": t}).type for t in ACTION_TYPES] == list(ACTION_TYPES)


@pytest.mark.anyio
@pytest.mark.req("DD-29", "L3-26")
async def test_an_unknown_action_type_is_refused() -> None:
    layer = AdapterLayer(CapabilityRegistry(), AelSettings())
    with pytest.raises(ValidationFailed, match="Unknown action type `toolcall`: did you mean `tool_call`"):
        await layer.execute({"type": "toolcall", "name": "x"})


@pytest.mark.req("DD-42")
@pytest.mark.parametrize(
    ("step", "target"),
    [
        (("tool", "fmt", None), ("tool_call", "fmt")),
        (("tool", "file.write", None), ("file_operation", "file.write")),
        (("tool", "process.run", None), ("tool_call", "process.run")),
        (("agent", "writer", None), ("agent_handoff", "writer")),
        (("agent", None, "writer"), ("step_execution", None)),
        (("tool", "fmt", "writer"), ("step_execution", "fmt")),
        (("llm", None, None), ("llm_call", None)),
        (("wait", None, "anybody"), ("custom_action", "wait")),
        (("confirm", None, None), ("custom_action", "confirm")),
        (("foreach", "x", None), ("custom_action", "foreach")),
        (("conditional", None, None), ("custom_action", "conditional")),
        (("conditional", "handle_positive", None), ("custom_action", "handle_positive")),
    ],
)
def test_the_action_of_a_step(step: tuple[str, str | None, str | None], target: tuple[str, str | None]) -> None:
    assert action_target(*step) == target


@pytest.mark.req("L3-27")
@pytest.mark.parametrize(
    ("kind", "name", "executor"),
    [
        ("tool_call", "fmt", "tool"),
        ("tool_call", "process.run", "external"),
        ("file_operation", "file.read", "tool"),
        ("custom_action", "mine", "tool"),
        ("custom_action", "wait", "worker"),
        ("llm_call", None, "llm"),
        ("step_execution", None, "agent"),
        ("agent_handoff", "writer", "agent"),
    ],
)
def test_who_executes_an_action(kind: str, name: str | None, executor: str) -> None:
    assert Action(kind, name).executor_kind == executor


class Recorder:
    """Runs actions after letting every other one start, and notes when each begins and ends."""

    def __init__(self, failing: set[str] = frozenset()) -> None:  # type: ignore[assignment]
        self.log: list[tuple[str, str]] = []
        self._failing = failing

    async def execute(self, action: Any) -> ActionResult:
        self.log.append(("start", action["id"]))
        await anyio.lowlevel.checkpoint()
        self.log.append(("end", action["id"]))
        if action["id"] in self._failing:
            raise ActionFailed("broken")
        return ActionResult(True, action["id"])


@pytest.mark.anyio
@pytest.mark.req("DD-33")
async def test_parallel_execution_goes_group_by_group() -> None:
    ael = Recorder()
    actions = [
        {"id": "d", "dependencies": ["b", "c"]},
        {"id": "a"},
        {"id": "b", "dependencies": ["a"]},
        {"id": "c", "dependencies": ["a"]},
    ]
    results = await parallel_ael_execution(actions, ael)
    assert [r.output for r in results] == ["d", "a", "b", "c"]
    assert ael.log[:2] == [("start", "a"), ("end", "a")]
    assert {entry[1] for entry in ael.log[2:4]} == {"b", "c"}
    assert [entry[0] for entry in ael.log[2:4]] == ["start", "start"]
    assert ael.log[-2:] == [("start", "d"), ("end", "d")]


@pytest.mark.anyio
@pytest.mark.req("DD-33", "L3-26")
async def test_every_action_yields_one_result_also_when_one_fails() -> None:
    ael = Recorder(failing={"a"})
    actions = [{"id": "a"}, {"id": "b", "dependencies": ["a"]}, {"id": "c"}]
    a, b, c = await parallel_ael_execution(actions, ael)
    assert (a.success, a.error["code"]) == (False, "action_failed")
    assert (b.success, b.error["code"]) == (False, "dependency_failed")
    assert c.success
    assert ("start", "b") not in ael.log


@pytest.mark.anyio
async def test_control_flow_passes_through_parallel_execution() -> None:
    class Losing:
        async def execute(self, action: Any) -> None:
            raise LeaseLost

    with pytest.raises(LeaseLost):
        await parallel_ael_execution([{"id": "a"}, {"id": "b"}], Losing())


@pytest.mark.anyio
async def test_parallel_execution_refuses_cycles_and_unknown_dependencies() -> None:
    ael = Recorder()
    with pytest.raises(DependencyCycle):
        await parallel_ael_execution([{"id": "a", "dependencies": ["b"]}, {"id": "b", "dependencies": ["a"]}], ael)
    with pytest.raises(ReferenceMissing):
        await parallel_ael_execution([{"id": "a", "dependencies": ["z"]}], ael)
    assert ael.log == []


def test_a_failure_is_written_down() -> None:
    assert failure_of(EvaluationFailed("no x", expression="x")) == {
        "code": "evaluation_failed",
        "message": "no x",
        "category": "validation_error",
        "retryable": False,
        "details": {"expression": "x"},
    }
    foreign = failure_of(KeyError("k"))
    assert (foreign["code"], foreign["message"], foreign["retryable"]) == ("action_failed", "KeyError: 'k'", True)


@pytest.mark.req("EXEC-24")
@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abcDEF123456",
        "https://user:hunter2hunter2@example.org/x",
        "password=hunter2hunter2",
        '{"api_key": "hunter2hunter2"}',
        "TOKEN: hunter2hunter2",
        "key sk-abcdefghijklmnopqrstuv in use",
        "ghp_abcdefghijklmnopqrstuvwxyz0123",
        "AKIAABCDEFGHIJKLMNOP",
        "-----BEGIN RSA PRIVATE KEY-----\nhunter2hunter2\n-----END RSA PRIVATE KEY-----",
        "from the environment: s3cr3t-value-1",
    ],
)
def test_secrets_are_masked(text: str) -> None:
    mask = SecretMask(environ={"MY_API_KEY": "s3cr3t-value-1", "PATH": "/usr/bin:/bin"})
    masked = mask.text(text)
    assert "***" in masked
    for secret in ("abcDEF123456", "hunter2hunter2", "sk-abc", "ghp_", "AKIAAB", "s3cr3t-value-1"):
        assert secret not in masked


def test_values_under_secret_names_are_masked_and_others_kept() -> None:
    mask = SecretMask(environ={})
    value = {"Api_Key": "x", "nested": [{"password": {"a": 1}}], "tokens_used": 5, "path": "/usr/bin", "n": None}
    assert mask.value(value) == {
        "Api_Key": "***",
        "nested": [{"password": "***"}],
        "tokens_used": 5,
        "path": "/usr/bin",
        "n": None,
    }
