"""Who gets what is free, without a graph: each strategy, and what holds for all of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psg_runtime.resources import RequestInvalid, ResourceRequest, ResourceSettings
from psg_runtime.resources.amounts import LARGEST, limit_of, shown, thousandths
from psg_runtime.resources.model import check_pool_name, request_of
from psg_runtime.resources.strategy import STRATEGIES, Ask, Pool, Strategy, granted, strategy_of


def ask(name: str, amount: int, at: int = 0, *, holder: str | None = None, priority: int = 50) -> Ask:
    return Ask(name, holder or name, {"gpu": amount}, priority, at)


def who(strategy: Strategy, held: list[Ask], *waiting: Ask, limit: int = 10) -> list[str]:
    return [a.id for a in granted({"gpu": Pool("gpu", limit, strategy)}, held, list(waiting))]


BUSY = [ask("h", 6, holder="rich")]
# Four are free. The first to come is of who holds most; the most important is too large for now.
WAITING = (ask("a", 3, 1, holder="rich"), ask("b", 5, 2, priority=90), ask("c", 2, 3), ask("d", 1, 4, priority=10))


@pytest.mark.req("CORE-37")
def test_the_strategy_changes_who_gets_what_is_free() -> None:
    # Fair: b, c and d hold nothing, and b came first of them; it does not fit and nobody overtakes it.
    assert who("fair", BUSY, *WAITING) == []
    assert who("fair", BUSY, *(a for a in WAITING if a.id != "b")) == ["c", "d"]
    # Priority: b is the most important and is waited for.
    assert who("priority", BUSY, *WAITING) == []
    assert who("priority", [], *WAITING) == ["b", "a", "c"]
    # Performance: the smallest first, and as many as fit.
    assert who("performance", BUSY, *WAITING) == ["d", "c"]


def test_fair_shares_are_counted_anew_after_each_grant() -> None:
    waiting = [ask(f"a{n}", 2, n, holder="greedy") for n in range(5)] + [ask(f"z{n}", 2, 10 + n) for n in range(2)]
    assert who("fair", [], *waiting) == ["a0", "z0", "z1", "a1", "a2"]


def test_within_one_priority_who_waits_longest_goes_first() -> None:
    assert who("priority", [], ask("late", 5, 9), ask("early", 5, 1), ask("low", 1, 0, priority=1)) == ["early", "late"]


def test_who_asks_for_more_than_there_is_keeps_nobody_back() -> None:
    for strategy in STRATEGIES:
        assert who(strategy, [], ask("huge", 11, 0, priority=99), ask("small", 1, 1)) == ["small"]  # type: ignore[arg-type]


def test_pools_that_do_not_agree_are_fair() -> None:
    pools = {"gpu": Pool("gpu", 10, "performance"), "ram": Pool("ram", 10, "priority")}
    assert strategy_of(pools.values()) == "fair"
    both = Ask("both", "x", {"gpu": 10, "ram": 1}, 50, 1)
    rest = [Ask("gpu", "y", {"gpu": 1}, 50, 2), Ask("ram", "y", {"ram": 9}, 50, 3)]
    assert [a.id for a in granted(pools, [], [both, *rest])] == ["both", "ram"]


ASKS = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from(("a", "b", "c")), st.integers(1, 12), min_size=1),
        st.sampled_from(("h1", "h2", "h3")), st.integers(0, 100), st.integers(0, 5),
    ),
    max_size=12,
)  # fmt: skip


@given(st.sampled_from(STRATEGIES), st.lists(st.integers(0, 12), min_size=3, max_size=3), ASKS, st.integers(0, 6))
def test_nothing_is_given_twice_nothing_beyond_the_limit_and_somebody_who_could_have_it_is_first(
    strategy: Any, limits: list[int], asks: list[Any], holding: int
) -> None:
    pools = {name: Pool(name, limit, strategy) for name, limit in zip("abc", limits, strict=True)}
    made = [Ask(str(n), holder, amounts, priority, at) for n, (amounts, holder, priority, at) in enumerate(asks)]
    held = granted(pools, [], made[:holding])
    given_now = granted(pools, held, made[holding:])
    assert len({a.id for a in given_now}) == len(given_now)
    for name, pool in pools.items():
        assert sum(a.amounts.get(name, 0) for a in (*held, *given_now)) <= pool.limit
    # Asked again nobody is left who would get it: one look gives all there is to give.
    rest = [a for a in made[holding:] if a not in given_now]
    assert granted(pools, [*held, *given_now], rest) == []
    # Whoever waits alone and fits gets it.
    for one in made:
        assert (granted(pools, [], [one]) == [one]) == all(pools[n].limit >= a for n, a in one.amounts.items())


def test_amounts_are_exact() -> None:
    assert thousandths(0.1, "x") * 3 == thousandths(0.3, "x")
    assert (shown(1500), shown(2000)) == (1.5, 2)
    assert limit_of(10_000, 0.8) == 8_000
    assert limit_of(1_000, 0.333) == 333
    assert limit_of(3, 0.5) == 1


@pytest.mark.parametrize(
    "amount", [0, -1, True, "2", None, float("nan"), float("inf"), 0.0001, LARGEST, [1], pytest.param(10**5000, id="!")]
)
def test_what_is_no_amount_is_refused(amount: Any) -> None:
    with pytest.raises(RequestInvalid, match="gpu"):
        thousandths(amount, "gpu")


@pytest.mark.parametrize(
    "request_",
    [
        {}, {"resources": {}}, {"resources": {"gpu": "1"}}, {"resources": {"gpu": True}}, {"resources": {"": 1}},
        {"resources": {"gpu": 1}, "priority": "urgent"}, {"resources": {"gpu": 1}, "priority": 101},
        {"resources": {"gpu": 1}, "timeout": -1}, {"resources": {"gpu": 1}, "id": "x"}, {"resources": {"a/b": 1}},
        {"resources": {"gpu": 0}}, {"resources": {"gpu": 1}, "unknown": 1}, {"resources": {"~gpu": 1}}, "gpu", 7,
    ],
)  # fmt: skip
def test_a_bad_request_is_refused(request_: Any) -> None:
    with pytest.raises(RequestInvalid):
        request_of(request_).amounts()


def test_a_request_is_read_in_both_spellings() -> None:
    camel = request_of({"resources": {"gpu": 1}, "priority": "high", "timeoutMs": 5, "leaseMs": 1000})
    snake = ResourceRequest(resources={"gpu": 1}, priority=75, timeout_ms=5, lease_ms=1000)
    assert camel.model_dump(exclude={"id"}) == snake.model_dump(exclude={"id"})
    assert request_of({"resources": {"gpu": 1}, "timeout": None}).timeout_ms == 0
    assert check_pool_name("gpu:a-1.x_y") == "gpu:a-1.x_y"


@pytest.mark.parametrize("bad", [{"max_resource_utilization": 0}, {"max_resource_utilization": 1.1}, {"strategy": "x"}])
def test_settings_are_bounded(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        ResourceSettings(**bad)
