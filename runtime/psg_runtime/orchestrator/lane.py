"""The work of one project in this process: results in, one commit, claims out (DESIGN §5: fused completion)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import anyio
import structlog
from anyio.abc import TaskGroup

import psg_cypher
from psg.errors import PsgError
from psg.graph import Graph
from psg_neo4j import faults
from psg_neo4j.errors import OutcomeUnknown
from psg_runtime.ael import ActionExecutionLayer
from psg_runtime.orchestrator.decide import Retry, Run, decide_failure, decide_undecided
from psg_runtime.orchestrator.execution import Executor, Outcome
from psg_runtime.orchestrator.records import result_row, skip_row
from psg_runtime.orchestrator.release import keep_evidence, park, retry
from psg_runtime.orchestrator.settings import OrchestratorSettings

log = structlog.get_logger(__name__)

FANOUT_MAX = 5_000
DECISIONS_MAX = 500
RESULTS_MAX = 500
IDLE_S = 30.0
BACKOFF_S = 0.2

Row = dict[str, Any]


class Capacity:
    """How many more steps this process can run at the same time, shared evenly by the lanes that have work."""

    def __init__(self, total: int) -> None:
        self.free = total
        self.lanes = 0

    def take_share(self) -> int:
        """Reserve and return this lane's share of what is free."""
        share = max(1, self.free // max(1, self.lanes)) if self.free > 0 else 0
        self.free -= share
        return share


class Lane:
    """Advances one project: a loop that commits results and decisions and claims as much as there is room for."""

    def __init__(
        self,
        graph: Graph,
        ael: ActionExecutionLayer,
        project_id: str,
        session_id: Callable[[], str],
        capacity: Capacity,
        settings: OrchestratorSettings,
    ) -> None:
        self._graph = graph
        self._ael = ael
        self.project_id = project_id
        self._session_id = session_id
        self._capacity = capacity
        self._settings = settings
        self._executor = Executor(graph.db, project_id, ael)
        self._advance_statement = psg_cypher.statement("frontier_advance")
        self._results: list[Row] = []
        self._running: dict[str, tuple[Row, anyio.CancelScope]] = {}
        self._runs: list[str] = []
        self._skips: list[Row] = []
        self._wake = anyio.Event()
        self._look = True
        self._undecided = True
        self._ambiguous = False
        self._committing = False
        self.draining = False
        self.idle = False

    @property
    def running(self) -> int:
        """Number of steps of this project that run here now."""
        return len(self._running)

    def wake(self) -> None:
        """Tell that there may be something to claim or to decide."""
        self._look = self._undecided = True
        self._wake.set()

    async def run(self, tasks: TaskGroup) -> None:
        """Advance until nothing is left to do for a while; steps run as tasks of ``tasks``."""
        self._capacity.lanes += 1
        try:
            while await self._next():
                await self._turn(tasks)
        finally:
            self._capacity.lanes -= 1
            self.idle = True

    async def _next(self) -> bool:
        """Wait for something to do; ``False`` when there was nothing for a while."""
        while not self._work_to_do():
            self._wake = anyio.Event()
            with anyio.move_on_after(IDLE_S):
                await self._wake.wait()
            if not self._wake.is_set() and not self._running:
                return False
        return True

    async def _turn(self, tasks: TaskGroup) -> None:
        try:
            await self._adopt(tasks)
            await self._decide()
            await self._advance(tasks)
        except PsgError as error:
            log.warning("project_not_advanced", project=self.project_id, code=error.code, error=str(error))
            await anyio.sleep(BACKOFF_S)

    @property
    def settled(self) -> bool:
        """Whether nothing runs here and nothing waits to be stored."""
        return not (self._running or self._results or self._runs or self._skips or self._committing)

    def _work_to_do(self) -> bool:
        claiming = self._look and self._capacity.free > 0 and not self.draining
        return bool(self._results or self._runs or self._skips or self._ambiguous or claiming)

    async def _decide(self) -> None:
        """Decide the steps that wait for it, before they can be claimed (C-31)."""
        if not self._undecided or self.draining:
            return
        self._undecided = False
        rows = await self._graph.db.read(
            psg_cypher.statement("frontier_undecided"), project_id=self.project_id, limit=DECISIONS_MAX
        )
        for row in rows:
            decision = await self._decision(row)
            if isinstance(decision, Run):
                self._runs.append(row["id"])
            else:
                self._skips.append(skip_row(row["id"], decision.reason))

    async def _decision(self, row: Row) -> Any:
        holds: bool | Exception = True
        failed = any(d["status"] == "failed" for d in row["dependencies"])
        if row["condition"] is not None and (not failed or row["join"] in ("any", "settled")):
            try:
                holds = await self._executor.condition_holds(row["plan"], row["condition"])
            except Exception as error:
                holds = error

        def condition() -> bool:
            if isinstance(holds, Exception):
                raise holds
            return holds

        explain = getattr(self._ael, "unavailable_reason", None)
        unavailable = explain(row["type"], row["capability"]) if explain else None
        return decide_undecided(
            row["dependencies"], unavailable, condition if row["condition"] else None, row["join"]
        )

    async def _advance(self, tasks: TaskGroup) -> None:
        """Commit what finished and was decided, and claim what there is room for: one statement."""
        results, self._results = self._results[:RESULTS_MAX], self._results[RESULTS_MAX:]
        runs, self._runs = self._runs, []
        skips, self._skips = self._skips, []
        want = 0 if self.draining else self._capacity.take_share()
        self._look, self._committing = False, True
        try:
            rows = await self._commit(results, skips, runs, want)
        except BaseException:
            self._capacity.free += want
            self._results, self._runs, self._skips = results + self._results, runs + self._runs, skips + self._skips
            self._look, self._committing = True, False
            raise
        answer = rows[0]
        self._capacity.free += want - len(answer["claimed"])
        self._graph.signals.notify(self.project_id, answer["seq"])
        await self._judged(answer, results)
        self._undecided = self._undecided or answer["undecided"] > 0
        filled = want > 0 and len(answer["claimed"]) == want
        self._look = self._look or filled or answer["more"] or self._undecided
        await self._begin(tasks, answer["claimed"])
        self._committing = False
        for plan_id in answer["finished"]:
            self._executor.forget(plan_id)

    async def _commit(self, results: list[Row], skips: list[Row], runs: list[str], want: int) -> list[Row]:
        session_id = self._session_id()
        faults.at("before_advance", self.project_id)
        try:
            rows = await self._graph.db.write(
                self._advance_statement, idempotent=False, project_id=self.project_id, session_id=session_id,
                actor=session_id, want=want, fanout_max=FANOUT_MAX,
                batch={"results": results, "skips": skips, "runs": runs},
            )  # fmt: skip
        except OutcomeUnknown:
            self._ambiguous = True
            raise
        faults.at("after_advance", self.project_id)
        return rows

    async def _adopt(self, tasks: TaskGroup) -> None:
        """After a commit of unknown outcome: what we own now is what we claimed (EVIDENCE B6). Results go again."""
        if not self._ambiguous:
            return
        owned = await self._graph.db.read(
            psg_cypher.statement("session_steps"), session_id=self._session_id(), project_id=self.project_id
        )
        finished = {r["id"] for r in self._results}
        for claim in owned:
            if claim["id"] not in self._running and claim["id"] not in finished:
                self._capacity.free -= 1
                await self._begin(tasks, [claim])
        self._ambiguous = False

    async def _judged(self, answer: Row, results: list[Row]) -> None:
        """A refused result is kept as evidence; one that was recorded already needs nothing."""
        by_id = {r["id"]: r for r in results}
        for verdict in answer["verdicts"]:
            if verdict["verdict"] in ("stale", "missing"):
                row = by_id[verdict["id"]]
                log.warning("stale_result", project=self.project_id, step=row["id"], fence=row["fence"])
                claim = {"id": row["id"], "fence": row["fence"], "attempt": row["attempt"], "plan": None}
                await keep_evidence(self._graph, self.project_id, self._session_id(), claim, row["status"])

    async def _begin(self, tasks: TaskGroup, claims: list[Row]) -> None:
        """Start what was claimed; many at once only after the next commit, if there is one, has been sent."""
        for claim in claims:
            self._running[claim["id"]] = (claim, anyio.CancelScope())
        if self._results and len(claims) > 1:
            tasks.start_soon(self._start, tasks, claims)
        else:
            await self._start(tasks, claims)

    async def _start(self, tasks: TaskGroup, claims: list[Row]) -> None:
        for claim in claims:
            tasks.start_soon(self._execute, claim, self._running[claim["id"]][1], name=f"step {claim['key']}")

    async def _execute(self, claim: Row, scope: anyio.CancelScope) -> None:
        try:
            with scope:
                faults.at("after_claim", claim["key"])
                outcome = await self._executor.run(claim)
                faults.at("after_effect", claim["key"])
                await self._settle(claim, outcome)
        finally:
            self._running.pop(claim["id"], None)
            self._capacity.free += 1
            self._look = True
            self._wake.set()

    async def _settle(self, claim: Row, outcome: Outcome) -> None:
        session_id = self._session_id()
        if (parked := outcome.parked) is not None:
            await self._until_stored(lambda: park(self._graph, self.project_id, session_id, claim, parked))
            return
        trace_id = claim["trace_id"]
        if outcome.error is not None:
            log.info("step_failed", step=claim["key"], code=outcome.error.get("code"), attempt=claim["attempt"])
            decision = decide_failure(
                claim["failures"], claim["retries"] or 0, outcome.error,
                self._settings.retry_base_ms, self._settings.retry_max_ms,
            )  # fmt: skip
            if isinstance(decision, Retry):
                await self._until_stored(
                    lambda: retry(
                        self._graph, self.project_id, session_id, claim, trace_id, outcome.error or {},
                        decision.delay_ms, outcome.duration_ms,
                    )
                )  # fmt: skip
                return
        status = "completed" if outcome.error is None else "failed"
        self._results.append(
            result_row(claim, trace_id, session_id, status, outcome.output, outcome.error, outcome.duration_ms)
        )

    async def _until_stored(self, store: Callable[[], Any]) -> None:
        """Repeat a write while the database is away: what a step came to is not lost by that."""
        while True:
            try:
                await store()
                return
            except PsgError as error:
                if not error.retryable:
                    log.error("step_not_released", project=self.project_id, code=error.code, error=str(error))
                    raise
                await anyio.sleep(BACKOFF_S)

    async def check_owned(self) -> None:
        """Stop the steps that this session does not own any more: cancelled, or taken over."""
        if not self._running:
            return
        held = dict(self._running)
        owned = await self._graph.db.read(
            psg_cypher.statement("session_steps"), session_id=self._session_id(), project_id=self.project_id
        )
        fences: Mapping[str, int] = {r["id"]: r["fence"] for r in owned}
        for step_id, (claim, scope) in held.items():
            if fences.get(step_id) != claim["fence"] and not any(r["id"] == step_id for r in self._results):
                scope.cancel()

    def cancel_all(self) -> None:
        """Stop every running step at once."""
        for _, scope in list(self._running.values()):
            scope.cancel()
