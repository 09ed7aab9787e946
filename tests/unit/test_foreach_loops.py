"""Loops: nested, paced, in order, with a failure policy, bounded in items, results and depth."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from psg.errors import ActionFailed, OutputTooLarge, PlanFileInvalid, ValidationFailed
from psg_runtime.ael import ActionContext, ActionResult, AdapterLayer, CapabilityRegistry
from psg_runtime.ael.heartbeat import listen
from psg_runtime.ael.settings import AelSettings
from psg_runtime.plan_file import load_plan

pytestmark = pytest.mark.anyio


class Refusing(ActionFailed):
    retryable = False


def layer(settings: AelSettings | None = None, on_progress: Any = None, **tools: Any) -> AdapterLayer:
    registry = CapabilityRegistry()
    for name, call in tools.items():
        registry.register(name=name, type="tool", call=call)
    return AdapterLayer(registry, settings or AelSettings(), on_progress=on_progress)


async def loop(ael: AdapterLayer, **params: Any) -> Any:
    action = {"type": "custom_action", "name": "foreach", "idempotency_key": "k", "params": params}
    result = await ael.execute(action)
    assert isinstance(result, ActionResult)
    return result.output


async def echo(value: Any) -> Any:
    return value


async def odd_fails(value: int) -> int:
    if value % 2:
        raise Refusing(f"{value} is odd")
    return value


ECHO = {"name": "echo", "params": {"value": "{{item}}"}}
ODD = {"name": "odd", "params": {"value": "{{item}}"}}


async def test_a_loop_in_a_loop_sees_its_own_item_and_the_one_around_it() -> None:
    seen: list[Any] = []

    async def pair(a: str, b: int, at: list[int], ctx: ActionContext) -> str:
        seen.append(ctx.idempotency_key)
        return f"{a}{b}{at}"

    given = {"a": "{{outer.item.name}}", "b": "{{item}}", "at": ["{{outer.index}}", "{{index}}"]}
    inner = {"name": "pair", "params": given}
    out = await loop(
        layer(pair=pair), items=[{"name": "x", "of": [1, 2]}, {"name": "y", "of": [3]}],
        do={"type": "foreach", "params": {"items": "{{item.of}}", "do": inner}},
    )  # fmt: skip
    assert out == [["x1[0, 0]", "x2[0, 1]"], ["y3[1, 0]"]]
    assert Counter(seen) == Counter(["k:0:0", "k:0:1", "k:1:0"])


async def test_three_loops_deep_the_outermost_is_two_steps_away() -> None:
    third = {"items": [0], "do": {"name": "echo", "params": {"value": "{{outer.outer.item}}"}}}
    second = {"items": [0], "do": {"type": "foreach", "params": third}}
    assert await loop(layer(echo=echo), items=["top"], do={"type": "foreach", "params": second}) == [[["top"]]]


async def test_the_results_are_in_order_whatever_the_order_of_the_ends() -> None:
    async def slow_first(value: int) -> int:
        for _ in range(10 - value):
            await anyio.lowlevel.checkpoint()
        return value

    out = await loop(layer(echo=slow_first), items=list(range(10)), do=ECHO, concurrency=10)
    assert out == list(range(10))


async def test_failures_are_borne_as_the_author_says() -> None:
    ael = layer(odd=odd_fails)
    items = [0, 1, 2, 3, 4]
    with pytest.raises(ActionFailed, match="Item 1: 1 is odd") as caught:
        await loop(ael, items=items, do=ODD, concurrency=1)
    assert caught.value.details["index"] == 1 and not caught.value.retryable
    assert await loop(ael, items=items, do=ODD, on_item_failure="continue") == [0, None, 2, None, 4]
    assert await loop(ael, items=items, do=ODD, on_item_failure="collect", max_failures=2) == {
        "results": [0, None, 2, None, 4], "succeeded": 3, "failed": 2,
        "errors": [
            {"index": i, "code": "action_failed", "message": f"{i} is odd", "retryable": False} for i in (1, 3)
        ],
    }  # fmt: skip
    with pytest.raises(ActionFailed, match="2 items failed") as caught:
        await loop(ael, items=items, do=ODD, on_item_failure="collect", max_failures=1, concurrency=1)
    assert [f["index"] for f in caught.value.details["failed"]] == [1, 3]
    with pytest.raises(ActionFailed):
        await loop(ael, items=[1], do=ODD, on_item_failure="continue", max_failures=0)


async def test_after_the_failure_that_counts_nothing_more_begins() -> None:
    begun: list[int] = []

    async def odd(value: int) -> int:
        begun.append(value)
        return await odd_fails(value)

    with pytest.raises(ActionFailed):
        await loop(layer(odd=odd), items=[0, 1, *range(2, 100)], do=ODD, concurrency=1)
    assert begun == [0, 1]


async def test_nothing_to_do_is_an_empty_result() -> None:
    assert await loop(layer(echo=echo), items=[], do=ECHO) == []
    empty = {"results": [], "errors": [], "succeeded": 0, "failed": 0}
    assert await loop(layer(echo=echo), items=[], do=ECHO, on_item_failure="collect", rate={"per_second": 1}) == empty


async def test_a_rate_spaces_the_beginnings_evenly() -> None:
    begun: list[float] = []

    async def note(value: int) -> None:
        begun.append(time.monotonic())

    await loop(layer(echo=note), items=list(range(6)), do=ECHO, rate={"per_second": 50}, concurrency=6)
    assert begun[-1] - begun[0] >= 5 / 50 * 0.95


async def test_a_million_items_are_refused_and_results_are_bounded_while_they_come_in() -> None:
    calls = 0

    async def big(value: int) -> str:
        nonlocal calls
        calls += 1
        return "x" * 1_000

    ael = layer(AelSettings(max_output_bytes=10_000), echo=big)
    with pytest.raises(ValidationFailed, match="1000000 items; the limit is 10000"):
        await loop(ael, items=[0] * 1_000_000, do=ECHO)
    assert calls == 0
    with pytest.raises(OutputTooLarge, match="more than 10000 bytes"):
        await loop(ael, items=[0] * 10_000, do=ECHO, concurrency=4)
    assert calls < 20
    small = layer(AelSettings(foreach_max_items=3), echo=echo)
    with pytest.raises(ValidationFailed, match="4 items; the limit is 3"):
        await loop(small, items=[1, 2, 3, 4], do=ECHO)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"items": {"a": 1}, "do": ECHO}, "must be a list, not dict"),
        ({"items": "abc", "do": ECHO}, "must be a list, not str"),
        ({"items": [1], "do": ECHO, "concurrency": 65}, "from 1 to 64"),
        ({"items": [1], "do": ECHO, "concurrency": True}, "from 1 to 64"),
        ({"items": [1], "do": ECHO, "on_item_failure": "ignore"}, "must be one of fail, continue, collect"),
        ({"items": [1], "do": ECHO, "max_failures": 1}, "needs `on_item_failure`"),
        ({"items": [1], "do": ECHO, "max_failures": -1, "on_item_failure": "collect"}, "from 0 on"),
        ({"items": [1], "do": ECHO, "rate": {"per_second": 0}}, "above 0"),
        ({"items": [1], "do": ECHO, "rate": {"per_second": float("inf")}}, "above 0"),
        ({"items": [1], "do": ECHO, "rate": {"per_minute": 5}}, "per_second"),
        ({"items": [1], "do": ECHO, "rate": 5}, "per_second"),
        ({"items": [1], "do": {"type": "wait", "name": "wait"}}, "must be one of tool"),
        ({"items": [1], "do": {"type": "plan", "name": "plan"}}, "must be one of tool"),
        ({"items": [1], "do": {"type": "foreach", "params": {"items": [1]}}}, "needs `items` and `do`"),
        ({"items": [1], "do": {"type": "foreach", "params": {"items": [1], "do": ECHO, "rate": 1}}}, "per_second"),
    ],
)
async def test_a_loop_that_is_none_is_refused_before_anything_runs(params: dict[str, Any], words: str) -> None:
    calls: list[Any] = []

    async def note(value: Any) -> None:
        calls.append(value)

    with pytest.raises(ValidationFailed, match=words):
        await loop(layer(echo=note), **params)
    assert calls == []


async def test_loops_are_nested_so_deep_and_no_deeper() -> None:
    def nested(levels: int) -> dict[str, Any]:
        do: dict[str, Any] = {"name": "echo", "params": {"value": 1}}
        for _ in range(levels - 1):
            do = {"type": "foreach", "params": {"items": [0], "do": do}}
        return {"items": [0], "do": do}

    assert await loop(layer(echo=echo), **nested(5)) == [[[[[1]]]]]
    with pytest.raises(ValidationFailed, match="nested more than 5 deep"):
        await loop(layer(echo=echo), **nested(6))


async def test_progress_is_told_and_every_item_is_a_sign_of_life() -> None:
    told: list[dict[str, Any]] = []
    alive: list[int] = []
    listen(lambda: alive.append(1))
    ael = layer(on_progress=lambda action, progress: told.append(progress), odd=odd_fails)
    await loop(ael, items=list(range(20)), do=ODD, on_item_failure="continue")
    assert told[-1] == {"done": 20, "failed": 10, "total": 20}
    assert len(told) < 5 and len(alive) == 20


@given(st.lists(st.booleans(), max_size=12), st.integers(1, 8), st.integers(0, 12))
async def test_the_counts_agree_and_every_item_is_done_once_or_the_loop_failed(
    fails: list[bool], width: int, most: int
) -> None:
    done: Counter[int] = Counter()

    async def work(value: int) -> int:
        done[value] += 1
        if fails[value]:
            raise Refusing("planted")
        return value

    ael = layer(echo=work)
    params = {"items": list(range(len(fails))), "do": ECHO, "concurrency": width}
    try:
        out = await loop(ael, **params, on_item_failure="collect", max_failures=most)
    except ActionFailed:
        assert sum(fails) > most
    else:
        assert sum(fails) <= most
        assert out["failed"] == sum(fails) and out["succeeded"] == len(fails) - sum(fails)
        assert out["results"] == [None if bad else i for i, bad in enumerate(fails)]
        assert done == Counter(range(len(fails)))
    assert max(done.values(), default=1) == 1


HEAD = "id: p\nsteps:\n  - {id: a, name: x}\n"


@pytest.mark.parametrize(
    ("do", "words"),
    [
        ("{name: x, params: {v: '{{outer.item}}'}}", "`outer` exists only inside"),
        ("{type: foreach, params: {items: '{{outer.item}}', do: {name: x}}}", "`outer` exists only inside"),
        ("{type: foreach, params: {items: [1], do: {name: x, params: {v: '{{no.output}}'}}}}", "reference `no`"),
        ("{type: foreach, params: {items: [1], do: {nam: x}}}", "unknown key `nam`"),
        ("{type: foreach, params: {items: [1], do: {name: x}, rate: {per_second: -1}}}", "above 0"),
    ],
)  # fmt: skip
async def test_a_wrong_loop_is_refused_where_the_plan_is_written(do: str, words: str) -> None:
    text = HEAD + f"  - id: f\n    type: foreach\n    params:\n      items: [1]\n      do: {do}\n"
    with pytest.raises(PlanFileInvalid, match=words):
        load_plan(text)


async def test_a_right_loop_in_a_loop_is_read_and_a_step_may_be_called_outer() -> None:
    plan = load_plan(
        "id: p\nsteps:\n  - {id: outer, name: x}\n"
        "  - id: f\n    type: foreach\n    dependencies: [outer]\n    params:\n"
        "      items: '{{outer.output}}'\n      rate: {per_second: 2.5}\n      on_item_failure: collect\n"
        "      max_failures: 3\n      do:\n        type: foreach\n        params:\n          items: '{{item}}'\n"
        "          do: {name: x, params: {v: '{{outer.item}} {{item}} {{outer.output}}'}}\n"
    )
    assert plan.steps[1].params["do"]["params"]["do"]["name"] == "x"
