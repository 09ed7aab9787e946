"""Who may decide a request, and when it is decided."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psg.approvals import AlreadyDecided, ApprovalExpired, ApprovalVoid, NotEntitled, Request, Vote
from psg.errors import ValidationFailed
from psg.plan.policy import ApprovalSpec


def request(votes: Any = (), delegations: Any = None, **fields: Any) -> Request:
    known = ("proposed_by", "expires_at", "voided")
    more = {name: fields.pop(name) for name in known if name in fields}
    return Request(ApprovalSpec(**fields), votes=[Vote(a, s) for a, s in votes], delegations=delegations or {}, **more)


def test_where_nobody_is_named_everybody_may() -> None:
    request().check_vote("ann", "any", None, 0)


@pytest.mark.parametrize(
    ("actor", "role", "may"),
    [("ann", "x", True), ("bob", "x", False), ("bob", "lead", True), ("", "x", False)],
)
def test_those_who_are_named_or_in_a_role_may(actor: str, role: str, may: bool) -> None:
    assert request(approvers=("ann",), roles=("lead",)).entitled(actor, role) is may


def test_who_proposed_may_not_approve_whatever_the_role() -> None:
    asked = request(approvers=("ann", "bob"), roles=("lead",), separation_of_duty=True, proposed_by="ann")
    with pytest.raises(NotEntitled, match="proposed this"):
        asked.check_vote("ann", "lead", None, 0)
    asked.check_vote("bob", "x", None, 0)


def test_nobody_decides_twice() -> None:
    with pytest.raises(AlreadyDecided):
        request([("ann", "approved")], quorum=2).check_vote("ann", "x", None, 0)


def test_after_its_time_and_after_a_change_nobody_decides() -> None:
    request(expires_at=11).check_vote("ann", "x", None, 10)
    with pytest.raises(ApprovalExpired):
        request(expires_at=10).check_vote("ann", "x", None, 10)
    with pytest.raises(ApprovalVoid):
        request(voided=True).check_vote("ann", "x", None, 0)


@pytest.mark.parametrize("reason", [None, "", "  "])
def test_a_reason_is_needed_where_it_is_asked_for(reason: str | None) -> None:
    with pytest.raises(ValidationFailed, match="reason"):
        request(reason_required=True).check_vote("ann", "x", reason, 0)
    request(reason_required=True).check_vote("ann", "x", "seen", 0)


def test_a_quorum_counts_different_actors() -> None:
    assert request([("ann", "approved"), ("bob", "rejected"), ("eve", "approved")], quorum=3).approvals() == 2


@pytest.mark.parametrize("fields", [{"quorum": 0}, {"quorum": 3, "approvers": ("a", "b")}, {"expires_ms": 0}])
def test_a_demand_that_nobody_can_meet_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"quorum|expires_ms"):
        ApprovalSpec(**fields)


def test_a_part_that_was_handed_over_is_gone() -> None:
    asked = request(approvers=("ann", "bob"), delegations={"ann": "eve"})
    assert asked.holders() == {"eve", "bob"}
    assert not asked.entitled("ann", "x") and asked.entitled("eve", "x")


@pytest.mark.parametrize(
    ("actor", "to", "error"),
    [
        ("ann", "ann", ValidationFailed), ("ann", "bob", ValidationFailed), ("ann", "", ValidationFailed),
        ("eve", "kim", NotEntitled), ("bob", "ann", ValidationFailed), ("bob", "pat", NotEntitled),
    ],
)  # fmt: skip
def test_handing_over_neither_widens_nor_goes_in_circles(actor: str, to: str, error: type[Exception]) -> None:
    asked = request(approvers=("ann", "bob"), proposed_by="pat", separation_of_duty=True)
    if to == "ann" and actor == "bob":
        asked = request(approvers=("ann", "bob"), delegations={"ann": "kim"})
    with pytest.raises(error):
        asked.check_delegation(actor, to)


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("abcdefg")), max_size=12))
def test_no_delegation_gives_anybody_more_votes_than_there_are_approvers(wishes: list[tuple[str, str]]) -> None:
    delegations: dict[str, str] = {}
    for actor, to in wishes:
        asked = request(approvers=("a", "b", "c"), delegations=delegations)
        try:
            asked.check_delegation(actor, to)
        except (NotEntitled, ValidationFailed):
            continue
        delegations = {**delegations, actor: to}
    assert len(request(approvers=("a", "b", "c"), delegations=delegations).holders()) == 3
