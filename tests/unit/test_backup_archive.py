"""The file of a backup: what was written comes back, and anything else is refused with its reason."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import psg_cypher
from psg.backup import BackupInvalid, BackupTooNew, check
from psg.backup.archive import ArchiveWriter, records
from psg.backup.taking import LEFT_OUT, RECORDS
from psg.model.entities import ENTITIES
from psg.model.lifecycle import STATUS_LABELS

HEADER = {"migrations": ["0001", "0002"], "created_ms": 5, "estimate": {"nodes": 2, "events": 3}}
# Labels that nodes of the graph carry beside their type; they come along with the node.
MARKS = {
    "PsgNode", "Tombstone", "Ready", "Undecided", "Timer", "Offered", "Unlocking", "Runnable", "Closing", "Stopping",
    "Reacting", "Expiring", "Workflow", "Undelivered", "Coordinating",
}  # fmt: skip


def event(seq: int, **more: Any) -> dict[str, Any]:
    return {"kind": "event", "labels": ["Event"], "props": {"project_id": "p", "seq": seq, **more}}


def node(name: str, *links: str) -> dict[str, Any]:
    edges = [{"type": "IN_PLAN", "to": link, "props": {}} for link in links]
    return {"kind": "node", "labels": ["PsgNode", "Step"], "props": {"id": name, "project_id": "p"}, "links": edges}


def head(seq: int, **more: Any) -> dict[str, Any]:
    return {"kind": "head", "props": {"id": "p", "seq": seq, "clock": 1, **more}}


CONTENT = [event(1), event(2, changes='{"a": "é\\n"}'), node("a"), node("b", "a"), head(2), event(1), head(1)]


def archive(*content: dict[str, Any]) -> bytes:
    target = io.BytesIO()
    writer = ArchiveWriter(target, HEADER)
    writer.write(content or CONTENT)
    writer.close()
    return target.getvalue()


def lines(*content: dict[str, Any]) -> list[bytes]:
    return gzip.decompress(archive(*content)).splitlines(keepends=True)


def sealed(body: list[bytes], **changes: Any) -> bytes:
    """An archive of these lines with a trailer that fits them, unless ``changes`` say otherwise."""
    trailer = orjson.loads(lines()[-1]) | {"sha256": hashlib.sha256(b"".join(body)).hexdigest()} | changes
    return gzip.compress(b"".join(body) + orjson.dumps(trailer) + b"\n")


def refused(data: bytes, match: str, kind: type[Exception] = BackupInvalid) -> None:
    with pytest.raises(kind, match=match):
        check(io.BytesIO(data))


def test_what_was_written_comes_back() -> None:
    data = archive()
    found = check(io.BytesIO(data))
    assert found.counts == {"projects": 2, "nodes": 2, "links": 1, "events": 3, "records": 0}
    assert (found.migrations, found.created_ms, len(found.sha256)) == (["0001", "0002"], 5, 64)
    read = list(records(io.BytesIO(data)))
    assert read[1:-1] == CONTENT and (read[0]["kind"], read[-1]["kind"]) == ("header", "trailer")
    assert archive() == data, "the same content gives the same file"


def test_cut_anywhere_it_is_refused() -> None:
    data = archive()
    for length in range(len(data)):
        refused(data[:length], r"cut off|is empty|no backup|no trailer")


def test_cut_at_a_line_it_is_refused_too() -> None:
    whole = lines()
    for count in range(1, len(whole)):
        refused(gzip.compress(b"".join(whole[:count])), "no trailer|log of project")


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_changed_byte_changes_what_is_read(data: st.DataObject) -> None:
    whole = bytearray(archive())
    at = data.draw(st.integers(0, len(whole) - 1))
    flipped = whole[at] ^ data.draw(st.integers(1, 255))
    whole[at] = flipped
    try:
        found = check(io.BytesIO(bytes(whole)))
    except (BackupInvalid, BackupTooNew):
        return
    # A few bits of gzip's own (its header, what fills up a byte) are no content: what was written is what is read.
    assert found.counts["events"] == 3 and list(records(io.BytesIO(bytes(whole))))[1:-1] == CONTENT


def test_content_that_was_altered_and_packed_again_is_refused() -> None:
    body = lines()
    altered = [line.replace(b'"clock":1', b'"clock":9') for line in body]
    assert altered != body
    refused(gzip.compress(b"".join(altered)), "checksum")
    refused(sealed(body[:-1], counts={"projects": 9}), "by its trailer")
    refused(sealed([*body[:-2]]), "by its trailer")
    refused(gzip.compress(b"".join([*body, body[1]])), "behind the trailer")


def test_a_log_with_a_hole_is_refused() -> None:
    refused(archive(event(1), event(3), head(3)), "event 3 follows event 1")
    refused(archive(event(1), head(2)), "its head is 2")
    refused(archive(event(2), head(2)), "events 2 to 2")
    check(io.BytesIO(archive(event(2), head(2, earliest_seq=2))))


def test_other_files_and_other_versions_are_told_apart() -> None:
    refused(b"", "empty")
    refused(b"title: a plan\n", "no backup")
    refused(gzip.compress(b"not json\n"), "no JSON")
    refused(gzip.compress(b'["a list"]\n'), "no record")
    refused(gzip.compress(b'{"kind": "header", "format": "another"}\n'), "does not begin like a backup")
    newer = [re.sub(rb'"version":1', b'"version":2', lines()[0]), *lines()[1:-1]]
    refused(sealed(newer), "upgrade this program", BackupTooNew)
    refused(sealed([lines()[0], b'{"kind":"surprise"}\n']), "unknown kind")


def test_no_label_of_the_schema_is_left_out_by_accident() -> None:
    """A release that keeps a new kind of node has to say how it is backed up."""
    text = "\n".join(migration.text for migration in psg_cypher.migrations())
    kept = set(re.findall(r"FOR \(n:(\w+)\)", text)) | set(re.findall(r"(?:MERGE|CREATE) \(:(\w+)", text))
    covered = {*ENTITIES, *MARKS, *STATUS_LABELS.values(), *RECORDS, *LEFT_OUT, "ProjectHead", "Event"}
    assert kept - covered == set()
    assert {"PsgNode", "Event", "Session", "Snapshot"} <= kept
