"""Bad input gets a clear error and leaves graph and log as they were; what is needed cannot be deleted."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from pydantic import ValidationError
from sample_graph import (
    Sample,
    confirm_document,
    context_document,
    make_sample,
    plan_document,
    plan_spec,
    role_document,
    sound_sample,
    steps_of,
    trace_document,
    uuid4,
)

from psg.errors import (
    DependencyCycle,
    DuplicateId,
    ImmutableHistory,
    InvalidId,
    NotEditable,
    NotFound,
    PlanInvalid,
    PsgError,
    ReferenceMissing,
    Refused,
    StaleRevision,
    StillReferenced,
    TimeOrderViolation,
    ValidationFailed,
)
from psg.plan.spec import PlanSpec, StepSpec
from psg.write.change import Change
from psg.write.command import Command
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

Ask = Callable[[], Awaitable[object]]


@pytest.fixture
async def sample(db: Database) -> AsyncIterator[Sample]:
    async with sound_sample(db) as made:
        yield made


async def check_no(sample: Sample, kind: type[PsgError], message: str, ask: Ask) -> PsgError:
    async with sample.untouched():
        with pytest.raises(kind, match=message) as caught:
            await ask()
    assert type(caught.value) is kind
    return caught.value


@pytest.mark.req("L3-05")
async def test_a_reference_to_nothing_or_to_something_else_is_refused(sample: Sample) -> None:
    graph, project = sample.graph, sample.project_id
    plan_id, steps = await sample.plan()
    nowhere = uuid4()
    documents: list[tuple[str, dict[str, Any], str, str]] = [
        ("plan", plan_document(nowhere), "context_id", nowhere),
        ("plan", plan_document(plan_id), "context_id", plan_id),
        ("trace", trace_document(nowhere), "context_id", nowhere),
        ("trace", trace_document(sample.context_id, nowhere), "plan_id", nowhere),
        ("trace", trace_document(sample.context_id, sample.context_id), "plan_id", sample.context_id),
        ("confirm", confirm_document("plan", nowhere), "target_id", nowhere),
        ("confirm", confirm_document("plan", steps["a"]), "target_id", steps["a"]),
        ("confirm", confirm_document("context", plan_id), "target_id", plan_id),
    ]
    for module, document, field, target in documents:
        error = await check_no(
            sample, ReferenceMissing, f"^{field}: {target} .* is expected$",
            lambda m=module, d=document: graph.create_document(project, m, d),
        )  # fmt: skip
        assert error.details["field"] == field
    for ask in (
        lambda: graph.create_plan(project, nowhere, plan_spec()),
        lambda: graph.add_dependency(project, steps["a"], nowhere),
    ):
        await check_no(sample, ReferenceMissing, nowhere, ask)
    for ask in (
        lambda: graph.start_plan(project, nowhere),
        lambda: graph.propose_plan(project, nowhere),
        lambda: graph.add_step(project, nowhere, StepSpec(key="x", name="noop")),
        lambda: graph.add_dependency(project, nowhere, steps["a"]),
        lambda: graph.remove_dependency(project, nowhere, steps["a"]),
        lambda: graph.decide_confirm(project, nowhere, "approved"),
        lambda: graph.delete(project, "Plan", nowhere),
        lambda: graph.delete(project, "Context", plan_id),
        lambda: graph.update_document(project, "context", nowhere, {"title": "x"}),
        lambda: graph.transition(project, "Context", nowhere, "closed"),
    ):
        await check_no(sample, NotFound, f"{nowhere}|{plan_id}", ask)


@pytest.mark.req("DD-08", "L3-04")
async def test_a_plan_that_is_no_plan_is_refused_whole(sample: Sample) -> None:
    graph, project, context = sample.graph, sample.project_id, sample.context_id

    def create(dependencies: dict[str, Any]) -> Ask:
        return lambda: graph.create_plan(project, context, plan_spec(dependencies))

    await check_no(sample, PlanInvalid, "^Invalid Plan: step 'b' depends on 'x'", create({"a": (), "b": ("x",)}))
    await check_no(sample, DependencyCycle, "a → a", create({"a": ("a",)}))
    error = await check_no(
        sample, DependencyCycle, "→", create({"z": (), "a": ("c", "z"), "b": ("a",), "c": ("b",), "d": ("c",)})
    )
    assert sorted(error.details["path"]) == ["a", "b", "c"]
    twice = PlanSpec.model_construct(title="t", objective="o", steps=steps_of({"a": ()}) * 2, params={})
    message = "two steps have the key 'a'"
    await check_no(sample, PlanInvalid, message, lambda: graph.create_plan(project, context, twice))
    empty = plan_document(context) | {"steps": []}
    await check_no(sample, PlanInvalid, "^Invalid Plan: steps", lambda: graph.create_document(project, "plan", empty))
    with pytest.raises(ValidationError, match="steps"):
        PlanSpec(title="t", objective="o", steps=[])


@pytest.mark.req("L3-04", "DD-02", "DD-08")
async def test_a_plan_document_that_is_no_plan_is_refused_whole(sample: Sample) -> None:
    def broken(**fields: Any) -> dict[str, Any]:
        document = plan_document(sample.context_id, "pending", "pending")
        document["steps"][0] |= fields
        return document

    loop = broken()
    loop["steps"][0]["dependencies"] = [loop["steps"][1]["step_id"]]
    twice = broken()
    twice["steps"][1]["step_id"] = twice["steps"][0]["step_id"]
    for kind, message, document in (
        (PlanInvalid, "^Invalid Plan: step .* depends on", broken(dependencies=[uuid4()])),
        (PlanInvalid, "^Invalid Plan: two steps have the same", twice),
        (DependencyCycle, " → ", loop),
        (PlanInvalid, r"^Invalid Plan: steps\.0\.priority", broken(priority=1)),
        (PlanInvalid, r"^Invalid Plan: steps\.0\.status", broken(status="active")),
        (PlanInvalid, r"^Invalid Plan: steps\.0\.order_index", broken(order_index=2**63)),
    ):
        await check_no(
            sample, kind, message, lambda d=document: sample.graph.create_document(sample.project_id, "plan", d)
        )


@pytest.mark.req("L3-12")
@pytest.mark.parametrize(
    "bad",
    [
        "", "x", 7, None, "6FA459EA-EE8A-4CA4-894E-DB77E160355E", "6fa459ea-ee8a-1ca4-894e-db77e160355e",
        "6fa459ea-ee8a-4ca4-c94e-db77e160355e", "6fa459eaee8a4ca4894edb77e160355e",
        "{6fa459ea-ee8a-4ca4-894e-db77e160355e}", "6fa459ea-ee8a-4ca4-894e-db77e160355e\n",
    ],
)  # fmt: skip
async def test_an_id_that_is_no_uuid_v4_in_lower_case_is_refused(sample: Sample, bad: Any) -> None:
    graph, project = sample.graph, sample.project_id
    step = plan_document(sample.context_id)
    step["steps"][0]["step_id"] = bad
    for module, document in (
        ("plan", plan_document(sample.context_id) | {"plan_id": bad}),
        ("plan", plan_document(bad)),
        ("plan", step),
        ("context", context_document(context_id=bad)),
        ("role", role_document(role_id=bad)),
        ("trace", trace_document(sample.context_id) | {"trace_id": bad}),
        ("confirm", confirm_document("plan", bad)),
    ):
        async with sample.untouched():
            with pytest.raises(ValidationFailed, match=r"^Invalid (Plan|Context|Role|Trace|Confirm): .*_id: "):
                await graph.create_document(project, module, document)
    if bad:
        await check_no(
            sample, InvalidId, "^plan_id: ",
            lambda: graph.create_plan(project, sample.context_id, plan_spec(), plan_id=bad),
        )  # fmt: skip


async def test_an_id_is_given_once(sample: Sample) -> None:
    graph, project = sample.graph, sample.project_id
    plan_id, steps = await sample.plan({"a": (), "b": ()})
    stolen = plan_document(sample.context_id)
    stolen["steps"][0]["step_id"] = steps["a"]
    asks: list[Ask] = [
        lambda: graph.create_plan(project, sample.context_id, plan_spec(), plan_id=plan_id),
        lambda: graph.create_document(project, "context", context_document(context_id=sample.context_id)),
        lambda: graph.create_document(project, "role", role_document(role_id=plan_id)),
        lambda: graph.create_document(project, "plan", stolen),
        lambda: graph.create_project("other", project_id=project),
    ]
    for ask in asks:
        await check_no(sample, DuplicateId, "exists already", ask)
    await check_no(
        sample, DuplicateId, "has a step 'a' already",
        lambda: graph.add_step(project, plan_id, StepSpec(key="a", name="noop")),
    )  # fmt: skip
    await graph.add_dependency(project, steps["b"], steps["a"])
    await check_no(
        sample, DuplicateId, "depends on .* already", lambda: graph.add_dependency(project, steps["b"], steps["a"])
    )


async def test_a_project_needs_a_name_of_bounded_length(sample: Sample) -> None:
    graph = sample.graph
    for name in ("", " \t"):
        await check_no(
            sample, ValidationFailed, "^name: a project needs a name", lambda n=name: graph.create_project(n)
        )
    await check_no(
        sample, ValidationFailed, "^name: 1001 characters; 1000 are", lambda: graph.create_project("n" * 1_001)
    )


@pytest.mark.req("L3-05")
async def test_an_id_of_another_project_is_unknown_here(sample: Sample, db: Database) -> None:
    other = await make_sample(db)
    plan_id, steps = await other.plan({"a": (), "b": ()})
    _, mine = await sample.plan()
    graph, project = sample.graph, sample.project_id
    async with other.untouched():
        for ask in (
            lambda: graph.create_plan(project, other.context_id, plan_spec()),
            lambda: graph.create_document(project, "trace", trace_document(sample.context_id, plan_id)),
            lambda: graph.create_document(project, "confirm", confirm_document("plan", plan_id)),
            lambda: graph.add_dependency(project, mine["a"], steps["a"]),
        ):
            await check_no(sample, ReferenceMissing, "in this project", ask)
        for ask in (
            lambda: graph.start_plan(project, plan_id),
            lambda: graph.cancel_plan(project, plan_id),
            lambda: graph.propose_plan(project, plan_id),
            lambda: graph.add_dependency(project, steps["b"], steps["a"]),
            lambda: graph.delete(project, "Plan", plan_id),
            lambda: graph.update_document(project, "context", other.context_id, {"title": "mine"}),
        ):
            await check_no(sample, NotFound, "in this project", ask)


async def test_the_same_ids_in_two_projects_are_two_things(sample: Sample, db: Database) -> None:
    other = await make_sample(db)
    document = context_document(title="mine")
    await sample.graph.create_document(sample.project_id, "context", document)
    await other.graph.create_document(other.project_id, "context", document | {"title": "theirs"})
    await other.graph.delete(other.project_id, "Context", document["context_id"])
    assert await sample.graph.export_document(sample.project_id, "context", document["context_id"]) == document


async def test_a_change_of_what_somebody_changed_meanwhile_is_refused(sample: Sample) -> None:
    graph, project = sample.graph, sample.project_id
    plan_id, steps = await sample.plan()
    role = role_document()
    await graph.create_document(project, "role", role)
    await graph.propose_plan(project, plan_id, expected_revision=1)
    await graph.update_document(project, "role", role["role_id"], {"name": "x"}, expected_revision=1)
    for ask in (
        lambda: graph.revise_plan(project, plan_id, expected_revision=1),
        lambda: graph.approve_plan(project, plan_id, expected_revision=1),
        lambda: graph.start_plan(project, plan_id, expected_revision=1),
        lambda: graph.pause_plan(project, plan_id, expected_revision=1),
        lambda: graph.cancel_plan(project, plan_id, expected_revision=1),
        lambda: graph.delete(project, "Plan", plan_id, expected_revision=1),
        lambda: graph.add_step(project, plan_id, StepSpec(key="x", name="noop"), expected_revision=1),
        lambda: graph.update_document(project, "role", role["role_id"], {"name": "y"}, expected_revision=1),
        lambda: graph.transition(project, "Context", sample.context_id, "suspended", expected_revision=7),
    ):
        error = await check_no(sample, StaleRevision, "is at revision", ask)
        assert error.details["current"] == (1 if error.details["expected"] == 7 else 2)
    assert (await sample.node(steps["a"]))["revision"] == 1


@pytest.mark.req("DD-07", "L3-05", "DD-03")
async def test_what_is_needed_cannot_be_deleted_and_what_is_deleted_still_resolves(sample: Sample) -> None:
    graph, project = sample.graph, sample.project_id
    plan_id, steps = await sample.plan({"a": (), "b": ("a",), "c": ()})
    await check_no(sample, StillReferenced, plan_id, lambda: graph.delete(project, "Context", sample.context_id))
    await check_no(sample, StillReferenced, steps["b"], lambda: graph.delete(project, "Step", steps["a"]))
    await graph.delete(project, "Step", steps["b"])
    await graph.delete(project, "Step", steps["a"])
    await check_no(sample, Refused, "last step", lambda: graph.delete(project, "Step", steps["c"]))
    confirm = confirm_document("plan", plan_id)
    await graph.create_document(project, "confirm", confirm)
    await graph.delete(project, "Plan", plan_id)
    await graph.delete(project, "Context", sample.context_id)
    for node_id in (plan_id, *steps.values(), sample.context_id):
        assert "Tombstone" in (await sample.node(node_id))["labels"]
    edges = {node["id"]: node["edges"] for node in await sample.whole()}
    assert [edge[2] for edge in edges[confirm["confirm_id"]]] == [plan_id]
    assert [edge[2] for edge in edges[plan_id]] == [sample.context_id]
    # A tombstone takes no new reference and no command.
    for ask in (
        lambda: graph.create_document(project, "trace", trace_document(sample.context_id)),
        lambda: graph.create_document(project, "confirm", confirm_document("plan", plan_id)),
        lambda: graph.create_plan(project, sample.context_id, plan_spec()),
    ):
        await check_no(sample, ReferenceMissing, "was deleted", ask)
    for ask in (
        lambda: graph.propose_plan(project, plan_id),
        lambda: graph.start_plan(project, plan_id),
        lambda: graph.add_step(project, plan_id, StepSpec(key="x", name="noop")),
        lambda: graph.delete(project, "Plan", plan_id),
        lambda: graph.update_document(project, "context", sample.context_id, {"title": "x"}),
    ):
        await check_no(sample, NotFound, "deleted|does not exist", ask)
    await check_no(
        sample, DuplicateId, "exists already",
        lambda: graph.create_document(project, "context", context_document(context_id=sample.context_id)),
    )  # fmt: skip


@pytest.mark.req("L3-06", "DD-04")
async def test_recorded_history_can_neither_be_changed_nor_deleted(sample: Sample) -> None:
    graph, project = sample.graph, sample.project_id
    segment = {"segment_id": uuid4(), "label": "s", "status": "completed", "finished_at": "2026-01-01T00:00:00Z"}
    trace = trace_document(sample.context_id, segments=[segment], status="completed")
    await graph.create_document(project, "trace", trace)
    plan_id, _ = await sample.plan()
    await graph.propose_plan(project, plan_id)
    answer = await graph.approve_plan(project, plan_id)
    for label, node_id in (
        ("Trace", trace["trace_id"]),
        ("TraceSegment", segment["segment_id"]),
        ("Decision", answer.ids["decision"]),
    ):
        await check_no(sample, ImmutableHistory, "history", lambda x=label, i=node_id: graph.delete(project, x, i))
    await check_no(
        sample, NotEditable, "own commands",
        lambda: graph.update_document(project, "trace", trace["trace_id"], {"status": "failed"}),
    )  # fmt: skip
    for status in ("running", "failed", "pending"):
        async with sample.untouched():
            with pytest.raises(Refused):
                await graph.transition(project, "Trace", trace["trace_id"], status)
    async with sample.untouched():
        with pytest.raises(DuplicateId):
            await graph.create_document(project, "trace", trace | {"segments": [segment | {"label": "other"}]})
    assert await graph.export_document(project, "trace", trace["trace_id"]) == trace


@pytest.mark.req("DD-05")
async def test_segments_that_go_back_in_time_or_name_no_earlier_parent_are_refused(sample: Sample) -> None:
    def trace(*segments: dict[str, Any]) -> dict[str, Any]:
        made = [{"segment_id": uuid4(), "label": "s", "status": "completed"} | s for s in segments]
        return trace_document(sample.context_id, segments=made)

    async def give(document: dict[str, Any]) -> None:
        await sample.graph.create_document(sample.project_id, "trace", document)

    for field in ("started_at", "finished_at"):
        late, early = {field: "2026-01-01T00:00:01+01:00"}, {field: "2026-01-01T00:00:00.500+01:00"}
        await check_no(sample, TimeOrderViolation, field, lambda a=late, b=early: give(trace(a, {}, b)))
        # Later as text, earlier as a moment.
        await check_no(
            sample, TimeOrderViolation, field,
            lambda f=field: give(trace({f: "2026-01-01T00:00:00Z"}, {f: "2026-01-01T00:30:00+01:00"})),
        )  # fmt: skip
        await give(trace(early, {}, late, late))
    await check_no(sample, ValidationFailed, "parent_segment_id", lambda: give(trace({"parent_segment_id": uuid4()})))


async def test_fields_that_name_or_rule_a_node_are_not_set_like_others(sample: Sample) -> None:
    graph, project = sample.graph, sample.project_id
    for fields, message in (
        ({"status": "closed"}, "status"),
        ({"context_id": uuid4()}, "context_id"),
        ({"title": ""}, "title"),
        ({"title": None}, "title"),
        ({"unknown": 1}, "unknown"),
        ({"tags": [1]}, "tags"),
    ):
        await check_no(
            sample, ValidationFailed, message,
            lambda f=fields: graph.update_document(project, "context", sample.context_id, f),
        )  # fmt: skip
    await graph.update_document(project, "context", sample.context_id, {"title": "new", "tags": ["a"], "summary": "s"})
    await graph.update_document(project, "context", sample.context_id, {"summary": None})
    found = await graph.export_document(project, "context", sample.context_id)
    assert (found["title"], found["tags"], "summary" in found) == ("new", ["a"], False)


async def test_an_update_that_changes_nothing_is_harmless(sample: Sample) -> None:
    await sample.graph.update_document(sample.project_id, "context", sample.context_id, {"title": "t"})
    found = await sample.graph.export_document(sample.project_id, "context", sample.context_id)
    assert found["title"] == "t"


async def test_a_decided_confirm_is_decided_again_only_as_its_table_has_it(sample: Sample) -> None:
    graph, project = sample.graph, sample.project_id
    confirm = confirm_document("context", sample.context_id)
    await graph.create_document(project, "confirm", confirm)
    confirm_id = confirm["confirm_id"]
    await graph.decide_confirm(project, confirm_id, "rejected", role="a", reason="no")
    await graph.decide_confirm(project, confirm_id, "approved", role="b")
    for status in ("approved", "rejected", "cancelled", "pending"):
        async with sample.untouched():
            with pytest.raises(Refused, match=re.escape("Invalid transition: approved")):
                await graph.decide_confirm(project, confirm_id, status)
    found = await graph.export_document(project, "confirm", confirm_id)
    assert [(d["status"], d["decided_by_role"]) for d in found["decisions"]] == [("rejected", "a"), ("approved", "b")]
    assert found["status"] == "approved"


async def test_a_guard_of_the_graph_names_field_id_and_expected_type(sample: Sample) -> None:
    change = Change(Command("test", []))
    change.require(sample.context_id, ["Plan", "Trace"], "target_id")
    change.create("Role", uuid4(), {"name": "r"})
    error = await check_no(
        sample, ReferenceMissing, "is a Context; a Plan or Trace is expected",
        lambda: sample.graph.writer(sample.project_id).submit(change),
    )  # fmt: skip
    assert error.to_dict()["code"] == "reference_missing"
    assert error.details == {"field": "target_id", "id": sample.context_id, "expected": "Plan or Trace"}
