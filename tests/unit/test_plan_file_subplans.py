"""Sub-plans in plan files: documents in their place, files beside the file, and what cannot be one."""

from __future__ import annotations

from pathlib import Path

import pytest

from psg.errors import PlanFileInvalid, ValidationFailed
from psg_runtime.expressions import step_template
from psg_runtime.plan_file import load_plan, with_values

CHILD = (
    "id: child\nparams:\n  n: {type: integer, required: true}\n"
    "steps:\n  - {id: a, name: x, params: {n: '{{params.n}}'}}\n"
)


def parent(plan: str, more: str = "") -> str:
    steps = "  - {id: before, name: x}\n  - id: sub\n    type: plan\n    params:\n"
    return f"id: parent\nsteps:\n{steps}      plan: {plan}\n{more}"


def test_a_document_is_its_own_its_references_are_not_those_of_the_parent() -> None:
    text = parent("{steps: [{id: a, name: x}, {id: b, name: x, dependencies: [a], params: {v: '{{a.output.n}}'}}]}")
    step = load_plan(text).steps[1]
    assert step.params["plan"]["steps"][1]["params"] == {"v": "{{a.output.n}}"}
    resolved = step_template("plan", step.params).resolve({"steps": {}, "params": {}})
    assert resolved == step.params  # its templates are for its own steps


def test_values_for_the_sub_plan_are_of_the_parent() -> None:
    text = parent("{params: {n: 1}, steps: [{id: a, name: x}]}", "      params: {n: '{{before.output}}'}\n")
    with pytest.raises(PlanFileInvalid, match="add `before` to the dependencies of `sub`"):
        load_plan(text)
    step = load_plan(text + "    dependencies: [before]\n").steps[1]
    resolved = step_template("plan", step.params).resolve({"steps": {"before": {"output": 7, "status": "completed"}}})
    assert resolved["params"] == {"n": 7}


def test_a_file_beside_the_file_is_put_in_its_place_also_in_deeper_ones(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "parent.yaml").write_text(parent("deep/middle.yaml"))
    (tmp_path / "deep/middle.yaml").write_text(parent("child.yaml", "      params: {n: 1}\n"))
    (tmp_path / "deep/child.yaml").write_text(CHILD)
    middle = load_plan(tmp_path / "parent.yaml").steps[1].params["plan"]
    assert middle["steps"][1]["params"]["plan"]["steps"][0]["id"] == "a"
    assert load_plan(parent("child.yaml")).steps[1].params["plan"] == "child.yaml"  # no file, no folder beside it


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"parent.yaml": parent("parent.yaml")}, "parent.yaml is the sub-plan of itself"),
        ({"parent.yaml": parent("b.yaml"), "b.yaml": parent("parent.yaml")}, "is the sub-plan of itself"),
        ({"parent.yaml": parent("gone.yaml")}, "gone.yaml: the plan file cannot be read"),
        ({"parent.yaml": parent("b.yaml"), "b.yaml": "id: b\nsteps: []\n"}, "b.yaml, line 2"),
        ({"parent.yaml": parent("b.yaml"), "b.yaml": CHILD + "approval: {quorum: 2}\n"}, "put `approval` on the step"),
        (
            {"parent.yaml": parent("p1.yaml")} | {f"p{i}.yaml": parent(f"p{i + 1}.yaml") for i in range(1, 12)},
            "nested more than 8 deep",
        ),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_a_sub_plan_is_named(tmp_path: Path, files: dict[str, str], words: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(PlanFileInvalid, match=words):
        load_plan(tmp_path / "parent.yaml")


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ("{steps: []}", "in the sub-plan: `steps`: `steps` must be a list"),
        ("{steps: [{id: a, name: x, params: {v: '{{b.output}}'}}]}", "in the sub-plan: .*unknown reference `b`"),
        ("{steps: [{id: a, typ: x}]}", "in the sub-plan: .*unknown key `typ`"),
        ("[1]", "a plan document or the name of a template"),
        ("null", "a plan document or the name of a template"),
    ],
)
def test_a_document_that_is_no_plan_is_refused_with_its_place(plan: str, words: str) -> None:
    with pytest.raises(PlanFileInvalid, match=words):
        load_plan(parent(plan))


def test_a_plan_step_has_these_params_and_no_others() -> None:
    with pytest.raises(PlanFileInvalid, match="unknown key `parms`: did you mean `params`"):
        load_plan(parent("{steps: [{id: a, name: x}]}", "      parms: {}\n"))
    with pytest.raises(PlanFileInvalid, match="maps the parameters of its plan"):
        load_plan(parent("{steps: [{id: a, name: x}]}", "      params: [1]\n"))


def test_values_have_the_declared_types() -> None:
    plan = load_plan(CHILD)
    assert with_values(plan, {"n": 5}).params == {"n": 5}
    wrong = (({}, "is required"), ({"n": "5"}, "not of type integer"), ({"n": 1, "m": 2}, "unknown parameter"))
    for values, words in wrong:
        with pytest.raises(ValidationFailed, match=words):
            with_values(plan, values)


@pytest.mark.parametrize(
    ("given", "words"),
    [("{n: 1, m: 2}", "unknown key `m`"), ("{}", "requires the parameter `n`"), ("{N: 1}", "unknown key `N`")],
)
def test_a_sub_plan_is_given_what_it_declares(tmp_path: Path, given: str, words: str) -> None:
    (tmp_path / "child.yaml").write_text(CHILD)
    (tmp_path / "parent.yaml").write_text(parent("child.yaml", f"      params: {given}\n"))
    with pytest.raises(PlanFileInvalid, match=words):
        load_plan(tmp_path / "parent.yaml")
    inline = "{params: {n: {type: integer, required: true}}, steps: [{id: a, name: x}]}"
    with pytest.raises(PlanFileInvalid, match=words):
        load_plan(parent(inline, f"      params: {given}\n"))
