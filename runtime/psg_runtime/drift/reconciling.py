"""Reconciling the two sides of tracked things: what to do is decided, told to the graph, done, and told again.

A file is only written after the graph knows that it will be (others keep away from it then), only if it is still what
was seen, and whole or not at all. Broken off anywhere, the next look at it finds where it stands.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import anyio
import structlog

import psg_cypher
from psg.drift import (
    BATCH,
    BATCH_BYTES,
    CLAIM_MS,
    MEANS,
    ChangedMeanwhile,
    ContentNotKept,
    Decided,
    Drift,
    DriftSettings,
    Expected,
    Found,
    Move,
    Recorded,
    Strategy,
    content_digest,
    decide,
    record,
    resources_by_uri,
)
from psg.errors import PsgError
from psg.graph import Graph
from psg_neo4j import faults
from psg_runtime.drift.sides import Outside

log = structlog.get_logger(__name__)

Result = Literal["nothing", "agreed", "taken", "written", "merged", "conflict", "flagged", "late"]


@dataclass(frozen=True, slots=True)
class Difference:
    """A tracked thing and what was found of it; ``expected`` is ``None`` for what the graph does not know."""

    uri: str
    expected: Expected | None
    found: Found


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a difference: ``drift`` is its class when there was one, ``hash`` what the graph expects now.

    ``result``: ``taken`` into the graph, ``written`` outside, ``merged`` into both, put to a person as a ``conflict``
    (``confirm``), ``flagged`` for a ``reason``, or ``late``: somebody else was at it, and looking again tells more.
    """

    uri: str
    result: Result
    drift: str | None = None
    strategy: str | None = None
    hash: str | None = None
    reason: str | None = None
    confirm: str | None = None


@dataclass(slots=True)
class _Work:
    """One difference on its way: the first move, and what is then to be written."""

    difference: Difference
    decided: Decided
    move: Move
    result: Result
    content: bytes | None = None
    writes: bool = False
    reason: str | None = None


class Reconciler:
    """Reconciles files or refs of one tracked directory with the graph; any number of processes may do so at once."""

    def __init__(
        self, graph: Graph, project_id: str, outside: Outside, settings: DriftSettings, *, holder: str, actor: str,
        lease_ms: int = CLAIM_MS,
    ) -> None:  # fmt: skip
        self._graph = graph
        self._project_id = project_id
        self._outside = outside
        self._settings = settings
        self._holder = holder
        self._actor = actor
        self._lease_ms = lease_ms
        self.due: set[str] = set()
        """Uris whose dependents something is to be done about because of what was reconciled."""

    async def reconcile(
        self, differences: Sequence[Difference], *, source: str = "scan", forced: Strategy | None = None
    ) -> list[Outcome]:
        """Reconcile differences, as their class or ``forced`` says, in batches; one outcome for each."""
        outcomes: list[Outcome] = []
        batch: list[Difference] = []
        size = 0
        for difference in differences:
            weight = len(difference.found.content or b"")
            if batch and (len(batch) == BATCH or size + weight > BATCH_BYTES):
                outcomes += await self._batch(batch, source, forced)
                batch, size = [], 0
            batch.append(difference)
            size += weight
        return outcomes + (await self._batch(batch, source, forced) if batch else [])

    async def _batch(
        self, differences: Sequence[Difference], source: str, forced: Strategy | None
    ) -> list[Outcome]:
        works: dict[str, _Work] = {}
        outcomes: list[Outcome] = []
        for difference in differences:
            work = await self._work(difference, source, forced)
            if work is None:
                known = difference.expected
                outcomes.append(Outcome(difference.uri, "nothing", hash=known.hash if known else None))
            else:
                works[difference.uri] = work
        with anyio.CancelScope(shield=True):  # whoever is told to stop finishes what it began to write
            until = time.monotonic() + self._lease_ms / 1000
            told = await self._record([w.move for w in works.values()])
            late = set(told.late)
            await self._write([w for uri, w in works.items() if w.writes and uri not in late], late, until)
        return outcomes + [_outcome(w, told, late) for w in works.values()]

    async def _record(self, moves: Sequence[Move]) -> Recorded:
        told = await record(
            self._graph, self._project_id, moves, self._settings, holder=self._holder, lease_ms=self._lease_ms,
            actor=self._actor,
        )  # fmt: skip
        self.due.update(told.due)
        return told

    # Before anything is written

    async def _work(self, difference: Difference, source: str, forced: Strategy | None) -> _Work | None:
        """What is to be done about a difference; ``None``: nothing, or nothing more than was done already."""
        expected, found = difference.expected, difference.found
        if found.fault is not None:
            return self._fault(difference, forced)
        chosen = forced
        if forced is None and expected is not None and self._seen(expected, found):
            standing = await self._standing(expected)
            if standing == "cancelled":
                return self._flag(difference, Decided("nothing"), "left")
            if standing not in MEANS:
                return None
            chosen, source = MEANS[standing], "decision"
        decided = decide(expected, found, self._settings, chosen)
        if decided.verdict == "nothing":
            return None
        if decided.verdict == "agree":
            return _Work(difference, decided, Move("agreed", difference.uri, expected, found), "agreed")
        drift = None
        if decided.verdict == "reconcile" and decided.drift and decided.strategy:
            drift = Drift(decided.drift, decided.strategy, source)
        if decided.strategy == "fs_wins":
            return _Work(difference, decided, Move("agreed", difference.uri, expected, found, drift), "taken")
        if decided.strategy == "manual":
            reason = "both sides changed" if decided.both else f"it was {decided.drift}"
            return self._conflict(difference, decided, drift, reason)
        if decided.strategy == "merge":
            return await self._merge(difference, decided, drift)
        return self._restore(difference, decided, drift)

    def _fault(self, difference: Difference, forced: Strategy | None) -> _Work | None:
        expected, fault = difference.expected, difference.found.fault
        if expected is None or (fault == "busy" and forced is None):
            return None
        if forced is None and expected.found is not None and expected.found.get("fault") == fault:
            return None
        return self._flag(difference, Decided("reconcile", "modified", "manual"), fault or "")

    @staticmethod
    def _seen(expected: Expected, found: Found) -> bool:
        """Whether this very difference is known and was put aside or to a person."""
        told = expected.found
        if expected.state not in ("drifted", "conflict") or told is None or "hash" not in told:
            return False
        return bool(told["hash"] == found.hash and told.get("fault") is None and told.get("reason") != "late")

    async def _standing(self, expected: Expected) -> str | None:
        """How the request about a conflict stands; ``None`` where there is none."""
        if expected.state != "conflict" or expected.confirm is None:
            return None
        row = await self._graph.db.read_one(
            psg_cypher.statement("confirm_state"), project_id=self._project_id, confirm_id=expected.confirm
        )
        return "cancelled" if row is None or row["deleted"] else str(row["status"])

    def _flag(self, difference: Difference, decided: Decided, reason: str, drift: Drift | None = None) -> _Work:
        move = Move("flagged", difference.uri, difference.expected, difference.found, drift, reason)
        return _Work(difference, decided, move, "flagged", reason=reason)

    def _conflict(self, difference: Difference, decided: Decided, drift: Drift | None, reason: str) -> _Work:
        move = Move("conflict", difference.uri, difference.expected, difference.found, drift, reason)
        return _Work(difference, decided, move, "conflict", reason=reason)

    async def _merge(self, difference: Difference, decided: Decided, drift: Drift | None) -> _Work:
        expected, found = difference.expected, difference.found
        if expected is None or expected.hash is None or found.hash is None:
            return self._conflict(difference, decided, drift, f"it was {decided.drift} and cannot be merged")
        merged = await self._outside.merged(expected, found)
        if merged.content is None:
            return self._conflict(difference, decided, drift, merged.reason or "it cannot be merged")
        if len(merged.content) > self._settings.content_bytes:
            return self._conflict(difference, decided, drift, "both sides changed and the merge is too large to keep")
        move = Move("claimed", difference.uri, expected, found, drift, keep=found.content)
        return _Work(difference, decided, move, "merged", merged.content, writes=True)

    def _restore(self, difference: Difference, decided: Decided, drift: Drift | None) -> _Work:
        expected, found = difference.expected, difference.found
        try:
            content = None if expected is None else self._outside.wanted(expected)
        except ContentNotKept as error:
            return self._flag(difference, decided, error.code, drift)
        is_file = difference.uri.startswith("file:")
        if is_file and drift is not None and found.hash is not None and found.content is None:
            return self._flag(difference, decided, "too_large_to_keep", drift)
        keep = found.content if drift is not None else None
        move = Move("claimed", difference.uri, expected, replace(found, content=None), drift, keep=keep)
        return _Work(difference, decided, move, "written", content, writes=True)

    # Writing

    async def _write(self, works: Sequence[_Work], late: set[str], until: float) -> None:
        """Write what was claimed, as long as the claim holds, and tell how it went."""
        if not works:
            return
        uris = [w.difference.uri for w in works]
        fresh = await resources_by_uri(self._graph.db, self._project_id, uris)
        moves = []
        for work in works:
            uri, expected, known = work.difference.uri, work.difference.expected, fresh.get(work.difference.uri)
            faults.at("drift_claimed", uri)
            changed = known is None or known.revision != (expected.revision if expected else 1)
            if changed or time.monotonic() > until:  # in the graph since; or somebody else may be at it by now
                late.add(uri)
                continue
            moves.append(await self._put(work, known))
            faults.at("drift_written", uri)
        told = await self._record(moves)
        late.update(told.late)

    async def _put(self, work: _Work, known: Expected | None) -> Move:
        difference = work.difference
        uri, found = difference.uri, difference.found
        mode = found.mode if found.hash is not None else (known.mode if known else found.mode)
        try:
            written = await self._outside.put(uri, work.content, mode, found.hash)
        except PsgError as error:
            work.result, work.reason = "flagged", error.code
            log.warning("drift_not_written", uri=uri, code=error.code, error=str(error))
            reason = "late" if isinstance(error, ChangedMeanwhile) else error.code
            return Move("flagged", uri, known, replace(found, content=None), None, reason)
        return Move("agreed", uri, known, written)


def _outcome(work: _Work, told: Recorded, late: set[str]) -> Outcome:
    difference, decided = work.difference, work.decided
    uri, before = difference.uri, difference.expected
    if uri in late:
        return Outcome(uri, "late", decided.drift, decided.strategy, before.hash if before else None)
    now: str | None = before.hash if before else None
    if work.result in ("taken", "agreed"):
        now = difference.found.hash
    if work.result == "merged" and work.content is not None:
        now = work.content.decode() if uri.startswith("git:") else content_digest(work.content)
    return Outcome(
        uri, work.result, decided.drift, decided.strategy, now, work.reason, told.confirms.get(uri)
    )
