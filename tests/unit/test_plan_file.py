"""Plan files: what is accepted, and that every error names file, line and column."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from psg.errors import PlanFileInvalid, ValidationFailed
from psg.plan.spec import PlanSpec
from psg_runtime.plan_file import apply_params, load_plan, read_document

SPECIFICATION_EXAMPLE: dict[str, Any] = {
    "id": "plan_abc123",
    "goalId": "campaign_launch_001",
    "steps": [
        {
            "id": "step_1",
            "type": "agent",
            "name": "content_generation",
            "description": "Generate email content",
            "params": {"productId": "prod_123", "template": "promotional"},
            "dependencies": [],
            "timeout": 60000,
            "retries": 3,
        },
        {
            "id": "step_2",
            "type": "tool",
            "name": "design_renderer",
            "description": "Render email design",
            "params": {"contentId": "{{step_1.output.id}}", "theme": "modern"},
            "dependencies": ["step_1"],
            "timeout": 30000,
            "retries": 2,
        },
    ],
    "estimatedDuration": 90000,
    "estimatedCost": 0.05,
    "createdAt": "2025-11-01T10:00:00Z",
}


@pytest.mark.req("ORCH-02", "ORCH-03")
def test_the_plan_of_the_specification_loads() -> None:
    plan = load_plan(json.dumps(SPECIFICATION_EXAMPLE), source="plan.json")
    assert isinstance(plan, PlanSpec)
    assert (plan.title, plan.goal_id) == ("plan_abc123", "campaign_launch_001")
    assert (plan.estimated_duration_ms, plan.estimated_cost) == (90000, 0.05)
    first, second = plan.steps
    assert (first.key, first.type, first.name, first.timeout_ms, first.retries) == (
        "step_1",
        "agent",
        "content_generation",
        60000,
        3,
    )
    assert second.dependencies == ["step_1"]
    assert second.params["contentId"] == "{{step_1.output.id}}"


@pytest.mark.req("ORCH-30")
def test_the_condition_of_a_conditional_step_may_be_one_of_its_params() -> None:
    plan = load_plan(
        """
        title: t
        steps:
          - {id: step_1, name: sentiment}
          - id: positive
            type: conditional
            name: handle_positive
            params: {condition: '{{step_1.output.sentiment}} === "positive"', other: 1}
            dependencies: [step_1]
        """
    )
    assert plan.steps[1].condition == '{{step_1.output.sentiment}} === "positive"'
    assert plan.steps[1].params == {"other": 1}


@pytest.mark.parametrize(
    ("yaml_text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("2025-01-01", "2025-01-01"),
        ("010", 10),
        ("0x1f", 31),
        ("0o17", 15),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("~", None),
        ("", None),
        ("true", True),
        ("False", False),
        ("'1'", "1"),
        ("!!str 1", "1"),
        ("-7", -7),
        ("1_000", "1_000"),
        ("1.2.3", "1.2.3"),
        ("=", "="),
    ],
)
def test_scalars_follow_yaml_1_2(yaml_text: str, value: Any) -> None:
    data = read_document(f"x: {yaml_text}\n", "f").data
    assert data == {"x": value}
    assert type(data["x"]) is type(value)


def test_aliases_are_data() -> None:
    data = read_document("a: &shared {x: [1, 2]}\nb: *shared\n", "f").data
    assert data == {"a": {"x": [1, 2]}, "b": {"x": [1, 2]}}


BAD_YAML = [
    ("a: 1\nb: 2\na: 3\n", 3, 1, "key `a` stands here again; the first one is in line 1"),
    ("steps:\n  - a: [1\n", 3, 1, "not YAML"),
    ("a: 1\n\tb: 2\n", 2, 1, "not YAML"),
    ("a: *nope\n", 1, 4, "not YAML|not defined"),
    ("a: &a [*a]\n", 1, 8, "refers to itself"),
    ("x: !!python/object/apply:os.system ['id']\n", 1, 4, "python/object/apply:os.system is not allowed"),
    ("x: !custom 1\n", 1, 4, "tag"),
    ("x: !!int '1'\n", 1, 4, "tag"),
    ("a: {x: 1}\nb:\n  <<: {y: 1}\n", 3, 3, "merge keys"),
    ("? [a]\n: 1\n", 1, 3, "key must be text"),
    ("a: .inf\n", 1, 4, "not a number JSON has"),
    ("a: 1e999\n", 1, 4, "too large"),
    ("a: " + "9" * 5000, 1, 4, "5000 digits"),
    ("a: 1\n---\nb: 1\n", 2, 1, "one document"),
    ("", 1, 1, "empty"),
    ("a: " + "[" * 80 + "]" * 80, 1, 67, "64 levels"),
    ("[" * 200_000, 1, 65, "64 levels"),
]


@pytest.mark.parametrize(("text", "line", "column", "message"), BAD_YAML, ids=[b[3][:20] for b in BAD_YAML])
def test_bad_yaml(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(PlanFileInvalid, match=message) as caught:
        read_document(text, "my.yaml")
    details = caught.value.details
    assert (details["file"], details["line"]) == ("my.yaml", line)
    assert abs(details["column"] - column) <= 1
    assert f"my.yaml, line {line}, column" in caught.value.message


def test_a_bomb_of_aliases_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    with pytest.raises(PlanFileInvalid, match="unfold"):
        read_document("\n".join(lines), "bomb.yaml")


def test_a_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "big.yaml"
    path.write_bytes(b"#" * (5 * 1024 * 1024 + 1))
    with pytest.raises(PlanFileInvalid, match="the limit is 5242880"):
        load_plan(path)


def test_bytes_that_are_not_text_are_refused() -> None:
    with pytest.raises(PlanFileInvalid, match="line 2, column 1: the file is not UTF-8"):
        read_document(b"a: 1\nb: \xff\n", "f")
    with pytest.raises(PlanFileInvalid, match="not YAML"):
        read_document("a: \x00", "f")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlanFileInvalid, match=r"nope.yaml: the plan file cannot be read"):
        load_plan(tmp_path / "nope.yaml")


HEAD = "title: t\nsteps:\n  - id: a\n    name: x\n"
BAD_PLANS = [
    ("title: t\n", 1, "`steps` must be a list"),
    ("- 1\n", 1, "must be a mapping"),
    ("titel: t\nsteps: []\n", 1, "unknown key `titel`: did you mean `title`?"),
    (HEAD + "    dependancies: [b]\n", 5, "did you mean `dependencies`?"),
    (HEAD + "    type: tol\n", 5, "unknown step type `tol`: did you mean `tool`?"),
    (HEAD + "    retries: 101\n", 5, "`steps.0.retries`"),
    (HEAD + "    retries: many\n", 5, "`steps.0.retries`"),
    (HEAD + "    timeout: 0\n", 5, "`steps.0.timeout`"),
    (HEAD + "    timeout: 5\n    timeout_ms: 5\n", 6, "says again"),
    (HEAD + "    urgency: -1\n", 5, "`steps.0.urgency`"),
    (HEAD + "    dependencies: [b, b]\n", 5, "names b more than once"),
    (HEAD + "    dependencies:\n      - 1\n", 6, "`steps.0.dependencies.0`"),
    (HEAD + "  - id: b c\n    name: x\n", 5, "`steps.1.id`"),
    (HEAD + "  - name: x\n", 5, "a step needs an `id`"),
    (HEAD + "  - id: params\n    name: x\n", 5, "reserved"),
    (HEAD + "  - id: b\n", 5, "needs the `name` of a capability"),
    (HEAD + "    condition: 1 +\n", 5, "Syntax error"),
    (HEAD + "    condition: b.output > 1\n", 5, "unknown reference `b`"),
    (HEAD + "    params:\n      deep:\n        - '{{ 1 + }}'\n", 7, "Syntax error"),
    (HEAD + "    params:\n      deep: '{{secrets.X + 1}}'\n", 6, "a placeholder of its own"),
    (HEAD + "    condition: secrets.X\n", 5, "cannot read a secret"),
    (HEAD + "  - id: b\n    type: llm\n    params: {prompt: '{{secrets.X}}'}\n", 7, "sent to a language model"),
    (
        HEAD + "  - id: b\n    type: foreach\n    params:\n      items: ['{{secrets.X}}']\n      do: {name: y}\n",
        8,
        "only `do.params` may name a secret",
    ),
    (
        HEAD + "  - id: b\n    name: process.run\n    params:\n      argv: [x, '{{secrets.X}}']\n",
        8,
        "visible to others",
    ),
    (
        HEAD + "  - id: b\n    type: foreach\n    params:\n      items: [1]\n      do:\n        name: file.write\n"
        "        params: {content: '{{secrets.X}}'}\n",
        11,
        "in clear",
    ),
    (HEAD + "  - id: b\n    name: x\n    params: {v: '{{a.output}}'}\n", 7, "add `a` to the dependencies of `b`"),
    (HEAD + "  - id: b\n    type: conditional\n    dependencies: [a]\n", 5, "needs a `condition`"),
    (
        HEAD + "  - id: b\n    type: conditional\n    params:\n      condition: 1 +\n",
        8,
        "Syntax error",
    ),
    (HEAD + "  - id: b\n    type: foreach\n    params:\n      items: []\n", 7, "needs `params.do`"),
    (HEAD + "  - id: b\n    type: foreach\n    params:\n      items: []\n      do: {nam: x}\n", 9, "unknown key `nam`"),
    (HEAD + "params:\n  p: {typ: string}\n", 6, "unknown key `typ`: did you mean `type`?"),
    (HEAD + "params:\n  p: {type: text}\n", 6, "`params.p.type`"),
    (HEAD + "params:\n  p: {type: integer, default: x}\n", 6, "the default is not of type integer"),
    (HEAD + "params:\n  p: {required: true, default: x}\n", 6, "a required parameter has no default"),
    (
        HEAD + "    params: {v: '{{params.moed}}'}\nparams:\n  mode: fast\n",
        5,
        "unknown reference `params.moed`.*`mode`",
    ),
    ("title: 5\n" + HEAD[9:], 1, "`title`"),
    ("createdAt: 5\n" + HEAD, 1, "`createdAt` must be text"),
]


@pytest.mark.parametrize(
    ("text", "line", "message"), BAD_PLANS, ids=[f"{i}-{b[2][:25]}" for i, b in enumerate(BAD_PLANS)]
)
def test_bad_plans(text: str, line: int, message: str) -> None:
    with pytest.raises(PlanFileInvalid, match=message) as caught:
        load_plan(text, source="my.yaml")
    assert caught.value.details["line"] == line, caught.value.message
    assert caught.value.message.startswith(f"my.yaml, line {line}, column ")


WITH_PARAMS = """
title: t
params:
  repo: {type: string, required: true, description: folder of the repository}
  limit: {type: integer, default: 10}
  ratio: {type: number, default: 0.5}
  deep: {type: boolean, default: false}
  mode: {default: fast, enum: [fast, slow]}
  names: {type: array, default: []}
  free: {}
  short: 3
steps:
  - {id: a, name: x, params: {r: "{{params.repo}}", l: "{{params.limit}}", n: "{{params.names}}"}}
"""


def test_parameters_get_their_types_and_defaults() -> None:
    plan = apply_params(
        load_plan(WITH_PARAMS),
        {"repo": "10", "limit": "20", "ratio": "2", "deep": "yes", "mode": "slow", "names": '["a"]', "short": "4"},
    )
    assert type(plan) is PlanSpec
    assert plan.params == {
        "repo": "10",
        "limit": 20,
        "ratio": 2,
        "deep": True,
        "mode": "slow",
        "names": ["a"],
        "free": None,
        "short": 4,
    }


def test_defaults_stay_where_nothing_is_given() -> None:
    plan = apply_params(load_plan(WITH_PARAMS), {"repo": "."})
    assert (plan.params["limit"], plan.params["deep"], plan.params["short"]) == (10, False, 3)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({}, r"parameter `repo` is required \(folder of the repository\): give repo=…"),
        ({"repo": ".", "limt": "1"}, "unknown parameter `limt`: did you mean `limit`"),
        ({"repo": ".", "limit": "1.5"}, "`limit`: '1.5' is not an integer"),
        ({"repo": ".", "ratio": "nan"}, "is not a finite number"),
        ({"repo": ".", "deep": "maybe"}, "neither true nor false"),
        ({"repo": ".", "mode": "medium"}, "is not one of fast, slow"),
        ({"repo": ".", "names": "{}"}, "is not of type array"),
        ({"repo": ".", "names": "["}, "is not JSON"),
        ({"repo": ".", "short": "x"}, "is not an integer"),
    ],
)
def test_wrong_parameters_are_refused(overrides: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationFailed, match=message):
        apply_params(load_plan(WITH_PARAMS), overrides)


def test_parameters_of_a_plan_that_declares_none() -> None:
    with pytest.raises(ValidationFailed, match="the plan has no parameters"):
        apply_params(load_plan(HEAD), {"x": "1"})


def test_what_was_loaded_is_a_plan_like_any_other() -> None:
    plan = load_plan(WITH_PARAMS)
    assert PlanSpec.model_validate(plan.model_dump(mode="json")).steps == plan.steps


def test_a_path_may_be_given_as_text(tmp_path: Path) -> None:
    path = tmp_path / "my-plan.yaml"
    path.write_text("steps: [{id: a, name: x}]")
    assert load_plan(str(path)).title == "my-plan"


def test_a_plan_of_ten_thousand_steps_loads_in_seconds() -> None:
    steps = [{"id": "s0", "name": "x"}]
    steps += [
        {"id": f"s{i}", "name": "x", "dependencies": [f"s{i - 1}"], "params": {"v": f"{{{{s{i - 1}.output}}}}"}}
        for i in range(1, 10_000)
    ]
    assert len(load_plan(json.dumps({"title": "t", "steps": steps})).steps) == 10_000


@pytest.mark.req("EXEC-24")
def test_the_plan_in_a_plan_step_has_references_of_its_own() -> None:
    inner = "{title: i, objective: i, steps: [{id: one, name: x, params: {t: '{{secrets.T}}'}}, {id: two, name: x, "
    inner += "dependencies: [one], params: {v: '{{one.output}}', w: '{{params.q}}'}}], params: {q: {default: 1}}}"
    text = f"objective: o\nsteps:\n  - id: a\n    type: plan\n    params:\n      plan: {inner}\n"
    assert load_plan(text).steps[0].params["plan"]["steps"][0]["params"] == {"t": "{{secrets.T}}"}
    with pytest.raises(PlanFileInvalid, match="params of a sub-plan are stored"):
        load_plan(text + "      params: {q: '{{secrets.T}}'}\n")
    with pytest.raises(PlanFileInvalid, match="unknown reference `ghost`"):
        load_plan("objective: o\nsteps:\n  - {id: a, type: plan, params: {plan: '{{ghost.output}}'}}\n")


@pytest.mark.req("EXEC-24")
def test_a_loop_in_a_loop_names_secrets_where_one_alone_could() -> None:
    def nested(do: str) -> str:
        inner = f"{{type: foreach, name: foreach, params: {{items: [1], do: {do}}}}}"
        return f"objective: o\nsteps:\n  - {{id: a, type: foreach, params: {{items: [1], do: {inner}}}}}\n"

    assert load_plan(nested("{name: x, params: {t: '{{secrets.T}}'}}")).steps[0].type == "foreach"
    with pytest.raises(PlanFileInvalid, match="in clear"):
        load_plan(nested("{name: file.write, params: {content: '{{secrets.T}}'}}"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("policy: {retry: {max_retrys: 4}}", r"line 5.*policy\.retry\.max_retrys`: .*you mean `max_retries`"),
        ("budget: {costs: 3}", r"did you mean `cost`"),
        ("budget: 3", r"`steps\.0\.budget`: must be a mapping"),
        ("approval: {approvers: ann}", r"`steps\.0\.approval\.approvers`: must be a list"),
        ("approval: {quorum: 0, aprovers: [x]}", r"\(and 1 more\)"),
        ("compensation: {nme: undo}", r"steps\.0\.compensation"),
        ("join: some", r"`steps\.0\.join`"),
        ("policy: {timeout: {total_ms: -1}}", r"total_ms`: .*greater than or equal to 1"),
    ],
)
def test_mistakes_in_what_governs_a_step_are_told_where_they_are(line: str, message: str) -> None:
    text = f"title: t\nsteps:\n  - id: a\n    name: tool\n    {line}\n"
    with pytest.raises(PlanFileInvalid, match=message):
        load_plan(text)


def test_a_loop_over_something_else_than_a_list_is_told_before_it_runs() -> None:
    loop = "steps:\n  - {{id: a, type: foreach, params: {{items: {}, do: {{name: x}}}}}}\n"
    for items in ("5", "{a: 1}", "abc"):
        with pytest.raises(PlanFileInvalid, match="`items` must be a list or a template"):
            load_plan(loop.format(items))
    for items in ("[]", "[1, 2]", "'{{params}}'"):
        assert load_plan(loop.format(items)).steps[0].key == "a"
