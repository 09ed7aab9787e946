"""Plans written in Python: what they come to, and what is told at once when they cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from psg_client import Plan, PlanText


def inputs(plan: Plan) -> dict[str, Any]:
    return {step.key: step for step in plan.fields()["steps"]}


def test_who_does_a_step_becomes_type_and_name() -> None:
    plan = Plan("P", "O", params={"x": 1}, on_failure="stop", success_criteria=["true"])
    plan.step("a", tool="file.read")
    plan.step("b", agent="critic", agent_role="reviewer", retries=2, timeout_ms=10, urgency=1)
    plan.step("c", worker="review")
    plan.step("d", "wait", params={"duration_ms": 1})
    plan.step("e", "llm", name="small", params={"prompt": "p"})
    found = inputs(plan)
    assert [(s.type, s.name) for s in found.values()] == [
        ("tool", "file.read"), ("agent", "critic"), ("agent", "worker:review"), ("wait", None), ("llm", "small"),
    ]  # fmt: skip
    assert found["b"].data() == {
        "key": "b", "type": "agent", "name": "critic", "description": "", "agentRole": "reviewer", "retries": 2,
        "timeoutMs": 10, "urgency": 1,
    }  # fmt: skip
    fields = plan.fields()
    assert (fields["title"], fields["objective"], fields["params"]) == ("P", "O", {"x": 1})
    assert (fields["on_failure"], fields["success_criteria"]) == ("stop", ["true"])


def test_what_a_step_uses_it_waits_for() -> None:
    plan = Plan("P")
    a = plan.step("a", tool="t")
    plan.step("b-1.x", tool="t")
    plan.step("by-reference", tool="t", params={"deep": [{"v": a.output["list"][0]["two words"]}]})
    plan.step("by-text", tool="t", params={"text": f"{a.output['n']} and {{{{b-1.x.output}}}}"})
    plan.step("by-condition", tool="t", when="a.output.n > 1 && steps.b-1.x.status == 'completed'")
    plan.step("said", tool="t", after=["b-1.x", a], params={"v": a.output})
    plan.step("prose", tool="t", params={"text": "a.output is a word here"})
    found = inputs(plan)
    assert found["by-reference"].params == {"deep": [{"v": '{{a.output.list[0]["two words"]}}'}]}
    assert {key: step.dependencies for key, step in found.items()} == {
        "a": None, "b-1.x": None, "by-reference": ["a"], "by-text": ["a", "b-1.x"], "by-condition": ["a", "b-1.x"],
        "said": ["b-1.x", "a"], "prose": None,
    }  # fmt: skip
    assert str(plan.param("topic")) == "{{params.topic}}"


@pytest.mark.parametrize(
    ("how", "word"),
    [
        ({"key": "a", "tool": "t"}, "in this plan already"),
        ({"key": "b", "tool": "t", "agent": "x"}, "say once who does it"),
        ({"key": "b", "tool": "t", "name": "x"}, "say once who does it"),
        ({"key": "b", "type": "agent", "tool": "t"}, "is a step of type tool, not agent"),
        ({"key": "b", "tool": "t", "after": "c"}, "'c', which is not in this plan"),
    ],
)
def test_a_step_that_cannot_be_is_refused_when_it_is_written(how: dict[str, Any], word: str) -> None:
    plan = Plan("P")
    plan.step("a", tool="t")
    with pytest.raises(ValueError, match=word):
        plan.step(**how)
    assert len(plan.steps) == 1


def test_a_plan_without_steps_is_none() -> None:
    with pytest.raises(ValueError, match="has no steps"):
        Plan("Empty").fields()


def test_a_text_is_kept_as_it_is_and_a_file_is_read(tmp_path: Path) -> None:
    text = "title: T\nsteps: []\n"
    (tmp_path / "p.yml").write_text(text)
    assert Plan.from_yaml(text, params={"a": 1}) == PlanText(text, "plan", {"a": 1})
    assert Plan.from_yaml(tmp_path / "p.yml") == Plan.from_yaml(str(tmp_path / "p.yml")) == PlanText(text, "p.yml", {})
    with pytest.raises(OSError, match=r"gone\.yaml"):
        Plan.from_yaml(tmp_path / "gone.yaml")
    assert Plan.from_dict({"title": "T", "steps": ()}).text == '{"title":"T","steps":[]}'
