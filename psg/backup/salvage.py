"""What an unfinished backup still holds: its whole sections, so that the next one goes on behind them."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

import orjson

from psg.backup.archive import FORMAT, GZIP, VERSION, Record, Summary

CHUNK = 1024 * 1024


@dataclass(slots=True)
class Salvaged:
    """The whole sections of an unfinished backup, which end at byte ``end`` of its file.

    ``heads`` are the projects that are whole, with the number of their last event; ``open_project`` the one whose
    events from ``open_first`` on were begun, up to ``open_seq``. ``last_events`` are the ids of the last event of each.
    """

    end: int
    summary: Summary
    digest: Any
    heads: dict[str, int] = field(default_factory=dict)
    last_events: dict[str, str] = field(default_factory=dict)
    open_project: str | None = None
    open_first: int = 0
    open_seq: int = 0


def salvage(source: BinaryIO) -> Salvaged | None:
    """Return what can be gone on with; None when not even the first section is whole.

    Every section is checked against its checksum, so that nothing that was altered meanwhile is gone on with.
    """
    reading = _Reading()
    for end, content in _members(source):
        try:
            for line in content.splitlines(keepends=True):
                if not reading.line(line, end):
                    return reading.salvaged
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            break
    return reading.salvaged


class _Reading:
    """Follows the lines; what they come to counts from one end of a section to the next."""

    def __init__(self) -> None:
        self.salvaged: Salvaged | None = None
        self._now = Salvaged(0, Summary(), hashlib.sha256())
        self._heads: dict[str, int] = {}
        self._last: dict[str, str] = {}

    def line(self, line: bytes, end: int) -> bool:
        """Take the next line of a member that ends at ``end``; False where nothing behind it counts."""
        record: Record = orjson.loads(line)
        now, kind = self._now, record["kind"]
        if kind == "header":
            if record["format"] != FORMAT or record["version"] != VERSION:
                return False
            now.summary = Summary(record["migrations"], record["created_ms"], keys=list(record.get("keys", ())))
        elif kind == "trailer":  # it only did not get its name: what came since is added
            return False
        elif kind == "section":
            if record["number"] != now.summary.sections + 1 or record["sha256"] != now.digest.hexdigest():
                return False
            now.summary.sections += 1
        else:
            self._content(record)
        now.digest.update(line)
        if kind == "section":
            self._keep(end)
        return True

    def _content(self, record: Record) -> None:
        now, props = self._now, record["props"]
        now.summary.count(record)
        if record["kind"] == "event":
            if now.open_project is None:
                now.open_first = props["seq"]
            now.open_project, now.open_seq = props["project_id"], props["seq"]
            self._last[props["project_id"]] = props["event_id"]
        elif record["kind"] == "head":
            self._heads[props["id"]] = props["seq"]
            now.open_project, now.open_first, now.open_seq = None, 0, 0

    def _keep(self, end: int) -> None:
        before = self.salvaged
        heads, last = ({}, {}) if before is None else (before.heads, before.last_events)
        heads.update(self._heads)
        last.update(self._last)
        self._heads, self._last = {}, {}
        now = self._now
        self.salvaged = replace(
            now, end=end, summary=deepcopy(now.summary), digest=now.digest.copy(), heads=heads, last_events=last
        )


def _members(source: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield the content of each whole gzip member with the byte at which it ends."""
    source.seek(0)
    at, left = 0, b""
    while True:
        unpacker, parts = zlib.decompressobj(GZIP), []
        while not unpacker.eof:
            data = left or source.read(CHUNK)
            if not data:
                return
            left = b""
            try:
                parts.append(unpacker.decompress(data))
            except zlib.error:
                return
            at += len(data)
        left = unpacker.unused_data
        at -= len(left)
        yield at, b"".join(parts)
