"""JSON Schemas of capabilities: what is a schema, what matches it, and what neither may cost."""

from __future__ import annotations

import time
from typing import Any

import pytest

from psg.errors import ValidationFailed
from psg_runtime.ael.json_schema import JsonSchema

SELF = {"type": "object", "properties": {"next": {"$ref": "#"}}}


def schema(**keywords: Any) -> JsonSchema:
    return JsonSchema(keywords, "input schema of `x`")


@pytest.mark.req("ORCH-12")
@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"type": "strin"}, "type: "),
        ({"type": "object", "properties": []}, "properties: "),
        ({"type": "object", "required": "query"}, "required: "),
        ({"type": "string", "pattern": "("}, "regex"),
        ({"type": "string", "pattern": "((a{1000}){1000}){10}"}, "regex"),
        ({"query": "string", "limit": "number"}, "none of query, limit is a keyword"),
        ({"$ref": "https://example.com/schema.json"}, "leads outside|retriev|not"),
        ({"$ref": "file:///etc/hostname"}, "leads outside|retriev|not"),
        ({"$ref": "other.json"}, "leads outside|not"),
        ({"$ref": "#/$defs/missing"}, "missing"),
        ({"$schema": "https://example.com/my-dialect", "type": "object"}, "is not among"),
        ({"$schema": 7}, "is not among"),
        ({"type": "object", "default": object()}, "it is not JSON"),
        ({"$defs": {"a": {"$id": "https://example.com/a", "type": "string"}}}, "an \\$id of its own"),
        ({"description": "x" * 300_000}, "the limit is 262144"),
    ],
)
def test_what_is_no_schema_is_refused_when_it_is_given(wrong: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationFailed, match=rf"The input schema of `x` is no usable JSON Schema: .*({reason})"):
        JsonSchema(wrong, "input schema of `x`")


def test_a_schema_nested_without_end_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(5_000):
        deep = {"items": deep}
    with pytest.raises(ValidationFailed, match="no usable JSON Schema"):
        JsonSchema(deep, "schema")
    chain = {f"a{i}": {"$ref": f"#/$defs/a{i + 1}"} for i in range(5_000)} | {"a5000": {}}
    with pytest.raises(ValidationFailed, match="no usable JSON Schema"):
        JsonSchema({"$defs": chain, "$ref": "#/$defs/a0"}, "schema")


@pytest.mark.req("ORCH-13")
@pytest.mark.parametrize(
    ("keywords", "good", "bad"),
    [
        ({"format": "email"}, "a@example.org", "a at example.org"),
        ({"format": "uri"}, "https://example.org/x?y=1", "not a uri"),
        ({"format": "date-time"}, "2025-11-01T10:00:00Z", "2025-11-01"),
        ({"format": "date"}, "2025-11-01", "01.11.2025"),
        ({"format": "uuid"}, "5e0f4c1e-0d0f-4a53-8c5e-a5f06cf9a4f0", "5e0f"),
        ({"format": "ipv4"}, "127.0.0.1", "127.0.0.256"),
        ({"enum": ["blog", "email", "social"]}, "blog", "fax"),
        ({"const": 1}, 1, 2),
        ({"type": "integer", "minimum": 1}, 5, 0),
        ({"type": "number"}, 1.5, "1.5"),
        ({"pattern": "^[a-z]+$"}, "abc", "ABC"),
        ({"format": "no-such-format"}, "anything", None),
    ],
)
def test_formats_enums_and_bounds_hold(keywords: dict[str, Any], good: Any, bad: Any) -> None:
    checked = schema(**keywords)
    checked.check(good, "params")
    if bad is not None:
        with pytest.raises(ValidationFailed, match="The params are not valid: value: "):
            checked.check(bad, "params")


def test_a_refusal_names_places_and_quotes_no_value() -> None:
    checked = schema(
        type="object", required=["a"], additionalProperties=False,
        properties={"a": {}, "auth": {"type": "object", "properties": {"password": {"minLength": 100}}}},
    )  # fmt: skip
    with pytest.raises(ValidationFailed) as caught:
        checked.check({"auth": {"password": "marker-5f2b8c"}, "extra": "marker-77"}, "params")
    problems = caught.value.details["problems"]
    assert any(p.startswith("auth.password: ") for p in problems)
    assert any('"a" is a required property' in p for p in problems)
    assert any("extra" in p for p in problems)
    assert "marker" not in str(caught.value)


def test_many_problems_are_told_in_part() -> None:
    with pytest.raises(ValidationFailed, match="and 90 more"):
        schema(items={"type": "string"}).check(list(range(100)), "outputs")


@pytest.mark.parametrize("draft", ["http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2019-09/schema"])
def test_older_drafts_are_read_as_they_say(draft: str) -> None:
    checked = JsonSchema(
        {"$schema": draft, "definitions": {"a": {"type": "string"}}, "properties": {"x": {"$ref": "#/definitions/a"}}},
        "schema",
    )
    checked.check({"x": "y"}, "params")
    with pytest.raises(ValidationFailed, match="x: "):
        checked.check({"x": 1}, "params")


@pytest.mark.req("ORCH-12")
def test_defaults_are_filled_in_at_every_depth_and_never_over_what_is_given() -> None:
    checked = schema(
        type="object",
        properties={
            "query": {"type": "string"},
            "maxResults": {"type": "number", "default": 5},
            "options": {"type": "object", "default": {}, "properties": {"lang": {"default": "en"}}},
            "items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
            "none": {"default": None},
        },
        **{"$defs": {"item": {"type": "object", "properties": {"n": {"default": 1}}}}},
        allOf=[{"properties": {"extra": {"default": [1, 2]}}}],
    )
    given = {"query": "q", "items": [{}, {"n": 2}]}
    filled = checked.with_defaults(given)
    assert filled == {
        "query": "q", "maxResults": 5, "options": {"lang": "en"}, "items": [{"n": 1}, {"n": 2}], "none": None,
        "extra": [1, 2],
    }  # fmt: skip
    assert given == {"query": "q", "items": [{}, {"n": 2}]}
    assert checked.with_defaults({"maxResults": 0, "none": 1})["maxResults"] == 0
    filled["extra"].append(3)
    assert checked.with_defaults({})["extra"] == [1, 2]


def test_a_default_that_holds_itself_ends() -> None:
    checked = schema(type="object", properties={"a": {"default": {}, "$ref": "#"}})
    assert checked.with_defaults({}) == {"a": {}}


def test_alternatives_give_no_defaults() -> None:
    assert schema(anyOf=[{"properties": {"a": {"default": 1}}}, {}]).with_defaults({}) == {}


def test_a_schema_is_a_copy_of_what_was_given() -> None:
    given = {"type": "object", "properties": {"a": {"default": 1}}}
    checked = JsonSchema(given, "schema")
    given["properties"]["a"]["default"] = 2  # type: ignore[index]
    assert checked.with_defaults({}) == {"a": 1}


def doubling(depth: int, keyword: str, last: dict[str, Any]) -> dict[str, Any]:
    parts = {f"a{i}": {keyword: [{"$ref": f"#/$defs/a{i + 1}"}] * 2} for i in range(depth)}
    return {"$defs": parts | {f"a{depth}": last}, "$ref": "#/$defs/a0"}


@pytest.mark.parametrize("keyword", ["allOf", "anyOf", "oneOf"])
def test_a_schema_that_unfolds_without_bounds_is_refused(keyword: str) -> None:
    with pytest.raises(ValidationFailed, match="one value could meet"):
        JsonSchema(doubling(40, keyword, {"type": "integer"}), "schema")
    nested = {f"a{i}": {"allOf": [{"properties": {"c": {"$ref": f"#/$defs/a{i + 1}"}}}] * 2} for i in range(40)}
    with pytest.raises(ValidationFailed, match="one value could meet"):
        JsonSchema({"$defs": nested | {"a40": {}}, "$ref": "#/$defs/a0"}, "schema")


@pytest.mark.parametrize(
    "endless",
    [
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"allOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"},
        {"$dynamicAnchor": "n", "$dynamicRef": "#n"},
        {"not": {"$ref": "#"}},
    ],
)
def test_a_schema_that_is_itself_ends(endless: dict[str, Any]) -> None:
    checked = JsonSchema(endless, "schema")
    try:
        checked.check({"a": 1}, "params")
    except ValidationFailed as error:
        assert "not valid" in str(error)


def test_recursive_schemas_are_checked_and_refused_in_short_time() -> None:
    twice = {"properties": {"c": {"$ref": "#/$defs/n"}}}
    checked = JsonSchema({"$defs": {"n": {"type": "object", "allOf": [twice, twice]}}, "$ref": "#/$defs/n"}, "schema")
    good: Any = {}
    bad: Any = 1
    for _ in range(60):
        good, bad = {"c": good}, {"c": bad, "d": good}
    started = time.monotonic()
    checked.check(good, "params")
    with pytest.raises(ValidationFailed, match="does not match its schema"):
        checked.check(bad, "params")
    assert time.monotonic() - started < 5
    with pytest.raises(ValidationFailed, match=r"next.next: "):
        JsonSchema(SELF, "schema").check({"next": {"next": 1}}, "params")


@pytest.mark.parametrize("pattern", ["^(a+)+$", "(a*)*\\1$", "^(?=(a+)+$)b"])
def test_a_pattern_cannot_take_for_ever(pattern: str) -> None:
    started = time.monotonic()
    with pytest.raises(ValidationFailed):
        schema(type="string", pattern=pattern).check("a" * 60 + "!", "params")
    assert time.monotonic() - started < 5


def test_a_value_nested_without_end_is_refused() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ValidationFailed, match="not JSON"):
        schema(type="array", items={"$ref": "#"}).check(deep, "outputs")


def test_large_values_against_large_schemas_are_refused() -> None:
    wide = JsonSchema({"items": {"properties": {f"p{i}": {"type": "string"} for i in range(5_000)}}}, "schema")
    with pytest.raises(ValidationFailed, match="too large to be checked"):
        wide.check(["x" * 1_000_000], "outputs")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1: 2}, b"x", {1, 2}, object()])
def test_what_is_no_json_is_refused(value: Any) -> None:
    with pytest.raises(ValidationFailed):
        schema(type="object").check(value, "params")
