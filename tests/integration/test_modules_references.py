"""Referential integrity, field by field of the reference table: what a write may point to, and what may be deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from module_documents import (
    NOW,
    collab_document,
    core_document,
    dialog_document,
    extension_document,
    message,
    network_document,
    network_node,
    participant,
)
from sample_graph import (
    Sample,
    confirm_document,
    context_document,
    make_sample,
    plan_document,
    role_document,
    sound_sample,
    trace_document,
    uuid4,
)

from psg import drift, parts
from psg.errors import ImmutableHistory, NotFound, PlanInvalid, ReferenceMissing, StillReferenced, ValidationFailed
from psg.model.entities import ENTITIES, MODULES
from psg.model.references import BY_FIELD, CONFIRM_TARGETS, REFERENCES, Reference
from psg.plan.spec import StepSpec
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

Write = Callable[[Sample, str], Awaitable[Any]]


@pytest.fixture
async def sample(db: Database) -> AsyncIterator[Sample]:
    async with sound_sample(db) as made:
        yield made


async def store(sample: Sample, module: str, document: dict[str, Any], **options: Any) -> str:
    """Store a document and return the id of its node."""
    answer = await sample.graph.create_document(sample.project_id, module, document, **options)
    return answer.ids[module]


async def make(sample: Sample, label: str) -> str:
    """A living node of a type that nothing refers to, in a context of its own; its id."""
    if label == "Context":
        return await store(sample, "context", context_document())
    if label == "Role":
        return await store(sample, "role", role_document())
    if label == "Core":
        return await store(sample, "core", core_document())
    if label == "Step":
        plan = plan_document(sample.context_id, "pending", "pending")
        plan["steps"][1]["dependencies"] = []
        await store(sample, "plan", plan)
        return plan["steps"][1]["step_id"]
    if label == "Resource":
        return (await drift.track(sample.graph, sample.project_id, f"r-{uuid4()}")).ids["resource"]
    if label in ("Message", "Participant", "NetworkNode", "TraceSegment", "Decision"):
        return await make_part(sample, label)
    made: dict[str, Callable[[str], dict[str, Any]]] = {
        "Plan": plan_document, "Trace": trace_document, "Dialog": dialog_document, "Collab": collab_document,
        "Extension": extension_document, "Network": network_document,
        "Confirm": lambda context_id: confirm_document("context", context_id),
    }  # fmt: skip
    return await store(sample, label.lower(), made[label](sample.context_id))


async def make_part(sample: Sample, label: str) -> str:
    if label == "TraceSegment":
        segment = {"segment_id": uuid4(), "label": "s", "status": "completed"}
        await store(sample, "trace", trace_document(sample.context_id, segments=[segment]))
        return segment["segment_id"]
    if label == "Decision":
        decision = {"decision_id": uuid4(), "status": "approved", "decided_by_role": "r", "decided_at": NOW}
        document = confirm_document("context", sample.context_id, status="approved", decisions=[decision])
        await store(sample, "confirm", document)
        return decision["decision_id"]
    owner, part = {
        "Message": ("Dialog", message()), "Participant": ("Collab", participant("new")),
        "NetworkNode": ("Network", network_node()),
    }[label]  # fmt: skip
    name = {"Message": "message", "Participant": "participant", "NetworkNode": "network_node"}[label]
    answer = await parts.add(sample.graph, sample.project_id, owner.lower(), await make(sample, owner), part)
    return answer.ids[name]


async def depend(sample: Sample, target: str) -> None:
    await sample.graph.add_dependency(sample.project_id, await sibling(sample, target), target)


async def sibling(sample: Sample, target: str) -> str:
    """A step that may depend on ``target``: of its plan when it has one."""
    for node in await sample.whole():
        if node["id"] == target and "plan" in node["props"]:
            plan_id = node["props"]["plan"]
            break
    else:
        plan_id, _ = await sample.plan({"other": ()})
    step = StepSpec(key=f"s{uuid4()[:8]}", name="noop")
    return (await sample.graph.add_step(sample.project_id, plan_id, step)).ids["step"]


def document_with(module: str, build: Callable[[Sample, str], dict[str, Any]]) -> Write:
    return lambda sample, target: store(sample, module, build(sample, target))


def segment_below(sample: Sample, target: str) -> dict[str, Any]:
    segment = {"segment_id": uuid4(), "label": "s", "status": "completed", "parent_segment_id": target}
    return trace_document(sample.context_id, segments=[segment])


WRITES: dict[tuple[str, str], Write] = {
    ("Plan", "context_id"): document_with("plan", lambda _, t: plan_document(t)),
    ("Step", "dependencies"): depend,
    ("Trace", "context_id"): document_with("trace", lambda _, t: trace_document(t)),
    ("Trace", "plan_id"): document_with("trace", lambda s, t: trace_document(s.context_id, t)),
    ("TraceSegment", "parent_segment_id"): document_with("trace", segment_below),
    ("Confirm", "target_id"): document_with("confirm", lambda _, t: confirm_document("other", t)),
    ("Dialog", "context_id"): document_with("dialog", lambda _, t: dialog_document(t)),
    ("Collab", "context_id"): document_with("collab", lambda _, t: collab_document(t)),
    ("Participant", "role_id"): document_with(
        "collab", lambda s, t: collab_document(s.context_id, participant("a", t))
    ),
    ("Extension", "context_id"): document_with("extension", lambda _, t: extension_document(t)),
    ("Network", "context_id"): document_with("network", lambda _, t: network_document(t)),
    ("NetworkNode", "role_id"): document_with("network", lambda s, t: network_document(s.context_id, network_node(t))),
}
"""A write for each reference of the protocol, pointing to a given id."""
MADE_BY_THE_PLATFORM = {
    ("Plan", "derived_from"), ("Plan", "parent_step"), ("TraceSegment", "step_id"), ("Confirm", "step_id"),
    ("Resource", "dependents"),
}  # fmt: skip
NEVER_DELETED = {"Project", "Trace", "TraceSegment", "Decision", "Message"}
MAKEABLE = [label for label in ENTITIES if label not in ("Project", "Value")]


def named(reference: Reference) -> str:
    return f"{reference.label}.{reference.field}"


def test_every_reference_of_the_table_is_tested() -> None:
    protocol = {(r.label, r.field) for r in REFERENCES if r.exported and not r.owner}
    assert set(WRITES) == protocol
    rest = {(r.label, r.field) for r in REFERENCES} - protocol
    owners = {(r.label, r.field) for r in REFERENCES if r.owner}
    projects = {(r.label, r.field) for r in REFERENCES if r.field == "project_id"}
    assert {r for r in rest - owners - projects if r[0] != "Value"} == MADE_BY_THE_PLATFORM


FIELDS = [pytest.param(BY_FIELD[key], id=named(BY_FIELD[key])) for key in WRITES]


@pytest.mark.req("L3-05", "L3-02", "DD-03")
@pytest.mark.parametrize("reference", FIELDS)
async def test_a_reference_to_nothing_to_another_type_or_to_another_project_is_refused(
    sample: Sample, db: Database, reference: Reference
) -> None:
    write = WRITES[(reference.label, reference.field)]
    other = await make_sample(db, sample.graph)
    elsewhere = await make(other, reference.targets[0])
    wrong = [await make(sample, label) for label in MAKEABLE if label not in reference.targets]
    if reference.field == "dependencies":
        await sibling(sample, uuid4())
    for target in (uuid4(), elsewhere, sample.project_id, *wrong):
        await assert_refused(sample, reference, write, target)


@pytest.mark.req("L3-05", "DD-03", "DD-07")
@pytest.mark.parametrize(
    ("reference", "label"),
    [
        pytest.param(BY_FIELD[key], label, id=f"{named(BY_FIELD[key])}-{label}")
        for key in WRITES
        for label in BY_FIELD[key].targets
        if label not in NEVER_DELETED
    ],
)
async def test_a_new_reference_to_what_was_deleted_is_refused(
    sample: Sample, reference: Reference, label: str
) -> None:
    target = await make(sample, label)
    await sample.graph.delete(sample.project_id, label, target)
    await assert_refused(sample, reference, WRITES[(reference.label, reference.field)], target)


async def assert_refused(sample: Sample, reference: Reference, write: Write, target: str) -> None:
    """The write fails, names the field and the id, and leaves nothing (but a step to depend from)."""
    if reference.field == "dependencies":
        step = await sibling(sample, target)
        async with sample.untouched():
            with pytest.raises(ReferenceMissing, match=target):
                await sample.graph.add_dependency(sample.project_id, step, target)
        return
    async with sample.untouched():
        with pytest.raises((ReferenceMissing, ValidationFailed)) as caught:
            await write(sample, target)
        assert reference.field in caught.value.message
        assert target in caught.value.message


@pytest.mark.req("L3-05")
async def test_a_dependency_on_a_step_of_another_plan_is_refused_in_a_document(sample: Sample) -> None:
    foreign = await make(sample, "Step")
    for target in (foreign, uuid4(), sample.context_id):
        plan = plan_document(sample.context_id, "pending", "pending")
        plan["steps"][1]["dependencies"] = [target]
        async with sample.untouched():
            with pytest.raises(PlanInvalid, match=r"^Invalid Plan: "):
                await store(sample, "plan", plan)


@pytest.mark.req("L3-05", "DD-03")
async def test_import_makes_a_missing_role_but_no_other_and_not_from_a_wrong_or_deleted_one(sample: Sample) -> None:
    gone = await make(sample, "Role")
    await sample.graph.delete(sample.project_id, "Role", gone)
    for target in (gone, sample.context_id):
        collab = collab_document(sample.context_id, participant("a", target), participant("b", uuid4()))
        network = network_document(sample.context_id, network_node(target), network_node(uuid4()))
        async with sample.untouched():
            for module, document in (("collab", collab), ("network", network)):
                with pytest.raises(ReferenceMissing, match=r"0\.role_id"):
                    await store(sample, module, document, placeholders=True)
            with pytest.raises(ReferenceMissing, match="context_id"):
                await store(sample, "collab", collab_document(uuid4()), placeholders=True)


@pytest.mark.req("L3-05")
@pytest.mark.parametrize("target_type", ["context", "plan", "trace", "extension"])
async def test_a_confirm_is_about_what_its_type_says(sample: Sample, target_type: str) -> None:
    right = await make(sample, CONFIRM_TARGETS[target_type][0])
    wrong = await make(sample, "Role")
    async with sample.untouched():
        with pytest.raises(ReferenceMissing, match=rf"target_id: {wrong} is a Role"):
            await store(sample, "confirm", confirm_document(target_type, wrong))
    await store(sample, "confirm", confirm_document(target_type, right))


@pytest.mark.req("L3-05", "L3-01")
@pytest.mark.parametrize(
    ("label", "owner"), [("Message", "Dialog"), ("Participant", "Collab"), ("NetworkNode", "Network")]
)
async def test_a_part_is_added_only_to_a_living_owner_of_its_type(sample: Sample, label: str, owner: str) -> None:
    part = {"Message": message(), "Participant": participant("x"), "NetworkNode": network_node()}[label]
    gone, wrong = await make(sample, owner), await make(sample, "Extension")
    await sample.graph.delete(sample.project_id, owner, gone)
    async with sample.untouched():
        for target in (uuid4(), wrong, gone):
            with pytest.raises(NotFound, match=target):
                await parts.add(sample.graph, sample.project_id, owner.lower(), target, part)


@pytest.mark.req("L3-05")
@pytest.mark.parametrize("module", ["context", "role", "core"])
async def test_what_stands_in_a_project_needs_one(sample: Sample, module: str) -> None:
    document = {"context": context_document, "role": role_document, "core": core_document}[module]()
    with pytest.raises(NotFound, match="project"):
        await sample.graph.create_document(uuid4(), module, document)


RESTRICTED = [r for r in REFERENCES if r.restrict and not r.owner]


@pytest.mark.req("DD-03", "DD-07")
@pytest.mark.parametrize("reference", [pytest.param(r, id=named(r)) for r in RESTRICTED])
async def test_what_is_needed_cannot_be_deleted_until_nothing_needs_it(sample: Sample, reference: Reference) -> None:
    (label,) = reference.targets
    target = await make(sample, label)
    await WRITES[(reference.label, reference.field)](sample, target)
    async with sample.untouched():
        with pytest.raises(StillReferenced, match=target):
            await sample.graph.delete(sample.project_id, label, target)
    user = await referrer(sample, reference, target)
    await sample.graph.delete(sample.project_id, *user)
    await sample.graph.delete(sample.project_id, label, target)
    assert "Tombstone" in (await sample.node(target))["labels"]


async def referrer(sample: Sample, reference: Reference, target: str) -> tuple[str, str]:
    """Type and id of the document whose deletion lets ``target`` go: the owner, where a part refers."""
    edges = {n["id"]: n for n in await sample.whole()}
    (node,) = [n for n in edges.values() if [reference.relationship, target] in [[e[0], e[2]] for e in n["edges"]]]
    owner = next((r for r in REFERENCES if r.label == reference.label and r.owner), None)
    if owner is None or reference.label == "Step":
        return reference.label, node["id"]
    return owner.targets[0], next(e[2] for e in node["edges"] if e[0] == owner.relationship)


@pytest.mark.req("DD-07", "L3-01")
@pytest.mark.parametrize("module", ["dialog", "collab", "network"])
async def test_parts_go_with_their_owner_and_stay_readable_as_tombstones(sample: Sample, module: str) -> None:
    label = {"dialog": "Message", "collab": "Participant", "network": "NetworkNode"}[module]
    part = await make(sample, label)
    (owner,) = [e[2] for n in await sample.whole() if n["id"] == part for e in n["edges"]]
    seq = await sample.head()
    await sample.graph.delete(sample.project_id, MODULES[module], owner)
    assert "Tombstone" in (await sample.node(part))["labels"]
    deleted = [e for e in await sample.events(seq) if e["op"] == "tombstone"]
    assert {part, owner} <= {e["entity"] for e in deleted}
    assert sum(e["node_delta"] for e in deleted) == -len(deleted)


async def test_what_was_said_cannot_be_deleted(sample: Sample) -> None:
    said = await make(sample, "Message")
    async with sample.untouched():
        with pytest.raises(ImmutableHistory):
            await sample.graph.delete(sample.project_id, "Message", said)
