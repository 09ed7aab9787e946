"""Protocol documents into the real store and out again: equal, valid, in any order, all or a named refusal."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest
from sample_graph import (
    KIT,
    META,
    Sample,
    confirm_document,
    context_document,
    make_sample,
    needs_kit,
    plan_document,
    plan_spec,
    role_document,
    sound_sample,
    trace_document,
    uuid4,
)

from psg.documents import export_document, export_project, import_documents, read_folder, write_document
from psg.errors import DependencyCycle, DuplicateId, NotFound, PlanInvalid, ReferenceMissing, ValidationFailed
from psg.model.entities import ENTITIES, MODULES
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

FLOWS = sorted(p for p in KIT.glob("golden/*/*") if p.is_dir())


@pytest.fixture
async def sample(db: Database) -> AsyncIterator[Sample]:
    async with sound_sample(db) as made:
        yield made


def differences(a: Any, b: Any, path: str = "$") -> list[str]:
    """Strict equality of JSON values, as the kit's oracle has it: keys, list order, number types, strings."""
    if type(a) is not type(b):
        return [f"{path}: {a!r} is not {b!r}"]
    if isinstance(a, dict):
        found = [f"{path}.{key}: on one side only" for key in a.keys() ^ b.keys()]
        return found + [d for key in a.keys() & b.keys() for d in differences(a[key], b[key], f"{path}.{key}")]
    if isinstance(a, list):
        pairs = enumerate(zip(a, b, strict=False))
        found = [] if len(a) == len(b) else [f"{path}: length {len(a)} is not {len(b)}"]
        return found + [d for i, (x, y) in pairs for d in differences(x, y, f"{path}[{i}]")]
    return [] if a == b else [f"{path}: {a!r} is not {b!r}"]


def validators() -> dict[str, Any]:
    """The kit's schema of each module, formats on."""
    files = {f.name: json.loads(f.read_text("utf-8-sig")) for f in (KIT / "schemas").rglob("*.json")}
    registry = jsonschema_rs.Registry([(schema["$id"], schema) for schema in files.values()])
    return {
        module: jsonschema_rs.validator_for(
            files[f"mplp-{module}.schema.json"], registry=registry, validate_formats=True
        )
        for module in MODULES
    }


def id_of(module: str, document: dict[str, Any]) -> str:
    return document[ENTITIES[MODULES[module]].id_field]


def kept(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """The documents of a golden flow."""
    return [(module, document) for module, document, _ in read_folder(folder)]


@needs_kit
@pytest.mark.parametrize("folder", FLOWS, ids=lambda p: f"{p.parent.name}-{p.name}")
@pytest.mark.req("L3-11", "L3-01")
async def test_a_golden_flow_goes_in_and_comes_out_equal(sample: Sample, folder: Path) -> None:
    documents = kept(folder)
    random.Random(folder.name).shuffle(documents)
    answers = await import_documents(sample.graph, sample.project_id, documents, actor="importer")
    assert len(answers) == len(documents) >= 2
    schemas = validators()
    for module, document in documents:
        found = await export_document(sample.db, sample.project_id, module, id_of(module, document))
        assert differences(document, found) == []
        schemas[module].validate(found)
    exported = {id_of(m, d): d async for m, d in export_project(sample.db, sample.project_id)}
    assert exported.pop(sample.context_id)
    assert exported == {id_of(m, d): d for m, d in documents}


@needs_kit
async def test_what_the_runtime_made_itself_is_valid_when_exported(sample: Sample) -> None:
    plan_id, _ = await sample.running_plan({"a": (), "b": ("a",)})
    await sample.graph.cancel_plan(sample.project_id, plan_id)
    schemas = validators()
    modules = []
    async for module, document in export_project(sample.db, sample.project_id):
        schemas[module].validate(document)
        modules.append(module)
    assert modules == ["context", "plan", "trace", "confirm"]


async def test_absent_empty_and_zero_stay_what_they_are(sample: Sample) -> None:
    context = context_document(tags=[], summary="", language="", constraints={}, events=[])
    plan = plan_document(context["context_id"], "pending", "skipped", events=[])
    plan["steps"][0] |= {"dependencies": [], "order_index": 0}
    del plan["steps"][1]["dependencies"]
    trace = trace_document(context["context_id"], plan["plan_id"], segments=[], started_at="2026-01-01T00:00:00.00Z")
    confirm = confirm_document("plan", plan["plan_id"], decisions=[], reason="")
    role = role_document(capabilities=[], description="ünïcode \U0001f642 \x00 \n")
    documents = [("context", context), ("plan", plan), ("trace", trace), ("confirm", confirm), ("role", role)]
    await import_documents(sample.graph, sample.project_id, documents)
    for module, document in documents:
        found = await export_document(sample.db, sample.project_id, module, id_of(module, document))
        assert differences(document, found) == []


async def test_dependencies_keep_their_order(sample: Sample) -> None:
    plan = plan_document(sample.context_id, *["pending"] * 6)
    for step in plan["steps"]:
        step["dependencies"] = []
    last = plan["steps"][5]
    last["dependencies"] = [plan["steps"][i]["step_id"] for i in (3, 0, 4, 1, 2)]
    await import_documents(sample.graph, sample.project_id, [("plan", plan)])
    assert differences(plan, await export_document(sample.db, sample.project_id, "plan", plan["plan_id"])) == []


async def test_segments_and_decisions_keep_their_order_and_parents(sample: Sample) -> None:
    parent = {"segment_id": uuid4(), "label": "p", "status": "completed", "started_at": "2026-01-01T00:00:00Z"}
    children = [
        {"segment_id": uuid4(), "label": f"c{i}", "status": "failed", "parent_segment_id": parent["segment_id"],
         "attributes": {"n": i, "deep": {"list": [1, 2.5, None, True]}}}
        for i in range(4)
    ]  # fmt: skip
    trace = trace_document(sample.context_id, segments=[parent, *children])
    decisions = [
        {"decision_id": uuid4(), "status": s, "decided_by_role": "r", "decided_at": "2026-01-01T00:00:00Z"}
        for s in ("rejected", "cancelled", "approved")
    ]
    confirm = confirm_document("trace", trace["trace_id"], status="approved", decisions=decisions)
    await import_documents(sample.graph, sample.project_id, [("confirm", confirm), ("trace", trace)])
    for module, document in (("trace", trace), ("confirm", confirm)):
        found = await export_document(sample.db, sample.project_id, module, id_of(module, document))
        assert differences(document, found) == []


async def test_what_is_referred_to_goes_first_also_among_confirms(sample: Sample) -> None:
    plan = plan_document(sample.context_id)
    first = confirm_document("plan", plan["plan_id"])
    second = confirm_document("other", first["confirm_id"])
    third = confirm_document("other", second["confirm_id"])
    documents = [("confirm", third), ("confirm", second), ("confirm", first), ("plan", plan)]
    stored = [a.ids for a in await import_documents(sample.graph, sample.project_id, documents)]
    assert stored == [{m: id_of(m, d)} for m, d in reversed(documents)]


async def test_the_same_import_again_goes_on_where_the_first_ended(sample: Sample) -> None:
    context = context_document()
    plan = plan_document(context["context_id"])
    await import_documents(sample.graph, sample.project_id, [("context", context)])
    seen: list[tuple[int, int]] = []
    again = [("plan", plan), ("context", context | {"$comment": "decoration"})]
    answers = await import_documents(
        sample.graph, sample.project_id, again, progress=lambda done, total: seen.append((done, total))
    )
    assert [a.replayed for a in answers] == [True, False]
    assert seen == [(1, 2), (2, 2)]
    seq = await sample.head()
    assert all(a.replayed for a in await import_documents(sample.graph, sample.project_id, again))
    assert await sample.head() == seq
    with pytest.raises(DuplicateId, match=f"context {context['context_id']}: context_id"):
        await import_documents(sample.graph, sample.project_id, [("context", context | {"title": "other"})])


@pytest.mark.req("DD-08", "L3-12")
async def test_a_set_with_one_bad_document_is_refused_before_anything_is_stored(sample: Sample) -> None:
    good, bad = context_document(), plan_document(sample.context_id)
    del bad["steps"][0]["description"]
    loop = confirm_document("other", uuid4())
    loop["target_id"] = loop["confirm_id"]
    async with sample.untouched():
        with pytest.raises(PlanInvalid, match=r"documents\.1: Invalid Plan: steps\.0\.description"):
            await import_documents(sample.graph, sample.project_id, [("context", good), ("plan", bad)])
        with pytest.raises(DuplicateId, match=r"documents\.1: .* is also documents\.0"):
            await import_documents(sample.graph, sample.project_id, [("context", good), ("context", good)])
        with pytest.raises(ValidationFailed, match="'event' is no module kept here"):
            await import_documents(sample.graph, sample.project_id, [("context", good), ("event", {})])
        with pytest.raises(DependencyCycle):
            await import_documents(sample.graph, sample.project_id, [("confirm", loop)])


@pytest.mark.req("L3-05")
async def test_a_reference_that_leads_nowhere_is_told_with_its_document(sample: Sample) -> None:
    plan = plan_document(uuid4())
    async with sample.untouched():
        with pytest.raises(ReferenceMissing, match=f"plan {plan['plan_id']}: context_id: {plan['context_id']}"):
            await import_documents(sample.graph, sample.project_id, [("plan", plan)])


async def test_the_export_of_a_project_goes_into_another_one_without_what_was_deleted(
    sample: Sample, db: Database
) -> None:
    plan_id, _ = await sample.running_plan({"a": (), "b": ("a",)})
    await sample.graph.cancel_plan(sample.project_id, plan_id)
    gone, _ = await sample.running_plan()
    await sample.graph.cancel_plan(sample.project_id, gone)
    await sample.graph.delete(sample.project_id, "Plan", gone)
    documents = [entry async for entry in export_project(db, sample.project_id)]
    assert gone not in orjson.dumps(documents).decode()
    assert sum(m == "plan" for m, _ in documents) == 1
    other = await make_sample(db)
    await import_documents(other.graph, other.project_id, documents)
    again = [entry async for entry in export_project(db, other.project_id)]
    assert [e for e in again if id_of(*e) != other.context_id] == documents


async def test_only_what_lives_in_this_project_under_this_type_is_exported(sample: Sample, db: Database) -> None:
    plan_id, _ = await sample.plan()
    other = await make_sample(db)
    for project_id, module, node_id in (
        (sample.project_id, "plan", uuid4()),
        (sample.project_id, "context", plan_id),
        (other.project_id, "plan", plan_id),
    ):
        with pytest.raises(NotFound):
            await export_document(db, project_id, module, node_id)
    await sample.graph.delete(sample.project_id, "Plan", plan_id)
    with pytest.raises(NotFound):
        await export_document(db, sample.project_id, "plan", plan_id)
    with pytest.raises(ValidationFailed):
        await export_document(db, sample.project_id, "event", plan_id)


async def test_a_plan_of_several_pages_comes_out_whole(sample: Sample) -> None:
    plan = plan_document(sample.context_id, *["pending"] * 1_201)
    await import_documents(sample.graph, sample.project_id, [("plan", plan)])
    assert await export_document(sample.db, sample.project_id, "plan", plan["plan_id"]) == plan


async def test_files_written_are_read_again(tmp_path: Path, sample: Sample) -> None:
    await sample.graph.create_plan(sample.project_id, sample.context_id, plan_spec())
    written = [(m, d) async for m, d in export_project(sample.db, sample.project_id)]
    files = [write_document(tmp_path, module, document) for module, document in written]
    assert sorted((m, orjson.dumps(d), f) for m, d, f in read_folder(tmp_path)) == sorted(
        (m, orjson.dumps(d), f) for (m, d), f in zip(written, files, strict=True)
    )


def test_a_file_is_told_by_its_own_id_or_its_name(tmp_path: Path) -> None:
    (tmp_path / "role").mkdir()
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"$comment": "x", "trace_id": 1, "plan_id": 2, "context_id": 3}')
    (tmp_path / "plan.minimal.json").write_text("{}")
    (tmp_path / "role" / "x.json").write_text("{}")
    found = [(module, document) for module, document, _ in read_folder(tmp_path)]
    assert found == [("trace", {"trace_id": 1, "plan_id": 2, "context_id": 3}), ("plan", {}), ("role", {})]


def test_every_file_that_is_no_document_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValidationFailed, match="has no"):
        read_folder(tmp_path)
    with pytest.raises(ValidationFailed, match="does not exist"):
        read_folder(tmp_path / "absent")
    (tmp_path / "good.json").write_text(orjson.dumps({"meta": META, "plan_id": "x"}).decode())
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "broken.json").write_text('{"plan_id":\n oops}')
    (tmp_path / "other.json").write_text('{"hello": 1}')
    with pytest.raises(ValidationFailed) as caught:
        read_folder(tmp_path)
    problems = caught.value.details["problems"]
    assert [p.partition(": ")[0].rpartition("/")[2] for p in problems] == [
        "broken.json", "list.json", "other.json",
    ]  # fmt: skip
    assert "line 2, column 2" in problems[0]
