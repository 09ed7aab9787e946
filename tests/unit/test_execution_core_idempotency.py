"""One key for all attempts of one action in one context, another for any other."""

from __future__ import annotations

import datetime
import decimal
import pathlib
import subprocess
import sys
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any

import pytest
from virtual_clock import VirtualClock

from psg_runtime.execution_core import (
    ExecutionPolicy,
    FinalDecision,
    IdempotencyPolicy,
    KeyNotDerivable,
    build_plan,
    canonical_text,
    derive_key,
    execute,
    idempotency_key,
)


class Colour(Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    y: int


@pytest.mark.anyio
@pytest.mark.req("EXEC-06", "EXEC-07", "EXEC-08")
@pytest.mark.parametrize("generator", ["action+context_hash", lambda action, context: f"{action}-{context['n']}"])
async def test_every_attempt_carries_the_key(generator: Any) -> None:
    policy = ExecutionPolicy(idempotency=IdempotencyPolicy(True, generator))

    async def mutates(action: Any, context: Any) -> bool:
        context["n"] += 1  # the key is of the context as it was decided upon
        return False

    report = await execute(FinalDecision("a", True), {"n": 1}, policy, mutates, clock=VirtualClock())
    keys = [attempt.idempotency_key for attempt in report.attempts]
    assert len(keys) == 4
    assert keys == [derive_key(policy.idempotency, "a", {"n": 1})] * 4
    assert None not in keys


@pytest.mark.anyio
@pytest.mark.req("EXEC-06")
async def test_without_idempotency_there_is_no_key() -> None:
    report = await execute(FinalDecision("a", True), {}, None, lambda a, c: False, clock=VirtualClock())
    assert {attempt.idempotency_key for attempt in report.attempts} == {None}
    # A context without a canonical form is no trouble then.
    report = await execute(FinalDecision("a", True), {"x": object()}, None, lambda a, c: True, clock=VirtualClock())
    assert report.status == "success"


@pytest.mark.req("EXEC-08")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1}),
        ({"a": 1}, {"a": 1.0}),
        ({"a": 0.0}, {"a": -0.0}),
        ({"a": (1, 2)}, {"a": [1, 2]}),
        ({"a": {3, 1, 2}}, {"a": frozenset((2, 3, 1))}),
        ({"a": Colour.RED}, {"a": "red"}),
        ({"a": Point(1, 2)}, {"a": {"y": 2, "x": 1}}),
        ({"a": 1}, OrderedDict(a=1)),
        ({"a": 1}, MappingProxyType({"a": 1})),
        ({"a": decimal.Decimal("1.0")}, {"a": decimal.Decimal("1.00")}),
    ],
)
def test_the_same_context_has_the_same_key(one: Any, other: Any) -> None:
    assert idempotency_key("act", one) == idempotency_key("act", other)


@pytest.mark.req("EXEC-08")
def test_every_difference_changes_the_key() -> None:
    moment = datetime.datetime(2026, 1, 1)
    values = [
        None, True, False, 0, 1, -1, 1.5, 2**53, 2**53 + 1, 10**30, "", "1", "true", "null", " ", "é", "e\u0301",
        "\ud800",
        "a\x00", [], [1], [1, 2], [2, 1], [[1], 2], [1, [2]], {}, {"a": 1}, {"1": 1}, {1: 1}, {"a": None}, {"a": {}},
        {"a": {"b": 1}}, {"a.b": 1}, '{"a":1}', b"1", b"", "31", set(), {1}, {"1"}, decimal.Decimal("1.5"), moment,
        moment.date(), moment.isoformat(), moment.replace(tzinfo=datetime.UTC), uuid.UUID(int=1), str(uuid.UUID(int=1)),
        pathlib.PurePosixPath("a"), "a", datetime.timedelta(1), 86400.0, 1e300,
    ]  # fmt: skip
    assert len({idempotency_key("act", {"x": value}) for value in values}) == len(values)
    assert len({idempotency_key(value, {"x": 1}) for value in values}) == len(values)
    assert idempotency_key("a", {"b": 1}) != idempotency_key({"b": 1}, {"a": 1})
    assert idempotency_key(["a"], {}) != idempotency_key("a", {})


@pytest.mark.req("EXEC-08", "EXEC-11")
def test_the_key_is_the_same_in_another_process() -> None:
    code = (
        "from psg_runtime.execution_core import idempotency_key as k;"
        "print(k({'type': 'a', 'n': 1.0}, {'s': {'x', 'y', 'z'}, 'u': 'é'}))"
    )
    for seed in ("1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        )
        assert run.stdout.strip() == idempotency_key({"n": 1, "type": "a"}, {"u": "é", "s": {"z", "x", "y"}})


@pytest.mark.req("EXEC-08")
def test_what_has_no_canonical_form_has_no_key() -> None:
    endless: list[Any] = []
    endless.append(endless)
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]
    for value in (float("nan"), float("inf"), object(), lambda: 1, endless, deep, Point, 1j, decimal.Decimal("NaN")):
        with pytest.raises(KeyNotDerivable):
            idempotency_key("a", {"x": value})
    with pytest.raises(KeyNotDerivable):
        canonical_text(10**20_000)


@pytest.mark.req("EXEC-06")
@pytest.mark.parametrize("key", [None, "", "  ", 5, b"key", "x" * 513, ["k"]])
def test_a_generator_must_answer_a_key(key: Any) -> None:
    policy = IdempotencyPolicy(True, lambda action, context: key)
    with pytest.raises(KeyNotDerivable):
        derive_key(policy, "a", {})


@pytest.mark.req("EXEC-11")
def test_the_same_input_gives_the_same_plan() -> None:
    policy = ExecutionPolicy(idempotency=IdempotencyPolicy(True))
    plans = [build_plan(FinalDecision({"type": "a", **n}, True), m, policy) for n, m in [
        ({"x": 1, "y": 2}, {"a": 1, "b": 2}), ({"y": 2, "x": 1}, {"b": 2, "a": 1}),
    ]]  # fmt: skip
    assert plans[0] == plans[1]
    assert plans[0] != build_plan(FinalDecision({"type": "a", "x": 1, "y": 2}, True), {"a": 2, "b": 2}, policy)
