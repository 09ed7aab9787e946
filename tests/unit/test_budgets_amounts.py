"""Amounts of budgets: whole numbers, exact sums, nothing that a tool tells can break them."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psg.budgets import limits_of, shown, usage_of
from psg.budgets.amounts import MOST_USED
from psg.budgets.reserve import Scope
from psg.model.codec import dumps
from psg.plan.policy import BudgetSpec, authored
from psg_runtime.orchestrator.budget_gate import asked_of


def scope(limits: dict[str, int], spent: dict[str, int] | None = None, reserved: dict[str, int] | None = None) -> Scope:
    return Scope("plan", limits, spent or {}, reserved or {})


def test_limits_are_what_the_author_limited_and_money_is_whole() -> None:
    text = dumps(authored(BudgetSpec(tokens=10, cost=0.1)))
    assert limits_of(text) == {"tokens": 10, "cost": 100_000}
    assert shown(limits_of(text)) == {"tokens": 10, "cost": 0.1}
    assert limits_of(None) == {}


@pytest.mark.parametrize("value", [-1, math.inf, math.nan, 2**60, True and "many"])
def test_a_limit_that_is_none_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="tokens"):
        BudgetSpec.model_validate({"tokens": value})


@pytest.mark.parametrize(
    ("limits", "spent", "reserved", "asked", "lacking"),
    [
        ({"calls": 1}, {}, {}, {"calls": 1}, None),
        ({"calls": 1}, {"calls": 1}, {}, {"calls": 1}, "calls"),
        ({"calls": 1}, {}, {"calls": 1}, {"calls": 1}, "calls"),
        ({"calls": 0}, {}, {}, {"calls": 1}, "calls"),
        ({"tokens": 0}, {}, {}, {}, "tokens"),
        ({"tokens": 5}, {"tokens": 4}, {}, {}, None),
        ({"tokens": 5}, {"tokens": 5}, {}, {}, "tokens"),
        ({"tokens": 5}, {"tokens": 9}, {}, {}, "tokens"),
        ({"tokens": 5}, {}, {}, {"tokens": 6}, "tokens"),
        ({}, {"tokens": 10**9}, {}, {"tokens": 10**9}, None),
    ],
)
def test_what_is_left_decides(
    limits: dict[str, int], spent: dict[str, int], reserved: dict[str, int], asked: dict[str, int], lacking: str | None
) -> None:
    assert scope(limits, spent, reserved).lacking(asked) == lacking


@given(st.integers(0, 50), st.lists(st.integers(1, 10), max_size=30))
def test_reservations_never_go_beyond_the_limit(limit: int, wishes: list[int]) -> None:
    taken = 0
    for wish in wishes:
        if scope({"calls": limit}, {}, {"calls": taken}).lacking({"calls": wish}) is None:
            taken += wish
        assert taken <= limit


LOOP = {"items": [1, 2, 3], "do": {"type": "llm", "name": "ask", "params": {"max_tokens": 10}}}


@pytest.mark.parametrize(
    ("step_type", "params", "asked"),
    [
        ("tool", {"max_tokens": 10}, {"calls": 1}),
        ("llm", {"max_tokens": 10}, {"calls": 1, "tokens": 10}),
        ("llm", {"max_tokens": "many"}, {"calls": 1}),
        ("llm", {"max_tokens": True}, {"calls": 1}),
        ("llm", {}, {"calls": 1}),
        ("foreach", LOOP, {"calls": 3, "tokens": 30}),
        ("foreach", {**LOOP, "items": []}, {"calls": 1, "tokens": 10}),
        ("foreach", {**LOOP, "items": "no list"}, {"calls": 1, "tokens": 10}),
        ("foreach", {"items": [1, 2], "do": {"type": "foreach", "params": LOOP}}, {"calls": 2}),
        ("foreach", {"items": [1, 2], "do": None}, {"calls": 2}),
        ("foreach", {"items": [1, 2], "do": {"type": "llm", "params": "text"}}, {"calls": 2}),
    ],
)
def test_what_is_asked_for_is_what_is_known_before(step_type: str, params: Any, asked: dict[str, int]) -> None:
    assert asked_of(step_type, params) == asked


def test_usage_is_told_by_the_output_and_priced_by_the_model() -> None:
    output = {"model": "m", "usage": {"input_tokens": 1_000, "output_tokens": 500}}
    prices = {"m": {"input": 2.0, "output": 8.0}}
    assert usage_of(output, 7, prices) == {"tokens": 1_500, "cost": 6_000, "calls": 1, "wall_ms": 7}
    assert usage_of({"usage": {"tokens": 3, "cost": 0.25}}, 0) == {
        "tokens": 3, "cost": 250_000, "calls": 1, "wall_ms": 0
    }  # fmt: skip


def test_what_nobody_can_have_used_is_believed_so_far_that_sums_can_be_kept() -> None:
    used = usage_of({"usage": {"tokens": 1e300, "cost": 1e300}}, 2**80)
    assert {used[d] for d in ("tokens", "cost", "wall_ms")} == {MOST_USED}
    assert MOST_USED * 900_000 < 2**63 and limits_of('{"cost":1e12}') == {"cost": 10**18}


@pytest.mark.parametrize(
    "output",
    [
        None, [], "text", {"usage": None}, {"usage": [1]}, {"usage": {"tokens": "many", "cost": None}},
        {"usage": {"tokens": -5, "cost": math.nan}}, {"usage": {"tokens": True}}, {"usage": {"cost": math.inf}},
    ],
)  # fmt: skip
def test_what_is_no_usage_costs_a_call_and_its_time(output: Any) -> None:
    used = usage_of(output, 5)
    assert (used["calls"], used["wall_ms"], used["tokens"]) == (1, 5, 0)
    assert all(isinstance(v, int) and v >= 0 for v in used.values())
