"""Order among the steps of a plan: Kahn's algorithm, the rank certificate against cycles, and late edges (EVIDENCE B1).

Every step carries a rank, and every dependency goes to a strictly lower rank. Such ranks exist exactly when the graph
has no cycle, so one comparison per edge is a proof. Ranks are ``GAP`` apart: a late edge then moves a handful of steps.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

from psg.errors import DependencyCycle

K = TypeVar("K", bound=Hashable)

GAP = 1 << 20


def levels(dependencies: Mapping[K, Iterable[K]]) -> dict[K, int]:
    """Return the length of the longest chain below each node; dependencies outside the mapping do not count.

    Raises ``DependencyCycle`` naming the path of one cycle when there is one (L3-04, DD-02).
    """
    waits = dict.fromkeys(dependencies, 0)
    dependents: dict[K, list[K]] = {}
    for node, wanted in dependencies.items():
        for dependency in wanted:
            if dependency in waits:
                waits[node] += 1
                dependents.setdefault(dependency, []).append(node)
    level = dict.fromkeys((n for n, count in waits.items() if count == 0), 0)
    ready = deque(level)
    while ready:
        node = ready.popleft()
        above = level[node] + 1
        # In the order of Kahn levels never fall: the last dependency that is done is the deepest one.
        for dependent in dependents.get(node, ()):
            waits[dependent] -= 1
            if waits[dependent] == 0:
                level[dependent] = above
                ready.append(dependent)
    if len(level) < len(waits):
        left = {n: [d for d in dependencies[n] if d in dependencies] for n, count in waits.items() if count}
        circle = find_cycle(left)
        raise cycle_error(circle)
    return level


def find_cycle(dependencies: Mapping[K, Sequence[K]]) -> list[K]:
    """Return the nodes of one cycle in order of dependency; every node given has a dependency among those given."""
    node = next(iter(dependencies))
    seen: dict[K, int] = {}
    path: list[K] = []
    while node not in seen:
        seen[node] = len(path)
        path.append(node)
        node = next(d for d in dependencies[node] if d in dependencies)
    return path[seen[node] :]


def cycle_error(cycle: Sequence[object]) -> DependencyCycle:
    """Return the error that shows the path of a cycle, closed: ``a → b → a``."""
    path = [str(node) for node in cycle]
    shown = " → ".join([*path, path[0]])
    return DependencyCycle(f"the dependencies form a cycle: {shown}; remove one of these", path=path)


def topological(steps: Sequence[tuple[K, Iterable[K], int, int]]) -> list[K]:
    """Return the order in which a single worker runs the steps (DD-46, DD-47, C-06).

    ``steps`` are (key, dependencies, urgency, order index) in their position; the ready set is ordered by urgency,
    order index, position. Raises ``DependencyCycle``.
    """
    levels({key: list(wanted) for key, wanted, _, _ in steps})
    place = {key: (urgency, order, i) for i, (key, _, urgency, order) in enumerate(steps)}
    waits = {key: len(set(wanted)) for key, wanted, _, _ in steps}
    dependents: dict[K, list[K]] = {key: [] for key in place}
    for key, wanted, _, _ in steps:
        for dependency in set(wanted):
            dependents[dependency].append(key)
    ready = [(place[k], k) for k, count in waits.items() if count == 0]
    heapq.heapify(ready)
    order: list[K] = []
    while ready:
        _, key = heapq.heappop(ready)
        order.append(key)
        for dependent in dependents[key]:
            waits[dependent] -= 1
            if waits[dependent] == 0:
                heapq.heappush(ready, (place[dependent], dependent))
    return order


def ranks(dependencies: Mapping[K, Iterable[K]]) -> dict[K, int]:
    """Return a rank for every node of a whole plan, ``GAP`` apart; raises ``DependencyCycle``."""
    return {node: level * GAP for node, level in levels(dependencies).items()}


def rerank(
    region: Mapping[K, Iterable[K]], low: int, ceiling: Mapping[K, int | None]
) -> dict[K, int] | None:
    """Return new ranks above ``low`` for an affected region, or ``None`` when they do not fit below what follows.

    ``region`` maps each node that must rise to its dependencies, ``ceiling`` to the lowest rank among its dependents
    outside the region. With ``None`` the whole plan is ranked anew.
    """
    level = levels(region)
    depth = max(level.values()) + 1
    bounds = [c for c in ceiling.values() if c is not None]
    room = (min(bounds) if bounds else low + GAP * (depth + 1)) - low
    step = room // (depth + 1)
    if step < 1:
        return None
    return {node: low + step * (height + 1) for node, height in level.items()}
