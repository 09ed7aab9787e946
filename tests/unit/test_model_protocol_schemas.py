"""The strict models and the kit's JSON schemas accept and refuse the same documents."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psg.errors import PlanInvalid, ValidationFailed
from psg.model.entities import MODULES
from psg.model.protocol import check_document

KIT = Path(os.environ.get("MPLP_KIT") or Path(__file__).parents[3] / "shared" / "mplp")
pytestmark = pytest.mark.skipif(
    not (KIT / "schemas").is_dir(), reason="the conformance kit is not here (../shared/mplp or MPLP_KIT)"
)

V4 = "6fa459ea-ee8a-4ca4-894e-db77e160355e"
VALUES: list[Any] = [
    None, True, 0, 1, -1, 2.5, "", "x", "draft", "active", "pending", "1.0.0", "1.0", V4, V4.upper(), V4[:-1],
    "6fa459ea-ee8a-1ca4-894e-db77e160355e", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.123+02:00",
    "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2024-02-29T00:00:00Z", "2023-02-29T00:00:00Z",
    "2026-01-01t00:00:00z", "2026-01-01T00:00:00.123456789Z", "2026-01-01T24:00:00Z", "2026-01-01 00:00:00Z",
    "2026-01-01T00:00:00+0200", "2026-01-01T00:00:00", "2026-01-01T00:00:00Z\n", "2016-12-31T23:59:60Z",
    "2016-12-31T23:58:60Z", "2026-01-01", "01.0.0", "1.0.0-01", "1.0.0-a.1+x.y", "1.0.0\n", "1.0.\u0661",
    [], ["x"], ["x", "x"], [1], {}, {"x": 1}, [{}],
]  # fmt: skip


def read(path: Path) -> dict[str, Any]:
    document = json.loads(path.read_text("utf-8-sig"))
    document.pop("$comment", None)
    return document


def validators() -> dict[str, Any]:
    files = {f.name: json.loads(f.read_text("utf-8-sig")) for f in (KIT / "schemas").rglob("*.json")}
    registry = jsonschema_rs.Registry([(schema["$id"], schema) for schema in files.values()])
    return {
        m: jsonschema_rs.validator_for(files[f"mplp-{m}.schema.json"], registry=registry, validate_formats=True)
        for m in MODULES
    }


SCHEMAS = validators() if (KIT / "schemas").is_dir() else {}
OBJECTS = [
    (module, read(file))
    for file in sorted([*KIT.glob("golden/*/*/*.json"), *KIT.glob("examples/modules/*.json")])
    if (module := file.name.partition(".")[0]) in MODULES
]
# Rich objects: every optional field somewhere, so that mutations reach all of them.
META = {
    "protocol_version": "1.0.0", "schema_version": "1.0.0", "created_at": "2026-01-01T00:00:00Z", "created_by": "a",
    "updated_at": "2026-01-01T00:00:00Z", "updated_by": "b", "tags": ["x"], "cross_cutting": ["security"],
}  # fmt: skip
SPAN = {"trace_id": V4, "span_id": V4, "parent_span_id": V4, "context_id": V4, "attributes": {"a": 1}}
EVENT = {
    "event_id": V4, "event_type": "a.b", "source": "s", "timestamp": "2026-01-01T00:00:00Z", "trace_id": V4, "data": {}
}
GOVERNANCE = {
    "lifecyclePhase": "p", "truthDomain": "d", "locked": True, "lastConfirmRef": {"id": V4, "module": "confirm"}
}
NOW = "2026-01-01T00:00:00Z"
RICH: list[tuple[str, dict[str, Any]]] = [
    ("context", {
        "meta": META, "governance": GOVERNANCE, "context_id": V4, "root": {"domain": "d", "environment": "e"},
        "title": "t", "summary": "s", "status": "active", "tags": ["x"], "language": "en", "owner_role": "r",
        "constraints": {"a": 1}, "created_at": NOW, "updated_at": NOW, "trace": SPAN, "events": [EVENT],
    }),
    ("plan", {
        "meta": META, "plan_id": V4, "context_id": V4, "title": "t", "objective": "o", "status": "draft",
        "steps": [{
            "step_id": V4, "description": "d", "status": "pending", "dependencies": [V4], "agent_role": "r",
            "order_index": 1,
        }],
        "trace": SPAN, "events": [EVENT],
    }),
    ("trace", {
        "meta": META, "governance": GOVERNANCE, "trace_id": V4, "context_id": V4, "plan_id": V4, "root_span": SPAN,
        "status": "running", "started_at": NOW, "finished_at": NOW, "events": [EVENT],
        "segments": [{
            "segment_id": V4, "parent_segment_id": V4, "label": "l", "status": "running", "started_at": NOW,
            "finished_at": NOW, "attributes": {"a": 1},
        }],
    }),
    ("confirm", {
        "meta": META, "governance": GOVERNANCE, "confirm_id": V4, "target_type": "plan", "target_id": V4,
        "status": "pending", "requested_by_role": "r", "requested_at": NOW, "reason": "x", "trace": SPAN,
        "decisions": [{
            "decision_id": V4, "status": "approved", "decided_by_role": "r", "decided_at": NOW, "reason": "x"
        }],
        "events": [EVENT],
    }),
    ("role", {
        "meta": META, "governance": GOVERNANCE, "role_id": V4, "name": "n", "description": "d", "capabilities": ["c"],
        "created_at": NOW, "updated_at": NOW, "trace": SPAN, "events": [EVENT],
    }),
    ("dialog", {
        "meta": META, "governance": GOVERNANCE, "dialog_id": V4, "context_id": V4, "thread_id": V4, "status": "active",
        "messages": [{"role": "user", "content": "c", "timestamp": NOW, "event": EVENT}], "started_at": NOW,
        "ended_at": NOW, "trace": SPAN, "events": [EVENT],
    }),
    ("collab", {
        "meta": META, "governance": GOVERNANCE, "collab_id": V4, "context_id": V4, "title": "t", "purpose": "p",
        "mode": "pair", "status": "active", "created_at": NOW, "updated_at": NOW, "trace": SPAN, "events": [EVENT],
        "participants": [{"participant_id": "p", "role_id": V4, "kind": "agent", "display_name": "d"}],
    }),
    ("extension", {
        "meta": META, "governance": GOVERNANCE, "extension_id": V4, "context_id": V4, "name": "n",
        "extension_type": "policy", "version": "1.2.3-rc.1+b", "status": "active", "config": {"a": 1}, "trace": SPAN,
        "events": [EVENT],
    }),
    ("core", {
        "meta": META, "governance": GOVERNANCE, "core_id": V4, "protocol_version": "1.0.0", "status": "draft",
        "modules": [
            {"module_id": "plan", "version": "1", "status": "enabled", "required": True, "description": "d"}
        ],
        "trace": SPAN, "events": [EVENT],
    }),
    ("network", {
        "meta": META, "governance": GOVERNANCE, "network_id": V4, "context_id": V4, "name": "n", "description": "d",
        "topology_type": "mesh", "status": "draft", "trace": SPAN, "events": [EVENT],
        "nodes": [{"node_id": V4, "name": "n", "kind": "agent", "role_id": V4, "status": "active"}],
    }),
]  # fmt: skip


def accepted(module: str, document: Any) -> bool:
    try:
        assert check_document(module, document) is document
    except ValidationFailed as error:
        assert error.message.startswith(f"Invalid {module.capitalize()}: ")
        assert isinstance(error, PlanInvalid) == (module == "plan")
        return False
    return True


@pytest.mark.req("L3-11", "L3-12")
@pytest.mark.parametrize(("module", "document"), OBJECTS, ids=lambda v: v if isinstance(v, str) else "")
def test_every_object_of_the_kit_is_accepted(module: str, document: dict[str, Any]) -> None:
    SCHEMAS[module].validate(document)
    assert accepted(module, document)


@pytest.mark.req("L3-12", "DD-08")
@pytest.mark.parametrize("file", sorted(KIT.glob("negative/*.json")), ids=lambda f: f.stem)
def test_every_negative_of_the_kit_is_refused(file: Path) -> None:
    module = file.name.partition("_")[0]
    document = read(file)
    assert not SCHEMAS[module].is_valid(document)
    assert not accepted(module, document)


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document, the document itself not counted."""
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [p for key, inner in items for p in [(*path, key), *paths(inner, (*path, key))]]


def place(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        document = document[key]
    return document


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, Any]:
    module, original = draw(st.sampled_from([*RICH, *RICH, *OBJECTS]))
    document = copy.deepcopy(original)
    for _ in range(draw(st.integers(1, 2))):
        path = draw(st.sampled_from(paths(document)))
        parent, key = place(document, path[:-1]), path[-1]
        action = draw(st.sampled_from(["set", "set", "remove", "add", "double"]))
        if action == "set":
            parent[key] = copy.deepcopy(draw(st.sampled_from(VALUES)))
        elif action == "remove":
            del parent[key]
        elif action == "add" and isinstance(parent, dict):
            name = draw(st.sampled_from(["extra", "status", "title", "id"]))
            parent[name] = copy.deepcopy(draw(st.sampled_from(VALUES)))
        elif action == "double" and isinstance(parent, list):
            parent.append(copy.deepcopy(parent[key]))
        if not paths(document):
            break
    return module, document


@pytest.mark.req("L3-11", "L3-12", "DD-08")
@settings(max_examples=1_500, deadline=None)
@given(mutated())
def test_model_and_schema_agree_on_mutated_documents(case: tuple[str, Any]) -> None:
    module, document = case
    assert accepted(module, document) == SCHEMAS[module].is_valid(document)


@pytest.mark.parametrize(("module", "document"), RICH, ids=[m for m, _ in RICH])
def test_every_field_of_every_place_is_judged_alike_for_every_value(module: str, document: dict[str, Any]) -> None:
    schema = SCHEMAS[module]
    schema.validate(document)
    for path in paths(document):
        for value in VALUES:
            changed = copy.deepcopy(document)
            place(changed, path[:-1])[path[-1]] = value
            assert accepted(module, changed) == schema.is_valid(changed), (path, value)
        removed = copy.deepcopy(document)
        del place(removed, path[:-1])[path[-1]]
        assert accepted(module, removed) == schema.is_valid(removed), ("without", path)


@pytest.mark.parametrize("document", [None, [], "x", 1, {}], ids=repr)
def test_what_is_no_object_is_refused_by_name(document: Any) -> None:
    for module in MODULES:
        assert not accepted(module, document)
    with pytest.raises(ValidationFailed, match="is no module kept here"):
        check_document("event", document)
