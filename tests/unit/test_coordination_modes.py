"""Who is next, as a decision that depends on nothing but the table: properties over random plans and participants."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psg_runtime.coordination.model import Participant, Table, TurnStep, in_turn_order
from psg_runtime.coordination.modes import next_turns

ROLES = ("x", "y")


@st.composite
def tables(draw: Any, mode: str) -> Table:
    """A plan without cycles, of which each step may depend on earlier ones, and participants for every role."""
    people = [Participant(f"p{i}", role=ROLES[i % 2]) for i in range(2 if mode == "pair" else draw(st.integers(2, 4)))]
    size = draw(st.integers(1, 9))
    steps = [
        TurnStep(
            f"s{i}", f"s{i}", draw(st.integers(0, 12)), i,
            draw(st.sampled_from(ROLES if mode == "broadcast" else (*ROLES, None))),
            tuple(f"s{d}" for d in sorted(draw(st.sets(st.integers(0, i - 1), max_size=3)))) if i else (),
        )
        for i in range(size)
    ]  # fmt: skip
    return Table(mode, people, draw(st.permutations(steps)))  # type: ignore[arg-type]


def played(table: Table, data: Any) -> list[tuple[str, str]]:
    """Play a session to its end; turns that run end in any order. Returns (step, participant) by number."""
    by_id = {step.step_id: step for step in table.steps}
    turns: list[tuple[str, str]] = []
    running: list[str] = []
    while True:
        decided = next_turns(table)
        shuffled = Table(table.mode, table.participants, data.draw(st.permutations(table.steps)))
        assert [(a.step.step_id, a.participant) for a in next_turns(shuffled)] == [
            (a.step.step_id, a.participant) for a in decided
        ]
        for assignment in decided:
            step = assignment.step
            assert table.mode == "broadcast" or all(by_id[d].over for d in step.dependencies)
            turns.append((step.step_id, assignment.participant.participant_id))
            step.turn, step.participant = len(turns), assignment.participant.participant_id
            running.append(step.step_id)
        many_each = table.mode in ("broadcast", "orchestrated")
        assert many_each or len({by_id[s].participant for s in running}) == len(running)
        if not running:
            return turns
        by_id[running.pop(data.draw(st.integers(0, len(running) - 1)))].status = "completed"


@pytest.mark.req("DD-56")
@settings(max_examples=40)
@given(st.data())
def test_a_round_robin_takes_every_step_in_order(data: Any) -> None:
    table = data.draw(tables("round_robin"))
    order = in_turn_order(table.steps)
    n = len(table.participants)
    assert played(table, data) == [(s.step_id, f"p{s.order % n}") for s in order]


@pytest.mark.req("DD-49", "DD-50")
@settings(max_examples=40)
@given(st.data())
def test_a_broadcast_takes_exactly_the_steps_without_dependencies(data: Any) -> None:
    table = data.draw(tables("broadcast"))
    first = {role: next(p.participant_id for p in table.participants if p.role == role) for role in ROLES}
    roots = {s.step_id: first[s.agent_role or ""] for s in table.steps if not s.dependencies}
    assert dict(played(table, data)) == roots


@settings(max_examples=40)
@given(st.data())
def test_a_pair_alternates_over_every_step(data: Any) -> None:
    table = data.draw(tables("pair"))
    order = in_turn_order(table.steps)
    assert played(table, data) == [(s.step_id, f"p{i % 2}") for i, s in enumerate(order)]


@pytest.mark.parametrize("mode", ["orchestrated", "swarm"])
@settings(max_examples=40)
@given(st.data())
def test_every_step_is_taken_once_by_who_may(mode: str, data: Any) -> None:
    table = data.draw(tables(mode))
    turns = dict(played(table, data))
    assert len(turns) == len(table.steps)
    role = {p.participant_id: p.role for p in table.participants}
    assert all(s.agent_role in (None, role[turns[s.step_id]]) for s in table.steps)


@pytest.mark.req("DD-47")
@settings(max_examples=40)
@given(st.data())
def test_turn_order_is_topological_and_ties_go_by_order_index(data: Any) -> None:
    table = data.draw(tables("round_robin"))
    order = [s.step_id for s in in_turn_order(table.steps)]
    place = {step_id: i for i, step_id in enumerate(order)}
    assert all(place[d] < place[s.step_id] for s in table.steps for d in s.dependencies)
    roots = [s for s in in_turn_order(table.steps) if not s.dependencies]
    assert roots == sorted(roots, key=lambda s: (s.order, s.position))
