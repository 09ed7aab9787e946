"""Reading a backup to its last byte: counts, checksums, logs without a gap, and nodes that are what their log says."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import BinaryIO

from psg.audit.facts import Facts
from psg.audit.history import check_log
from psg.backup.archive import COUNTED, FORMAT, VERSION, Record, Summary, lines
from psg.backup.errors import BackupInvalid, BackupTooNew

FOLDED_EVENTS = 500_000
"""Of one project, at most: they are held in memory while its nodes are compared with them."""
TOLD_EVERY = 10_000
TOLD_VIOLATIONS = 100
_TOLD = ("seq", "op", "entity", "entity_type", "changes", "family", "revision", "node_delta", "edge_delta")

Progress = Callable[[Mapping[str, int], Mapping[str, int]], object]


def check(source: BinaryIO, *, fold: bool = False, progress: Progress | None = None) -> Summary:
    """Read an archive from its beginning to its end and return what is in it.

    With ``fold`` the events of each project are folded as well and its nodes compared with what they come to, except of
    a project whose log was cut by retention or has more than 500,000 events; differences are ``violations``, since they
    may have been in the database. Raises ``BackupInvalid`` when the archive is not exactly what was written, telling
    where; ``BackupTooNew`` for a format of a later release.
    """
    reading = _Reading(fold)
    for number, (record, line) in enumerate(lines(source), start=1):
        reading.line(number, record, line)
        if progress is not None and number % TOLD_EVERY == 0:
            progress(reading.found.counts, reading.estimate)
    return reading.end()


class _Reading:
    """One archive, line by line."""

    def __init__(self, fold: bool) -> None:
        self.found = Summary()
        self.estimate: Mapping[str, int] = {}
        self._digest = hashlib.sha256()
        self._log = _Log()
        self._fold = _Fold(self.found) if fold else None
        self._trailer: Record | None = None
        self._sealed = 1
        """The line behind the last section."""

    def line(self, number: int, record: Record, line: bytes) -> None:
        if self._trailer is not None:
            raise BackupInvalid(f"line {number}: there is something behind the trailer")
        try:
            if number == 1:
                self._header(record)
            elif record.get("kind") == "trailer":
                self._trailer = record
                return
            elif record.get("kind") == "section":
                self._section(record, number)
            elif record.get("kind") in COUNTED:
                self._content(record, number)
            else:
                raise BackupInvalid(f"line {number}: unknown kind of record {record.get('kind')!r}")
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise BackupInvalid(f"line {number}: it is no record as a backup has them") from error
        self._digest.update(line)

    def end(self) -> Summary:
        found, trailer = self.found, self._trailer
        if trailer is None:
            raise BackupInvalid("it has no trailer: the file was cut off, or the backup did not come to its end")
        found.sha256 = self._digest.hexdigest()
        if found.sha256 != trailer.get("sha256"):
            raise BackupInvalid(
                f"behind line {self._sealed} its checksum is another one than that of what was written: the file was "
                "altered"
            )
        if found.counts != trailer.get("counts"):
            raise BackupInvalid(f"it holds {found.counts}, by its trailer {trailer.get('counts')}")
        if self._log.open:
            raise BackupInvalid("its last project has no head: the backup did not come to its end")
        found.keys = list(trailer.get("keys", found.keys))
        return found

    def _header(self, record: Record) -> None:
        if record.get("kind") != "header" or record.get("format") != FORMAT:
            raise BackupInvalid("it does not begin like a backup of this platform")
        if record["version"] > VERSION:
            raise BackupTooNew(
                f"it has the format {record['version']}, this release knows {VERSION}; upgrade this program"
            )
        self.found.migrations, self.found.created_ms = list(record["migrations"]), record["created_ms"]
        self.found.keys = list(record.get("keys", ()))
        self.estimate = record.get("estimate", {})

    def _section(self, record: Record, number: int) -> None:
        self.found.sections += 1
        if record["number"] != self.found.sections or record["sha256"] != self._digest.hexdigest():
            raise BackupInvalid(
                f"lines {self._sealed} to {number}: section {self.found.sections} is not what was written: it was "
                "altered, or sections are missing or in another order",
                section=self.found.sections, line=number,
            )  # fmt: skip
        self._sealed = number

    def _content(self, record: Record, number: int) -> None:
        self.found.count(record)
        self._log.add(record, number)
        if self._fold is not None:
            self._fold.add(record, number)


class _Log:
    """Checks that each project's events lead without a gap to its head."""

    def __init__(self) -> None:
        self._first: int | None = None
        self._last = 0
        self.open = False

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
        self.open = self._first is not None


class _Fold:
    """Compares the nodes of each project, which come behind its events, with what those come to."""

    def __init__(self, found: Summary) -> None:
        self._found = found
        self._forget()

    def _forget(self) -> None:
        self._events: dict[str, list[Record]] = {}
        self._first: int | None = None
        self._count = 0

    def add(self, record: Record, number: int) -> None:
        props = record["props"]
        if record["kind"] == "event":
            self._first = props["seq"] if self._first is None else self._first
            self._count += 1
            if self._count <= FOLDED_EVENTS:
                self._events.setdefault(props.get("entity"), []).append({name: props.get(name) for name in _TOLD})
        elif record["kind"] == "node":
            self._compare(record, number)
        elif record["kind"] == "head":
            self._forget()

    def _compare(self, node: Record, number: int) -> None:
        if self._first != 1 or self._count > FOLDED_EVENTS:
            self._found.unfolded += 1
            return
        props = node["props"]
        links = [{"type": x["type"], "id": x["to"], "at": x["props"].get("at")} for x in node["links"]]
        row = {"id": props["id"], "labels": node["labels"], "props": props, "links": links}
        row["events"] = self._events.get(props["id"], [])
        self._found.folded += 1
        if len(self._found.violations) >= TOLD_VIOLATIONS:
            return
        try:
            findings = list(check_log(Facts(props["project_id"], row, 0, None)))
        except Exception as error:  # a damaged database is worth a backup too
            findings = [("state_vs_log", f"its events cannot be folded ({type(error).__name__})")]
        told = f"line {number}: node {props['id']} of project {props['project_id']}"
        self._found.violations += [f"{told}: {kind}: {message}" for kind, message in findings]
