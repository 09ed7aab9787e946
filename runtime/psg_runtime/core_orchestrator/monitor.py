"""Watching executions: one monitor each, one reader for all of them, and what has to be done by the clock (CORE-18)."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import anyio

from psg_neo4j.errors import PsgError
from psg_runtime.core_orchestrator.engine import WorkflowEngine
from psg_runtime.core_orchestrator.journal import Journal
from psg_runtime.core_orchestrator.result import OVER, RunStatus, run_status

SAMPLES_KEPT = 1_000
LOOK_MS = 200
KEEP_S = 0.5
FORGET_S = 30.0
IDLE_ROUNDS = 20
REST_S = 0.01


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an execution was at a moment of the database's clock, in milliseconds since 1970."""

    at_ms: int
    status: RunStatus
    stages_total: int
    stages_done: int
    stages_failed: int


class ExecutionMonitor:
    """Follows one execution until it is stopped; ``samples`` are its progress, every ``interval_ms`` and at the end."""

    def __init__(self, execution_id: str, watch: Watch, interval_ms: int) -> None:
        self.execution_id = execution_id
        self.samples: deque[Progress] = deque(maxlen=SAMPLES_KEPT)
        self.stopped = False
        self._watch = watch
        self._interval_ms = interval_ms
        self._over = anyio.Event()

    async def over(self) -> None:
        """Return once the execution is over, or is no longer there."""
        await self._over.wait()

    def stop(self) -> None:
        """Follow it no longer; harmless when it was stopped before."""
        self.stopped = True
        self._watch.drop(self)

    def saw(self, state: Mapping[str, Any], now: int) -> None:
        """Take notice of a row of the execution."""
        ended = state["status"] in OVER and not state["closing"]
        if ended or not self.samples or now - self.samples[-1].at_ms >= self._interval_ms:
            total, left = state["steps_total"] or 0, state["steps_open"] or 0
            self.samples.append(Progress(now, run_status(state), total, total - left, state["steps_failed"] or 0))
        if ended:
            self._over.set()

    def lost(self) -> None:
        """Take notice that there is no such execution."""
        self._over.set()


class Watch:
    """Reads all watched executions of a process at once, whenever the project's log grows, and keeps their clocks."""

    def __init__(self, engine: WorkflowEngine, journal: Journal) -> None:
        self._engine = engine
        self._journal = journal
        self._monitors: list[ExecutionMonitor] = []
        self._wanted = anyio.Event()
        self._forgot = 0.0

    @property
    def monitors(self) -> list[ExecutionMonitor]:
        """The monitors that are not stopped."""
        return list(self._monitors)

    def monitor(self, execution_id: str) -> ExecutionMonitor:
        """Begin to follow an execution."""
        made = ExecutionMonitor(execution_id, self, self._engine.config.metrics_collection_interval)
        self._monitors.append(made)
        self._wanted.set()
        return made

    def drop(self, monitor: ExecutionMonitor) -> None:
        """Follow an execution no longer."""
        if monitor in self._monitors:
            self._monitors.remove(monitor)

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Watch and keep until cancelled; a database that is away is waited for."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._follow)
            tasks.start_soon(self.keep)
            task_status.started()

    async def _follow(self) -> None:
        signals, project = self._engine.graph.signals, self._engine.project_id
        while True:
            if not self._monitors:
                self._wanted = anyio.Event()
                await self._wanted.wait()
            seen, wait_ms = signals.latest(project), LOOK_MS
            try:
                wait_ms = await self._look()
            except PsgError as error:
                self._journal.warn("executions_not_read", code=error.code)
            await anyio.sleep(REST_S)
            await signals.wait(project, seen, wait_ms / 1000)

    async def _look(self) -> int:
        """Tell every monitor how its execution stands; returns for how many milliseconds nothing is due."""
        monitors = self.monitors
        states = {s["id"]: (s, now) for s, now in await self._engine.states({m.execution_id for m in monitors})}
        ended, wait_ms = False, min(LOOK_MS, self._engine.config.metrics_collection_interval)
        for execution_id in {m.execution_id for m in monitors} - states.keys():
            for monitor in monitors:
                if monitor.execution_id == execution_id:
                    monitor.lost()
        for state, now in states.values():
            left = await self._clock(state, now)
            wait_ms = min(wait_ms, max(left, 1))
        for monitor in monitors:
            if monitor.execution_id in states:
                state, now = states[monitor.execution_id]
                monitor.saw(state, now)
                ended = ended or state["status"] in OVER
        if ended:
            await self._begin()
        return wait_ms

    async def _clock(self, state: Mapping[str, Any], now: int) -> int:
        """Milliseconds that an execution has left; one that has none is ended."""
        started, limit = state["started_ms"], state["workflow_timeout_ms"]
        if state["status"] != "in_progress" or state["paused"] or started is None or limit is None:
            return LOOK_MS
        left: int = limit - (now - started)
        if left <= 0 and await self._engine.fail_if_overdue(state["id"], started, limit):
            self._journal.warn("workflow_timeout", execution_id=state["id"], timeout_ms=limit)
        return left if left > 0 else LOOK_MS

    async def keep(self, *, while_busy: bool = False) -> None:
        """What nobody may be left to do: let the next begin, end what is overdue, forget what is old.

        For good, or with ``while_busy`` until nothing runs or waits for a while.
        """
        idle = 0
        while not while_busy or idle < IDLE_ROUNDS:
            try:
                turn = await self._engine.turn()
                idle = 0 if turn.running or turn.waiting else idle + 1
                if turn.may_begin:
                    await self._begin()
                for execution_id in await self._engine.fail_overdue():
                    self._journal.warn("workflow_timeout", execution_id=execution_id)
                if time.monotonic() - self._forgot >= FORGET_S:
                    await self.forget()
            except PsgError as error:
                self._journal.warn("executions_not_kept", code=error.code)
            await anyio.sleep(KEEP_S)

    async def _begin(self) -> None:
        while await self._engine.begin_next():
            pass

    async def forget(self) -> int:
        """Delete finished executions beyond those that are kept; returns how many."""
        self._forgot = time.monotonic()
        gone = await self._engine.forget_old()
        if gone:
            self._journal.info("executions_forgotten", count=gone)
        return gone
