"""What becomes of an attempt: its result is to be stored, it sleeps, or another attempt follows after a while."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import anyio
import structlog

from psg.errors import PsgError
from psg.graph import Graph
from psg_runtime.ael import failure_of
from psg_runtime.orchestrator.attempt import Outcome, redacted
from psg_runtime.orchestrator.decide import Fail, Retry, decide_retry
from psg_runtime.orchestrator.policy import StepPolicy
from psg_runtime.orchestrator.records import result_row
from psg_runtime.orchestrator.release import park, retry
from psg_runtime.orchestrator.running import total_timeout
from psg_runtime.orchestrator.time_limits import TimeLimits
from psg_runtime.orchestrator.turns import turn_limits

log = structlog.get_logger(__name__)

BACKOFF_S = 0.2


class Settlement:
    """Settles the attempts of one project's steps."""

    def __init__(self, graph: Graph, project_id: str, session_id: Callable[[], str]) -> None:
        self._graph = graph
        self._project_id = project_id
        self._session_id = session_id

    async def settle(self, claim: Mapping[str, Any], outcome: Outcome) -> dict[str, Any] | None:
        """Return the row of the result for the next commit; ``None`` when the step sleeps or is tried again.

        What cannot be stored as it is becomes a failure of the step: nothing that one came to ends the process.
        """
        try:
            return await self._settle(claim, outcome)
        except Exception as error:
            log.error("outcome_not_stored", step=claim["key"], error=type(error).__name__)
            failed = Outcome(
                error=redacted(failure_of(error)), duration_ms=outcome.duration_ms, spend=outcome.spend
            )  # without a policy nothing is tried again
            return await self._settle(claim, failed)

    async def _settle(self, claim: Mapping[str, Any], outcome: Outcome) -> dict[str, Any] | None:
        left = await self._left(claim, outcome)
        if outcome.parked is not None:
            await self._park(claim, outcome, left)
            return None
        error = outcome.error
        if error is not None:
            log.info(
                "step_failed", step=claim["key"], code=error.get("code"), attempt=claim["attempt"],
                project_id=self._project_id, plan_id=claim["plan"],
            )  # fmt: skip
            decision = self._decide(claim, outcome, left)
            if isinstance(decision, Retry):
                await self._retry(claim, outcome, decision)
                return None
            if decision.because is not None and outcome.policy is not None:
                last = {"code": error.get("code"), "message": error.get("message")}
                error = total_timeout(outcome.policy.total_ms or 0, last_error=last).to_dict()
        return result_row(
            claim, claim["trace_id"], self._session_id(), "completed" if error is None else "failed", outcome.output,
            error, outcome.duration_ms, effect=outcome.effect, notes=outcome.notes,
            spend=outcome.spend,
        )  # fmt: skip

    def _decide(self, claim: Mapping[str, Any], outcome: Outcome, left: int | None) -> Retry | Fail:
        if outcome.policy is None or outcome.error is None:
            return Fail()
        seed = f"{claim['id']}:{claim['attempt']}" if outcome.policy.jitter else None
        return decide_retry(claim["failures"], outcome.policy.retry, outcome.error, seed=seed, left_ms=left)

    async def _left(self, claim: Mapping[str, Any], outcome: Outcome) -> int | None:
        """What is left of the step's total time; read only where there is a limit and it matters."""
        policy: StepPolicy | None = outcome.policy
        if policy is None or policy.total_ms is None or (outcome.error is None and outcome.parked is None):
            return None
        try:
            return await TimeLimits(self._graph.db, self._project_id, claim, policy).left()
        except PsgError:
            return None  # the database is away: the next claim looks again

    async def _park(self, claim: Mapping[str, Any], outcome: Outcome, left: int | None) -> None:
        """Let the step sleep, no longer than its total time; who waits for a person is looked at when it wakes up."""
        parked, session_id = outcome.parked, self._session_id()
        assert parked is not None
        if left is not None and parked.confirm is None and parked.due_in_ms is not None:
            parked = replace(parked, due_in_ms=max(0, min(parked.due_in_ms, left)))
        if parked.turn is not None and outcome.policy is not None:
            parked = replace(parked, turn={**parked.turn, "limits": turn_limits(claim, outcome.policy, left)})
        await self.until_stored(lambda: park(self._graph, self._project_id, session_id, claim, parked))

    async def _retry(self, claim: Mapping[str, Any], outcome: Outcome, decision: Retry) -> None:
        session_id = self._session_id()
        await self.until_stored(
            lambda: retry(
                self._graph, self._project_id, session_id, claim, claim["trace_id"], outcome.error or {},
                decision.delay_ms, outcome.duration_ms, outcome.notes, outcome.spend,
            )
        )  # fmt: skip

    async def until_stored(self, store: Callable[[], Any]) -> None:
        """Repeat a write while the database is away: what a step came to is not lost by that."""
        while True:
            try:
                await store()
                return
            except PsgError as error:
                if not error.retryable:
                    log.error("step_not_released", project=self._project_id, code=error.code, error=str(error))
                    raise
                await anyio.sleep(BACKOFF_S)
