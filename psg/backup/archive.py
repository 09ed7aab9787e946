"""The format of a backup: gzip of JSON lines, a header first, a trailer with counts and checksum last.

::

    {"kind": "header", "format": "psg-backup", "version": 2, "migrations": ["0001", …], "created_ms": …, …}
    {"kind": "event", "labels": [...], "props": {...}}
    {"kind": "node", "labels": [...], "props": {...}, "links": [{"type": …, "to": …, "props": {...}}]}
    {"kind": "record", "labels": [...], "props": {...}}
    {"kind": "head", "props": {"id": …, "seq": …, "clock": …}}          ends the project
    {"kind": "section", "number": 1, "sha256": …}                       of every byte before this line, uncompressed
    …
    {"kind": "trailer", "counts": {...}, "keys": [...], "sha256": …}    of every byte before this line, uncompressed

A section ends where a backup can be gone on with: behind a project, or behind events whose project goes on. Each is
a gzip member of its own, so that a file that was cut off holds every section before the cut (``psg.backup.salvage``).
Version 1 had one member and no sections. The streams are opened by the caller; nothing here knows of files.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast

import orjson

from psg.backup.errors import BackupInvalid

FORMAT, VERSION = "psg-backup", 2
LEVEL = 4
"""Of gzip: a third slower than 1 and a third smaller; more costs time while writers wait."""
GZIP = 16 + zlib.MAX_WBITS
MAX_LINE = 256 * 1024 * 1024
SECTION_BYTES = 4 * 1024 * 1024
"""Of JSON, about; what an interruption costs at most, beside the project that is read behind its lock."""
COUNTED = {"node": "nodes", "event": "events", "record": "records", "head": "projects"}

Record = dict[str, Any]


@dataclass(slots=True)
class Summary:
    """What a backup holds: ``counts`` of projects, nodes, links, events and records; ``migrations`` of its schema.

    ``keys`` are the ids of the keys that its payloads are encrypted with: they are in it as they are stored.
    ``sections`` are its parts with a checksum each. ``resumed`` tells, of a backup just made, that it went on with an
    unfinished one; ``folded`` how many nodes were compared with the log, ``unfolded`` of how many it does not tell any
    more, or was too long; ``violations`` the first hundred differences.
    """

    migrations: list[str] = field(default_factory=list)
    created_ms: int = 0
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("projects", "nodes", "links", "events", "records"), 0)
    )
    sha256: str = ""
    keys: list[str] = field(default_factory=list)
    sections: int = 0
    resumed: bool = False
    folded: int = 0
    unfolded: int = 0
    violations: list[str] = field(default_factory=list)

    def count(self, record: Record) -> None:
        """Add one record."""
        self.counts[COUNTED[record["kind"]]] += 1
        self.counts["links"] += len(record.get("links", ()))


@dataclass(frozen=True, slots=True)
class Mark:
    """How far an archive was written at a moment, so that what came behind it can be taken back."""

    end: int
    summary: Summary
    digest: Any
    packer: Any
    open: int


class ArchiveWriter:
    """Writes records to a binary stream; ``close`` writes the trailer, without which the file is no backup.

    With ``going_on`` (summary and digest of what the stream holds up to where it stands) the header is there already.
    """

    def __init__(self, target: BinaryIO, header: Record, *, going_on: tuple[Summary, Any] | None = None) -> None:
        self._target = target
        self._packer = self._new_member()
        self._open = 0
        if going_on is not None:
            self.summary, self._hash = going_on
            return
        self.summary = Summary(
            migrations=header["migrations"], created_ms=header["created_ms"], keys=header.get("keys", [])
        )
        self._hash = hashlib.sha256()
        self._put([{"kind": "header", "format": FORMAT, "version": VERSION, **header}])

    def write(self, records: Sequence[Record]) -> None:
        """Append records. Raises OSError where the stream does; what was sealed before stays readable."""
        for record in records:
            self.summary.count(record)
        self._put(records)

    def seal(self, least: int = 0) -> None:
        """End the section, when it has ``least`` bytes, and make sure that it is on the disk."""
        if self._open <= least:
            return
        self.summary.sections += 1
        self._put([{"kind": "section", "number": self.summary.sections, "sha256": self._hash.hexdigest()}])
        self._end_member()

    def mark(self) -> Mark:
        """Where the archive is now, for ``rewind``."""
        return Mark(
            self._target.tell(), deepcopy(self.summary), self._hash.copy(), self._packer.copy(), self._open
        )  # fmt: skip

    def rewind(self, mark: Mark) -> None:
        """Take back what was written behind a mark; once for each mark."""
        self._target.seek(mark.end)
        self._target.truncate()
        self.summary, self._hash, self._packer, self._open = mark.summary, mark.digest, mark.packer, mark.open

    def close(self, keys: Sequence[str] = ()) -> Summary:
        """End the archive and tell what is in it; the target stays open."""
        self.seal()
        summary = self.summary
        summary.keys = [*summary.keys, *(key for key in keys if key not in summary.keys)]
        summary.sha256 = self._hash.hexdigest()
        trailer = {"kind": "trailer", "counts": summary.counts, "keys": summary.keys, "sha256": summary.sha256}
        self._put([trailer])
        self._end_member()
        return summary

    def _put(self, records: Sequence[Record]) -> None:
        packed = []
        for record in records:
            line = orjson.dumps(record) + b"\n"
            self._hash.update(line)
            self._open += len(line)
            packed.append(self._packer.compress(line))
        self._send(b"".join(packed))

    def _end_member(self) -> None:
        self._send(self._packer.flush())
        self._target.flush()
        try:
            number = self._target.fileno()
        except (AttributeError, io.UnsupportedOperation):
            pass  # in memory
        else:
            os.fsync(number)
        self._packer, self._open = self._new_member(), 0

    def _send(self, data: bytes) -> None:
        left = memoryview(data)
        while left:  # an unbuffered file may take less than all of it
            left = left[self._target.write(left) :]

    @staticmethod
    def _new_member() -> Any:
        # No name and no time in it: the same content gives the same file.
        return zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP)


def records(source: BinaryIO) -> Iterator[Record]:
    """Yield every record from the beginning of ``source``, header, sections and trailer too.

    Raises ``BackupInvalid`` where the file cannot be read on: cut off, altered, or something else altogether.
    """
    yield from (record for record, _ in lines(source))


def lines(source: BinaryIO) -> Iterator[tuple[Record, bytes]]:
    """Yield every record with the bytes of its line. Raises ``BackupInvalid``."""
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
