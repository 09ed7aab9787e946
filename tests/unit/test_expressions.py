"""Conformance of the expression engine: what CEL and our notation give, and what they refuse."""

from __future__ import annotations

import time
from typing import Any

import pytest

from psg.errors import EvaluationFailed, ExpressionInvalid
from psg_runtime.expressions import ExpressionEngine

ENGINE = ExpressionEngine()
SCOPE: dict[str, Any] = {
    "steps": {
        "fetch": {
            "status": "completed",
            "output": {
                "count": 7,
                "ratio": 2.0,
                "name": "Größe",
                "nothing": None,
                "ok": True,
                "items": [{"id": i, "tags": ["a", "b"]} for i in range(5)],
                "nested": [1, [2, [3, {"deep": "x"}]]],
                "in": "reserved",
                "content-type": "text/plain",
                "huge": 2**70,
            },
        },
        "build-docs": {"status": "completed", "output": {"pages": 12}},
        "v1.2": {"status": "completed", "output": ["dots"]},
        "index-x": {"status": "completed", "output": 5},
        "skipped": {"status": "skipped", "output": None},
    },
    "params": {"mode": "fast", "limit": 3, "empty": "", "list": list(range(100)), "flag": False},
    "item": {"path": "a/b.py"},
    "index": 4,
}

VALUES: list[tuple[str, Any]] = [
    # plain references keep the JSON value
    ("fetch.output.count", 7),
    ("steps.fetch.output.count", 7),
    ('steps["fetch"].output.count', 7),
    ("steps['fetch'].output.count + 0", 7),
    ("fetch.status", "completed"),
    ("fetch.output.huge", 2**70),
    ("fetch.output.nothing", None),
    ("fetch.output.in", "reserved"),
    ('fetch.output["content-type"]', "text/plain"),
    ("fetch.output.nested[1][1][1].deep", "x"),
    ("fetch.output.items[2].tags[1]", "b"),
    ("build-docs.output.pages", 12),
    ("v1.2.output[0]", "dots"),
    ("index-x.output", 5),
    ("skipped.output", None),
    ("skipped.status", "skipped"),
    ("params.mode", "fast"),
    ("params.empty", ""),
    ("item.path", "a/b.py"),
    ("index", 4),
    # arithmetic and types
    ("build-docs.output.pages + 1", 13),
    ("build-docs.output.pages - index", 8),
    ("build-docs.output.pages-index-x.output", 7),
    ("index - 1", 3),
    ("7 / 2", 3),
    ("-7 % 3", -1),
    ("7.0 / 2.0", 3.5),
    ("1e3", 1000.0),
    ("0x1F", 31),
    ("2u + 3u", 5),
    ("int(fetch.output.ratio)", 2),
    ("double(params.limit) * 1.5", 4.5),
    ("string(params.limit) + 'x'", "3x"),
    ("'a' + \"b\"", "ab"),
    ("r'\\d' + ''", "\\d"),
    ("size('héé')", 3),
    ("size(fetch.output.items)", 5),
    ("fetch.output.name + '!'", "Größe!"),
    # comparison, also across number types when one side is data
    ("params.limit == 3.0", True),
    ("params.limit < 3.5", True),
    ("params.mode == 3", False),
    ("fetch.output.nothing == null", True),
    ("fetch.output.ratio == 2", True),
    ("[1, 2] == [1, 2]", True),
    ('{"a": 1} == {"a": 1}', True),
    ("'b' > 'a'", True),
    ("params.flag != true", True),
    ("fetch.output.huge > 1.0", True),
    # logic: an error on one side does not matter when the other decides
    ("false && fetch.output.none > 1", False),
    ("fetch.output.none > 1 || true", True),
    ("skipped.output == null || skipped.output.x == 1", True),
    ("!params.flag", True),
    ("params.limit > 2 ? 'many' : 'few'", "many"),
    ("(1 + 2) * 3 == 9", True),
    # membership and presence
    ("'a' in ['a', 'b']", True),
    ("'mode' in params", True),
    ("has(params.mode)", True),
    ("has(params.absent)", False),
    ("has(fetch.output.absent)", False),
    ("has(fetch.output.nothing)", True),
    # comprehensions, also with variables called like reserved words of ours
    ("fetch.output.items.map(i, i.id)", [0, 1, 2, 3, 4]),
    ("fetch.output.items.filter(i, i.id > 2).map(i, i.id * 10)", [30, 40]),
    ("fetch.output.items.exists(i, i.id == 4)", True),
    ("fetch.output.items.all(i, 'a' in i.tags)", True),
    ("fetch.output.items.exists_one(i, i.id == 9)", False),
    ("[{'output': 3}].map(s, s.output)", [3]),
    ("[1, 2].map(item, item * 2)", [2, 4]),
    ("{'a': 1, 'b': 2}.exists(k, k == 'b')", True),
    # text
    ("params.mode.startsWith('fa')", True),
    ("params.mode.endsWith('x')", False),
    ("params.mode.contains('as')", True),
    ("params.mode.matches('^f.+t$')", True),
    ("'output.x' + '.status'", "output.x.status"),
    ("'it\\'s'", "it's"),
    # other CEL types become JSON
    ("timestamp('2026-01-02T03:04:05Z')", "2026-01-02T03:04:05Z"),
    ("timestamp('2026-01-02T03:04:05Z') + duration('1h')", "2026-01-02T04:04:05Z"),
    ("duration('90s')", 90.0),
    ("timestamp('2026-01-02T03:04:05Z').getFullYear()", 2026),
    ("[1, 'a', null, 2.5, true]", [1, "a", None, 2.5, True]),
    ("{'k': [1, {'x': fetch.output.count}]}", {"k": [1, {"x": 7}]}),
    # the specification's notation
    ("{{fetch.output.count}} === 7", True),
    ('{{params.mode}} !== "slow"', True),
    ("{{fetch.output.count}} > 3 && {{params.mode}} === 'fast'", True),
    ("{{ {'a': {'b': 1}} }} == {'a': {'b': 1}}", True),
    ("params.limit // a comment with {{ and '\n + 1", 4),
]
@pytest.mark.parametrize(("text", "expected"), VALUES, ids=[text for text, _ in VALUES])
def test_value(text: str, expected: Any) -> None:
    value = ENGINE.compile(text).evaluate(SCOPE)
    assert value == expected
    assert type(value) is type(expected)


INVALID: list[tuple[str, str]] = [
    ("", "empty"),
    ("   ", "empty"),
    ("1 +", "Syntax error"),
    ("'abc", "Syntax error"),
    ("foo", "undeclared reference to 'foo'"),
    ("foo.bar > 1", "undeclared reference"),
    ("__import__('os')", "undeclared reference"),
    ("open('/etc/passwd')", "undeclared reference"),
    ("params.mode.upper()", "undeclared reference"),
    ("params.mode.format(1)", "undeclared reference"),
    ("1 + 'a'", "no matching overload"),
    ("'a' < 1", "no matching overload"),
    ("has(params)", "field selection"),
    ("lambda x: x", "Syntax error"),
    ("params; 1", "Syntax error"),
    ("[x for x in params.list]", "Syntax error"),
    ("steps", "a step has nothing else"),
    ("steps[params.mode].output", "a step has nothing else"),
    ("steps.fetch.owner", "a step has nothing else"),
    ("steps.exists(k, true)", "a step has nothing else"),
    ("secrets.TOKEN + 'x'", "a placeholder of its own"),
    ("size(secrets['TOKEN'])", "a placeholder of its own"),
    ("secrets.TOKEN.x", "a placeholder of its own"),
    ("secrets", "undeclared reference"),
    ("'{{fetch.output.count}}' == '7'", "without quotes"),
    ("{{fetch.output.count === 7", "not closed"),
    ("(" * 3000 + "1" + ")" * 3000, "recursion limit"),
    ("1" + "+1" * 4000, "recursion depth"),
    ("1" * 10_001, "10001 characters"),
]


@pytest.mark.parametrize(("text", "reason"), INVALID, ids=[text[:40] for text, _ in INVALID])
def test_refused_at_compile_time(text: str, reason: str) -> None:
    with pytest.raises(ExpressionInvalid, match=reason):
        ENGINE.compile(text)


FAILING: list[tuple[str, str]] = [
    ("fetch.output.absent", "`fetch.output` has no `absent`"),
    ("fetch.output.items[9].id", "has 5 items, there is no item 9"),
    ("fetch.output.count.x", "is a number and has no `x`"),
    ("skipped.output.x", "`skipped.output` is null"),
    ("nobody.output.x", "step `nobody` has no result"),
    ("nobody.output.x + 1", "step `nobody` has no result"),
    ("fetch.output.absent + 1", "Key not found"),
    ("params.absent", "`params` has no `absent`"),
    ("fetch.output.items[9].id + 1", "Index error"),
    ("params.mode.__class__ == 1", "."),
    ("params.__class__", "has no `__class__`"),
    ("fetch.output.__dict__ == null", "Key not found"),
    ("params.limit + 1.5", "No matching overloads"),
    ("params.mode + 1", "No matching overloads"),
    ("params.limit / 0", "divide by zero"),
    ("9223372036854775807 + 1", "overflow"),
    ("fetch.output.huge + 1", "No matching overloads"),
    ("int('abc')", "cannot convert"),
    ("params.mode.matches('(')", "."),
    ("1.0 / 0.0", "finite"),
    ("b'abc'", "not JSON"),
    ("{1: 2}", "keys are not text"),
    ("type(1)", "not JSON"),
    (
        "params.list.all(a, params.list.all(b, params.list.all(c, params.list.all(d, a + b + c + d >= 0))))",
        "Iteration budget",
    ),
]


@pytest.mark.parametrize(("text", "reason"), FAILING, ids=[text[:40] for text, _ in FAILING])
def test_fails_with_the_expression_and_the_reason(text: str, reason: str) -> None:
    expression = ENGINE.compile(text)
    scope = SCOPE
    if text.startswith("params.") and "huge" not in text:
        scope = SCOPE | {"steps": {}}
    with pytest.raises(EvaluationFailed, match=reason) as caught:
        expression.evaluate(scope)
    assert caught.value.details["expression"] == text


def test_a_huge_comprehension_is_stopped_soon() -> None:
    items = "params.list"
    text = f"{items}.map(a, {items}.map(b, {items}.map(c, {items}.map(d, a * b * c * d))))"
    expression = ENGINE.compile(text)
    started = time.perf_counter()
    with pytest.raises(EvaluationFailed, match="Iteration budget"):
        expression.evaluate(SCOPE)
    assert time.perf_counter() - started < 5


def test_a_catastrophic_regular_expression_is_linear() -> None:
    expression = ENGINE.compile("params.text.matches('^(a+)+$')")
    assert expression.evaluate({"params": {"text": "a" * 5000 + "b"}}) is False


def test_objects_of_python_are_out_of_reach() -> None:
    class Secret:
        token = "t0ken"

    with pytest.raises(EvaluationFailed):
        ENGINE.compile("params.object.token").evaluate({"params": {"object": Secret()}})
    with pytest.raises(EvaluationFailed):
        ENGINE.compile("params.object.token + ''").evaluate({"params": {"object": Secret()}})


@pytest.mark.parametrize(
    ("text", "references"),
    [
        ("fetch.output.count > 3", {"fetch"}),
        ("{{a-b.output.x}} === params.mode", {"a-b", "params"}),
        ('steps["weird key"].output == steps.b.status', {"weird key", "b"}),
        ("'fetch.output.x' == 'y'", set()),
        ("[1].exists(fetch, fetch == 1)", set()),
        ("true", set()),
    ],
)
def test_references_of_a_condition(text: str, references: set[str]) -> None:
    assert ENGINE.compile_condition(text).references == references


@pytest.mark.req("ORCH-30")
def test_the_condition_of_the_specification() -> None:
    positive = ENGINE.compile_condition('{{step_1.output.sentiment}} === "positive"')
    negative = ENGINE.compile_condition('{{step_1.output.sentiment}} === "negative"')
    scope = {"steps": {"step_1": {"output": {"sentiment": "positive"}, "status": "completed"}}}
    assert positive.evaluate(scope) is True
    assert negative.evaluate(scope) is False


@pytest.mark.parametrize("text", ["1 + 1", "'yes'", "[true]", "null"])
def test_a_condition_that_can_never_be_boolean_is_refused_at_compile_time(text: str) -> None:
    with pytest.raises(ExpressionInvalid, match="not true or false"):
        ENGINE.compile_condition(text)


@pytest.mark.parametrize("text", ["params.mode", "params.limit", "fetch.output.nothing"])
def test_a_condition_that_turns_out_not_boolean_fails(text: str) -> None:
    with pytest.raises(EvaluationFailed, match="not true or false"):
        ENGINE.compile_condition(text).evaluate(SCOPE)


def test_compiled_expressions_are_cached() -> None:
    engine = ExpressionEngine()
    assert engine.compile("params.a + 1") is engine.compile("params.a + 1")
