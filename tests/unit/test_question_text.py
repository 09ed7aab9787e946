"""What the text and the parameters of a question may hold, before a server sees them."""

from __future__ import annotations

from typing import Any

import pytest
from neo4j import spatial, time

from psg_neo4j.question_text import QuestionRefused, judge_parameters, judge_text
from psg_neo4j.question_values import json_value

READ = [
    "MATCH (p:Plan) RETURN p.title LIMIT 10",
    "// a note\nMATCH (n) WHERE n.name = 'LOAD CSV' RETURN n /* CALL dbms.x() */",
    "UNWIND range(1, 10) AS x RETURN x",
    "CALL db.labels() YIELD label RETURN label",
    "MATCH (n) CALL (n) { RETURN 1 AS one } RETURN n.call, n.range, n.load",
    "RETURN CASE WHEN true THEN 'it\\'s' ELSE \"a \\\" b\" END AS `odd `` name`",
    "MATCH (n) WHERE n.text CONTAINS \"range(\" RETURN n",
]
REFUSED = {
    "": "empty", "  // only a note": "empty", "/* x */": "empty",
    "EXPLAIN RETURN 1": "EXPLAIN", "/* x */ profile RETURN 1": "PROFILE", "CYPHER runtime=slotted RETURN 1": "CYPHER",
    "LOAD CSV FROM 'file:///etc/passwd' AS l RETURN l": "LOAD CSV",
    "RETURN COLLECT { lOaD /* x */ cSv FROM 'http://10.0.0.1/' AS l RETURN l }": "LOAD CSV",
    "CALL dbms.listConfig()": "dbms.listConfig", "CALL `dbms`.`listConfig`()": "not allowed",
    "CALL dbms . components()": "not allowed", "CALL\n/**/apoc.cypher.doIt('x', {})": "apoc",
    "RETURN COLLECT { CALL dbms.components() YIELD name RETURN name }": "not allowed",
    "RETURN reduce(s = 0, i IN range(1, 10000000000) | s + i)": "range",
    "RETURN [x IN `range`(1, 100000000) | x]": "range", "RETURN size(RANGE /**/ (1, 2))": "range",
    "RETURN '\\u0027 + reduce(s=1,i IN r|s) + \\u0027'": "Unicode", "\\u0043REATE (n)": "Unicode",
    "MATCH (t:ApiToken) RETURN t": "token", "MATCH (t:`ApiToken`) RETURN t": "token", "MATCH (t:apitoken)": "token",
    "RETURN " + "(" * 51 + "1" + ")" * 51: "nested", "RETURN " + "{a:" * 300 + "1" + "}" * 300: "nested",
    "RETURN " + "CASE WHEN true THEN " * 60 + "1" + " END" * 60: "nested",
    "RETURN '" + "x" * 10_000 + "'": "characters", "RETURN '\ud800'": "no text", "RETURN 1\0": "no text",
}  # fmt: skip


@pytest.mark.parametrize("text", READ)
def test_reading_is_let_through(text: str) -> None:
    judge_text(text)


@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_what_a_plan_would_not_show_is_refused(text: str) -> None:
    with pytest.raises(QuestionRefused, match=REFUSED[text]):
        judge_text(text)


def nested(depth: int) -> Any:
    return [nested(depth - 1)] if depth else 1


@pytest.mark.parametrize(
    "params",
    [
        {"a b": 1}, {"": 1}, {"x" * 65: 1}, {"x`": 1}, {"a": 2**63}, {"a": -(2**63) - 1}, {"a": nested(60)},
        {"a": "x" * 300_000}, {"a": [1] * 40_000}, {"a": "\ud800"}, {"a": {"\udfff": 1}}, {"a": object()},
    ],
    ids=range(12),
)  # fmt: skip
def test_parameters_are_plain_bounded_values(params: dict[str, Any]) -> None:
    with pytest.raises(QuestionRefused):
        judge_parameters(params)
    judge_parameters({"a": [1, 2.5, "x", None, True, {"b": [2**63 - 1, -(2**63)]}], "_b1": "`}) DETACH DELETE"})


def test_values_that_json_has_no_form_for_are_objects_with_a_type() -> None:
    assert json_value([None, True, "x", 2**53, 1.5, {"a": (1,)}]) == [None, True, "x", 2**53, 1.5, {"a": [1]}]
    assert json_value(2**53 + 1) == {"$type": "Integer", "value": "9007199254740993"}
    assert [json_value(float(x))["value"] for x in ("nan", "inf", "-inf")] == ["NaN", "Infinity", "-Infinity"]
    assert json_value(b"\x00\xff") == {"$type": "Bytes", "base64": "AP8="}
    assert json_value(time.Date(2026, 1, 2)) == {"$type": "Date", "value": "2026-01-02"}
    assert json_value(time.DateTime(2026, 1, 2, 3, 4, 5))["$type"] == "LocalDateTime"
    assert json_value(time.Time(1, 2, 3))["$type"] == "LocalTime"
    assert json_value(time.Duration(months=1, days=2, seconds=3))["months"] == 1
    assert json_value(spatial.CartesianPoint((1.0, 2.0))) == {"$type": "Point", "srid": 7203, "coordinates": [1.0, 2.0]}
