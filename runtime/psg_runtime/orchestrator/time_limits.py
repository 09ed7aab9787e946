"""The queue and total clocks of a claim, by the database's time; pauses are looked up only when one seems over."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import psg_cypher
from psg_neo4j.database import Database
from psg_runtime.orchestrator.clocks import Pause, elapsed_ms, left_ms, pauses_of
from psg_runtime.orchestrator.decide import decide_claim
from psg_runtime.orchestrator.denials import QueueTimeout
from psg_runtime.orchestrator.policy import StepPolicy
from psg_runtime.orchestrator.running import total_timeout

# After these a step was not waiting for a worker.
NOT_QUEUED = frozenset(("confirm", "decided", "plan", "turn"))


class TimeLimits:
    """The clocks of one claimed step. ``claimed_ms`` is the database's time of the claim, ``None`` when unknown."""

    def __init__(self, db: Database, project_id: str, claim: Mapping[str, Any], policy: StepPolicy) -> None:
        self._db = db
        self._project_id = project_id
        self._claim = claim
        self._policy = policy
        self._offset_ms: float | None = None
        if claim["claimed_ms"] is not None:
            self._offset_ms = claim["claimed_ms"] - time.monotonic() * 1000

    async def check(self) -> None:
        """Raise QueueTimeout or TotalTimeout when the step waited, or took, too long before this attempt."""
        policy, claim = self._policy, self._claim
        if policy.queue_ms is None and policy.total_ms is None:
            return
        if self._offset_ms is None:
            await self._look()
        if self._verdict(()) is None:
            return
        pauses = await self._look()
        verdict = self._verdict(pauses)
        if verdict == "total_timeout":
            assert policy.total_ms is not None
            raise total_timeout(policy.total_ms)
        if verdict == "queue_timeout":
            raise queue_timeout(policy.queue_ms, elapsed_ms(claim["ready_ms"], claim["claimed_ms"], pauses))

    async def left(self) -> int | None:
        """Return what is left of the total time now, in milliseconds; without pauses, if there were any."""
        policy, started = self._policy, self._claim["started_ms"]
        if policy.total_ms is None or started is None:
            return None
        if self._offset_ms is None:
            await self._look()
        rest = left_ms(policy.total_ms, started, self._now())
        return rest if rest > 0 else left_ms(policy.total_ms, started, self._now(), await self._look())

    def _verdict(self, pauses: Sequence[Pause]) -> str | None:
        claim, policy = self._claim, self._policy
        claimed = claim["claimed_ms"]
        queued = claimed is not None and claim["ready_ms"] is not None and claim["resumed"] not in NOT_QUEUED
        started = claim["started_ms"]
        return decide_claim(
            waited_ms=elapsed_ms(claim["ready_ms"], claimed, pauses) if queued else None,
            queue_ms=policy.queue_ms,
            taken_ms=None if started is None else elapsed_ms(started, self._now(), pauses),
            total_ms=policy.total_ms,
        )

    def _now(self) -> int:
        assert self._offset_ms is not None
        return round(time.monotonic() * 1000 + self._offset_ms)

    async def _look(self) -> list[Pause]:
        now, pauses = await read_pauses(self._db, self._project_id, self._claim["plan"])
        self._offset_ms = now - time.monotonic() * 1000
        return pauses


async def read_pauses(db: Database, project_id: str, plan_id: str) -> tuple[int, list[Pause]]:
    """Return the database's time in milliseconds and when a plan was paused."""
    row = await db.read_one(psg_cypher.statement("plan_pauses"), project_id=project_id, plan_id=plan_id)
    assert row is not None
    return row["now"], pauses_of((event["type"], event["at"]) for event in row["events"])


def queue_timeout(limit_ms: int | None, waited_ms: int) -> QueueTimeout:
    """Return the error of a step that nobody claimed in time."""
    message = f"nobody claimed the step within {limit_ms} ms; it waited {waited_ms} ms"
    return QueueTimeout(message, queue_ms=limit_ms, waited_ms=waited_ms)
