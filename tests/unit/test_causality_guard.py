"""Lamport order and the two causality violations, judged without a database (DD-36, DD-37, DD-38)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psg.errors import Refused, ValidationFailed
from psg.events.causality import CausalityGuard, CausalityViolation, check_execution_start

PROJECT, PLAN, OTHER = "11111111-1111-4111-8111-111111111111", "plan", "other"


def event(stamp: Any, kind: str = "note", plan: str | None = PLAN, family: str = "graph_update") -> dict[str, Any]:
    return {
        "event_type": kind, "event_family": family, "project_id": PROJECT, "plan_id": plan,
        "lamport_timestamp": stamp,
    }  # fmt: skip


@pytest.mark.req("DD-37")
def test_no_execution_without_an_earlier_creation_of_the_same_plan() -> None:
    guard = CausalityGuard()
    guard.admit(event(1, "plan_created", OTHER))
    with pytest.raises(CausalityViolation) as caught:
        guard.admit(event(2, "plan_execution_started"))
    assert str(caught.value) == "Causality violation: Plan executed before creation"
    assert isinstance(caught.value, Refused) and caught.value.to_dict()["code"] == "causality_violation"
    guard.admit(event(2, "plan_created"))
    guard.admit(event(3, "plan_execution_started"))


@pytest.mark.req("DD-38")
@pytest.mark.parametrize(("created", "started", "fine"), [(1, 2, True), (2, 2, False), (3, 2, False)])
def test_the_creation_has_the_lower_timestamp(created: int, started: int, fine: bool) -> None:
    if fine:
        check_execution_start(created, started)
        return
    with pytest.raises(CausalityViolation) as caught:
        check_execution_start(created, started)
    assert str(caught.value) == "Causality violation: Timestamps out of order"


@pytest.mark.req("DD-38")
def test_a_creation_told_later_than_the_start_is_out_of_order() -> None:
    guard = CausalityGuard()
    guard.learn((PROJECT, PLAN), 5)
    with pytest.raises(CausalityViolation, match="Timestamps out of order"):
        guard.admit(event(5, "plan_execution_started"))
    guard.admit(event(6, "plan_execution_started"))


def test_nobody_can_pretend_a_creation_by_an_event_of_another_family() -> None:
    guard = CausalityGuard()
    guard.admit(event(1, "plan_created", family="intent"))
    with pytest.raises(CausalityViolation, match="before creation"):
        guard.admit(event(2, "plan_execution_started"))


@pytest.mark.req("DD-36")
@given(st.lists(st.integers(min_value=-3, max_value=20), max_size=40))
def test_exactly_the_events_that_go_up_are_admitted(stamps: list[int]) -> None:
    guard, admitted = CausalityGuard(), []
    for stamp in stamps:
        try:
            guard.admit(event(stamp))
        except CausalityViolation as violation:
            assert str(violation) == "Causality violation: Timestamps out of order"
            assert stamp <= max([0, *admitted])
        else:
            assert stamp > max([0, *admitted])
            admitted.append(stamp)
    assert guard.last(PROJECT) == max([0, *admitted])


def test_projects_have_clocks_of_their_own() -> None:
    guard = CausalityGuard()
    guard.admit(event(9))
    guard.admit(event(1) | {"project_id": "22222222-2222-4222-8222-222222222222"})
    assert (guard.last(PROJECT), guard.last("nobody")) == (9, 0)


@pytest.mark.parametrize("fault", [{"lamport_timestamp": None}, {"lamport_timestamp": True}, {"project_id": None}])
def test_an_event_without_place_in_the_order_is_refused(fault: dict[str, Any]) -> None:
    guard = CausalityGuard()
    with pytest.raises(ValidationFailed, match="needs project_id and lamport_timestamp"):
        guard.admit(event(1) | fault)


def test_old_plans_are_forgotten_and_can_be_told_again() -> None:
    guard = CausalityGuard(plans_kept=2)
    for stamp, plan in enumerate(("a", "b", "c"), 1):
        guard.admit(event(stamp, "plan_created", plan))
    start = event(4, "plan_execution_started", "a")
    assert guard.unknown_start(start) == (PROJECT, "a")
    assert guard.unknown_start(start | {"plan_id": "c"}) is None
    assert guard.unknown_start(event(4)) is None
    guard.learn((PROJECT, "a"), 1)
    guard.admit(start)
