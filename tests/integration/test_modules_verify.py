"""The audit sees what went past the platform in the parts of dialogs, collabs and networks."""

from __future__ import annotations

import pytest
from module_documents import collab_document, dialog_document, message, network_document, network_node, participant
from world import World

from psg.audit import verify
from psg.model.ids import derived_id
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

DAMAGE = {
    "a message of another dialog by its property": (
        "MATCH (m:Message {project_id: $project_id}) SET m.dialog = 'x'", {"owner_field"},
    ),
    "a participant without its collab": (
        "MATCH (:Participant {project_id: $project_id})-[e:IN_COLLAB]->() DELETE e", {"owner_missing", "state_vs_log"},
    ),
    "a deleted role that is still played": (
        "MATCH (r:Role {project_id: $project_id}) SET r:Tombstone", {"dangling_reference", "state_vs_log"},
    ),
    "a deleted network with a living node": (
        "MATCH (n:Network {project_id: $project_id}) SET n:Tombstone", {"closing", "state_vs_log"},
    ),
    "a status that the protocol does not have": (
        "MATCH (n:NetworkNode {project_id: $project_id}) SET n.status = 'gone'", {"status", "state_vs_log"},
    ),
    "a message that was rewritten": (
        "MATCH (m:Message {project_id: $project_id}) SET m.content = 'never said'", {"state_vs_log"},
    ),
    "a role in the place of a context": (
        """MATCH (d:Dialog {project_id: $project_id})-[e:IN_CONTEXT]->(), (r:Role {project_id: $project_id})
        DELETE e CREATE (d)-[:IN_CONTEXT]->(r)""", {"dangling_reference", "state_vs_log"},
    ),
}  # fmt: skip


@pytest.mark.req("DD-03", "L3-05")
@pytest.mark.parametrize("name", DAMAGE)
async def test_damage_to_the_parts_is_found(db: Database, name: str) -> None:
    world = await World.create(db)
    role_id = derived_id("role", world.project_id)
    meta = {"protocol_version": "1.0.0", "schema_version": "1.0.0"}
    for module, document in (
        ("role", {"meta": meta, "role_id": role_id, "name": "r"}),
        ("dialog", dialog_document(world.context_id, message())),
        ("collab", collab_document(world.context_id, participant("a", role_id))),
        ("network", network_document(world.context_id, network_node(role_id))),
    ):
        await world.graph.create_document(world.project_id, module, document)
    assert (await verify(db, world.project_id)).violations == []
    text, kinds = DAMAGE[name]
    await world.damage(text)
    assert {v.kind for v in (await verify(db, world.project_id)).violations} == kinds
