"""Protocol documents as files: found, sorted, grouped, and refused with the name of the file."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from psg.errors import ValidationFailed
from psg_cli.document_files import DocumentFile, batches, module_of, read_documents, write_document

CONTEXT = {"context_id": "c", "title": "C"}
PLAN = {"plan_id": "p", "context_id": "c", "steps": []}
TRACE = {"trace_id": "t", "plan_id": "p", "context_id": "c"}
CONFIRM = {"confirm_id": "q", "target_id": "p"}
ROLE = {"role_id": "r"}


def test_the_module_is_told_by_the_documents_own_id_not_by_what_it_refers_to() -> None:
    assert [module_of(d) for d in (CONTEXT, PLAN, TRACE, CONFIRM, ROLE, {"title": "x"})] == [
        "context",
        "plan",
        "trace",
        "confirm",
        "role",
        None,
    ]


def test_what_was_written_is_read_again_in_an_order_in_which_it_can_be_stored(tmp_path: Path) -> None:
    for document in (CONFIRM, TRACE, PLAN, CONTEXT, ROLE):
        write_document(tmp_path, module_of(document) or "", document)
    found = read_documents(tmp_path)
    assert [file.document for file in found] == [ROLE, CONTEXT, PLAN, TRACE, CONFIRM]
    assert (tmp_path / "plan" / "p.json").is_file() and not list(tmp_path.rglob("*.part"))


def test_one_file_can_be_read_alone(tmp_path: Path) -> None:
    path = write_document(tmp_path, "plan", PLAN)
    assert [file.module for file in read_documents(path)] == ["plan"]


def test_every_bad_file_is_named_and_nothing_is_returned(tmp_path: Path) -> None:
    write_document(tmp_path, "plan", PLAN)
    (tmp_path / "broken.json").write_text('{"plan_id":\n oops}')
    (tmp_path / "other.json").write_text('{"hello": 1}')
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(ValidationFailed) as caught:
        read_documents(tmp_path)
    assert len(caught.value.details["problems"]) == 3
    assert "broken.json: not JSON, line 2, column 2" in caught.value.message
    assert "other.json: not a protocol document" in caught.value.message


@pytest.mark.parametrize("make", [lambda p: p / "absent", lambda p: p], ids=["absent", "empty"])
def test_a_place_without_documents_is_an_error(tmp_path: Path, make) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValidationFailed):
        read_documents(make(tmp_path))


def test_groups_keep_the_order_and_both_limits() -> None:
    files = [DocumentFile("plan", {}, Path(str(n)), size) for n, size in enumerate([3, 3, 3, 50, 1, 1, 1, 1])]
    groups = [[file.size for file in group] for group in batches(files, documents=3, size=8)]
    assert groups == [[3, 3], [3], [50], [1, 1, 1], [1]]


def test_a_document_is_replaced_whole(tmp_path: Path) -> None:
    path = write_document(tmp_path, "plan", PLAN)
    write_document(tmp_path, "plan", {**PLAN, "title": "new"})
    assert orjson.loads(path.read_bytes())["title"] == "new"
