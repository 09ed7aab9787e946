"""Plans from templates, and plans after a failure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plans_in_memory import graphs, plan, registry, statuses, step

from psg.errors import DependencyCycle, DuplicateId, PlanInvalid, ReferenceMissing, UnknownCapability, ValidationFailed
from psg_runtime import Executor, OrchestratorGoal, OrchestratorPlan, Planner, PlanReplay, PlanTemplate
from psg_runtime.contracts import to_spec
from psg_runtime.in_memory import PlanNotApproved
from psg_runtime.planning import NoPlanFound, ReplanImpossible, load_templates

pytestmark = pytest.mark.anyio

CAMPAIGN = {
    "name": "campaign",
    "keywords": ["marketing campaign", "newsletter"],
    "criteria": ["Content generated"],
    "params": {"theme": "modern"},
    "steps": [
        step("write", params={"product": "{{params.productId}}"}),
        step("render", "write", params={"of": "{{write.output.product}}", "theme": "{{params.theme}}"}),
    ],
    "estimatedCost": 0.5,
}
REPORT = {"name": "report", "keywords": ["report", "campaign"], "steps": [step("only")]}


def goal(description: str = "Launch an e-mail marketing campaign", *criteria: str, **fields: Any) -> dict[str, Any]:
    return {"id": "g1", "description": description, "success_criteria": list(criteria), **fields}


@pytest.mark.req("ORCH-27")
async def test_a_goal_becomes_a_plan_that_is_executed() -> None:
    replay = PlanReplay()
    planner = Planner([CAMPAIGN, REPORT], registry=registry(), replay=replay)
    made = await planner.plan(goal(context={"productId": "prod_123"}))
    assert (made.goal_id, made.estimated_cost, made.draft) == ("g1", 0.5, None)
    result = await Executor(registry(), replay).execute(made, {"userId": "123"})
    assert (result.status, result.output) == ("completed", {"of": "prod_123", "theme": "modern"})
    assert [one.event for one in replay.entries(made.id)].count("plan_created") == 1


async def test_the_template_is_the_one_named_or_the_one_that_fits_best() -> None:
    planner = Planner([REPORT, CAMPAIGN])
    context = {"productId": "p"}

    async def chosen(*arguments: Any, template: str | None = None, **fields: Any) -> Any:
        given = OrchestratorGoal.parse(goal(*arguments, context=context, **fields))
        return (await planner.plan(given, template=template)).extension("title")

    assert await chosen("Write the report") == "report"
    assert await chosen("A REPORT, and the campaign") == "report"
    assert await chosen("A report", "content generated ") == "campaign"
    assert await chosen("Our newsletter") == "campaign"
    assert await chosen("The campaign for newsletters: report") == "report"
    assert await chosen("anything", template="campaign") == "campaign"
    assert await chosen("report", constraints={"template": "campaign"}) == "campaign"
    for wanted, says in (
        (goal("reports only"), "No template fits"),
        (goal(constraints={"template": "compaign"}), "mean"),
    ):
        with pytest.raises(NoPlanFound, match=says):
            await planner.plan(wanted)
    with pytest.raises(NoPlanFound, match="there is none"):
        await Planner().plan(goal())


async def test_what_a_template_makes_is_checked_like_any_plan() -> None:
    with pytest.raises(PlanInvalid, match=r"params\.productId"):
        await Planner([CAMPAIGN]).plan(goal())
    for steps, error in (
        ([step("a", "b"), step("b", "a")], DependencyCycle),
        ([step("a", "ghost")], ReferenceMissing),
        ([step("a", params={"x": "{{b.output}}"}), step("b")], PlanInvalid),
        ([step("a", name="unheard_of")], UnknownCapability),
    ):
        with pytest.raises(error):
            await Planner([{"name": "t", "steps": steps}], registry=registry()).plan(goal(), template="t")
    labelled = [step("a"), {"id": "c", "type": "conditional", "name": "label", "params": {"condition": "true"}}]
    made = await Planner([{"name": "t", "steps": labelled}], registry=registry()).plan(goal(), template="t")
    assert len(made.steps) == 2


def test_templates_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DuplicateId):
        Planner([REPORT, REPORT])
    for wrong in ({"name": "x"}, {"name": "x", "steps": []}, {"steps": [step("a")]}, {**REPORT, "keyword": []}, 5):
        with pytest.raises(ValidationFailed):
            PlanTemplate.parse(wrong)
    file = tmp_path / "templates.yaml"
    file.write_text(json.dumps({"templates": [CAMPAIGN, REPORT]}))
    assert load_templates(file) == [PlanTemplate.parse(CAMPAIGN), PlanTemplate.parse(REPORT)]
    for text, says in (("templates:\n- name: x\n", "line 2"), ("[]", "templates"), ("templates: {}", "templates")):
        file.write_text(text)
        with pytest.raises(ValidationFailed, match=says):
            load_templates(file)
    with pytest.raises(ValidationFailed, match="cannot be read"):
        load_templates(tmp_path / "missing.yaml")


@pytest.mark.req("ORCH-29")
async def test_pattern_4_a_plan_without_the_failed_step_is_executed() -> None:
    made = registry(broken=lambda: 1 / 0)
    old = OrchestratorPlan.parse(
        plan(
            step("a"),
            step("bad", "a", name="broken"),
            step("reads", "bad", params={"x": "{{bad.output.id}}"}),
            step("after_reads", "reads", "b"),
            step("b", "bad"),
            step("c", "b", "a"),
        )
    )
    result = await Executor(made).execute(old)
    (failed,) = [one for one in result.steps if one.status == "failed"]
    new = await Planner(registry=made).replan(old, failed.step_id, failed.error)
    assert {one.id: one.dependencies for one in new.steps} == {
        "a": [],
        "after_reads": ["a", "b"],
        "b": ["a"],
        "c": ["b", "a"],
    }
    assert new.id != old.id and (new.derived_from, new.goal_id) == (old.id, old.goal_id)
    assert [one.id for one in old.steps] == ["a", "bad", "reads", "after_reads", "b", "c"]
    again = await Executor(made).execute(new)
    assert again.status == "completed" and set(statuses(again).values()) == {"completed"}


@pytest.mark.req("ORCH-29")
async def test_replanning_knows_what_reads_the_failed_step() -> None:
    planner = Planner()

    async def left(failed: str, *steps: dict[str, Any], **fields: Any) -> list[str]:
        return [one.id for one in (await planner.replan(plan(*steps, **fields), failed, "error")).steps]

    condition = {"condition": 'bad.status == "failed"'}
    assert await left("bad", step("bad"), step("x"), step("c", "bad", **condition)) == ["x"]
    conditional = {"id": "c", "type": "conditional", "name": "c", "params": condition, "dependencies": ["bad"]}
    assert await left("bad", step("bad"), step("x"), conditional) == ["x"]
    each = {"items": "{{x.output}}", "do": {"name": "noop", "params": {"y": "{{bad.output}}"}}}
    foreach = {"id": "f", "type": "foreach", "params": each, "dependencies": ["bad", "x"]}
    assert await left("bad", step("bad"), step("x"), foreach) == ["x"]
    undo = {"compensation": {"name": "noop", "params": {"of": "{{bad.output.id}}"}}}
    assert await left("bad", step("bad"), step("x", "bad", **undo), step("y", "x")) == ["y"]
    far = [step("bad"), step("m", "bad"), step("x"), step("far", "m", params={"b": "{{bad.output}}"})]
    assert await left("bad", *far) == ["m", "x"]
    assert await left("leaf", step("a"), step("leaf", "a")) == ["a"]
    with pytest.raises(ReplanImpossible, match="nothing is left"):
        await left("bad", step("bad"), step("r", "bad", params={"x": "{{bad.output}}"}))
    with pytest.raises(ReplanImpossible, match="is judged by `bad`"):
        await left("bad", step("bad"), step("x"), successCriteria=["bad.output.ok == true"])
    with pytest.raises(ReferenceMissing, match="`ghost`"):
        await left("ghost", step("a"))


@settings(max_examples=60, deadline=None)
@given(graphs(), st.data())
def test_any_plan_without_any_step_keeps_the_order_of_the_others(
    steps: list[dict[str, Any]], data: st.DataObject
) -> None:
    old = OrchestratorPlan.parse(plan(*steps, step("extra")))
    failed = data.draw(st.sampled_from([one["id"] for one in steps]))
    new = anyio.run(Planner().replan, old, failed, "error")
    to_spec(new)
    kept = {one.id: set(one.dependencies) for one in new.steps}
    assert set(kept) == {one.id for one in old.steps} - {failed}
    for dependencies in kept.values():
        assert dependencies <= set(kept)
    before, after = reachable({one.id: set(one.dependencies) for one in old.steps}), reachable(kept)
    assert after == {one: before[one] - {failed} for one in kept}


def reachable(dependencies: dict[str, set[str]]) -> dict[str, set[str]]:
    """Everything each step waits for, directly or not."""
    found = {one: set(direct) for one, direct in dependencies.items()}
    for _ in found:
        found = {one: known.union(*(found.get(other, set()) for other in known)) for one, known in found.items()}
    return found


async def test_a_draft_is_executed_only_once_it_is_approved() -> None:
    planner, executor = Planner(registry=registry()), Executor(registry())
    draft = OrchestratorPlan.parse(plan(step("a"), step("b", "a"), draft=True))
    with pytest.raises(PlanNotApproved):
        await executor.execute(draft)
    remade = await planner.replan(draft, "b", "error")
    assert remade.draft
    for by in ("", " ", None):
        with pytest.raises(ValidationFailed):
            planner.approve(draft, by=by)  # type: ignore[arg-type]
    approved = planner.approve(draft, by="ann")
    assert (approved.id, approved.approved_by, approved.draft) == (draft.id, "ann", None)
    assert (await executor.execute(approved)).status == "completed"
    with pytest.raises(UnknownCapability):
        planner.approve(plan(step("a", name="unheard_of"), draft=True), by="ann")
