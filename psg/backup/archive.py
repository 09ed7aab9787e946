"""The format of a backup: gzip of JSON lines, a header first, a trailer with counts and checksum last.

::

    {"kind": "header", "format": "psg-backup", "version": 1, "migrations": ["0001", …], "created_ms": …, …}
    {"kind": "event", "labels": [...], "props": {...}}
    {"kind": "node", "labels": [...], "props": {...}, "links": [{"type": …, "to": …, "props": {...}}]}
    {"kind": "record", "labels": [...], "props": {...}}
    {"kind": "head", "props": {"id": …, "seq": …, "clock": …}}          ends the project
    {"kind": "trailer", "counts": {...}, "sha256": …}                   of every byte before this line, uncompressed

The streams are opened by the caller; nothing here knows of files.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast

import orjson

from psg.backup.errors import BackupInvalid, BackupTooNew

FORMAT, VERSION = "psg-backup", 1
LEVEL = 4
"""Of gzip: a third slower than 1 and a third smaller; more costs time while writers wait."""
MAX_LINE = 256 * 1024 * 1024
COUNTED = {"node": "nodes", "event": "events", "record": "records", "head": "projects"}

Record = dict[str, Any]


@dataclass(slots=True)
class Summary:
    """What a backup holds: ``counts`` of projects, nodes, links, events and records; ``migrations`` of its schema.

    ``keys`` are the ids of the keys that its payloads are encrypted with: they are in it as they are stored.
    """

    migrations: list[str] = field(default_factory=list)
    created_ms: int = 0
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("projects", "nodes", "links", "events", "records"), 0)
    )
    sha256: str = ""
    keys: list[str] = field(default_factory=list)

    def count(self, record: Record) -> None:
        """Add one record."""
        self.counts[COUNTED[record["kind"]]] += 1
        self.counts["links"] += len(record.get("links", ()))


class ArchiveWriter:
    """Writes records to a binary stream; ``close`` writes the trailer, without which the file is no backup."""

    def __init__(self, target: BinaryIO, header: Record) -> None:
        self.summary = Summary(
            migrations=header["migrations"], created_ms=header["created_ms"], keys=header.get("keys", [])
        )
        self._hash = hashlib.sha256()
        # No name and no time in it: the same content gives the same file.
        self._stream = gzip.GzipFile(filename="", fileobj=target, mode="wb", compresslevel=LEVEL, mtime=0)
        self._put({"kind": "header", "format": FORMAT, "version": VERSION, **header})

    def write(self, records: Sequence[Record]) -> None:
        """Append records."""
        for record in records:
            self.summary.count(record)
            self._put(record)

    def close(self) -> Summary:
        """End the archive and tell what is in it; the target stays open."""
        self.summary.sha256 = self._hash.hexdigest()
        self._put({"kind": "trailer", "counts": self.summary.counts, "sha256": self.summary.sha256})
        self._stream.close()
        return self.summary

    def _put(self, record: Record) -> None:
        line = orjson.dumps(record) + b"\n"
        self._hash.update(line)
        self._stream.write(line)


def records(source: BinaryIO) -> Iterator[Record]:
    """Yield every record from the beginning of ``source``, header and trailer too.

    Raises ``BackupInvalid`` where the file cannot be read on: cut off, altered, or something else altogether.
    """
    yield from (record for record, _ in _lines(source))


def check(source: BinaryIO) -> Summary:
    """Read an archive from its beginning to its end and return what is in it.

    Raises ``BackupInvalid`` when it is not exactly what was written, ``BackupTooNew`` for a format of a later release.
    """
    digest, found, log = hashlib.sha256(), Summary(), _Log()
    trailer: Record | None = None
    for number, (record, line) in enumerate(_lines(source), start=1):
        if trailer is not None:
            raise BackupInvalid(f"line {number}: there is something behind the trailer")
        if record.get("kind") == "trailer" and number > 1:
            trailer = record
            continue
        try:
            _one(record, number, found, log)
        except (KeyError, TypeError, AttributeError) as error:
            raise BackupInvalid(f"line {number}: it is no record as a backup has them") from error
        digest.update(line)
    if trailer is None:
        raise BackupInvalid("it has no trailer: the file was cut off, or the backup did not come to its end")
    found.sha256 = digest.hexdigest()
    if found.sha256 != trailer.get("sha256"):
        raise BackupInvalid("its checksum is another one than that of what was written: the file was altered")
    if found.counts != trailer.get("counts"):
        raise BackupInvalid(f"it holds {found.counts}, by its trailer {trailer.get('counts')}")
    return found


def _one(record: Record, number: int, found: Summary, log: _Log) -> None:
    kind = record.get("kind")
    if number == 1:
        _header(record, found)
    elif kind in COUNTED:
        found.count(record)
        log.add(record, number)
    else:
        raise BackupInvalid(f"line {number}: unknown kind of record {kind!r}")


def _header(record: Record, found: Summary) -> None:
    if record.get("kind") != "header" or record.get("format") != FORMAT:
        raise BackupInvalid("it does not begin like a backup of this platform")
    if record["version"] > VERSION:
        raise BackupTooNew(f"it has the format {record['version']}, this release knows {VERSION}; upgrade this program")
    found.migrations, found.created_ms = record["migrations"], record["created_ms"]
    found.keys = list(record.get("keys", ()))


class _Log:
    """Checks that each project's events lead without a gap to its head."""

    def __init__(self) -> None:
        self._first: int | None = None
        self._last = 0

    def add(self, record: Record, number: int) -> None:
        props = record["props"]
        if record["kind"] == "event":
            if self._first is not None and props["seq"] != self._last + 1:
                raise BackupInvalid(f"line {number}: event {props['seq']} follows event {self._last}")
            self._first = props["seq"] if self._first is None else self._first
            self._last = props["seq"]
        elif record["kind"] == "head":
            if self._last != props["seq"] or (self._first or 0) > props.get("earliest_seq", 1):
                raise BackupInvalid(
                    f"line {number}: the log of project {props['id']} has the events {self._first} to {self._last}, "
                    f"its head is {props['seq']}"
                )
            self._first, self._last = None, 0


def _lines(source: BinaryIO) -> Iterator[tuple[Record, bytes]]:
    source.seek(0)
    number = 0
    try:
        stream = cast(BinaryIO, gzip.GzipFile(fileobj=source, mode="rb"))
        while line := stream.readline(MAX_LINE):
            number += 1
            record = orjson.loads(line)
            if not isinstance(record, dict) or not line.endswith(b"\n"):
                raise BackupInvalid(f"line {number}: no record")
            yield record, line
    except EOFError as error:
        raise BackupInvalid(f"it is cut off behind line {number}") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise BackupInvalid(f"it is no backup, or it was altered behind line {number}: {error}") from error
    except orjson.JSONDecodeError as error:
        raise BackupInvalid(f"line {number}: no JSON: {error}") from error
    if number == 0:
        raise BackupInvalid("it is empty")
