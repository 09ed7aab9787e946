"""The file of a backup: what was written comes back, and anything else is refused with its reason."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import os
import re
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import psg_cypher
from psg.backup import BackupInvalid, BackupTooNew, check
from psg.backup.archive import ArchiveWriter, records
from psg.backup.salvage import salvage
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
    props = {"project_id": "p", "seq": seq, "event_id": f"e{seq}", **more}
    return {"kind": "event", "labels": ["Event"], "props": props}


def node(name: str, *links: str) -> dict[str, Any]:
    edges = [{"type": "IN_PLAN", "to": link, "props": {}} for link in links]
    return {"kind": "node", "labels": ["PsgNode", "Step"], "props": {"id": name, "project_id": "p"}, "links": edges}


def head(seq: int, **more: Any) -> dict[str, Any]:
    return {"kind": "head", "props": {"id": "p", "seq": seq, "clock": 1, **more}}


CONTENT = [
    event(1), event(2, changes='{"a": "é\\n"}'), node("a"), node("b", "a"), head(2),
    event(1, project_id="q"), head(1, id="q"),
]  # fmt: skip


def archive(*content: dict[str, Any]) -> bytes:
    target = io.BytesIO()
    fill(target, *content)
    return target.getvalue()


def fill(target: io.BytesIO, *content: dict[str, Any]) -> None:
    writer = ArchiveWriter(target, HEADER)
    for record in content or CONTENT:
        writer.write([record])
        if record["kind"] == "head":
            writer.seal()
    writer.close()


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
    assert [r for r in read[1:-1] if r["kind"] != "section"] == CONTENT
    assert (read[0]["kind"], read[-1]["kind"]) == ("header", "trailer")
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
    read = [r for r in records(io.BytesIO(bytes(whole))) if r["kind"] not in ("header", "section", "trailer")]
    assert found.counts["events"] == 3 and read == CONTENT


def test_content_that_was_altered_and_packed_again_is_refused() -> None:
    body = lines()
    altered = [line.replace(b'"clock":1', b'"clock":9') for line in body]
    assert altered != body
    refused(gzip.compress(b"".join(altered)), "lines 1 to 7: section 1 is not what was written")
    refused(sealed(body[:-1], counts={"projects": 9}), "by its trailer")
    refused(sealed([*body[:-4]]), "by its trailer")
    refused(gzip.compress(b"".join([*body, body[1]])), "behind the trailer")


def test_sections_that_stand_in_another_order_or_are_missing_are_told() -> None:
    """Whole gzip members, so that nothing but their checksums can tell."""
    three = archive(event(1), head(1), event(1), head(1), event(1), head(1))
    ends = [at for at in range(len(three)) if three[at : at + 3] == b"\x1f\x8b\x08"] + [len(three)]
    one, two, third, end = (three[a:b] for a, b in pairwise(ends))
    check(io.BytesIO(one + two + third + end))
    refused(one + third + two + end, "lines 4 to 7: section 2 is not what was written")
    refused(one + third + end, "section 2 is not what was written")
    refused(two + one + third + end, "does not begin like a backup")
    refused(one + one + end, "line 5: unknown kind of record 'header'")


def test_an_archive_of_the_first_format_is_read() -> None:
    first = [re.sub(rb'"version":2', b'"version":1', lines()[0]), *(x for x in lines()[1:-1] if b'"section"' not in x)]
    found = check(io.BytesIO(sealed(first)))
    assert (found.counts["events"], found.sections) == (3, 0)


@given(st.integers(0, 10_000))
def test_a_cut_archive_is_gone_on_with_behind_its_last_whole_section(cut: int) -> None:
    data = archive()
    cut %= len(data) + 1
    found = salvage(io.BytesIO(data[:cut]))
    if found is None:
        assert cut < data.index(b"\x1f\x8b\x08", 1), "the first section is not whole"
        return
    assert found.summary.counts["projects"] == len(found.heads) == found.summary.sections in (1, 2)
    target = io.BytesIO(data[: found.end])
    target.seek(found.end)
    writer = ArchiveWriter(target, {}, going_on=(found.summary, found.digest))
    for record in CONTENT[5:] if found.summary.sections == 1 else ():
        writer.write([record])
    writer.close()
    assert target.getvalue() == data, "nobody can tell that it was interrupted"


@pytest.mark.parametrize("least", [0, 10**9], ids=["sealed behind the mark", "in one section"])
def test_what_was_written_behind_a_mark_is_taken_back_without_a_trace(least: int) -> None:
    straight, other = io.BytesIO(), io.BytesIO()
    for target in (straight, other):
        writer = ArchiveWriter(target, HEADER)
        writer.write([event(1), event(2)])
        if target is other:
            mark = writer.mark()
            writer.write([event(3)])
            writer.seal(least)
            writer.write([event(4)] * 1000)
            writer.rewind(mark)
        writer.write([event(3), head(3)])
        writer.close()
    assert other.getvalue() == straight.getvalue() and check(other).counts["events"] == 3


def test_an_unfinished_archive_that_was_altered_is_gone_on_with_before_that_only() -> None:
    data = bytearray(archive())
    whole = salvage(io.BytesIO(bytes(data)))
    assert whole is not None and len(whole.heads) == 2
    data[whole.end - 12] ^= 0x40
    found = salvage(io.BytesIO(bytes(data)))
    assert found is not None and found.summary.sections == 1
    assert salvage(io.BytesIO(b"title: a plan")) is None and salvage(io.BytesIO(b"")) is None
    old = [re.sub(rb'"version":2', b'"version":1', lines()[0]), *lines()[1:]]
    assert salvage(io.BytesIO(gzip.compress(b"".join(old)))) is None


class Narrow(io.BytesIO):
    """A disk with room for some bytes."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def write(self, data: Any) -> int:
        some = bytes(data)[: max(self.room - self.tell(), 0)]
        if not some and data:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(some)


def test_a_full_disk_at_any_byte_leaves_what_can_be_gone_on_with() -> None:
    whole = archive()
    for room in range(len(whole)):
        target = Narrow(room)
        with pytest.raises(OSError, match="No space left"):
            fill(target)
        found = salvage(target)
        assert found is None or whole[: found.end] == target.getvalue()[: found.end]
    fill(target := Narrow(len(whole)))
    assert target.getvalue() == whole


def test_a_damaged_database_is_told_by_its_backup_and_does_not_prevent_it() -> None:
    nodes = [node("a"), node("b")]
    log = [event(1, entity="a", op="link", entity_type="Step", changes="not json"), event(2, entity="b", op="create")]
    found = check(io.BytesIO(archive(*log, *nodes, head(2))), fold=True)
    assert found.folded == 2 and len(found.violations) >= 2
    assert "node a of project p: state_vs_log: its events cannot be folded" in found.violations[0]
    cut = check(io.BytesIO(archive(event(2), *nodes, head(2, earliest_seq=2))), fold=True)
    assert (cut.folded, cut.unfolded, cut.violations) == (0, 2, [])


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
    newer = [re.sub(rb'"version":2', b'"version":3', lines()[0]), *lines()[1:-1]]
    refused(sealed(newer), "upgrade this program", BackupTooNew)
    refused(sealed([lines()[0], b'{"kind":"surprise"}\n']), "unknown kind")


def test_no_label_of_the_schema_is_left_out_by_accident() -> None:
    """A release that keeps a new kind of node has to say how it is backed up."""
    text = "\n".join(migration.text for migration in psg_cypher.migrations())
    kept = set(re.findall(r"FOR \(n:(\w+)\)", text)) | set(re.findall(r"(?:MERGE|CREATE) \(:(\w+)", text))
    covered = {*ENTITIES, *MARKS, *STATUS_LABELS.values(), *RECORDS, *LEFT_OUT, "ProjectHead", "Event"}
    assert kept - covered == set()
    assert {"PsgNode", "Event", "Session", "Snapshot"} <= kept
