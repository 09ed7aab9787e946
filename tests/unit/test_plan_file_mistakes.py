"""All mistakes of a plan file in one answer: of each step its first, and every reference that leads nowhere."""

from __future__ import annotations

from typing import Any

import pytest

from psg.errors import PlanFileInvalid
from psg_runtime.plan_file import load_plan
from psg_runtime.plan_file.problems import TOLD


def refused(text: str) -> PlanFileInvalid:
    with pytest.raises(PlanFileInvalid) as caught:
        load_plan(text, source="plan.yaml")
    return caught.value


def test_the_first_mistake_of_each_step_is_told_in_one_answer() -> None:
    error = refused(
        """
title: t
steps:
  - {id: a, name: x, retires: 3}
  - {id: b, name: x}
  - {id: c, type: tol, name: x}
  - {name: x}
"""
    )
    first, second, third = error.message.splitlines()
    assert first.startswith("plan.yaml, line 4, column") and "unknown key `retires`: did you mean `retries`?" in first
    assert second.startswith("plan.yaml, line 6, column") and "unknown step type `tol`" in second
    assert third == "plan.yaml, line 7, column 5: a step needs an `id`."
    assert (error.details["line"], error.details["path"]) == (4, "steps.0.retires"), "those of the first, as before"
    assert [(one["line"], one["path"]) for one in error.details["others"]] == [(6, "steps.2.type"), (7, "steps.3")]


def test_every_reference_that_leads_nowhere_is_told() -> None:
    error = refused(
        """
title: t
steps:
  - {id: a, name: x, params: {text: "{{nobody.output}}"}}
  - {id: b, name: x, condition: "elsewhere.output == 1"}
"""
    )
    told = error.message.splitlines()
    assert len(told) == 2 and "nobody" in told[0] and "elsewhere" in told[1]


def test_one_mistake_is_told_alone_and_of_many_the_first() -> None:
    assert "others" not in refused("title: t\nsteps: [{id: a}]").details

    def steps(count: int) -> str:
        return "title: t\nsteps:\n" + "  - {name: x}\n" * count

    exactly: Any = refused(steps(TOLD))
    assert len(exactly.message.splitlines()) == TOLD and len(exactly.details["others"]) == TOLD - 1
    many = refused(steps(50_000)).message.splitlines()
    assert len(many) == TOLD + 1 and many[-1] == f"These are the first {TOLD}; there are more."
