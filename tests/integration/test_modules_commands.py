"""Changing dialogs, collabs, extensions, cores and networks: fields, statuses by their tables, parts one by one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from module_documents import (
    collab_document,
    dialog_document,
    message,
    network_document,
    network_node,
    participant,
    rich_documents,
)
from sample_graph import Sample, role_document, sound_sample, uuid4

from psg import parts
from psg.documents import export_document
from psg.errors import (
    DuplicateId,
    InvalidTransition,
    NotEditable,
    Refused,
    StaleRevision,
    StillReferenced,
    ValidationFailed,
)
from psg.graph import Graph
from psg.model.codec import moment
from psg.model.entities import ENTITIES, MODULES
from psg.model.lifecycle import TABLES
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.fixture
async def sample(db: Database) -> AsyncIterator[Sample]:
    async with sound_sample(db) as made:
        yield made


async def stored(sample: Sample, module: str) -> dict[str, Any]:
    """A document of the module with every field, stored; with its role where it names one."""
    role = role_document()
    await sample.graph.create_document(sample.project_id, "role", role)
    document = dict(rich_documents(sample.context_id, role["role_id"]))[module]
    await sample.graph.create_document(sample.project_id, module, document)
    return document


async def export(sample: Sample, module: str, document: dict[str, Any]) -> dict[str, Any]:
    node_id = document[ENTITIES[MODULES[module]].id_field]
    return await export_document(sample.db, sample.project_id, module, node_id)


CHANGES: dict[str, dict[str, Any]] = {
    "dialog": {"thread_id": None, "ended_at": "2026-02-01T00:00:00Z", "governance": None},
    "collab": {"purpose": "q", "updated_at": None, "meta": {"protocol_version": "1.0.0", "schema_version": "1.0.1"}},
    "extension": {"version": "2.0.0", "config": {"b": 2}},
    "core": {"modules": [{"module_id": "plan", "version": "2", "status": "enabled"}], "events": None},
    "network": {"name": "m", "description": None, "topology_type": "other"},
}


@pytest.mark.req("L3-01")
@pytest.mark.parametrize("module", CHANGES)
async def test_fields_change_and_everything_else_stays(sample: Sample, module: str) -> None:
    document = await stored(sample, module)
    node_id = document[ENTITIES[MODULES[module]].id_field]
    await sample.graph.update_document(
        sample.project_id, module, node_id, CHANGES[module], expected_revision=1
    )
    wanted = {k: v for k, v in (document | CHANGES[module]).items() if v is not None}
    assert await export(sample, module, document) == wanted
    assert (await sample.node(node_id))["revision"] == 2
    async with sample.untouched():
        with pytest.raises(StaleRevision):
            await sample.graph.update_document(
                sample.project_id, module, node_id, CHANGES[module], expected_revision=1
            )


@pytest.mark.req("L3-12")
@pytest.mark.parametrize("module", CHANGES)
async def test_what_is_not_a_field_to_set_or_not_valid_is_refused(sample: Sample, module: str) -> None:
    document = await stored(sample, module)
    entity = ENTITIES[MODULES[module]]
    part_fields = [field for field, _ in entity.parts]
    references = ["context_id"] if "context_id" in document else []
    async with sample.untouched():
        for field in ("status", entity.id_field, *part_fields, *references):
            with pytest.raises(ValidationFailed, match=f"^{field}: identity, status and parts cannot"):
                await sample.graph.update_document(
                    sample.project_id, module, document[entity.id_field], {field: document[field]}
                )
        for changes in ({"meta": None}, {"extra": 1}, {"governance": {"locked": "yes"}}, {"meta": {}}):
            with pytest.raises(ValidationFailed, match=f"^Invalid {module.capitalize()}: "):
                await sample.graph.update_document(sample.project_id, module, document[entity.id_field], changes)


@pytest.mark.req("L3-19", "DD-10")
@pytest.mark.parametrize("module", CHANGES)
async def test_a_status_changes_by_its_table_only(sample: Sample, module: str) -> None:
    label = MODULES[module]
    table = TABLES[label]
    document = await stored(sample, module)
    node_id = document[ENTITIES[label].id_field]
    status, walked = document["status"], set()
    for _ in range(12):
        refused = [s for s in table if s not in table[status]]
        async with sample.untouched():
            for target in refused:
                with pytest.raises(InvalidTransition, match=rf"^Invalid transition: {status} .* {target} "):
                    await sample.graph.transition(sample.project_id, label, node_id, target)
        ahead = [s for s in table[status] if (status, s) not in walked] or list(table[status])
        if not ahead:
            break
        # The way that ends it comes last, so that the others are walked.
        target = max(ahead, key=lambda s: len(table[s]))
        walked.add((status, target))
        await sample.graph.transition(sample.project_id, label, node_id, target)
        assert (await sample.node(node_id))["status"] == target
        status = target
    assert len(walked) >= 3


async def test_nodes_of_a_network_have_a_lifecycle_of_their_own(sample: Sample) -> None:
    node = network_node()
    network = network_document(sample.context_id, node)
    await sample.graph.create_document(sample.project_id, "network", network)
    for status in ("unreachable", "active", "retired"):
        await sample.graph.transition(sample.project_id, "NetworkNode", node["node_id"], status)
    assert (await export(sample, "network", network))["nodes"] == [node | {"status": "retired"}]
    with pytest.raises(InvalidTransition):
        await sample.graph.transition(sample.project_id, "NetworkNode", node["node_id"], "active")


@pytest.mark.req("L3-01", "L3-02")
async def test_parts_are_added_behind_those_there_are(sample: Sample) -> None:
    dialog = dialog_document(sample.context_id, message("first"))
    role = role_document()
    collab = collab_document(sample.context_id, participant("a"))
    network = network_document(sample.context_id)
    given = (("role", role), ("dialog", dialog), ("collab", collab), ("network", network))
    for module, document in given:
        await sample.graph.create_document(sample.project_id, module, document)
    added: list[tuple[str, str, dict[str, Any]]] = [
        ("dialog", "messages", message("second", role="agent")),
        ("dialog", "messages", message("third")),
        ("collab", "participants", participant("b", role["role_id"], display_name="B")),
        ("network", "nodes", network_node(role["role_id"], name="n")),
        ("network", "nodes", network_node()),
    ]
    documents = dict(given)
    for module, field, part in added:
        owner = documents[module][ENTITIES[MODULES[module]].id_field]
        await parts.add(sample.graph, sample.project_id, module, owner, part)
        documents[module][field] = [*documents[module].get(field, []), part]
    for module in ("dialog", "collab", "network"):
        assert await export(sample, module, documents[module]) == documents[module]


async def test_a_message_without_a_time_is_of_now_and_a_repeat_has_one_effect(sample: Sample) -> None:
    dialog = dialog_document(sample.context_id)
    await sample.graph.create_document(sample.project_id, "dialog", dialog)
    said = {"role": "user", "content": "hello"}
    command_id = uuid4()
    first, again = [
        await parts.add(sample.graph, sample.project_id, "dialog", dialog["dialog_id"], said, command_id=command_id)
        for _ in range(2)
    ]
    assert (first.replayed, again.replayed, first.ids) == (False, True, again.ids)
    (kept,) = (await export(sample, "dialog", dialog))["messages"]
    stamp = (await sample.node(first.ids["message"]))["sys_created_ms"]
    assert kept["content"] == "hello" and abs(moment(kept["timestamp"]).timestamp() * 1000 - stamp) < 10_000


async def test_two_clients_that_add_at_once_lose_nothing(sample: Sample, db: Database) -> None:
    dialog = dialog_document(sample.context_id)
    await sample.graph.create_document(sample.project_id, "dialog", dialog)
    clients = [sample.graph, Graph(db)]

    async def say(at: int) -> None:
        said = message(str(at))
        await parts.add(clients[at % 2], sample.project_id, "dialog", dialog["dialog_id"], said)

    async with anyio.create_task_group() as tasks:
        for at in range(12):
            tasks.start_soon(say, at)
    found = [m["content"] for m in (await export(sample, "dialog", dialog))["messages"]]
    assert sorted(found, key=int) == [str(at) for at in range(12)]


async def test_an_ended_document_takes_no_more_parts(sample: Sample) -> None:
    cases = [
        ("dialog", dialog_document(sample.context_id, status="paused"), message()),
        ("collab", collab_document(sample.context_id, status="completed"), participant("b")),
        ("network", network_document(sample.context_id, status="retired"), network_node()),
    ]
    for module, document, part in cases:
        await sample.graph.create_document(sample.project_id, module, document)
        owner = document[ENTITIES[MODULES[module]].id_field]
        async with sample.untouched():
            with pytest.raises(NotEditable, match=document["status"]):
                await parts.add(sample.graph, sample.project_id, module, owner, part)


async def test_a_bad_part_is_refused(sample: Sample) -> None:
    dialog, collab = dialog_document(sample.context_id), collab_document(sample.context_id, participant("a"))
    await sample.graph.create_document(sample.project_id, "dialog", dialog)
    await sample.graph.create_document(sample.project_id, "collab", collab)
    add = sample.graph, sample.project_id
    async with sample.untouched():
        with pytest.raises(ValidationFailed, match=r"^Invalid Message: role"):
            await parts.add(*add, "dialog", dialog["dialog_id"], message(role="nobody"))
        with pytest.raises(DuplicateId, match="'a' takes part"):
            await parts.add(*add, "collab", collab["collab_id"], participant("a"))
        with pytest.raises(StaleRevision):
            await parts.add(*add, "collab", collab["collab_id"], participant("b"), expected_revision=7)
        with pytest.raises(ValidationFailed, match="no parts"):
            await parts.add(*add, "plan", uuid4(), {})


@pytest.mark.req("DD-03")
async def test_a_role_can_go_when_its_participants_are_gone_and_the_last_one_stays(sample: Sample) -> None:
    role = role_document()
    await sample.graph.create_document(sample.project_id, "role", role)
    collab = collab_document(sample.context_id, participant("a", role["role_id"]), participant("b"))
    await sample.graph.create_document(sample.project_id, "collab", collab)
    by_name = {n["props"]["participant_id"]: n["id"] for n in await sample.whole() if "Participant" in n["labels"]}
    with pytest.raises(StillReferenced, match=by_name["a"]):
        await sample.graph.delete(sample.project_id, "Role", role["role_id"])
    await sample.graph.delete(sample.project_id, "Participant", by_name["a"])
    await sample.graph.delete(sample.project_id, "Role", role["role_id"])
    with pytest.raises(Refused, match="last participant"):
        await sample.graph.delete(sample.project_id, "Participant", by_name["b"])
    answer = await parts.add(sample.graph, sample.project_id, "collab", collab["collab_id"], participant("a"))
    assert (await sample.node(answer.ids["participant"]))["position"] == 2
    assert await export(sample, "collab", collab) == collab | {"participants": [participant("b"), participant("a")]}
