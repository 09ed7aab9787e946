"""Whatever text comes in, expressions, templates and plan documents answer with a value or an error of ours."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from psg.errors import EvaluationFailed, ExpressionInvalid, PlanFileInvalid
from psg_runtime.expressions import ExpressionEngine, Template
from psg_runtime.plan_file import load_plan, read_document

ENGINE = ExpressionEngine()
TOKENS = ["{{", "}}", "{", "}", "'", '"', "\\", "steps", ".", "output", "a-b", "params", "x", "[", "]", "(", ")", "1"]
TOKENS += ["===", "==", "&&", "||", "!", "?", ":", ",", " ", "\n", "//", "r'", "in", "null", "secrets", "item", "-"]
EXPRESSIONS = st.one_of(st.text(), st.lists(st.sampled_from(TOKENS)).map("".join), st.text(st.characters()))
YAML_TOKENS = ["a", ":", " ", "\n", "- ", "&x", "*x", "!!str", "[", "]", "{", "}", "'", '"', "|", ">", "<<", "#", "\t"]
YAML_TOKENS += ["1", "~", "steps", "id", "title", "params", "---", "...", "%", "@", "`", "\x00", "\ud800", "\ufeff"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(EXPRESSIONS, JSON)
def test_any_expression(text: str, value: Any) -> None:
    scope = {"steps": {"a-b": {"output": value, "status": "completed"}}, "params": {"x": value}, "item": value}
    try:
        ENGINE.compile(text).evaluate(scope)
    except (ExpressionInvalid, EvaluationFailed):
        return


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_a_reference_gives_the_very_value(value: Any) -> None:
    scope = {"params": {"x": value}, "steps": {"a": {"output": [value], "status": "completed"}}}
    assert Template("{{params.x}}").resolve(scope) == value
    assert Template(["{{ a.output[0] }}"]).resolve(scope) == [value]


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_a_value_without_placeholders_resolves_to_itself(value: Any) -> None:
    try:
        template = Template(value)
    except ExpressionInvalid:
        return
    if not template.references:
        assert template.resolve({}) == value or "{{" in str(value)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(st.characters()), st.lists(st.sampled_from(YAML_TOKENS)).map("".join)))
def test_any_document(text: str) -> None:
    try:
        read_document(text, "f")
        load_plan(text + "\n", source="f")
    except PlanFileInvalid as error:
        assert error.details["line"] >= 1
