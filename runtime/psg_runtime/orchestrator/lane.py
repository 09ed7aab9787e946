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
from psg_runtime.hooks import HookChain
from psg_runtime.orchestrator.decide import Run, decide_undecided
from psg_runtime.orchestrator.denials import StepDenied
from psg_runtime.orchestrator.execution import Executor
from psg_runtime.orchestrator.kill_switch import Rules, action_names
from psg_runtime.orchestrator.policy import Policies
from psg_runtime.orchestrator.queue_watch import QueueWatch
from psg_runtime.orchestrator.records import skip_row
from psg_runtime.orchestrator.release import keep_evidence
from psg_runtime.orchestrator.running import Running
from psg_runtime.orchestrator.settings import OrchestratorSettings
from psg_runtime.orchestrator.settlement import Settlement

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
        hooks: HookChain,
    ) -> None:
        self._graph = graph
        self._ael = ael
        self.project_id = project_id
        self._session_id = session_id
        self._capacity = capacity
        self._settings = settings
        self.rules = Rules()
        self._policies = Policies(settings)
        self._executor = Executor(
            graph, project_id, ael, rules=self.rules, policies=self._policies, hooks=hooks, session_id=session_id,
            prices=settings.prices,
        )  # fmt: skip
        self._settlement = Settlement(graph, project_id, session_id)
        self._queue = QueueWatch(graph, project_id, session_id, self.rules, self._policies)
        self._advance_statement = psg_cypher.statement("frontier_advance")
        self._results: list[Row] = []
        self._running: dict[str, Running] = {}
        self._runs: list[str] = []
        self._skips: list[Row] = []
        self._denied: dict[str, StepDenied] = {}
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

        return decide_undecided(
            row["dependencies"], self._unavailable(row), condition if row["condition"] else None, row["join"]
        )

    def _unavailable(self, row: Row) -> str | None:
        """Why this process cannot do such a step; a layer that breaks when it is asked lets it run to be denied."""
        explain = getattr(self._ael, "unavailable_reason", None)
        try:
            reason = explain(row["type"], row["capability"]) if explain else None
            if reason is not None and not isinstance(reason, str):
                raise TypeError(f"unavailable_reason answered a {type(reason).__name__}")
            return reason
        except Exception as error:
            log.error("availability_unknown", project=self.project_id, step=row["key"], error=type(error).__name__)
            message = f"nobody can tell whether this step can be done here ({type(error).__name__})"
            self._denied[row["id"]] = StepDenied(message, fail_closed=True)
            return None

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
        self.rules.tell(answer["seq"], answer["now"], answer["rules"])
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
        await self._read_rules()
        owned = await self._graph.db.read(
            psg_cypher.statement("session_steps"), session_id=self._session_id(), project_id=self.project_id
        )
        finished = {r["id"] for r in self._results}
        for claim in owned:
            if claim["id"] not in self._running and claim["id"] not in finished:
                self._capacity.free -= 1
                await self._begin(tasks, [claim])
        self._ambiguous = False

    async def _read_rules(self) -> None:
        row = await self._graph.db.read_one(psg_cypher.statement("project_rules"), project_id=self.project_id)
        if row is not None:
            self.rules.tell(row["seq"], row["now"], row)

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
            self._running[claim["id"]] = Running(claim)
        if self._results and len(claims) > 1:
            tasks.start_soon(self._start, tasks, claims)
        else:
            await self._start(tasks, claims)

    async def _start(self, tasks: TaskGroup, claims: list[Row]) -> None:
        for claim in claims:
            tasks.start_soon(self._execute, self._running[claim["id"]], name=f"step {claim['key']}")

    async def _execute(self, running: Running) -> None:
        claim = running.claim
        try:
            with running.scope:
                faults.at("after_claim", claim["key"])
                if (denied := self._denied.pop(claim["id"], None)) is not None:
                    running.stop(denied)
                outcome = await self._executor.run(running)
                faults.at("after_effect", claim["key"])
                row = await self._settlement.settle(claim, outcome)
                if row is not None:
                    self._results.append(row)
        finally:
            self._running.pop(claim["id"], None)
            self._capacity.free += 1
            self._look = True
            self._wake.set()

    async def check_owned(self) -> None:
        """Stop the steps that this session does not own any more: cancelled, or taken over."""
        if not self._running:
            return
        held = dict(self._running)
        owned = await self._graph.db.read(
            psg_cypher.statement("session_steps"), session_id=self._session_id(), project_id=self.project_id
        )
        fences: Mapping[str, int] = {r["id"]: r["fence"] for r in owned}
        for step_id, running in held.items():
            if fences.get(step_id) != running.claim["fence"] and not any(r["id"] == step_id for r in self._results):
                running.scope.cancel()

    def tell(self, seq: int, at_ms: int, rules: Mapping[str, Any]) -> None:
        """Take over what the watch read of the project's policy and kill switches; stop what may not run any more."""
        self.rules.tell(seq, at_ms, rules)
        for running in list(self._running.values()):
            if running.action_type is None:
                continue
            try:
                self.rules.check(running.claim["plan"], action_names(running.claim, running.action_type))
            except StepDenied as denied:
                running.stop(denied)

    async def fail_overdue(self) -> None:
        """Fail the steps that waited longer to be claimed than their policies allow."""
        for step, limit_ms, waited_ms in await self._queue.overdue():
            if self.draining:
                return
            # Until its failure is stored nobody may take it for a claim that was forgotten.
            self._running[step["id"]] = Running({**step, "fence": step["fence"] + 1})
            try:
                row = await self._queue.fail(step, limit_ms, waited_ms)
                if row is not None:
                    self._results.append(row)
            finally:
                self._running.pop(step["id"], None)
            self._wake.set()

    def cancel_all(self) -> None:
        """Stop every running step at once."""
        for running in list(self._running.values()):
            running.scope.cancel()
