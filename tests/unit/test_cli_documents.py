"""What ``psg import`` sends: protocol documents from files, grouped, refused with the name of the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from psg.documents import document_module, read_folder, write_document
from psg.documents.importing import batches
from psg.documents.listing import Listed
from psg.errors import ValidationFailed
from psg_cli.main import app

CONTEXT = {"context_id": "c", "title": "C"}
PLAN: dict[str, Any] = {"plan_id": "p", "context_id": "c", "steps": []}
TRACE = {"trace_id": "t", "plan_id": "p", "context_id": "c"}
CONFIRM = {"confirm_id": "q", "target_id": "p"}
ROLE = {"role_id": "r"}


def test_the_module_is_told_by_the_documents_own_id_not_by_what_it_refers_to() -> None:
    told = [document_module(d) for d in (CONTEXT, PLAN, TRACE, CONFIRM, ROLE, {"title": "x"})]
    assert told == ["context", "plan", "trace", "confirm", "role", None]


def test_every_bad_file_is_named_and_nothing_is_returned(tmp_path: Path) -> None:
    write_document(tmp_path, "plan", PLAN)
    (tmp_path / "broken.json").write_text('{"plan_id":\n oops}')
    (tmp_path / "other.json").write_text('{"hello": 1}')
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(ValidationFailed) as caught:
        read_folder(tmp_path)
    assert len(caught.value.details["problems"]) == 3
    assert "broken.json: not JSON, line 2, column 2" in caught.value.message
    assert "other.json: not a protocol document" in caught.value.message


@pytest.mark.parametrize("name", ["absent", ""])
def test_a_place_without_documents_is_an_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValidationFailed):
        read_folder(tmp_path / name)


def test_groups_keep_the_order_and_both_limits() -> None:
    entries = [
        Listed(str(n), "plan", str(n), (), (), 1, size, dict) for n, size in enumerate([3, 3, 3, 50, 1, 1, 1, 1])
    ]
    groups = [[entry.size for entry in group] for group in batches(entries, documents=3, size=8)]
    assert groups == [[3, 3], [3], [50], [1, 1, 1], [1]]


def test_a_document_is_replaced_whole(tmp_path: Path) -> None:
    path = write_document(tmp_path, "plan", PLAN)
    write_document(tmp_path, "plan", {**PLAN, "title": "new"})
    assert orjson.loads(path.read_bytes())["title"] == "new" and not list(tmp_path.rglob("*.part"))


def test_what_no_request_can_hold_is_refused_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("psg_cli.transfer._API_BYTES", 100)
    meta = {"protocol_version": "1.0.0", "schema_version": "1.0.0"}
    role = {"meta": meta, "role_id": "6fa459ea-ee8a-4ca4-894e-db77e160355e", "name": "reviewer"}
    write_document(tmp_path, "role", role)
    done = CliRunner().invoke(app, ["import", str(tmp_path), "--api-url", "http://127.0.0.1:9/graphql"])
    assert done.exit_code == 1
    assert "import it with --direct" in done.stderr


def test_one_run_and_events_are_read_from_the_database_itself(tmp_path: Path) -> None:
    for option in (["--events"], ["--plan", "6fa459ea-ee8a-4ca4-894e-db77e160355e"]):
        done = CliRunner().invoke(app, ["export", str(tmp_path), *option])
        assert done.exit_code == 2 and "add --direct" in done.stderr
