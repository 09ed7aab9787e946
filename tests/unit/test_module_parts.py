"""Documents with parts: ids that follow from places, names instead of ids, and what has to be there first."""

from __future__ import annotations

import uuid
from typing import Any

from psg.model.codec import loads
from psg.model.documents import named_id, needed_ids, part_id, parts_of, put_together, take_apart
from psg.model.entities import ENTITIES, MODULES
from psg.model.ids import UUID4
from psg.model.protocol import DOCUMENTS, PARTS
from psg.model.references import OWNER_KEYS, REFERENCES, references_of

META = {"protocol_version": "1.0.0", "schema_version": "1.0.0"}


def uuid4() -> str:
    return str(uuid.uuid4())


def collab(*roles: str | None) -> dict[str, Any]:
    people = [
        {"participant_id": "p", "kind": "agent"} | ({} if role is None else {"role_id": role}) for role in roles
    ]
    return {
        "meta": META, "collab_id": uuid4(), "context_id": uuid4(), "title": "t", "purpose": "p", "mode": "pair",
        "status": "draft", "participants": people, "created_at": "2026-01-01T00:00:00Z",
    }  # fmt: skip


def test_parts_without_an_id_get_one_from_their_place_that_is_not_exported() -> None:
    document = collab(None, None)
    taken = take_apart("Collab", document)
    parts = parts_of(taken)
    assert [p.node_id for p in parts] == [part_id(taken.node_id, "Participant", at) for at in (0, 1)]
    assert all(UUID4.fullmatch(p.node_id) for p in parts) and parts[0].node_id != parts[1].node_id
    again = [put_together("Participant", {"id": p.node_id, **p.props}, {}, {}) for p in parts]
    assert again == document["participants"]


def test_a_role_by_name_leads_to_one_id_and_comes_out_as_the_name() -> None:
    role = uuid4()
    first, second, third = parts_of(take_apart("Collab", collab("planner", role, "planner")))
    assert first.references == third.references == {"role_id": [named_id("Role", "planner")]}
    assert second.references == {"role_id": [role]}
    assert loads(first.props["payload"]) == {"role_id": "planner"} and "payload" not in second.props
    for part, said in ((first, "planner"), (second, role)):
        stored = {"id": part.node_id, **part.props}
        assert put_together("Participant", stored, part.references, {})["role_id"] == said


def test_what_a_document_needs_is_outside_of_it() -> None:
    role, document = uuid4(), collab("planner")
    document["participants"].append({"participant_id": "q", "kind": "human", "role_id": role})
    assert needed_ids("Collab", document) == {document["context_id"], role, named_id("Role", "planner")}
    first, second = uuid4(), uuid4()
    segments = [
        {"segment_id": first, "label": "a", "status": "completed"},
        {"segment_id": second, "label": "b", "status": "completed", "parent_segment_id": first},
    ]
    trace = {"trace_id": uuid4(), "context_id": uuid4(), "segments": segments}
    assert needed_ids("Trace", trace) == {trace["context_id"]}


def test_the_tables_speak_of_the_same_modules_and_parts() -> None:
    assert set(MODULES) == set(DOCUMENTS) and len(MODULES) == 10
    for module, label in MODULES.items():
        assert ENTITIES[label].id_field == f"{module}_id"
        assert ENTITIES[label].id_field in DOCUMENTS[module].model_fields
        for field, part in ENTITIES[label].parts:
            assert field in DOCUMENTS[module].model_fields
            owner = references_of(part)[0]
            assert owner.owner and owner.targets == (label,)
            assert part not in PARTS or OWNER_KEYS[part] == module
    assert {t for r in REFERENCES for t in r.targets} | {r.label for r in REFERENCES} <= set(ENTITIES)
