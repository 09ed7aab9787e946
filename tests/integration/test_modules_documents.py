"""Documents of the five modules that talk, collaborate, extend and connect: into the store and out again, equal."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from module_documents import (
    collab_document,
    core_document,
    dialog_document,
    extension_document,
    message,
    network_document,
    network_node,
    participant,
    rich_documents,
)
from sample_graph import (
    KIT,
    Sample,
    assert_sound,
    confirm_document,
    context_document,
    make_sample,
    needs_kit,
    role_document,
    sound_sample,
    uuid4,
)

from psg.commands import documents as documents_commands
from psg.documents import export_document, export_project, import_documents
from psg.errors import DuplicateId, NotEditable, NotFound, PlanInvalid, ReferenceMissing, ValidationFailed
from psg.model.entities import ENTITIES, MODULES
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.fixture
async def sample(db: Database) -> AsyncIterator[Sample]:
    async with sound_sample(db) as made:
        yield made


def id_of(module: str, document: dict[str, Any]) -> str:
    return document[ENTITIES[MODULES[module]].id_field]


def exact(value: Any) -> str:
    """A text that differs for what only looks equal: 1 and 1.0 and True, order of lists; keys have no order."""
    return json.dumps(value, sort_keys=True)


async def exported(sample: Sample, module: str, document: dict[str, Any]) -> str:
    return exact(await export_document(sample.db, sample.project_id, module, id_of(module, document)))


@pytest.mark.req("L3-01", "L3-11")
async def test_documents_with_every_field_come_out_equal(sample: Sample) -> None:
    role = role_document()
    given = [("role", role), *rich_documents(sample.context_id, role["role_id"])]
    await import_documents(sample.graph, sample.project_id, given[::-1])
    for module, document in given:
        assert await exported(sample, module, document) == exact(document)
    everything = {id_of(m, d): exact(d) async for m, d in export_project(sample.db, sample.project_id)}
    assert everything.pop(sample.context_id)
    assert everything == {id_of(m, d): exact(d) for m, d in given}


async def test_absent_and_empty_stay_what_they_are(sample: Sample) -> None:
    given = [
        ("dialog", dialog_document(sample.context_id, events=[])),
        ("network", network_document(sample.context_id, nodes=[], description="")),
        ("network", network_document(sample.context_id)),
        ("extension", extension_document(sample.context_id, config={})),
        ("core", core_document()),
        ("collab", collab_document(sample.context_id)),
    ]
    await import_documents(sample.graph, sample.project_id, given)
    for module, document in given:
        assert await exported(sample, module, document) == exact(document)


@needs_kit
@pytest.mark.req("L3-01", "L3-11")
@pytest.mark.parametrize("file", sorted(KIT.glob("examples/modules/*.json")), ids=lambda f: f.stem)
async def test_every_example_of_the_kit_comes_out_equal(sample: Sample, file: Any) -> None:
    module = file.name.partition(".")[0]
    if module not in MODULES:
        pytest.skip(f"{module} is no module: events are written by the platform")
    document = json.loads(file.read_text("utf-8-sig"))
    document.pop("$comment", None)
    # The examples all use one id for everything: what they refer to needs another.
    for field in ("context_id", "plan_id", "target_id"):
        if field in document and field != ENTITIES[MODULES[module]].id_field:
            document[field] = sample.context_id if field != "plan_id" else document[field]
    for number, step in enumerate(document.get("steps", ())):
        step["step_id"] = step["step_id"] if number else uuid4()
    if document.get("target_type", "context") != "context":
        document["target_type"] = "context"
    document.pop("plan_id", None) if module == "trace" else None
    await import_documents(sample.graph, sample.project_id, [(module, document)])
    assert await exported(sample, module, document) == exact(document)


@needs_kit
@pytest.mark.req("DD-08", "L3-12")
@pytest.mark.parametrize("file", sorted(KIT.glob("negative/*.json")), ids=lambda f: f.stem)
async def test_every_negative_of_the_kit_is_refused_and_nothing_stored(sample: Sample, file: Any) -> None:
    module = file.name.partition("_")[0]
    document = json.loads(file.read_text("utf-8-sig"))
    wanted = PlanInvalid if module == "plan" else ValidationFailed
    async with sample.untouched():
        for call in (
            sample.graph.create_document(sample.project_id, module, document),
            import_documents(sample.graph, sample.project_id, [(module, document)]),
        ):
            with pytest.raises(wanted) as caught:
                await call
            assert f"Invalid {module.capitalize()}: " in caught.value.message
            assert caught.value.details["violations"]
        with pytest.raises(wanted, match=f"^Invalid {module.capitalize()}: "):
            await sample.graph.create_document(sample.project_id, module, document)


async def test_only_import_makes_a_role_that_a_participant_names_and_never_exports_it(sample: Sample) -> None:
    known, unknown = role_document(), uuid4()
    await sample.graph.create_document(sample.project_id, "role", known)
    people = [participant("a", known["role_id"]), participant("b", unknown), participant("c", unknown)]
    collab = collab_document(sample.context_id, *people)
    network = network_document(sample.context_id, network_node(unknown))
    async with sample.untouched():
        for module, document in (("collab", collab), ("network", network)):
            with pytest.raises(ReferenceMissing, match=rf"\.role_id: {unknown} does not exist"):
                await sample.graph.create_document(sample.project_id, module, document)
    seq = await sample.head()
    given = [("network", network), ("collab", collab)]
    await import_documents(sample.graph, sample.project_id, given)
    made = [e for e in await sample.events(seq) if e["entity"] == unknown]
    assert [(e["op"], e["changes"]["after"]["placeholder"]) for e in made] == [("create", True)]
    for module, document in given:
        assert await exported(sample, module, document) == exact(document)
    with pytest.raises(NotFound, match="only named by others"):
        await export_document(sample.db, sample.project_id, "role", unknown)
    modules = [m async for m, _ in export_project(sample.db, sample.project_id)]
    assert sorted(modules) == ["collab", "context", "network", "role"]
    with pytest.raises(NotEditable, match="only named by others"):
        await sample.graph.update_document(sample.project_id, "role", unknown, {"name": "x"})


async def test_a_placeholder_becomes_the_role_of_its_document(sample: Sample) -> None:
    role = role_document(capabilities=["x"])
    collab = collab_document(sample.context_id, participant("a", role["role_id"]))
    await import_documents(sample.graph, sample.project_id, [("collab", collab)])
    assert (await sample.node(role["role_id"]))["placeholder"] is True
    await import_documents(sample.graph, sample.project_id, [("role", role)])
    stored = await sample.node(role["role_id"])
    assert "placeholder" not in stored and stored["revision"] == 2
    assert await exported(sample, "role", role) == exact(role)
    again = await import_documents(sample.graph, sample.project_id, [("role", role)])
    assert again[0].replayed
    with pytest.raises(DuplicateId):
        await sample.graph.create_document(sample.project_id, "role", role)


async def test_a_role_given_by_a_name_is_kept_by_that_name(sample: Sample) -> None:
    """The schema allows any text as role_id of participants and nodes of networks."""
    people = [participant("a", "planner"), participant("b", "planner"), participant("c", "Reviewer ünï")]
    collab = collab_document(sample.context_id, *people)
    with pytest.raises(ReferenceMissing, match=r"participants\.0\.role_id"):
        await sample.graph.create_document(sample.project_id, "collab", collab)
    await import_documents(sample.graph, sample.project_id, [("collab", collab)])
    assert await exported(sample, "collab", collab) == exact(collab)
    roles = {n["props"]["name"] for n in await sample.whole() if "Role" in n["labels"]}
    assert roles == {"planner", "Reviewer ünï"}
    other = collab_document(sample.context_id, participant("z", "planner"))
    await sample.graph.create_document(sample.project_id, "collab", other)
    assert await exported(sample, "collab", other) == exact(other)


async def test_an_id_used_twice_in_one_document_is_refused(sample: Sample) -> None:
    node = network_node()
    twice = network_document(sample.context_id, node, node)
    own = network_document(sample.context_id, node)
    own["network_id"] = node["node_id"]
    async with sample.untouched():
        for document in (twice, own):
            with pytest.raises(DuplicateId, match=node["node_id"]):
                await sample.graph.create_document(sample.project_id, "network", document)
    first = network_document(sample.context_id, node)
    await sample.graph.create_document(sample.project_id, "network", first)
    async with sample.untouched():
        with pytest.raises(DuplicateId, match=rf"node_id: {node['node_id']} exists already"):
            await sample.graph.create_document(sample.project_id, "network", own | {"network_id": uuid4()})


async def test_more_parts_than_one_commit_takes_are_refused(
    sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents_commands, "PARTS_LIMIT", 3)
    long = dialog_document(sample.context_id, *[message(str(i)) for i in range(4)])
    async with sample.untouched():
        with pytest.raises(ValidationFailed, match="up to 3"):
            await sample.graph.create_document(sample.project_id, "dialog", long)
    await sample.graph.create_document(sample.project_id, "dialog", long | {"messages": long["messages"][:3]})


async def test_the_largest_dialog_goes_in_comes_out_and_is_deleted(sample: Sample) -> None:
    dialog = dialog_document(
        sample.context_id, *[message(f"m{i}") for i in range(documents_commands.PARTS_LIMIT)]
    )
    await import_documents(sample.graph, sample.project_id, [("dialog", dialog)])
    assert await exported(sample, "dialog", dialog) == exact(dialog)
    await sample.graph.delete(sample.project_id, "Dialog", dialog["dialog_id"])
    with pytest.raises(NotFound):
        await exported(sample, "dialog", dialog)


async def test_a_confirm_may_be_about_any_module(sample: Sample) -> None:
    role = role_document()
    given = [("role", role), *rich_documents(sample.context_id, role["role_id"])]
    confirms = [
        ("confirm", confirm_document("extension" if m == "extension" else "other", id_of(m, d))) for m, d in given
    ]
    await import_documents(sample.graph, sample.project_id, [*confirms, *given])
    for module, document in confirms:
        assert await exported(sample, module, document) == exact(document)


async def test_the_export_of_one_project_goes_into_another(sample: Sample, db: Database) -> None:
    context = context_document()
    named = collab_document(context["context_id"], participant("a", "planner"), participant("b", uuid4()))
    role = role_document()
    given = [("context", context), ("collab", named), ("role", role)]
    given += rich_documents(context["context_id"], role["role_id"])
    await import_documents(sample.graph, sample.project_id, given)
    out = [entry async for entry in export_project(db, sample.project_id)]
    other = await make_sample(db)
    await import_documents(other.graph, other.project_id, out)
    again = {id_of(m, d): exact(d) async for m, d in export_project(db, other.project_id)}
    assert again.pop(other.context_id)
    assert again == {id_of(m, d): exact(d) for m, d in out}
    await assert_sound(other)
