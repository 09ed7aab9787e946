"""The watch over a tracked directory: scans at an interval, file events, updates that others report (L3-49, DD-58)."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import anyio
import structlog
import watchfiles
from anyio.abc import TaskStatus

import psg_cypher
from psg.drift import (
    CLAIM_MS,
    TOPIC,
    DriftSettings,
    FileUpdate,
    Strategy,
    file_uri,
    note_root,
    page,
    parse,
    report_file_update,
    resources_by_uri,
    root_settings,
    root_uri,
)
from psg.errors import NotFound, PsgError, Refused, ValidationFailed
from psg.graph import Graph
from psg.model.ids import new_id
from psg_neo4j.errors import DatabaseError
from psg_runtime.bus import EventBus, InMemoryEventBus, LogTail, ProtocolEvent
from psg_runtime.drift.consequences import Consequences
from psg_runtime.drift.files import FileTree
from psg_runtime.drift.git import Refs
from psg_runtime.drift.reconciling import Difference, Outcome, Reconciler
from psg_runtime.drift.scanning import Progress, Scan, ScanReport
from psg_runtime.drift.sides import Files, GitRefs, Outside

log = structlog.get_logger(__name__)

STRATEGIES = ("fs_wins", "psg_wins", "manual", "merge")
EVENTS_EACH = 500
TRIES = 5


class DriftMonitor:
    """Detects and reconciles what differs between a tracked directory of a project and the directory ``path`` here.

    Any number of them may watch one directory, in any number of processes: each difference is reconciled once. Settings
    are those of the graph, read anew by each scan. ``interval_ms``: time between scans, else as the settings say;
    ``lease_ms``: for how long others leave a file alone that a process is writing which died.
    """

    def __init__(
        self,
        graph: Graph,
        project_id: str,
        root: str,
        path: str | os.PathLike[str],
        *,
        actor: str = "drift",
        interval_ms: int | None = None,
        lease_ms: int = CLAIM_MS,
    ) -> None:
        self.graph = graph
        self.project_id = project_id
        self.root = root
        self._tree = FileTree(path)
        self._actor = actor
        self._interval_ms = interval_ms
        self._lease_ms = lease_ms
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{new_id()[:8]}"
        self._stop = anyio.Event()
        self._one_at_a_time = anyio.Lock()
        self._consequences = Consequences(graph, project_id, actor=actor)
        self.on_outcome: Callable[[Outcome], object] | None = None
        """Called with everything that is done."""
        self.scans = 0
        self.last: ScanReport | None = None

    @property
    def path(self) -> Path:
        """Where the directory is on this machine."""
        return self._tree.path

    async def scan(self, progress: Progress | None = None) -> ScanReport:
        """Compare everything once, and reconcile what differs; raises ``UnknownRoot`` and ``RootMissing``."""
        async with self._one_at_a_time:
            settings, files, refs = await self._sides()
            scan = Scan(self.graph, self.project_id, self.root, settings, files, refs)
            on_files, on_refs = self._reconciler(files, settings), self._reconciler(refs, settings)
            report = await scan.run(on_files, on_refs, progress)
            if not report.results.get("late") and report.hash is not None:
                await note_root(self.graph, self.project_id, self.root, report.hash, actor=self._actor)
            due = {root_uri(self.root), *scan.dependents_due, *on_files.due, *on_refs.due}
            await self._consequences.of(sorted(due))
        for outcome in report.outcomes:
            self._tell(outcome)
        self.scans += 1
        self.last = report
        return report

    async def check(self, uri: str, *, source: str = "watch", strategy: Strategy | None = None) -> Outcome:
        """Compare one file or ref, and reconcile it when it differs, by ``strategy`` where one is given.

        Raises ``UnknownRoot``, ``RootMissing``, ``ValidationFailed``.
        """
        kind, root, _ = parse(uri)
        if root != self.root or kind == "directory":
            raise ValidationFailed(f"uri: {uri[:120]} is no file or ref of {self.root!r}", field="uri")
        async with self._one_at_a_time:
            settings, files, refs = await self._sides()
            if kind == "file" and not files.takes(uri):
                return Outcome(uri, "nothing", reason="left_out")
            outside: Outside = files if kind == "file" else refs
            reconciler = self._reconciler(outside, settings)
            outcome = Outcome(uri, "late")
            for _ in range(TRIES):
                known = await resources_by_uri(self.graph.db, self.project_id, [uri])
                difference = Difference(uri, known.get(uri), await outside.look(uri))
                (outcome,) = await reconciler.reconcile([difference], source=source, forced=strategy)
                if outcome.result != "late":
                    break
            due = outcome.result == "nothing" and any(e.due() for e in known.values())
            await self._consequences.of(sorted({*reconciler.due, *([uri] if due else [])}))
        self._tell(outcome)
        return outcome

    def _tell(self, outcome: Outcome) -> None:
        if self.on_outcome is not None and outcome.result != "nothing":
            self.on_outcome(outcome)

    async def resolve(self, uri: str, strategy: Strategy) -> Outcome:
        """Reconcile a file or ref the way somebody chose; an open request about it is closed.

        Raises what ``check`` raises, ``NotFound`` where there is nothing on either side, and ``Refused`` where it could
        not be done, with the reason.
        """
        if strategy not in STRATEGIES:
            raise ValidationFailed(f"strategy: {strategy!r} is none of {', '.join(STRATEGIES)}", field="strategy")
        outcome = await self.check(uri, source="resolve", strategy=strategy)
        if outcome.result in ("flagged", "late"):
            raise Refused(f"{uri}: {outcome.reason or 'somebody else is at it'}; nothing was overwritten", uri=uri)
        if outcome.result == "nothing" and outcome.hash is None:
            raise NotFound(f"uri: {uri} is neither tracked nor there, or left out by the settings", uri=uri)
        return outcome

    async def file_updated(self, event: Mapping[str, Any]) -> Outcome | None:
        """Take in a file update (``file_path``, ``change_type``, ``timestamp``) as its integration event tells it.

        Its time is compared with that of the graph; the same: ``None``, nothing is done. Another: the drift is
        recorded, and the file reconciled. Raises ``ValidationFailed``, ``OutsideRoot``, ``UnknownRoot`` and
        ``RootMissing``.
        """
        answer = await report_file_update(
            self.graph, self.project_id, {**event, "root": self.root}, actor=self._actor
        )
        if not answer.ids["drifted"]:
            return None
        return await self.check(FileUpdate.of(event, self.root).uri, source="file_update")

    async def listen(self, bus: EventBus) -> None:
        """Register for ``integration.file_update`` events of a bus, however they come to it (DD-34)."""
        bus.subscribe(self._heard, name=f"drift:{self.root}", types=(TOPIC,), projects=(self.project_id,))

    async def _heard(self, event: ProtocolEvent) -> None:
        payload = event["payload"]
        if payload.get("root") not in (None, self.root):
            return
        if event.get("seq") is None:  # of an adapter of this process: nobody has judged it yet
            await self.file_updated(payload)
            return
        await self._quiet_check(FileUpdate.of(payload, self.root).uri, "file_update")

    async def run(
        self,
        *,
        active: bool = True,
        passive: bool = True,
        task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
    ) -> None:
        """Watch until ``stop()``: ``active`` by scans, ``passive`` by events; ready after the first scan.

        Raises ``UnknownRoot``, and ``RootMissing`` where the directory is away at first; later it is waited for.
        """
        await self.scan()
        async with anyio.create_task_group() as tasks:
            if passive:
                await tasks.start(self._reported)
                await tasks.start(self._events)
            if active:
                tasks.start_soon(self._scans)
            task_status.started()
            await self._stop.wait()
            tasks.cancel_scope.cancel()

    def stop(self) -> None:
        """Ask ``run`` to end; what is being written is finished first."""
        self._stop.set()

    async def _scans(self) -> None:
        while True:
            await anyio.sleep(await self._pause() / 1000)
            try:
                await self.scan()
            except (DatabaseError, Refused) as error:
                log.warning("drift_scan_failed", root=self.root, code=error.code, error=str(error))

    async def _pause(self) -> int:
        if self._interval_ms is not None:
            return self._interval_ms
        try:
            return (await root_settings(self.graph, self.project_id, self.root))[1].interval_ms
        except DatabaseError:
            return DriftSettings().interval_ms

    async def _reported(self, *, task_status: TaskStatus[None]) -> None:
        """Updates that anybody reports come through the log: by GraphQL, by other processes."""
        row = await self.graph.db.read_one(psg_cypher.statement("log_head"), project_id=self.project_id)
        async with InMemoryEventBus.running(self.graph) as bus:
            await self.listen(bus)
            tail = LogTail(self.graph, bus, self.project_id, after=row["seq"] if row else 0)
            task_status.started()
            await tail.run()

    async def _events(self, *, task_status: TaskStatus[None]) -> None:
        """File events of the operating system; where there are too many at once, a scan sees them all."""
        watching = watchfiles.awatch(
            self.path, watch_filter=None, step=20, debounce=200, stop_event=self._stop, yield_on_timeout=True,
            rust_timeout=100, recursive=True, ignore_permission_denied=True,
        )  # fmt: skip
        ready = False
        try:
            async for changes in watching:
                if not ready:
                    ready = True
                    task_status.started()
                if changes:
                    await self._changed({path for _, path in changes})
        except (OSError, RuntimeError) as error:  # for example no more inotify watches
            log.warning("drift_events_unavailable", root=self.root, error=str(error))
            if not ready:
                task_status.started()

    async def _changed(self, paths: Collection[str]) -> None:
        """Look at what events name; a directory that came or went is looked at as a whole."""
        uris, whole = await anyio.to_thread.run_sync(self._named, paths)
        for uri in sorted(uris) if not whole else ():
            outcome = await self._quiet_check(uri, "watch")
            gone = outcome is not None and outcome.result == "nothing" and outcome.hash is None and not outcome.reason
            if gone and await page(self.graph.db, self.project_id, after=f"{uri}/", before=f"{uri}0", limit=1):
                whole = True
        if whole:
            await self._quiet_scan()

    def _named(self, paths: Collection[str]) -> tuple[set[str], bool]:
        uris, whole = set(), len(paths) > EVENTS_EACH
        for path in paths:
            try:
                uris.add(file_uri(self.root, os.path.relpath(path, self.path)))
            except ValidationFailed:
                continue
            whole = whole or (os.path.isdir(path) and not os.path.islink(path) and b".git" not in os.fsencode(path))
        return uris, whole

    async def _quiet_check(self, uri: str, source: str) -> Outcome | None:
        try:
            return await self.check(uri, source=source)
        except (DatabaseError, Refused, ValidationFailed) as error:
            log.warning("drift_check_failed", uri=uri, code=error.code, error=str(error))
        return None

    async def _quiet_scan(self) -> None:
        try:
            await self.scan()
        except PsgError as error:
            log.warning("drift_scan_failed", root=self.root, code=error.code, error=str(error))

    async def _sides(self) -> tuple[DriftSettings, Files, GitRefs]:
        _, settings = await root_settings(self.graph, self.project_id, self.root)
        return settings, Files(self._tree, settings), GitRefs(Refs(self.path))

    def _reconciler(self, outside: Outside, settings: DriftSettings) -> Reconciler:
        return Reconciler(
            self.graph, self.project_id, outside, settings, holder=self._holder, actor=self._actor,
            lease_ms=self._lease_ms,
        )  # fmt: skip
