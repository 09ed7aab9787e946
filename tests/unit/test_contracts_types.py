"""Goals, plans and results as the specification's contracts write them, and their way into the graph and back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import psg_runtime
from psg.errors import DependencyCycle, DuplicateId, PlanInvalid, ReferenceMissing, ValidationFailed
from psg.plan.spec import PlanSpec, StepSpec
from psg_runtime import ExecutionResult, OrchestratorGoal, OrchestratorPlan, PlanStep, StepResult
from psg_runtime.contracts import ExecutionMetadata, Record, from_spec, to_spec

GOAL = {
    "id": "campaign_launch_001",
    "description": "Create and launch email marketing campaign",
    "success_criteria": ["Content generated", "Design approved"],
    "context": {"productId": "prod_123", "targetAudience": None},
}
PLAN = {
    "id": "plan_abc123",
    "goalId": "campaign_launch_001",
    "steps": [
        {
            "id": "step_1",
            "type": "agent",
            "name": "content_generation",
            "description": "Generate email content",
            "params": {"productId": "prod_123", "template": None},
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


def tool(key: str, *dependencies: str, **fields: Any) -> dict[str, Any]:
    return {"id": key, "type": "tool", "name": "noop", "dependencies": list(dependencies), **fields}


@pytest.mark.req("ORCH-01")
def test_a_goal_has_the_specifications_fields_in_both_spellings() -> None:
    goal = OrchestratorGoal(**GOAL)
    camel = {("successCriteria" if key == "success_criteria" else key): value for key, value in GOAL.items()}
    assert goal == OrchestratorGoal.parse(camel)
    assert goal.success_criteria == ["Content generated", "Design approved"]
    assert goal.context == {"productId": "prod_123", "targetAudience": None}
    assert goal.constraints is None
    told = goal.to_dict()
    assert set(told) == {"id", "description", "successCriteria", "context"}
    assert OrchestratorGoal.parse(json.loads(json.dumps(told))) == goal


@pytest.mark.req("ORCH-01")
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": ""}, "id"),
        ({"id": None}, "id"),
        ({"description": 5}, "description"),
        ({"surprise": 1}, "surprise"),
        ({"success_criteria": "one"}, "success_criteria"),
        ({"success_criteria": [1]}, "success_criteria.0"),
        ({"constraints": [1]}, "constraints"),
        ({"context": {"n": float("nan")}}, "context"),
        ({"context": {"n": 2**70}}, "context"),
        ({"context": {"n": object()}}, "context"),
    ],
)
def test_a_goal_that_is_none_is_refused_by_the_name_of_the_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        OrchestratorGoal(**{**GOAL, **change})
    assert f"{field}:" in caught.value.message


@pytest.mark.req("ORCH-02", "ORCH-03", "ORCH-31")
def test_a_plan_is_read_and_written_as_the_specification_has_it() -> None:
    plan = OrchestratorPlan(**PLAN)
    assert plan.to_dict() == PLAN
    assert json.loads(json.dumps(plan.to_dict(), indent=2)) == PLAN
    assert (plan.goal_id, plan.estimated_duration, plan.created_at) == (
        "campaign_launch_001",
        90000,
        "2025-11-01T10:00:00Z",
    )
    assert plan.steps[0].timeout == 60000
    snake = OrchestratorPlan(id="p", goal_id="g", steps=[PlanStep(id="a", type="tool", name="noop")], estimated_cost=1)
    assert snake.to_dict()["estimatedCost"] == 1
    assert snake.created_at.endswith("Z")


@pytest.mark.req("ORCH-03")
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"type": "magic"}, "steps.0.type"),
        ({"type": None}, "steps.0.type"),
        ({"name": ""}, "name"),
        ({"retries": -1}, "steps.0.retries"),
        ({"retries": 1.5}, "steps.0.retries"),
        ({"retries": True}, "steps.0.retries"),
        ({"retries": "3"}, "steps.0.retries"),
        ({"retries": 101}, "steps.0.retries"),
        ({"timeout": 0}, "steps.0.timeout"),
        ({"timeout": float("inf")}, "steps.0.timeout"),
        ({"timeout": 10**15}, "steps.0.timeout"),
        ({"dependencies": ["x", "x"]}, "steps.0.dependencies"),
        ({"dependencies": "x"}, "steps.0.dependencies"),
        ({"params": []}, "steps.0.params"),
        ({"params": {"x": {1, 2}}}, "steps.0.params"),
        ({"bogus": 1}, "bogus"),
    ],
)
def test_a_step_that_is_none_is_refused_with_its_place(change: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        OrchestratorPlan(id="p", goalId="g", steps=[{**tool("a"), **change}])
    assert field in caught.value.message


@pytest.mark.parametrize("given", [None, [], "plan", 5])
def test_what_is_no_mapping_is_no_plan(given: Any) -> None:
    with pytest.raises(ValidationFailed, match="expected a mapping"):
        OrchestratorPlan.parse(given)


def test_a_plan_needs_steps_and_times_that_are_times() -> None:
    for change, field in (
        ({"steps": []}, "steps"),
        ({"createdAt": "yesterday"}, "createdAt"),
        ({"estimatedDuration": -1}, "estimatedDuration"),
        ({"estimatedCost": "free"}, "estimatedCost"),
        ({"goal": "x"}, "goal"),
    ):
        with pytest.raises(ValidationFailed, match=field):
            OrchestratorPlan(**{**PLAN, **change})


@pytest.mark.req("ORCH-04")
def test_steps_that_are_no_graph_are_told_before_anything_runs() -> None:
    def plan(*steps: dict[str, Any]) -> OrchestratorPlan:
        return OrchestratorPlan(id="p", steps=list(steps))

    with pytest.raises(DuplicateId, match="`a`"):
        plan(tool("a"), tool("a")).check()
    with pytest.raises(ReferenceMissing, match="`a` depends on `ghost`"):
        plan(tool("a", "ghost")).check()
    with pytest.raises(DependencyCycle, match="→"):
        plan(tool("a", "c"), tool("b", "a"), tool("c", "b")).check()
    with pytest.raises(DependencyCycle):
        plan(tool("a", "a")).check()


def test_conversion_to_the_graphs_plan_keeps_everything() -> None:
    plan = OrchestratorPlan(
        id="p",
        goalId="g",
        title="T",
        params={"n": 1},
        successCriteria=["params.n == 1"],
        steps=[
            tool(
                "a",
                timeout=5,
                retries=2,
                agentRole="writer",
                orderIndex=3,
                urgency=7,
                condition="params.n == 1",
                join="all",
                policy={"retry": {"base_ms": 5}},
            ),
            {"id": "w", "type": "wait", "name": "wait", "params": {"duration_ms": 1}},
            {
                "id": "c",
                "type": "conditional",
                "name": "handle",
                "params": {"condition": "a.output.x == 1", "y": 2},
                "dependencies": ["a"],
            },
        ],
    )
    spec = to_spec(plan)
    assert (spec.title, spec.objective, spec.goal_id, spec.params) == ("T", "T", "g", {"n": 1})
    assert spec.success_criteria == ("params.n == 1",)
    first, wait, conditional = spec.steps
    assert (first.timeout_ms, first.retries, first.agent_role, first.order_index) == (5, 2, "writer", 3)
    assert (first.urgency, first.condition, first.join) == (7, "params.n == 1", "all")
    assert first.policy is not None and first.policy.retry is not None and first.policy.retry.base_ms == 5
    assert wait.name is None
    assert (conditional.condition, conditional.params) == ("a.output.x == 1", {"y": 2})
    assert to_spec(from_spec(spec)) == spec
    again = from_spec(spec, plan_id="p", created_at=plan.created_at)
    assert again.to_dict() == {**plan.to_dict(), "objective": "T"}


NAMES = st.sampled_from(["a", "b-1", "c.d", "_e"])


@st.composite
def specs(draw: st.DrawFn) -> PlanSpec:
    steps: list[StepSpec] = []
    for key in draw(st.lists(NAMES, min_size=1, max_size=4, unique=True)):
        kind = draw(st.sampled_from(["tool", "agent", "wait", "conditional", "llm", "confirm"]))
        named = kind in ("tool", "agent") or draw(st.booleans())
        steps.append(
            StepSpec(
                key=key,
                type=kind,
                name="does" if named else None,
                params=draw(st.dictionaries(st.sampled_from(["p", "condition"]), st.none() | st.integers(0, 9))),
                dependencies=draw(st.lists(st.sampled_from([s.key for s in steps]), unique=True)) if steps else [],
                timeout_ms=draw(st.none() | st.integers(1, 1000)),
                retries=draw(st.none() | st.integers(0, 100)),
                condition=draw(st.none() | st.just("params.x == 1")),
                urgency=draw(st.integers(0, 1000)),
                agent_role=draw(st.none() | st.just("writer")),
                order_index=draw(st.none() | st.integers(0, 9)),
            )
        )
    return PlanSpec(title="t", objective="o", steps=steps, params=draw(st.just({}) | st.just({"x": 1})))


@given(specs())
def test_any_plan_of_the_graph_survives_the_way_through_the_contracts(spec: PlanSpec) -> None:
    there = OrchestratorPlan.parse(json.loads(json.dumps(from_spec(spec).to_dict())))
    assert to_spec(there) == spec


def test_one_field_in_two_spellings_is_refused() -> None:
    for twice in ({"goalId": "a", "goal_id": "b"}, {"params": {}, "onFailure": "stop", "on_failure": "stop"}):
        with pytest.raises(ValidationFailed, match="says again"):
            OrchestratorPlan(id="p", steps=[tool("a")], **twice)
    with pytest.raises(ValidationFailed, match="says again"):
        OrchestratorPlan(id="p", steps=[tool("a", agentRole="x", agent_role="y")])


def test_everything_offered_can_be_imported_from_the_package() -> None:
    for name in psg_runtime._EXPORTS:
        assert name in dir(psg_runtime)
        assert getattr(psg_runtime, name).__name__ == name
    with pytest.raises(AttributeError, match="nothing_here"):
        psg_runtime.nothing_here


def test_a_step_id_that_is_no_key_of_the_graph_is_refused_by_conversion_only() -> None:
    plan = OrchestratorPlan(id="p", steps=[tool("1 step")])
    plan.check()
    with pytest.raises(PlanInvalid, match="step `1 step`: key"):
        to_spec(plan)


def result(**changes: Any) -> dict[str, Any]:
    return {
        "planId": "p",
        "status": "completed",
        "startedAt": "2026-01-01T00:00:00Z",
        "steps": [{"stepId": "a", "status": "completed", "output": {"x": None}}, {"stepId": "b", "status": "skipped"}],
        "metadata": {"totalDuration": 5.5, "totalSteps": 2, "completedSteps": 1, "failedSteps": 0},
        **changes,
    }


@pytest.mark.req("ORCH-07", "ORCH-08", "ORCH-09")
def test_results_have_the_specifications_fields_and_their_counts_agree() -> None:
    made = ExecutionResult.parse(result())
    assert made.to_dict() == result()
    assert made.metadata == ExecutionMetadata(total_duration=5.5, total_steps=2, completed_steps=1, failed_steps=0)
    assert made.step("a") == StepResult(step_id="a", status="completed", output={"x": None})
    assert made.step("ghost") is None
    for changes in ({"status": "denied"}, {"steps": [{"stepId": "a", "status": "blocked"}]}, {"startedAt": "now"}):
        with pytest.raises(ValidationFailed):
            ExecutionResult.parse(result(**changes))
    lies = {"totalDuration": 5.5, "totalSteps": 2, "completedSteps": 2, "failedSteps": 0}
    with pytest.raises(ValidationFailed, match="metadata counts"):
        ExecutionResult.parse(result(metadata=lies))


def test_a_record_reads_in_both_spellings_and_by_attribute() -> None:
    told = Record(stepId="a", data=Record(consent_given=True))
    assert told.step_id == told["step_id"] == told.stepId == told.get("stepId") == "a"
    assert told.data.consentGiven is True
    assert told.get("nothing", 5) == 5
    with pytest.raises(KeyError):
        told["nothing"]
    with pytest.raises(AttributeError, match="there is stepId, data"):
        told.nothing
