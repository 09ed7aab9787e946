"""What follows when no attempt of a step is left: a result that stands in for it, and who is told (CORE-45 to 48)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import structlog

import psg_cypher
from psg.errors import PsgError
from psg.graph import Graph
from psg.model.codec import loads
from psg.plan.recovery import (
    CACHE_AVAILABLE,
    MAX_RETRIES_EXCEEDED,
    NON_CRITICAL_OPERATION,
    RECOVERY_FAILED,
    USE_CACHED_RESULT,
    EscalationRule,
    RecoverySpec,
)
from psg.write.change import Change
from psg.write.command import Command
from psg_runtime.execution_core.idempotency import idempotency_key
from psg_runtime.monitoring.alerts import raise_alert
from psg_runtime.orchestrator.attempt import Attempt, Gate, Outcome
from psg_runtime.orchestrator.decide import Retry, decide_retry
from psg_runtime.orchestrator.gates import without_secrets
from psg_runtime.orchestrator.time_limits import TimeLimits

log = structlog.get_logger(__name__)

Row = Mapping[str, Any]
DECIDED = frozenset(("confirm_rejected", "approval_expired", "budget_exhausted"))
"""Errors by which somebody, or a limit, said no: nothing stands in for a result then."""


class RecoveryGate(Gate):
    """The outermost gate: stops nobody, and hears of every outcome last.

    Only steps whose policy has a ``recovery`` pay for it. Where that has ``use_cached_result``, results are kept with
    the effects, by what was done with which params; a step whose ledger keeps them already has nothing besides.
    """

    def __init__(self, graph: Graph, project_id: str) -> None:
        self._graph = graph
        self._project_id = project_id

    async def after(self, attempt: Attempt, outcome: Outcome) -> Outcome:
        """Keep a result; give one instead of an error that ends the step."""
        recovery = attempt.policy.recovery
        if recovery is None or outcome.parked is not None:
            return outcome
        error = outcome.error
        if error is None:
            if recovery.caches and outcome.effect is None and not attempt.policy.ledger:
                return replace(outcome, effect=self._cache_key(attempt))
            return outcome
        if isinstance(await self._decision(attempt, error), Retry):
            return outcome
        return await self._recovered(attempt, outcome, recovery, error)

    async def _decision(self, attempt: Attempt, error: Row) -> Any:
        """What settles this attempt later decides the same, from the same."""
        claim, policy = attempt.claim, attempt.policy
        left = None
        if policy.total_ms is not None:
            try:
                left = await TimeLimits(self._graph.db, self._project_id, claim, policy).left()
            except PsgError:
                left = None
        seed = f"{claim['id']}:{claim['attempt']}" if policy.jitter else None
        return decide_retry(claim["failures"], policy.retry, error, seed=seed, left_ms=left)

    async def _recovered(
        self, attempt: Attempt, outcome: Outcome, recovery: RecoverySpec, error: Row
    ) -> Outcome:
        refused = error.get("code") in DECIDED or (error.get("details") or {}).get("status") == "denied"
        # An attempt that ended before its action was known has no key to look under.
        looks = recovery.caches and not attempt.policy.ledger and bool(attempt.action)
        cached = await self._cached(attempt) if looks and not refused else None
        facts = {
            CACHE_AVAILABLE: cached is not None, NON_CRITICAL_OPERATION: not recovery.critical,
            MAX_RETRIES_EXCEEDED: attempt.claim["failures"] >= attempt.policy.retry.max_retries,
        }  # fmt: skip
        usable = [f for f in recovery.fallbacks(facts) if f.type != USE_CACHED_RESULT or cached is not None]
        used = None if refused else next(iter(usable), None)
        facts[RECOVERY_FAILED] = used is None
        for rule in recovery.escalations(facts):
            await self._escalate(attempt, rule, error)
        if used is None:
            return outcome
        said: dict[str, Any] = {"fallback": used.type, "error": {k: error.get(k) for k in ("code", "message")}}
        output = recovery.degraded_output
        if used.type == USE_CACHED_RESULT:
            assert cached is not None
            output, said["cached_ms"] = loads(cached["output"]), cached["at"]
        return replace(outcome, output=output, error=None, effect=None, notes={**outcome.notes, "recovery": said})

    async def _cached(self, attempt: Attempt) -> dict[str, Any] | None:
        return await self._graph.db.read_one(
            psg_cypher.statement("recovery_cached"), project_id=self._project_id, key=self._cache_key(attempt)
        )

    def _cache_key(self, attempt: Attempt) -> str:
        action = attempt.action
        done = {"type": action["type"], "name": action["name"], "agent_role": action["agent_role"]}
        key = idempotency_key({**done, "params": without_secrets(action["params"])}, {"project_id": self._project_id})
        return f"cached:{key}"

    async def _escalate(self, attempt: Attempt, rule: EscalationRule, error: Row) -> None:
        """Tell it in the log and by an alert, once for each attempt; what cannot be told changes nothing."""
        claim = attempt.claim
        name = f"escalate:{claim['id']}:{claim['fence']}:{rule.condition}"
        note = {
            "condition": rule.condition, "action": rule.action, "severity": rule.severity, "error": error.get("code"),
            "attempt": claim["attempt"],
        }  # fmt: skip
        command = Command("escalate", [claim["id"], claim["fence"], rule.condition], attempt.session_id, name)
        change = Change(command)
        change.note("runtime_execution", "recovery_escalated", "Step", claim["id"], note, plan=claim["plan"])
        message = f"step {claim['key']!r} of plan {claim['plan']} failed ({error.get('code')}): {rule.condition}"
        try:
            await self._graph.writer(self._project_id).submit(change)
            await raise_alert(
                self._graph, f"recovery: {rule.condition}", message, severity=rule.severity,
                key=f"recovery:{claim['id']}:{rule.condition}", project_id=self._project_id,
                details={**note, "plan_id": claim["plan"], "step_id": claim["id"]}, source="recovery",
            )  # fmt: skip
        except PsgError as problem:
            log.error("escalation_failed", step=claim["key"], condition=rule.condition, code=problem.code)
