"""Templates over JSON values, and the check of references against the dependencies of a plan."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from psg.errors import EvaluationFailed, ExpressionInvalid, PlanInvalid
from psg.plan.spec import PlanSpec
from psg_runtime.expressions import Template, check_references, step_template
from psg_runtime.secrets import SecretText

SCOPE: dict[str, Any] = {
    "steps": {"step_1": {"output": {"id": 41, "tags": ["x", "y"], "none": None, "f": 1.5}, "status": "completed"}},
    "params": {"who": "you", "flag": True},
}


@pytest.mark.req("ORCH-06")
@pytest.mark.parametrize(
    ("value", "resolved"),
    [
        ("{{step_1.output.id}}", 41),
        ("{{ step_1.output.tags }}", ["x", "y"]),
        ("{{step_1.output.none}}", None),
        ("id={{step_1.output.id}}", "id=41"),
        ("{{params.who}}/{{step_1.output.id}}", "you/41"),
        ("{{params.flag}} {{step_1.output.none}} {{step_1.output.f}}", "true null 1.5"),
        ("tags: {{step_1.output.tags}}", 'tags: ["x","y"]'),
        ("{{step_1.output.id + 1}}", 42),
        ('{{ {"a": {"b": step_1.output.id}} }}', {"a": {"b": 41}}),
        ("{{ '}}' + params.who }}", "}}you"),
        ('literal {{ "{{" }}', "literal {{"),
        ("no placeholder }} here", "no placeholder }} here"),
        ("{single}", "{single}"),
        ({"a": ["{{params.who}}", {"b": "{{step_1.output.id}}"}], "c": 1}, {"a": ["you", {"b": 41}], "c": 1}),
        (None, None),
        (7, 7),
        ([], []),
    ],
)
def test_resolve(value: Any, resolved: Any) -> None:
    result = Template(value).resolve(SCOPE)
    assert result == resolved
    assert type(result) is type(resolved)


def test_a_value_is_not_expanded_twice() -> None:
    scope = {"params": {"who": "{{step_1.output.id}}"}}
    assert Template("{{params.who}}!").resolve(scope) == "{{step_1.output.id}}!"


def test_resolve_leaves_the_written_value_alone() -> None:
    value = {"a": ["{{params.who}}"]}
    template = Template(value)
    template.resolve(SCOPE)
    assert value == {"a": ["{{params.who}}"]}


@pytest.mark.req("ORCH-06")
def test_a_missing_reference_fails_and_is_named() -> None:
    with pytest.raises(EvaluationFailed, match=r"`step_1.output` has no `nope`") as caught:
        Template({"x": "{{step_1.output.nope}}"}).resolve(SCOPE)
    assert caught.value.details["reference"] == "step_1.output.nope"


@pytest.mark.parametrize(
    "value", ["{{", "{{a.output", "x {{ 1 + }}", {"k": ["{{}}"]}, {"{{params.who}}": 1}, "{{secrets.KEY + 1}}"]
)
def test_a_broken_template_is_refused_when_it_is_compiled(value: Any) -> None:
    with pytest.raises(ExpressionInvalid):
        Template(value)


def test_the_place_of_a_broken_placeholder_is_told() -> None:
    with pytest.raises(ExpressionInvalid) as caught:
        Template({"a": [1, {"b": "{{ 1 + }}"}]})
    assert caught.value.details["location"] == ["a", 1, "b"]


def test_references() -> None:
    template = Template({"a": "{{x.output.y}} {{params.z}}", "b": ["{{w-1.output}}"]})
    assert template.references == {"x", "params", "w-1"}


def test_the_body_of_foreach_is_kept_for_the_adapter() -> None:
    params = {"items": "{{step_1.output.tags}}", "do": {"name": "t", "params": {"p": "{{item}}"}}}
    template = step_template("foreach", params)
    assert template.resolve(SCOPE) == {"items": ["x", "y"], "do": params["do"]}
    assert template.references == {"step_1", "item"}


def plan(*steps: dict[str, Any], params: dict[str, Any] | None = None) -> PlanSpec:
    return PlanSpec(title="t", objective="o", steps=list(steps), params=params or {})


def test_references_to_transitive_dependencies_pass() -> None:
    check_references(
        plan(
            {"key": "a", "params": {"x": "{{params.p}}"}},
            {"key": "b", "dependencies": ["a"]},
            {
                "key": "c",
                "dependencies": ["b"],
                "params": {"x": "{{a.output.y}}"},
                "condition": "a.output.y > 1",
            },
            params={"p": 1},
        )
    )


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (
            [{"key": "fetch"}, {"key": "b", "params": {"x": "{{fetsh.output.y}}"}}],
            "unknown reference `fetsh`.*`fetch`",
        ),
        (
            [{"key": "a"}, {"key": "b", "params": {"x": "{{a.output.y}}"}}],
            "add `a` to the dependencies of `b`",
        ),
        ([{"key": "a"}, {"key": "b", "condition": "a.output.y > 1"}], "add `a` to the dependencies of `b`"),
        ([{"key": "a", "params": {"x": "{{a.output.y}}"}}], "refers to itself"),
        ([{"key": "a", "params": {"x": "{{params.zz}}"}}], "unknown reference `params.zz`"),
        ([{"key": "a", "params": {"x": "{{item.y}}"}}], "only inside `do`"),
        ([{"key": "a", "condition": "item == 1"}], "only inside `do`"),
        ([{"key": "a", "condition": "1 +"}], "Syntax error"),
        ([{"key": "params"}], "reserved"),
        (
            [{"key": "a", "type": "foreach", "params": {"items": "{{item}}", "do": {"name": "x"}}}],
            "only inside `do`",
        ),
        (
            [
                {
                    "key": "a",
                    "type": "foreach",
                    "params": {"items": [], "do": {"params": {"p": "{{b.output}}"}}},
                }
            ],
            "unknown reference `b`",
        ),
    ],
)
def test_check_references_refuses(steps: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(PlanInvalid, match=message):
        check_references(plan(*steps))


def test_every_problem_is_listed_with_its_place() -> None:
    spec = plan({"key": "a", "params": {"x": ["{{b.output}}"]}}, {"key": "c", "condition": "d.status == 'completed'"})
    with pytest.raises(PlanInvalid) as caught:
        check_references(spec)
    places = [p["location"] for p in caught.value.details["problems"]]
    assert places == [["steps", 0, "params", "x", 0], ["steps", 1, "condition"]]


@pytest.mark.req("EXEC-24")
def test_a_secret_is_named_in_what_a_template_gives_and_nowhere_known() -> None:
    template = Template({"a": "{{secrets.TOKEN}}", "b": ["x {{ secrets['my-key'] }} {{params.who}}"], "c": "plain"})
    resolved = template.resolve(SCOPE)
    assert isinstance(resolved["a"], SecretText) and resolved["a"].names == {"TOKEN"}
    assert resolved["b"][0].names == {"my-key"} and resolved["c"] == "plain"
    assert str(resolved["b"][0]) == f"x {{{{secrets.my-key}}}} {SCOPE['params']['who']}"
    assert resolved["b"][0].reveal({"my-key": "v"}) == f"x v {SCOPE['params']['who']}"
    with pytest.raises(TypeError):
        orjson.dumps(resolved)
    assert template.references == {"secrets", "params"}


def test_data_cannot_name_a_secret() -> None:
    scope = {"steps": {"a": {"status": "completed", "output": "{{secrets.TOKEN}}"}}, "params": {}}
    assert Template("{{a.output}}").resolve(scope) == "{{secrets.TOKEN}}"
    mixed = Template("{{a.output}} {{secrets.OTHER}}").resolve(scope)
    assert mixed.names == {"OTHER"}
