"""Who gets what is free: pure, judged behind the lock of all resources (CORE-37).

A request gets all it asks for or nothing. Of those that wait:

- ``fair``: whose holder has the smallest share of the pools asked for goes first, then who waits longest;
- ``priority``: the highest priority goes first, then who waits longest;
- ``performance``: the smallest request goes first, and whatever fits is given.

With ``fair`` and ``priority`` one that does not fit keeps its pools for itself: nobody behind it gets anything of
them, so a large request is never starved by small ones; one that asks for more than there is since a
pool was made smaller keeps nobody back. With ``performance`` nobody waits for anybody, so that most is
used, and a large request may wait long. A request that does not want to wait is judged among those that do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

Strategy = Literal["fair", "priority", "performance"]
STRATEGIES: tuple[str, ...] = get_args(Strategy)


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool as decisions see it: ``limit`` is how many thousandths of it may be held."""

    name: str
    limit: int
    strategy: Strategy = "fair"


@dataclass(frozen=True, slots=True)
class Ask:
    """What somebody holds or asks for, in thousandths by pool; ``asked_ms`` is when, by the database's clock."""

    id: str
    holder: str
    amounts: Mapping[str, int]
    priority: int
    asked_ms: int


def strategy_of(pools: Iterable[Pool]) -> Strategy:
    """The strategy of pools that are asked for together: theirs, or ``fair`` where they do not agree."""
    found = {pool.strategy for pool in pools}
    return found.pop() if len(found) == 1 else "fair"


def granted(pools: Mapping[str, Pool], held: Sequence[Ask], waiting: Sequence[Ask]) -> list[Ask]:
    """Return those of ``waiting`` that get what they ask for now, in the order in which they get it."""
    strategy = strategy_of(pools.values())
    free = {name: pool.limit for name, pool in pools.items()}
    shares: dict[str, dict[str, int]] = {}
    for ask in held:
        _take(ask, free, shares)
    left, given = sorted(waiting, key=_age), list[Ask]()
    blocked: set[str] = set()
    while left:
        ask = min(left, key=lambda a: (*_rank(a, strategy, pools, shares), *_age(a)))
        left.remove(ask)
        if blocked.isdisjoint(ask.amounts) and all(free[name] >= amount for name, amount in ask.amounts.items()):
            _take(ask, free, shares)
            given.append(ask)
        elif strategy != "performance" and all(pools[n].limit >= amount for n, amount in ask.amounts.items()):
            blocked.update(ask.amounts)
    return given


def _age(ask: Ask) -> tuple[int, str]:
    return ask.asked_ms, ask.id


def _rank(
    ask: Ask, strategy: Strategy, pools: Mapping[str, Pool], shares: Mapping[str, dict[str, int]]
) -> tuple[float]:
    if strategy == "priority":
        return (-ask.priority,)
    counted = ask.amounts if strategy == "performance" else shares.get(ask.holder, {})
    return (max((counted.get(name, 0) / max(1, pools[name].limit) for name in ask.amounts), default=0.0),)


def _take(ask: Ask, free: dict[str, int], shares: dict[str, dict[str, int]]) -> None:
    holds = shares.setdefault(ask.holder, {})
    for name, amount in ask.amounts.items():
        if name in free:
            free[name] -= amount
            holds[name] = holds.get(name, 0) + amount
