"""Definitions of workflows: both spellings, every mistake named, references and conditions as templates and CEL."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psg.errors import ValidationFailed
from psg.plan.spec import PlanSpec
from psg_runtime.core_orchestrator import CoreOrchestratorConfig, WorkflowDefinition, WorkflowInvalid, check_workflow
from psg_runtime.core_orchestrator.compiling import compile_workflow
from psg_runtime.core_orchestrator.components import Catalog
from psg_runtime.core_orchestrator.references import Stages, translate
from psg_runtime.expressions import Template, default_engine
from psg_runtime.modules import MODULE_TYPES, ModuleManager

CATALOG = Catalog(ModuleManager().registrations())


def stage(name: str, *dependencies: str, **fields: Any) -> dict[str, Any]:
    made = {"id": name, "name": name, "moduleType": "context", "operation": "createContext", "inputs": {}}
    return {**made, "dependencies": list(dependencies), **fields}


def workflow(*stages: dict[str, Any], mode: str = "parallel", **fields: Any) -> dict[str, Any]:
    made = {"id": "w", "name": "A workflow", "version": "1.0.0", "executionMode": mode, "stages": list(stages)}
    return {**made, **fields}


def compiled(*stages: dict[str, Any], inputs: dict[str, Any] | None = None, **fields: Any) -> PlanSpec:
    definition = WorkflowDefinition.of(workflow(*stages, **fields))
    return compile_workflow(definition, inputs or {}, correlation_id="c", timeout_ms=60_000, catalog=CATALOG)


def problems(definition: Any, inputs: dict[str, Any] | None = None) -> list[str]:
    with pytest.raises(WorkflowInvalid) as refused:
        check_workflow(definition, inputs, CATALOG)
    assert refused.value.category == "validation_error"
    found: list[str] = refused.value.details["problems"]
    assert all(text in refused.value.message for text in found)
    return found


@pytest.mark.req("CORE-07", "CORE-09")
def test_both_spellings_say_the_same() -> None:
    camel = workflow(
        stage("a", outputs=["contextId"], retryPolicy={"maxRetries": 2, "baseDelay": 10}),
        timeout=5, retryPolicy={"maxRetries": 1, "backoffStrategy": "fixed", "baseDelay": 20},
        errorHandling={"strategy": "rollback"},
    )  # fmt: skip
    snake = {
        "id": "w", "name": "A workflow", "version": "1.0.0", "execution_mode": "parallel", "timeout": 5,
        "retry_policy": {"max_retries": 1, "backoff_strategy": "fixed", "base_delay": 20},
        "error_handling": {"strategy": "compensate"},
        "stages": [
            {
                "id": "a", "name": "a", "module_type": "context", "operation": "createContext", "inputs": {},
                "outputs": ["contextId"],
                "retry_policy": {"max_retries": 2, "base_delay": 10},
            }
        ],
    }  # fmt: skip
    one, other = WorkflowDefinition.of(camel), WorkflowDefinition.of(snake)
    assert one == other
    assert WorkflowDefinition.of(one.to_dict()) == one
    assert one.to_dict()["stages"][0]["moduleType"] == "context"


@pytest.mark.req("CORE-07")
@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (workflow(), "at least one stage"),
        (workflow(stage("a"), stage("a")), "two stages have the id `a`"),
        (workflow(stage("input")), "cannot be called `input`"),
        (workflow(stage("a", moduleType="contxt")), "no module `contxt`; did you mean `context`?"),
        (workflow(stage("a", operation="destroyContext")), "module `context` has no operation `destroyContext`"),
        (workflow(stage("a"), mode="random"), "executionMode"),
        (workflow(stage("a"), timeout=0), "timeout"),
        (workflow(stage("a"), timeout=True), "timeout"),
        (workflow(stage("a"), retryPolicy={"maxRetries": -1}), "retryPolicy.maxRetries"),
        (workflow(stage("a"), retryPolicy={"backoffStrategy": "random"}), "retryPolicy.backoffStrategy"),
        (workflow(stage("a"), errorHandling="panic"), "errorHandling.strategy"),
        (workflow(stage("a"), surprise=1), "surprise"),
        (workflow(stage("a", inputs=[1])), "stages.0.inputs"),
        (workflow(stage("a", outputs=["x", "x"])), "names x more than once"),
        (workflow(stage("a", inputs={"n": float("nan")})), "stages.0.inputs"),
        ({"id": "w"}, "stages"),
        ([], "WorkflowDefinition"),
        (None, "WorkflowDefinition"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_refused_by_name(wrong: Any, named: str) -> None:
    assert any(named in problem for problem in problems(wrong))


@pytest.mark.req("CORE-07")
def test_every_mistake_is_named_at_once() -> None:
    found = problems(
        workflow(
            stage("a", "nowhere", moduleType="mod"), stage("b", operation="fly", inputs={"x": "${c.y} ${input.z}"}),
            stage("b"),
        ),
        {"q": 1},
    )  # fmt: skip
    assert len(found) == 6
    for word in ("two stages", "`nowhere`", "`mod`", "`fly`", "${c.y}", "${input.z}"):
        assert sum(word in problem for problem in found) == 1, word


@pytest.mark.req("CORE-01")
def test_all_ten_modules_can_be_named_by_stages() -> None:
    assert set(MODULE_TYPES) == {
        "context", "plan", "role", "confirm", "trace", "extension", "dialog", "collab", "core", "network",
    }  # fmt: skip
    check_workflow(workflow(*(stage(f"s-{kind}", moduleType=kind, operation="create" if kind != "core" else "query")
                              for kind in MODULE_TYPES)), {}, CATALOG)  # fmt: skip


@pytest.mark.req("CORE-10")
@pytest.mark.parametrize(
    "stages",
    [
        [stage("a", "a")],
        [stage("a", "b"), stage("b", "a")],
        [stage("a", inputs={"x": "${c.y}"}), stage("b", "a"), stage("c", "b")],
        [stage("a", "b"), stage("b", conditions=["${a.x} > 1"])],
        [stage("a", inputs={"x": "${a.y}"})],
    ],
)
def test_stages_that_wait_for_each_other_are_refused(stages: list[dict[str, Any]]) -> None:
    for mode in ("sequential", "parallel", "conditional"):
        found = problems(workflow(*stages, mode=mode))
        assert any("circle" in p or "itself" in p or "own output" in p for p in found), found


@pytest.mark.req("CORE-08", "CORE-10")
def test_a_sequence_keeps_its_order_as_far_as_dependencies_allow() -> None:
    spec = compiled(stage("a", "c"), stage("b"), stage("c"), stage("d", "b"), mode="sequential")
    steps = {s.key: s for s in spec.steps}
    assert {key: list(s.dependencies) for key, s in steps.items()} == {
        "b": [], "c": ["b"], "a": ["c"], "d": ["b", "a"],
    }  # fmt: skip
    assert steps["c"].join == "settled" and steps["a"].join == "not_skipped" and steps["d"].join == "settled"
    assert 'b.status == "completed"' in (steps["d"].condition or "")


@pytest.mark.req("CORE-10", "CORE-12")
def test_what_a_stage_reads_is_a_dependency() -> None:
    reads = stage("c", inputs={"x": ["${a.id}"]}, conditions=["${b.n} > 1"])
    steps = {s.key: s for s in compiled(stage("a"), stage("b"), reads, stage("d", "c", "a")).steps}
    assert sorted(steps["c"].dependencies) == ["a", "b"]
    assert steps["a"].dependencies == steps["b"].dependencies == []
    assert steps["d"].dependencies == ["c", "a"]


@pytest.mark.req("CORE-12")
@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("${a.id}", 7),
        ("${a.list[1].x-y}", True),
        ('${a.list[1]["x-y"]}', True),
        ("${a}", {"id": 7, "list": [0, {"x-y": True}]}),
        ("${a.output}", {"id": 7, "list": [0, {"x-y": True}]}),
        ("${a.output.id}", 7),
        ("no ${a.id}, ${input.who.name}!", "no 7, Ada!"),
        ("${input.who}", {"name": "Ada"}),
        ("${input}", {"who": {"name": "Ada"}}),
        ("{${a.id}}", "{7}"),
        ("{{a.output.id}} {% x %} { }", "{{a.output.id}} {% x %} { }"),
        ("$${a.id} costs $5", "${a.id} costs $5"),
        ("${ a.id }", 7),
        (["${a.id}", {"deep": "${a.list[0]}"}], [7, {"deep": 0}]),
        ("", ""),
    ],
)
def test_references_are_replaced_and_all_else_is_literal(written: Any, value: Any) -> None:
    (spec,) = [s for s in compiled(stage("a"), stage("b", inputs={"v": written}), inputs={"who": {"name": "Ada"}}).steps
               if s.key == "b"]  # fmt: skip
    output = {"id": 7, "list": [0, {"x-y": True}]}
    scope = {"steps": {"a": {"output": output}}, "params": {"input": {"who": {"name": "Ada"}}}}
    assert Template(spec.params).resolve(scope)["inputs"] == {"v": value}


@given(st.text(alphabet="${}a.\"' \\x", max_size=30))
def test_text_without_references_comes_out_as_it_went_in(text: str) -> None:
    if "${" in text:
        return
    found = translate(text, Stages({}, {}, {}), lambda problem: pytest.fail(problem))
    assert Template({"v": found}).resolve({}) == {"v": text}


@pytest.mark.req("CORE-12")
@pytest.mark.parametrize(
    "written",
    [
        "${nobody.x}", "${input.missing}", "${input.who.age}", "${a.nope}", "${}", "${a.", "${a..b}", "${a b}",
        "${input[0]}",
    ],
)  # fmt: skip
def test_an_unresolved_reference_is_refused_before_anything_runs(written: str) -> None:
    found = problems(
        workflow(stage("a", outputs=["id"]), stage("b", inputs={"v": ["x", {"y": written}]})), {"who": {"name": "Ada"}}
    )
    assert len(found) == 1 and found[0].startswith("stage `b`")


def test_references_stand_in_values_only() -> None:
    (found,) = problems(workflow(stage("a"), stage("b", inputs={"${a.id}": 1})))
    assert "only values may" in found


@pytest.mark.req("CORE-12")
def test_ids_that_no_step_can_have_are_read_all_the_same() -> None:
    spec = compiled(
        stage("1st stage"), stage("steps"), stage("x.output"), stage("a.b"),
        stage("end", inputs={"v": ["${1st stage.n}", "${steps.n}", "${x.output.n}", "${a.b.n}"]}),
    )  # fmt: skip
    keys = [s.key for s in spec.steps]
    assert len(set(keys)) == 5
    outputs = {key: {"output": {"n": place}} for place, key in enumerate(keys)}
    assert Template(spec.steps[-1].params).resolve({"steps": outputs})["inputs"] == {"v": [0, 1, 2, 3]}


@pytest.mark.req("CORE-11")
@pytest.mark.parametrize(
    ("conditions", "holds"),
    [
        (["${a.n} > 3"], True),
        (["a.output.n > 3", "${input.env} == 'prod'"], True),
        ([{"expression": "${a.n} === 5"}], True),
        ([{"field": "${a.n}", "operator": "greaterThan", "value": 5}], False),
        ([{"field": "a.n", "operator": ">=", "value": 5}, "${input.env} == 'test'"], False),
        ([{"field": "input.env", "operator": "notEquals", "value": "test"}], True),
        ([{"field": "a.tags", "operator": "contains", "value": "x"}], True),
        ([{"field": "a.n", "operator": "in", "value": [1, 5]}], True),
        ([{"field": "a.none", "operator": "exists"}], False),
        ([{"field": "a.none", "operator": "not exists"}], True),
        (["${a.n} > 3 || ${a.missing}"], True),
    ],
)
def test_conditions_are_cel_over_stages_and_inputs(conditions: list[Any], holds: bool) -> None:
    spec = compiled(stage("a"), stage("b", conditions=conditions), inputs={"env": "prod"}, mode="conditional")
    text = spec.steps[-1].condition
    assert text is not None
    scope = {"steps": {"a": {"output": {"n": 5, "tags": ["x"]}}}, "params": {"input": {"env": "prod"}}}
    assert default_engine().compile_condition(text).evaluate(scope) is holds


@pytest.mark.req("CORE-07", "CORE-11")
@pytest.mark.parametrize(
    "condition",
    ["", "${a.n} >", "'${a.n}' == '5'", "nobody.output.n > 1", "${nobody.n} > 1", "1 + 1", {"field": "a.n"},
     {"field": "a.n", "operator": "resembles", "value": 1}, {"expression": "true", "field": "a.n", "operator": "=="},
     {"expression": "true", "value": 1}, {}, 5, "open('/etc/passwd')"],
)  # fmt: skip
def test_a_condition_that_cannot_be_decided_is_refused(condition: Any) -> None:
    assert problems(workflow(stage("a"), stage("b", conditions=[condition]), mode="conditional"))


@pytest.mark.req("CORE-07")
def test_time_retries_and_recovery_become_the_policy_of_the_steps() -> None:
    spec = compiled(
        stage("a"), stage("b", timeout=40, retryPolicy={"maxRetries": 0}), timeout=5_000,
        retryPolicy={"maxRetries": 3, "backoffStrategy": "exponential", "baseDelay": 1000},
        errorHandling={"strategy": "continue", "fallbackActions": [{"type": "degrade_gracefully", "conditions": []}]},
    )  # fmt: skip
    a, b = (step.policy for step in spec.steps)
    assert a is not None and b is not None and a.retry is not None and b.retry is not None
    assert (a.retry.max_retries, a.retry.base_ms, a.retry.factor) == (3, 1000, 2)
    assert b.retry.max_retries == 0 and b.timeout is not None and b.timeout.attempt_ms == 40
    assert a.timeout is not None and a.timeout.total_ms == 10_000
    assert a.recovery is not None and a.recovery.fallback_actions[0].type == "degrade_gracefully"
    assert spec.on_failure == "continue"
    assert compiled(stage("a"), mode="sequential").on_failure == "stop"
    assert spec.params["workflow"]["timeout_ms"] == 5_000
    assert compiled(stage("a")).params["workflow"]["timeout_ms"] == 60_000


@pytest.mark.req("CORE-56")
def test_the_presets_have_the_values_of_the_specification() -> None:
    single, distributed = CoreOrchestratorConfig.single_node(), CoreOrchestratorConfig.distributed()
    names = (
        "max_concurrent_workflows", "default_workflow_timeout", "resource_allocation_strategy",
        "enable_distributed_tracing",
    )  # fmt: skip
    assert [getattr(single, name) for name in names] == [100, 300_000, "fair", False]
    assert [getattr(distributed, name) for name in names] == [1000, 600_000, "performance", True]
    assert CoreOrchestratorConfig.preset("distributed", logLevel="warn").to_dict() == {
        **distributed.to_dict(), "logLevel": "warn",
    }  # fmt: skip
    assert CoreOrchestratorConfig.distributed(enableDistributedTracing=False).enable_distributed_tracing is False


@pytest.mark.req("CORE-50", "CORE-51", "CORE-52", "CORE-53", "CORE-54", "CORE-55")
@pytest.mark.parametrize(
    "wrong",
    [
        {"maxConcurrentWorkflows": 0}, {"max_concurrent_workflows": 1.5}, {"defaultWorkflowTimeout": 0},
        {"workflowHistoryRetention": -1}, {"moduleStartupTimeout": 0}, {"moduleHealthCheckInterval": "often"},
        {"messageQueueSize": 0}, {"messageTimeout": -5}, {"resourceAllocationStrategy": "greedy"},
        {"maxResourceUtilization": 0}, {"maxResourceUtilization": 1.1}, {"metricsCollectionInterval": 0},
        {"logLevel": "loud"}, {"enableDistributedTracing": "yes"}, {"unknownSetting": 1},
    ],
)  # fmt: skip
def test_settings_out_of_bounds_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationFailed) as refused:
        CoreOrchestratorConfig.parse(wrong)
    (name,) = wrong
    camel = {"max_concurrent_workflows": "maxConcurrentWorkflows"}.get(name, name)
    assert camel in refused.value.message or name in refused.value.message
