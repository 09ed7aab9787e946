"""Order and certificate of plans against plain models: cycles found exactly when there are some."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psg.errors import DependencyCycle
from psg.plan.order import GAP, find_cycle, levels, ranks, rerank, topological

Graph = dict[int, list[int]]


@st.composite
def graphs(draw: st.DrawFn, acyclic: bool = False) -> Graph:
    size = draw(st.integers(1, 9))
    nodes = draw(st.permutations(range(size)))
    found: Graph = {}
    for place, node in enumerate(nodes):
        below = nodes[:place] if acyclic else nodes
        found[node] = draw(st.lists(st.sampled_from(below), unique=True)) if below else []
    return found


def reaches(graph: Graph, start: int, goal: int) -> bool:
    """Whether a path of at least one dependency leads from ``start`` to ``goal``."""
    seen: set[int] = set()
    front = set(graph[start])
    while front - seen:
        seen |= front
        front = {d for node in front for d in graph[node]}
    return goal in seen


@pytest.mark.req("L3-04", "DD-02")
@given(graphs())
def test_a_cycle_is_found_exactly_when_there_is_one_and_its_path_is_one(graph: Graph) -> None:
    cyclic = any(reaches(graph, node, node) for node in graph)
    try:
        level = levels(graph)
    except DependencyCycle as error:
        assert cyclic
        path = [int(node) for node in error.details["path"]]
        assert all(b in graph[a] for a, b in zip(path, [*path[1:], path[0]], strict=True))
        assert len(set(path)) == len(path)
        assert error.message.count(" → ") == len(path)
    else:
        assert not cyclic
        assert all(level[n] == max((level[d] + 1 for d in graph[n]), default=0) for n in graph)
        assert all(ranks(graph)[n] - ranks(graph)[d] >= GAP for n in graph for d in graph[n])


@pytest.mark.req("DD-46", "DD-47")
@given(graphs(acyclic=True), st.data())
def test_the_order_of_steps_is_topological_and_breaks_ties_by_urgency_index_position(
    graph: Graph, data: st.DataObject
) -> None:
    places = {n: (data.draw(st.integers(0, 2)), data.draw(st.integers(0, 2))) for n in graph}
    steps = [(n, graph[n], *places[n]) for n in graph]
    order = topological(steps)
    assert order == topological(steps) and sorted(order) == sorted(graph)
    position = {n: i for i, n in enumerate(graph)}
    done: set[int] = set()
    for node in order:
        ready = [n for n in graph if n not in done and set(graph[n]) <= done]
        assert node == min(ready, key=lambda n: (*places[n], position[n]))
        done.add(node)


@given(graphs(acyclic=True), st.data())
def test_raising_a_region_keeps_the_certificate_or_finds_no_room(graph: Graph, data: st.DataObject) -> None:
    """The late edge of EVIDENCE B1, with ranks so tight that there often is no room."""
    gap = data.draw(st.sampled_from([1, 2, 7, GAP]))
    rank = {n: height * gap for n, height in levels(graph).items()}
    a, b = data.draw(st.sampled_from(list(graph))), data.draw(st.sampled_from(list(graph)))
    if a == b or reaches(graph, b, a) or rank[a] > rank[b]:
        return
    high, low = rank[b], rank[a]
    rising = [n for n in graph if rank[n] <= high and (n == a or reaches(graph, n, a))]
    region = {n: [d for d in graph[n] if rank[d] >= low] for n in rising}
    above = {n: [rank[m] for m in graph if n in graph[m] and rank[m] > high] for n in region}
    moved = rerank(region, high, {n: min(found, default=None) for n, found in above.items()})
    wanted = {n: [*graph[n], *([b] if n == a else [])] for n in graph}
    if moved is None:
        assert gap < GAP
        rank = ranks(wanted)
    else:
        assert set(moved) == set(region)
        rank |= moved
    assert all(rank[n] > rank[d] for n in wanted for d in wanted[n])


def test_a_cycle_names_nodes_in_the_order_in_which_they_depend() -> None:
    assert find_cycle({"a": ["b"], "b": ["c"], "c": ["b"]}) == ["b", "c"]
    with pytest.raises(DependencyCycle, match="x → y → x; remove one of these"):
        levels({"x": ["y"], "y": ["x"], "z": ["x"]})
    with pytest.raises(DependencyCycle, match="x → x"):
        topological([("x", ["x"], 0, 0)])
