"""What must not come in: each bad file is refused by name, before anything is stored."""

from __future__ import annotations

import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from sample_graph import (
    Sample,
    confirm_document,
    context_document,
    plan_document,
    role_document,
    sound_sample,
    trace_document,
    uuid4,
)

from psg.documents import import_documents, import_files, survey
from psg.documents.files import DOCUMENT_BYTES, write_json
from psg.documents.importing import store_listed
from psg.errors import DependencyCycle, DuplicateId, PlanInvalid, PsgError, ReferenceMissing, ValidationFailed
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

Refusal = type[PsgError]


@pytest.fixture
async def sample(db: Database) -> AsyncIterator[Sample]:
    async with sound_sample(db) as made:
        yield made


async def refused(sample: Sample, place: Path, kind: Refusal, *said: str) -> PsgError:
    """Import a folder with one good document in it; the refusal says all of this, and nothing is left behind."""
    write_json(place / "a-good-one.json", context_document())
    async with sample.untouched():
        with pytest.raises(kind) as caught:
            await import_files(sample.graph, sample.project_id, place)
    for text in said:
        assert text in caught.value.message
    return caught.value


def deep(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


@pytest.mark.req("L3-12")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"widget_id": "x"}', "not a protocol document: it has none of"),
        ("[1, 2]", "a JSON object is expected"),
        ("", "not JSON, line 1, column 1"),
        ('{"plan_id": "x",\n "title": "tru', "not JSON, line 2"),
        ('{"plan_id": NaN}', "not JSON, line 1, column 13"),
        ('{"context_id": "\udcff"}', "not JSON"),
        (deep(100_000), "nested too deep"),
    ],
    ids=["kind", "list", "empty", "truncated", "nan", "utf8", "deep"],
)
async def test_what_is_no_document_is_refused(sample: Sample, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "bad.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    error = await refused(sample, tmp_path, ValidationFailed, str(tmp_path / "bad.json"), said)
    assert len(error.details["problems"]) == 1


@pytest.mark.parametrize("levels", [260, 900])
async def test_a_document_that_could_not_be_written_again_is_refused(
    sample: Sample, tmp_path: Path, levels: int
) -> None:
    write_json(tmp_path / "deep.json", {})
    document = orjson.dumps(context_document())[:-1] + b',"constraints":' + deep(levels).encode() + b"}"
    (tmp_path / "deep.json").write_bytes(document)
    await refused(sample, tmp_path, ValidationFailed, "deep.json", "nested deeper than 250 levels")


async def test_a_document_of_a_hundred_megabytes_is_refused_before_it_is_read(sample: Sample, tmp_path: Path) -> None:
    with (tmp_path / "huge.json").open("wb") as stream:
        stream.truncate(100 * 1024 * 1024)
    tracemalloc.start()
    try:
        await refused(sample, tmp_path, ValidationFailed, "huge.json", "too large", str(DOCUMENT_BYTES))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * 1024 * 1024


async def test_the_size_counts_that_is_read_not_the_one_that_is_said(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("psg.documents.files.DOCUMENT_BYTES", 1_000_000)
    (tmp_path / "endless.json").symlink_to("/dev/zero")
    await refused(sample, tmp_path, ValidationFailed, "endless.json", "too large")


async def test_ids_that_two_files_share_are_refused(sample: Sample, tmp_path: Path) -> None:
    context = context_document()
    write_json(tmp_path / "b" / "first.json", context)
    write_json(tmp_path / "c" / "second.json", context | {"title": "another"})
    await refused(sample, tmp_path, DuplicateId, "first.json", "second.json", context["context_id"])
    plan = plan_document(context["context_id"])
    plan["plan_id"] = context["context_id"]
    write_json(tmp_path / "c" / "second.json", plan)
    await refused(sample, tmp_path, DuplicateId, "first.json", "second.json")


async def test_references_may_stand_in_any_order(sample: Sample, tmp_path: Path) -> None:
    context = context_document()
    plan = plan_document(context["context_id"], "pending", "pending")
    trace = trace_document(context["context_id"], plan["plan_id"])
    about_step = confirm_document("other", plan["steps"][1]["step_id"])
    about_confirm = confirm_document("other", about_step["confirm_id"])
    for name, document in zip("abcde", (about_confirm, about_step, trace, plan, context), strict=True):
        write_json(tmp_path / f"{name}.json", document)
    seen: list[tuple[int, int]] = []
    answers = await import_files(
        sample.graph, sample.project_id, tmp_path, progress=lambda done, total: seen.append((done, total))
    )
    assert [next(iter(a.ids)) for a in answers] == ["context", "plan", "trace", "confirm", "confirm"]
    assert seen == sorted(seen) and seen[-1] == (6, 6)


async def test_documents_that_refer_to_each_other_are_refused(sample: Sample, tmp_path: Path) -> None:
    first = confirm_document("other", uuid4())
    second = confirm_document("other", first["confirm_id"])
    first["target_id"] = second["confirm_id"]
    write_json(tmp_path / "first.json", first)
    write_json(tmp_path / "second.json", second)
    await refused(
        sample, tmp_path, DependencyCycle, "in a circle", "first.json", "second.json", first["confirm_id"]
    )


@pytest.mark.req("L3-12", "DD-08")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"status": "abandoned"}, "status"),
        ({"meta": {"protocol_version": "2.0.0", "schema_version": "1.0.0"}}, "meta.protocol_version: 2.0.0"),
        ({"meta": {"protocol_version": "one", "schema_version": "1.0.0"}}, "meta.protocol_version"),
        ({"plan_id": "6FA459EA-EE8A-4CA4-894E-DB77E160355E"}, "plan_id"),
        ({"plan_id": "6fa459ea-ee8a-1ca4-894e-db77e160355e"}, "plan_id"),
        ({"plan_id": "6fa459ea-ee8a-4ca4-c94e-db77e160355e"}, "plan_id"),
        ({"steps": []}, "steps"),
        ({"priority": "high"}, "priority"),
        ({"title": None}, "title"),
    ],
    ids=["enum", "version", "no-version", "upper-case", "v1", "variant", "no-steps", "extra", "null"],
)
async def test_a_plan_that_its_schema_refuses_is_named_with_its_fault(
    sample: Sample, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    write_json(tmp_path / "plan.json", plan_document(sample.context_id) | change)
    await refused(sample, tmp_path, ValidationFailed, "plan.json: Invalid Plan: ", said)
    with pytest.raises(PlanInvalid, match=r"documents\.0: Invalid Plan: "):
        await import_documents(
            sample.graph, sample.project_id, [("plan", plan_document(sample.context_id) | change)]
        )


async def test_all_bad_files_are_told_at_once(sample: Sample, tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text("{")
    write_json(tmp_path / "two.json", role_document(name=1))
    with pytest.raises(ValidationFailed) as caught:
        survey(tmp_path / "two.json")
    assert caught.value.message.startswith(str(tmp_path / "two.json"))
    error = await refused(sample, tmp_path, ValidationFailed, "one.json", "two.json")
    assert len(error.details["problems"]) == 2


@pytest.mark.req("L3-05", "DD-03")
async def test_a_reference_out_of_the_set_must_lead_somewhere(sample: Sample, tmp_path: Path) -> None:
    """Nothing is stored, though the good documents of the set would have gone first."""
    elsewhere = uuid4()
    write_json(tmp_path / "plan.json", plan_document(elsewhere))
    await refused(sample, tmp_path, ReferenceMissing, "plan.json", f"context_id: {elsewhere}", "neither in this set")
    plan = plan_document(sample.context_id)
    plan["steps"][0]["dependencies"] = [elsewhere]
    write_json(tmp_path / "plan.json", plan)
    async with sample.untouched():
        with pytest.raises(PlanInvalid, match=f"depends on {elsewhere}"):
            await import_files(sample.graph, sample.project_id, tmp_path / "plan.json")
    deleted = context_document()
    await sample.graph.create_document(sample.project_id, "context", deleted)
    await sample.graph.delete(sample.project_id, "Context", deleted["context_id"])
    write_json(tmp_path / "plan.json", plan_document(deleted["context_id"]))
    await refused(sample, tmp_path, ReferenceMissing, "plan.json", "was deleted")


async def test_a_file_that_changes_meanwhile_is_not_stored(sample: Sample, tmp_path: Path) -> None:
    document = context_document()
    write_json(tmp_path / "context.json", document)
    waves = survey(tmp_path)
    write_json(tmp_path / "context.json", document | {"title": "changed"})
    async with sample.untouched():
        with pytest.raises(ValidationFailed, match=r"context\.json: .* was changed"):
            await store_listed(sample.graph, sample.project_id, waves, actor="x", progress=None)


async def test_documents_are_in_memory_a_few_at_a_time(sample: Sample, tmp_path: Path) -> None:
    contexts = [context_document(summary="x" * 200_000) for _ in range(60)]
    for at, context in enumerate(contexts):
        write_json(tmp_path / f"{at}.json", context)
    del contexts
    tracemalloc.start()
    try:
        waves = survey(tmp_path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(len(wave) for wave in waves) == 60
    assert peak < 7_000_000  # all of them are 12 MB
    await store_listed(sample.graph, sample.project_id, waves, actor="x", progress=None)
