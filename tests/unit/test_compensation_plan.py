"""The plan that undoes another one: its order for any graph, what its templates come to, and its bounds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psg.errors import PlanInvalid
from psg.plan.policy import CompensationSpec
from psg.plan.spec import PlanSpec, StepSpec
from psg_runtime.expressions import Template, check_references
from psg_runtime.orchestrator import compensation
from psg_runtime.orchestrator.compensation import Values, undo_key, undo_order, undo_plan


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[str, list[str]], set[str]]:
    """Dependencies of up to ten steps without a cycle, and the steps to be undone."""
    size = draw(st.integers(1, 10))
    steps = [f"s{i}" for i in range(size)]
    dependencies = {
        step: draw(st.lists(st.sampled_from(steps[:i]), unique=True, max_size=4)) if i else []
        for i, step in enumerate(steps)
    }
    return dependencies, set(draw(st.lists(st.sampled_from(steps), unique=True)))


def reaches(edges: dict[str, Any], start: str, goal: str) -> bool:
    seen, queue = {start}, [start]
    while queue:
        for following in edges.get(queue.pop(), ()):
            if following == goal:
                return True
            if following not in seen:
                seen.add(following)
                queue.append(following)
    return False


@pytest.mark.req("L3-59")
@given(graphs())
def test_one_is_undone_before_another_exactly_when_it_depends_on_it_however_far(
    graph: tuple[dict[str, list[str]], set[str]],
) -> None:
    dependencies, undone = graph
    before = undo_order(dependencies, undone)
    assert before is not None and set(before) == undone
    for one in undone:
        for other in undone - {one}:
            assert reaches(before, one, other) == reaches(dependencies, other, one), (one, other)


def rows(*keys: str) -> list[dict[str, Any]]:
    return [{"id": k, "key": k, "position": i, "finished_ms": 100 + i} for i, k in enumerate(keys)]


def undo(dependencies: dict[str, list[str]], scope: dict[str, Any] | None = None, **params: Any) -> PlanSpec:
    keys = list(dependencies)
    inverses = {k: CompensationSpec(name="undo", params=params.get(k, {})) for k in keys}
    values = Values({"steps": {}, "params": {}} | (scope or {}))
    return undo_plan({"id": "p", "title": "t" * 1000}, rows(*keys), inverses, dependencies, values)


def test_those_that_do_not_depend_on_each_other_are_begun_last_first() -> None:
    spec = undo({"a": [], "b": [], "c": ["a"]})
    assert [(s.key, s.dependencies, s.order_index, s.join) for s in spec.steps] == [
        ("undo_c", [], 0, "settled"), ("undo_b", [], 1, "settled"), ("undo_a", ["undo_c"], 2, "settled"),
    ]  # fmt: skip
    assert len(spec.title) == 1000


def test_what_would_be_too_many_relations_is_undone_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compensation, "EDGES_MAX", 2)
    spec = undo({"a": [], "b": [], "join": ["a", "b"], "c": ["join"], "d": ["join"]})
    order = [s.key for s in spec.steps]
    assert order == ["undo_d", "undo_c", "undo_join", "undo_b", "undo_a"]
    assert [s.dependencies for s in spec.steps] == [[], *[[key] for key in order[:-1]]]


def test_values_become_parameters_and_secrets_stay_names() -> None:
    scope = {"steps": {"a": {"status": "completed", "output": {"id": "{{secrets.KEY}}", "n": 1}}}, "params": {"p": "x"}}
    given_params = {
        "id": "{{a.output.id}}", "again": "<{{a.output.id}}>", "auth": "Bearer {{secrets.KEY}} {{params.p}}",
        "deep": [{"n": "{{a.output.n}}"}], "plain": 5,
    }  # fmt: skip
    spec = undo({"a": []}, scope, a=given_params)
    (step,) = spec.steps
    assert step.params == {
        "id": "{{params.v1}}", "again": "<{{params.v1}}>", "auth": "Bearer {{secrets.KEY}} {{params.v3}}",
        "deep": [{"n": "{{params.v4}}"}], "plain": 5,
    }  # fmt: skip
    assert spec.params == {"v1": "{{secrets.KEY}}", "v3": "x", "v4": 1}
    resolved = Template(step.params).resolve({"steps": {}, "params": spec.params})
    assert resolved["id"] == "{{secrets.KEY}}" and str(resolved["auth"]) == "Bearer {{secrets.KEY}} x"
    check_references(spec)


def test_what_cannot_be_evaluated_makes_its_own_step_fail_with_the_reason() -> None:
    spec = undo({"a": [], "b": []}, a={"x": "{{a.output.id}}"}, b={"x": "{{((}}"})
    described = {s.key: s.description for s in spec.steps}
    assert "step `a` has no result here" in described["undo_a"] and "undo b: Expression" in described["undo_b"]
    assert {s.key: s.params["x"] for s in spec.steps} == {
        "undo_a": "{{params.unknown_v2}}", "undo_b": "{{params.unknown_v1}}"
    }  # fmt: skip


def test_keys_stay_within_their_length_and_apart() -> None:
    long = ["k" * 200, "k" * 199 + "x"]
    made = [undo_key(k) for k in long]
    assert len(set(made)) == 2 and all(len(k) <= 200 for k in made)
    assert undo_key("pay.card-1") == "undo_pay.card-1"


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"x": "{{nope.output}}"}, "unknown reference `nope`"),
        ({"x": "{{params.nope}}"}, "no such parameter"),
        ({"x": "{{item}}"}, "there is no `item` here"),
        ({"x": "{{a.output"}, "not closed"),
        ({"path": "{{secrets.T}}", "content": ""}, "cannot stand in `path`"),
    ],
)
def test_an_inverse_that_could_never_run_is_refused_where_it_is_written(params: dict[str, Any], words: str) -> None:
    name = "file.write" if "path" in params else "x"
    step = StepSpec(key="a", name="x", compensation=CompensationSpec(name=name, params=params))
    with pytest.raises(PlanInvalid, match=words):
        check_references(PlanSpec(title="t", objective="o", steps=[step]))


def test_an_inverse_may_read_any_step_its_own_too() -> None:
    inverse = CompensationSpec(name="x", params={"x": "{{a.output}} {{z.output}} {{secrets.T}}"})
    steps = [StepSpec(key="a", name="x", compensation=inverse), StepSpec(key="z", name="x")]
    check_references(PlanSpec(title="t", objective="o", steps=steps))
