"""A scan: what is outside and what the graph expects, side by side in the order of their uris (L3-51, DD-59).

Both are read as streams, so that a hundred thousand files need no more memory than a page of each.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice

import anyio

from psg.drift import (
    ABSENT,
    BATCH,
    BATCH_BYTES,
    DriftSettings,
    Expected,
    Found,
    below,
    decide,
    ref_uri,
    resources_by_uri,
)
from psg.graph import Graph
from psg_runtime.drift.reconciling import Difference, Outcome, Reconciler
from psg_runtime.drift.sides import Files, GitRefs
from psg_runtime.drift.walking import Entry, walk

PAGE = 250
NAMED = 50

Progress = Callable[["ScanReport"], object]
Pair = tuple[str, Expected | None, Entry | None]
Differing = tuple[str, Expected | None, int]


@dataclass(slots=True)
class ScanReport:
    """What a scan saw and did.

    ``seen`` tracked things, ``added``, ``modified``, ``deleted`` of them had drifted; ``results`` counts what became of
    them (``taken``, ``written``, ``merged``, ``conflict``, ``flagged``, ``late``, ``agreed``). ``skipped`` are links
    and other things that are no files, ``closed`` directories that could not be read (nothing in them is taken for
    deleted). ``outcomes`` are the first of all outcomes, ``hash`` that of the whole directory as the graph has it.
    """

    seen: int = 0
    added: int = 0
    modified: int = 0
    deleted: int = 0
    skipped: int = 0
    closed: list[str] = field(default_factory=list)
    results: dict[str, int] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    hash: str | None = None

    @property
    def drifted(self) -> int:
        """How many had drifted."""
        return self.added + self.modified + self.deleted

    def count(self, outcome: Outcome) -> None:
        """Add an outcome."""
        if outcome.result == "nothing":
            return
        if outcome.drift is not None:
            setattr(self, outcome.drift, getattr(self, outcome.drift) + 1)
        self.results[outcome.result] = self.results.get(outcome.result, 0) + 1
        if len(self.outcomes) < NAMED:
            self.outcomes.append(outcome)


class Scan:
    """One pass over the files of a tracked directory, and over its git refs where those are tracked."""

    def __init__(
        self, graph: Graph, project_id: str, root: str, settings: DriftSettings, files: Files, refs: GitRefs
    ) -> None:
        self._graph = graph
        self._project_id = project_id
        self._root = root
        self._settings = settings
        self._files = files
        self._refs = refs
        self._digest = sha256()
        self.report = ScanReport()
        self.dependents_due: list[str] = []

    async def run(self, on_files: Reconciler, on_refs: Reconciler, progress: Progress | None) -> ScanReport:
        """Compare and reconcile everything; ``progress`` is called after each page."""
        page: list[Pair] = []
        async with aclosing(self._pairs()) as pairs:
            async for pair in pairs:
                page.append(pair)
                if len(page) == PAGE:
                    await self._page(page, on_files)
                    page = []
                    if progress is not None:
                        progress(self.report)
        await self._page(page, on_files)
        await self._git(on_refs)
        self.report.hash = self._digest.hexdigest()
        if progress is not None:
            progress(self.report)
        return self.report

    async def _pairs(self) -> AsyncGenerator[Pair]:
        """Merge the two sorted streams; what lies in a directory that cannot be read is left out of both."""
        closed: str | None = None
        async with (
            aclosing(below(self._graph.db, self._project_id, "file", self._root)) as expected,
            aclosing(self._entries()) as entries,
        ):
            known = await anext(expected, None)
            async for entry in entries:
                uri = f"file:{self._root}/{entry.place}"
                while known is not None and known.uri < uri:
                    if closed is None or not known.uri.startswith(closed):
                        yield known.uri, known, None
                    known = await anext(expected, None)
                if entry.kind == "closed":
                    closed = uri
                    self._closed(entry)
                elif known is not None and known.uri == uri:
                    yield uri, known, entry
                    known = await anext(expected, None)
                elif entry.kind == "other":
                    self.report.skipped += 1
                else:
                    yield uri, None, entry
            while known is not None:
                if closed is None or not known.uri.startswith(closed):
                    yield known.uri, known, None
                known = await anext(expected, None)

    def _closed(self, entry: Entry) -> None:
        if len(self.report.closed) < NAMED:
            self.report.closed.append(entry.path.decode(errors="backslashreplace"))

    async def _entries(self) -> AsyncGenerator[Entry]:
        walking = walk(self._files.tree, self._files.selection)
        try:
            while chunk := await anyio.to_thread.run_sync(_chunk, walking):
                for entry in chunk:
                    yield entry
        finally:
            walking.close()

    async def _page(self, pairs: Sequence[Pair], reconciler: Reconciler) -> None:
        """Hash a page of files, and reconcile those that are not as the graph has them."""
        found = await anyio.to_thread.run_sync(self._look, pairs)
        differing: list[Differing] = []
        for (uri, expected, _), seen in zip(pairs, found, strict=True):
            if seen is None:  # left out by the settings: as if it were not tracked
                continue
            self.report.seen += 1
            if expected is not None and expected.due():
                self.dependents_due.append(uri)
            fault = seen.fault is not None and expected is not None
            if fault or (seen.fault is None and decide(expected, seen, self._settings).verdict != "nothing"):
                differing.append((uri, expected, seen.size))
        after = await self._reconcile(differing, reconciler)
        for (uri, expected, _), seen in zip(pairs, found, strict=True):
            if seen is not None:
                now = after.get(uri, expected.hash if expected else None)
                self._digest.update(f"{uri}\n{now or ''}\n".encode())

    def _look(self, pairs: Sequence[Pair]) -> list[Found | None]:
        """What is there, by hash only."""
        found: list[Found | None] = []
        for uri, expected, entry in pairs:
            if entry is not None:
                found.append(self._files.tree.look(entry.path))
            elif expected is not None and self._files.takes(uri):
                found.append(ABSENT)
            else:
                found.append(None)
        return found

    async def _reconcile(
        self, differing: Sequence[Differing], reconciler: Reconciler
    ) -> dict[str, str | None]:
        """Look at what differs once more, now with contents, a few at a time."""
        after: dict[str, str | None] = {}
        for some in _portions(differing):
            known = await resources_by_uri(self._graph.db, self._project_id, [uri for uri, e, _ in some if e])
            differences = [Difference(uri, known.get(uri), await self._files.look(uri)) for uri, _, _ in some]
            for outcome in await reconciler.reconcile(differences):
                self.report.count(outcome)
                after[outcome.uri] = outcome.hash
        return after

    async def _git(self, reconciler: Reconciler) -> None:
        """Compare the refs that are tracked; they are few."""
        if not self._settings.refs:
            return
        here = await anyio.to_thread.run_sync(self._refs.refs.all, self._settings.refs)
        found = {ref_uri(self._root, name): Found(object_id) for name, object_id in here}
        known = {e.uri: e async for e in below(self._graph.db, self._project_id, "git", self._root)}
        differences = [
            Difference(uri, known.get(uri), found.get(uri, Found(None))) for uri in sorted({*found, *known})
        ]
        self.report.seen += len(differences)
        self.dependents_due += [uri for uri, e in known.items() if e.due()]
        for outcome in await reconciler.reconcile(differences):
            self.report.count(outcome)
            self._digest.update(f"{outcome.uri}\n{outcome.hash or ''}\n".encode())


def _chunk(walking: Iterator[Entry]) -> list[Entry]:
    return list(islice(walking, PAGE))


def _portions(differing: Sequence[Differing]) -> Iterator[list[Differing]]:
    """As many at a time as go into one commit, by the sizes that they had a moment ago."""
    portion: list[Differing] = []
    size = 0
    for one in differing:
        if portion and (len(portion) == BATCH or size + one[2] > BATCH_BYTES):
            yield portion
            portion, size = [], 0
        portion.append(one)
        size += one[2]
    if portion:
        yield portion
