"""The five modules over the real API: created, read, listed, changed, added to and deleted."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from graphql_api import Api, running_api
from module_documents import collab_document, participant
from sample_graph import uuid4

from psg.audit import verify
from psg_client import Client, MessageInput
from psg_graphql.global_id import parse_global_id
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

NODES = [{"kind": "agent", "name": "n"}, {"kind": "queue", "status": "degraded"}]
CORE = [{"moduleId": "plan", "version": "1.0.0", "status": "enabled", "required": True}]
CREATE: dict[str, dict[str, Any]] = {
    "Dialog": {"messages": [{"role": "user", "content": "hi", "timestamp": "2026-01-01T00:00:00Z"}]},
    "Collab": {
        "title": "t", "purpose": "p", "mode": "pair", "participants": [{"participantId": "a", "kind": "human"}],
    },
    "Extension": {"name": "n", "extensionType": "policy", "version": "1.0.0", "config": {"a": [1]}},
    "Core": {"modules": CORE},
    "Network": {"name": "n", "topologyType": "mesh", "nodes": NODES},
}  # fmt: skip
FIELDS = {
    "Dialog": "threadId startedAt context { title } messages { totalCount nodes { role content position event } }",
    "Collab": "title mode createdAt context { title } participants { nodes { participantId kind role { name } } }",
    "Extension": "name version config context { title }",
    "Core": "protocolVersion modules { moduleId version status required description }",
    "Network": "name topologyType context { title } members(first: 1) { totalCount nodes { id kind status } }",
}
FIRST_STATUS = {"Dialog": "active", "Collab": "draft", "Extension": "registered", "Core": "draft", "Network": "draft"}
NEXT_STATUS = {
    "Dialog": "paused", "Collab": "active", "Extension": "active", "Core": "active", "Network": "provisioning",
}  # fmt: skip
CHANGE = {
    "Dialog": {"thread_id": "6fa459ea-ee8a-4ca4-894e-db77e160355e"}, "Collab": {"title": "u"},
    "Extension": {"name": "m"}, "Core": {"protocol_version": "1.0.1"}, "Network": {"name": "m"},
}  # fmt: skip


@pytest.fixture
async def api(db: Database) -> AsyncIterator[Api]:
    async with running_api(db) as running:
        yield running


async def start(api: Api) -> tuple[str, str]:
    """Global ids of a new project and a context in it."""
    project_id = await api.project()
    return project_id, await api.context(project_id)


async def create(api: Api, label: str, project_id: str, context_id: str, **given: Any) -> dict[str, Any]:
    place = {"projectId": project_id} if label == "Core" else {"contextId": context_id}
    fields = f"... on {label}Payload {{ {label.lower()} {{ id uuid status revision }} }}"
    return await api.command(f"create{label}", f"Create{label}Input", fields, **place, **CREATE[label], **given)


@pytest.mark.req("L3-01", "L3-07", "L3-08")
@pytest.mark.parametrize("label", CREATE)
async def test_the_life_of_a_document(api: Api, db: Database, label: str) -> None:
    name = label.lower()
    project_id, context_id = await start(api)
    command_id = str(uuid.uuid4())
    made = await create(api, label, project_id, context_id, commandId=command_id)
    again = await create(api, label, project_id, context_id, commandId=command_id)
    assert (made["replayed"], again["replayed"], again[name]) == (False, True, made[name])
    assert (made[name]["status"], made[name]["revision"]) == (FIRST_STATUS[label], 1)
    node_id = made[name]["id"]
    fields = f"... on {label}Payload {{ {name} {{ status revision }} }}"
    changed = await api.command(
        f"update{label}", "UpdateDocumentInput", fields, id=node_id, changes=CHANGE[label], expectedRevision=1
    )
    assert changed[name]["revision"] == 2
    moved = await api.command(
        f"transition{label}", f"Transition{label}Input", fields, id=node_id, status=NEXT_STATUS[label]
    )
    assert moved[name] == {"status": NEXT_STATUS[label], "revision": 3}
    query = f"""query($p: ID!, $id: ID!) {{
      {name}(id: $id) {{ id status {FIELDS[label]} payload }}
      {name}s(projectId: $p, status: {NEXT_STATUS[label]}) {{ totalCount nodes {{ id }} }}
      none: {name}s(projectId: $p, status: {FIRST_STATUS[label]}) {{ totalCount }}
      node(id: $id) {{ __typename uuid }} exportDocument(id: $id)
      exportDocuments(projectId: $p) {{ totalCount nodes {{ module id }} }} }}"""
    found = await api.ask(query, p=project_id, id=node_id)
    assert found[name]["status"] == NEXT_STATUS[label]
    assert found[f"{name}s"] == {"totalCount": 1, "nodes": [{"id": node_id}]}
    assert found["none"] == {"totalCount": 0}
    assert found["node"] == {"__typename": label, "uuid": made[name]["uuid"]}
    assert found["exportDocument"].items() >= CHANGE[label].items()
    listed = [(n["module"], n["id"]) for n in found["exportDocuments"]["nodes"]]
    assert sorted(listed) == sorted([("context", context_id), (name, node_id)])
    assert found["exportDocuments"]["totalCount"] == 2
    gone = await api.command("deleteNode", "DeleteNodeInput", "... on DeletePayload { id }", id=node_id)
    assert gone["id"] == node_id
    after = await api.ask(f"query($p: ID!) {{ {name}s(projectId: $p) {{ totalCount nodes {{ id }} }} }}", p=project_id)
    assert after[f"{name}s"] == {"totalCount": 0, "nodes": []}
    assert (await verify(db, parse_global_id(project_id).project_id)).violations == []


async def test_parts_are_read_in_their_order_and_in_pages(api: Api) -> None:
    project_id, context_id = await start(api)
    role = await api.command(
        "createRole", "CreateRoleInput", "... on RolePayload { role { id placeholder } }",
        projectId=project_id, name="reviewer",
    )  # fmt: skip
    assert role["role"]["placeholder"] is False
    made = {label: (await create(api, label, project_id, context_id))[label.lower()]["id"] for label in CREATE}
    said = await api.command(
        "addMessage", "AddMessageInput", "... on MessagePayload { dialogMessage { id role content position } }",
        dialogId=made["Dialog"], message={"role": "assistant", "content": "yes"},
    )  # fmt: skip
    assert {k: v for k, v in said["dialogMessage"].items() if k != "id"} == {
        "role": "assistant", "content": "yes", "position": 1,
    }  # fmt: skip
    joined = await api.command(
        "addParticipant", "AddParticipantInput", "... on ParticipantPayload { participant { id role { name } } }",
        collabId=made["Collab"], participant={"participantId": "b", "kind": "agent", "roleId": role["role"]["id"]},
    )  # fmt: skip
    assert joined["participant"]["role"] == {"name": "reviewer"}
    node = await api.command(
        "addNetworkNode", "AddNetworkNodeInput", "... on NetworkNodePayload { node { id position } }",
        networkId=made["Network"], node={"kind": "service", "roleId": role["role"]["id"]},
    )  # fmt: skip
    assert node["node"]["position"] == 2
    down = await api.command(
        "transitionNetworkNode", "TransitionNetworkNodeInput", "... on NetworkNodePayload { node { status } }",
        id=node["node"]["id"], status="unreachable",
    )  # fmt: skip
    assert down["node"]["status"] == "unreachable"
    query = """query($d: ID!, $c: ID!, $n: ID!, $after: String) {
      dialog(id: $d) { messages(first: 1, after: $after) { totalCount nodes { content } pageInfo { endCursor } } }
      collab(id: $c) { participants { nodes { participantId roleId collabId } } }
      network(id: $n) { members { totalCount nodes { kind networkId } } } }"""
    ids = {"d": made["Dialog"], "c": made["Collab"], "n": made["Network"]}
    first = await api.ask(query, **ids)
    assert first["dialog"]["messages"]["totalCount"] == 2
    after = first["dialog"]["messages"]["pageInfo"]["endCursor"]
    second = await api.ask(query, **ids, after=after)
    pages = [found["dialog"]["messages"]["nodes"] for found in (first, second)]
    assert pages == [[{"content": "hi"}], [{"content": "yes"}]]
    assert first["collab"]["participants"]["nodes"] == [
        {"participantId": "a", "roleId": None, "collabId": made["Collab"]},
        {"participantId": "b", "roleId": role["role"]["id"], "collabId": made["Collab"]},
    ]
    assert [n["kind"] for n in first["network"]["members"]["nodes"]] == ["agent", "queue", "service"]
    nodes = await api.ask(
        "query($ids: [ID!]!) { nodes(ids: $ids) { __typename } }",
        ids=[said["dialogMessage"]["id"], joined["participant"]["id"], node["node"]["id"]],
    )
    assert [n["__typename"] for n in nodes["nodes"]] == ["Message", "Participant", "NetworkNode"]


async def test_documents_of_a_context_are_listed_alone(api: Api) -> None:
    project_id, context_id = await start(api)
    other = await api.context(project_id)
    for label in ("Dialog", "Collab", "Extension", "Network"):
        await create(api, label, project_id, context_id)
        page = f"{label.lower()}s(projectId: $p, contextId: $c) {{ totalCount nodes {{ id }} }}"
        query = f"query($p: ID!, $c: ID!) {{ {page} }}"
        here, there = [(await api.ask(query, p=project_id, c=c))[f"{label.lower()}s"] for c in (context_id, other)]
        assert (here["totalCount"], len(here["nodes"]), there) == (1, 1, {"totalCount": 0, "nodes": []})


async def test_refusals_are_results_and_change_nothing(api: Api) -> None:
    project_id, context_id = await start(api)
    role = await api.command(
        "createRole", "CreateRoleInput", "... on RolePayload { role { id } }", projectId=project_id, name="r"
    )
    made = await create(api, "Collab", project_id, context_id)
    await api.command(
        "addParticipant", "AddParticipantInput", "", collabId=made["collab"]["id"],
        participant={"participantId": "b", "kind": "agent", "roleId": role["role"]["id"]},
    )  # fmt: skip
    cursor = "query($id: ID!) { project(id: $id) { cursor } }"
    before = await api.ask(cursor, id=project_id)
    results = [
        await api.command("createExtension", "CreateExtensionInput", "", contextId=context_id, name="n",
                          extensionType="policy", version="1.0"),
        await api.command("createCollab", "CreateCollabInput", "", contextId=context_id, title="t", purpose="p",
                          mode="pair", participants=[]),
        await api.command("transitionCollab", "TransitionCollabInput", "", id=made["collab"]["id"],
                          status="completed"),
        await api.command("deleteNode", "DeleteNodeInput", "", id=role["role"]["id"]),
        await api.command("deleteNode", "DeleteNodeInput", "", id=context_id),
    ]  # fmt: skip
    assert [r["code"] for r in results] == [
        "validation_failed", "validation_failed", "invalid_transition", "still_referenced", "still_referenced",
    ]  # fmt: skip
    assert await api.ask(cursor, id=project_id) == before


async def test_a_role_that_is_only_named_shows_as_a_placeholder_and_is_not_exported(api: Api) -> None:
    project_id, context_id = await start(api)
    collab = collab_document(parse_global_id(context_id).node_id, participant("a", uuid4()))
    stored = await api.ask(
        """mutation($input: ImportDocumentsInput!) { importDocuments(input: $input) {
        ... on ImportPayload { documents { module } } } }""",
        input={"projectId": project_id, "documents": [{"module": "collab", "document": collab}]},
    )
    assert stored["importDocuments"] == {"documents": [{"module": "collab"}]}
    found = await api.ask(
        """query($p: ID!) { roles(projectId: $p) { nodes { placeholder } }
        exportDocuments(projectId: $p) { totalCount nodes { module document } } }""",
        p=project_id,
    )
    assert found["roles"]["nodes"] == [{"placeholder": True}]
    assert found["exportDocuments"]["totalCount"] == 2
    assert {"module": "collab", "document": collab} in found["exportDocuments"]["nodes"]


async def test_a_confirm_can_be_about_an_extension(api: Api) -> None:
    project_id, context_id = await start(api)
    extension = (await create(api, "Extension", project_id, context_id))["extension"]["id"]
    asked = await api.command(
        "createConfirm", "CreateConfirmInput", "... on ConfirmPayload { confirm { targetType target { id } } }",
        targetId=extension, requestedByRole="agent",
    )  # fmt: skip
    assert asked["confirm"] == {"targetType": "extension", "target": {"id": extension}}


async def test_the_typed_client_knows_the_modules(api: Api) -> None:
    project_id, context_id = await start(api)
    async with Client(f"{api.url}/graphql") as client:
        made = await client.create_dialog(context_id=context_id)
        await client.add_message(dialog_id=made.dialog.id, message=MessageInput(content="hello", role="user"))
        page = await client.dialogs(project_id=project_id)
        assert [d.id for d in page.nodes] == [made.dialog.id]
        dialog = await client.dialog_messages(id=made.dialog.id)
        assert dialog is not None and [m.content for m in dialog.messages.nodes] == ["hello"]
