"""What was found and done outside, told to the graph: many at a time, each judged again behind the project's lock.

For every drift the log has first ``drift_detected`` (family external_integration), then the ``graph_update`` of what
the graph made of it (DD-35, C-21); both are in one commit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from psg.drift.conflicts import close_request, open_request
from psg.drift.dependents import mark_dependents
from psg.drift.model import MODE, Expected, Found, encode
from psg.drift.settings import DriftClass, DriftSettings, Strategy
from psg.drift.uris import parse, shown
from psg.errors import PsgError
from psg.graph import Graph
from psg.model.codec import content_hash, dumps, for_log, opened
from psg.model.ids import derived_id, new_id
from psg.write.change import Change
from psg.write.command import Command
from psg.write.writer import Locked

FAMILY = "external_integration"
DETECTED = "drift_detected"
CLAIM_MS = 30_000
BATCH = 100
BATCH_BYTES = 1_048_576


class NothingToTell(Exception):
    """Whatever was found is known, or somebody else was faster; nothing is committed."""


@dataclass(frozen=True, slots=True)
class Drift:
    """A drift that was detected: its class, what is done about it, and by which way it was noticed."""

    drift: DriftClass
    strategy: Strategy
    source: str = "scan"


@dataclass(frozen=True, slots=True)
class Move:
    """One thing to tell the graph about ``uri``; valid while its node is as ``expected`` says (``None``: not there).

    ``agreed``: both sides are as ``found`` now. ``flagged``: they differ and stay so, for ``reason``. ``conflict``:
    they differ and a person decides. ``claimed``: this process is about to write the file; others keep away meanwhile.
    ``drift`` is told when it was detected just now. ``keep`` is content that is about to be overwritten.
    """

    what: Literal["agreed", "flagged", "conflict", "claimed"]
    uri: str
    expected: Expected | None
    found: Found
    drift: Drift | None = None
    reason: str | None = None
    keep: bytes | None = None

    @property
    def weight(self) -> int:
        """Bytes of content that go with it."""
        return len(self.found.content or b"") + len(self.keep or b"")


@dataclass(slots=True)
class Recorded:
    """What became of moves: ``done`` are the uris that were committed, ``late`` those that somebody else was at.

    ``confirms`` are the requests that were opened, by uri; ``due`` the uris about whose dependents something is to be
    done.
    """

    done: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    confirms: dict[str, str] = field(default_factory=dict)
    due: list[str] = field(default_factory=list)


async def record(
    graph: Graph,
    project_id: str,
    moves: Sequence[Move],
    settings: DriftSettings,
    *,
    holder: str,
    lease_ms: int = CLAIM_MS,
    actor: str = "drift",
) -> Recorded:
    """Commit moves, at most ``BATCH`` of them.

    ``holder`` names the process that claims and writes files; for ``lease_ms`` others keep away from what it claims.
    """
    told = Recorded()
    if not moves:
        return told
    command = Command("record_drift", [[m.what, m.uri, m.found.hash] for m in moves], actor, new_id())

    async def decide(locked: Locked) -> Change:
        for kept in (told.done, told.late, told.confirms, told.due):
            kept.clear()
        return await _Recording(locked, Change(command), settings, (holder, lease_ms), told).run(moves)

    try:
        await graph.locked(project_id, command, decide)
    except NothingToTell:
        pass
    return told


class _Recording:
    """One commit."""

    def __init__(
        self, locked: Locked, change: Change, settings: DriftSettings, claims: tuple[str, int], told: Recorded
    ) -> None:
        self._locked = locked
        self._change = change
        self._settings = settings
        self._holder, self._lease_ms = claims
        self._told = told
        self._marked: list[Expected] = []

    async def run(self, moves: Sequence[Move]) -> Change:
        rows = await self._locked.read("resource_states", uris=sorted({m.uri for m in moves}))
        nodes = {row["node"]["uri"]: row for row in rows}
        tell: Mapping[str, Callable[[Move, Expected], Any]] = {
            "agreed": self._agreed, "flagged": self._flagged, "conflict": self._conflict, "claimed": self._claimed,
        }  # fmt: skip
        for move in moves:
            row = nodes.pop(move.uri, None)
            now = None if row is None else Expected.of(row["node"])
            if not self._holds(move, now):
                self._told.late.append(move.uri)
                continue
            if move.what == "agreed" and now is None:
                self._added(move)
            else:
                known = now or self._created(move)
                self._detected(move, known)
                await tell[move.what](move, known)
            self._told.done.append(move.uri)
        if not self._change.events:
            raise NothingToTell
        self._told.due += await mark_dependents(self._locked, self._change, self._marked, self._settings)
        return self._change

    def _holds(self, move: Move, now: Expected | None) -> bool:
        """Whether nobody changed it since it was looked at, and nobody is writing it."""
        if now is None or move.expected is None:
            return now is None and move.expected is None
        other = now.row.get("claimed_by") not in (None, self._holder)
        if other and (now.row.get("claimed_until") or 0) > self._locked.now_ms:
            return False
        return now.revision == move.expected.revision and now.id == move.expected.id

    def _detected(self, move: Move, known: Expected) -> None:
        if move.drift is None:
            return
        kind, root, _ = parse(move.uri)
        payload = {
            "uri": move.uri, "path": shown(move.uri), "root": root, "kind": kind, "drift": move.drift.drift,
            "strategy": move.drift.strategy, "source": move.drift.source, "outcome": move.what,
            "expected_hash": known.hash, "found_hash": move.found.hash, "reason": move.reason,
        }  # fmt: skip
        payload = {k: v for k, v in payload.items() if v is not None}
        details: dict[str, Any] = {"event": {"payload": payload, "fields": {}}}
        if move.keep is not None:
            text = encode(move.keep)
            details["overwritten"] = for_log(text)
            key = content_hash(for_log(text))
            if key is not None:
                self._change.contents[key] = text
        self._change.note(FAMILY, DETECTED, "Resource", known.id, details)

    def _added(self, move: Move) -> None:
        """Something outside that the graph did not know: it is created as it is."""
        found = move.found
        node_id = self._id(move.uri)
        self._detected(move, _unknown(node_id, move.uri))
        value = None if found.content is None else encode(found.content)
        self._change.create("Resource", node_id, {
            "uri": move.uri, "kind": parse(move.uri)[0], "hash": found.hash, "base_hash": found.hash,
            "size": found.size, "mtime_ms": found.mtime_ms, "mode": found.mode, "state": "synced", "value": value,
        })  # fmt: skip

    def _created(self, move: Move) -> Expected:
        """A node for something that the graph does not know yet, and does not take over now."""
        known = _unknown(self._id(move.uri), move.uri)
        self._change.create("Resource", known.id, {k: v for k, v in known.row.items() if k not in ("id", "revision")})
        return known

    def _id(self, uri: str) -> str:
        return derived_id("resource", self._change.command.command_id, uri)

    async def _agreed(self, move: Move, now: Expected) -> None:
        found = move.found
        after: dict[str, Any] = {
            "hash": found.hash, "base_hash": found.hash, "state": "synced", "found": None, "confirm": None,
            "mtime_ms": found.mtime_ms if found.hash else None, "mode": found.mode if found.hash else None,
            "size": found.size if found.hash else None, "payload": None,
        }  # fmt: skip
        kind = "resource_updated"
        if found.hash != now.hash:
            after["value"] = None if found.content is None else encode(found.content)
            self._marked.append(now)
        else:
            kind = "resource_synced" if now.state != "synced" or now.base_hash != now.hash else "resource_touched"
        if now.confirm is not None:
            await close_request(self._locked, self._change, now.confirm, "both sides are the same")
        self._set(now, after, kind, {"claimed_by": None, "claimed_until": None})

    async def _flagged(self, move: Move, now: Expected) -> None:
        told = {**move.found.told, "reason": move.reason}
        if now.confirm is not None:
            await close_request(self._locked, self._change, now.confirm, "it changed again")
        if move.found.hash != now.hash and (move.drift is not None or now.state == "synced"):
            self._marked.append(now)
        after = {"state": "drifted", "found": dumps(told), "confirm": None}
        self._set(now, after, "resource_drifted", {"claimed_by": None, "claimed_until": None})

    async def _conflict(self, move: Move, now: Expected) -> None:
        if now.confirm is not None:
            await close_request(self._locked, self._change, now.confirm, "it changed again")
        if move.drift is not None or now.state == "synced":
            self._marked.append(now)
        confirm = open_request(self._locked, self._change, now, move.found, move.reason or "it differs")
        told = {**move.found.told, "reason": move.reason}
        after = {"state": "conflict", "found": dumps(told), "confirm": confirm}
        self._set(now, after, "resource_conflict", {"claimed_by": None, "claimed_until": None})
        self._told.confirms[move.uri] = confirm

    async def _claimed(self, move: Move, now: Expected) -> None:
        until = self._locked.now_ms + self._lease_ms
        self._change.adjust(now.id, {"claimed_by": self._holder, "claimed_until": until})
        if move.drift is None:
            note = {"event": {"payload": {"uri": move.uri, "hash": now.hash}, "fields": {}}}
            self._change.note(FAMILY, "file_write_begun", "Resource", now.id, note)

    def _set(self, now: Expected, after: Mapping[str, Any], kind: str, operational: Mapping[str, Any]) -> None:
        """Set what differs from what is stored; the rest is no change."""
        differing = {k: v for k, v in after.items() if not _same(now.row.get(k), v)}
        before = {k: now.row.get(k) for k in differing}
        if differing:
            self._change.set("Resource", now.id, before, differing, kind=kind, operational=operational)
        elif now.row.get("claimed_by") is not None:
            self._change.adjust(now.id, operational)


def _unknown(node_id: str, uri: str) -> Expected:
    return Expected.of(
        {"id": node_id, "uri": uri, "kind": parse(uri)[0], "revision": 1, "state": "drifted", "mode": MODE}
    )


def _same(stored: Any, wanted: Any) -> bool:
    if isinstance(stored, str) and isinstance(wanted, str):
        try:
            return opened(stored) == wanted
        except PsgError:
            return False
    return bool(stored == wanted)
