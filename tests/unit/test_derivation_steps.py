"""Which steps of a finished plan run again: closed under what depends on them, nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psg.derivation import StoredPlan, copied, steps_again, taken_over
from psg.errors import NotFound
from psg.plan.spec import PlanSpec, StepSpec

ENDS = (
    ("completed", None), ("failed", None), ("skipped", "condition_false"), ("skipped", "dependency_failed"),
    ("skipped", "plan_stopped"), ("skipped", "cancelled"),
)  # fmt: skip


def stored(status: str, **steps: tuple[tuple[str, str | None], list[str]]) -> StoredPlan:
    rows: list[dict[str, Any]] = [
        {"id": k, "key": k, "status": end, "skip_reason": why, "output": f'"{k}"', "type": "tool", "capability": "x"}
        for k, ((end, why), _) in steps.items()
    ]
    props = {"status": status, "title": "t", "objective": "o"}
    return StoredPlan(props, "c", rows, {k: d for k, (_, d) in steps.items()})


@st.composite
def plans(draw: st.DrawFn) -> StoredPlan:
    steps: dict[str, tuple[tuple[str, str | None], list[str]]] = {}
    for i in range(draw(st.integers(1, 8))):
        needed = draw(st.lists(st.sampled_from(sorted(steps)), unique=True)) if steps else []
        steps[f"s{i}"] = (draw(st.sampled_from(ENDS)), needed)
    return stored("failed", **steps)


@given(plans(), st.booleans())
def test_what_is_taken_over_is_whole_and_depends_on_nothing_that_runs_again(plan: StoredPlan, chosen: bool) -> None:
    from_step = plan.steps[-1]["key"] if chosen else None
    again = steps_again(plan, from_step, undone=False)
    assert again and (from_step is None or from_step in again)
    for step in plan.steps:
        if step["id"] not in again:
            assert (step["status"], step["skip_reason"]) in (("completed", None), ("skipped", "condition_false"))
            assert again.isdisjoint(plan.dependencies[step["id"]])
    records = copied("new", plan, again)
    ids = [r.step_id for r in records]
    for record, step in zip(records, plan.steps, strict=True):
        assert record.dependencies == [ids[int(d[1:])] for d in plan.dependencies[step["id"]]]
        if step["id"] in again:
            assert record.status == "pending" and record.props.get("output") is None
        else:
            assert record.status == step["status"] and record.props["output"] == step["output"]


def test_what_was_undone_holds_no_longer() -> None:
    plan = stored("failed", a=(ENDS[0], []), b=(ENDS[0], ["a"]), c=(ENDS[1], ["b"]))
    plan.steps[0]["compensation"] = "{}"  # type: ignore[index]
    assert steps_again(plan, None, undone=False) == {"c"}
    assert steps_again(plan, None, undone=True) == {"a", "b", "c"}
    assert steps_again(stored("completed", a=(ENDS[0], [])), None, undone=False) == {"a"}


def test_a_step_that_is_not_there_is_named() -> None:
    with pytest.raises(NotFound, match=r"no step 'z' \(it has a\)"):
        steps_again(stored("failed", a=(ENDS[1], [])), "z", undone=False)


def test_a_new_plan_takes_over_what_is_the_same_and_comes_before() -> None:
    plan = stored("failed", a=(ENDS[0], []), bad=(ENDS[1], ["a"]), b=(ENDS[0], ["a"]), c=(ENDS[3], ["bad", "b"]))

    def step(key: str, *dependencies: str) -> StepSpec:
        return StepSpec(key=key, name="x", dependencies=list(dependencies))

    steps = [step("a"), step("b", "a"), step("c", "a", "b"), step("n"), step("m", "a")]
    spec = PlanSpec(title="t", objective="o", steps=steps)
    found = {r.key: (r.status, r.props.get("output")) for r in taken_over("new", plan, spec)}
    assert found == {
        "a": ("completed", '"a"'), "b": ("completed", '"b"'), "c": ("pending", None), "n": ("pending", None),
        "m": ("pending", None),
    }  # fmt: skip
    other = step("b", "a").model_copy(update={"params": {"x": 1}})
    changed = PlanSpec(title="t", objective="o", steps=[step("a"), other])
    assert [r.status for r in taken_over("new", plan, changed)] == ["completed", "pending"]
    later = PlanSpec(title="t", objective="o", steps=[step("n"), step("a", "n"), step("b", "a")])
    assert {r.key: r.status for r in taken_over("new", plan, later)} == dict.fromkeys(("n", "a", "b"), "pending")
