"""One claimed step: its templates resolved, its action done, its outcome told; failures become data, never vanish."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import anyio
import structlog

import psg_cypher
from psg.errors import ActionTimeout
from psg.graph import Graph
from psg.model.codec import loads
from psg_runtime.ael import ActionExecutionLayer, AdapterLayer, AelSettings, action_target, failure_of
from psg_runtime.expressions import Template, default_engine, step_template
from psg_runtime.hooks import HookChain
from psg_runtime.orchestrator.approval_gate import ApprovalGate
from psg_runtime.orchestrator.attempt import Attempt, Gate, Outcome, outcome_of, redacted
from psg_runtime.orchestrator.budget_gate import BudgetGate, Prices
from psg_runtime.orchestrator.denials import WorkerLost
from psg_runtime.orchestrator.effect_key import effect_key
from psg_runtime.orchestrator.gates import HookGate, KillGate
from psg_runtime.orchestrator.kill_switch import Rules
from psg_runtime.orchestrator.ledger import LedgerGate
from psg_runtime.orchestrator.policy import Policies, StepPolicy
from psg_runtime.orchestrator.recovering import RecoveryGate
from psg_runtime.orchestrator.running import Running
from psg_runtime.orchestrator.subplans import subplan_outcome
from psg_runtime.orchestrator.time_limits import TimeLimits
from psg_runtime.orchestrator.turn_gate import TurnGate
from psg_runtime.orchestrator.turns import turn_outcome

log = structlog.get_logger(__name__)

__all__ = ["Executor", "Outcome", "WorkerLost"]

NAMESPACES = frozenset(("params", "item", "index", "steps", "secrets"))
GRACE_S = 1.0
TEMPLATES_KEPT = 4096
TAKEOVERS_MAX = 5


class Executor:
    """Runs the attempts of one project's steps through the Action Execution Layer."""

    def __init__(
        self,
        graph: Graph,
        project_id: str,
        ael: ActionExecutionLayer,
        *,
        rules: Rules,
        policies: Policies,
        hooks: HookChain,
        session_id: Callable[[], str],
        prices: Prices,
    ) -> None:
        self._db = graph.db
        self._project_id = project_id
        self._ael = ael
        # Ours keeps its own time, from when there is a place for the action; of another nobody knows.
        self._longest_ms = None if isinstance(ael, AdapterLayer) else round(AelSettings().max_execution_time * 1000)
        self._rules = rules
        self._policies = policies
        self._session_id = session_id
        self._params: dict[str, Any] = {}
        self._contexts: dict[str, dict[str, Any]] = {}
        self._reading: dict[str, anyio.Lock] = {}
        self._templates: dict[tuple[str, str], Template] = {}
        self._kill = KillGate(rules)
        # In the order of Gate: kill switch, whose turn it is, approval, hooks, effect ledger, budget; around them all
        # what recovers.
        self._recovery = RecoveryGate(graph, project_id)
        self._gates: tuple[Gate, ...] = (
            self._recovery,
            self._kill,
            TurnGate(graph.db, project_id, ael),
            ApprovalGate(graph.db, project_id),
            HookGate(hooks, self.context),
            LedgerGate(graph.db, project_id),
            BudgetGate(graph, project_id, rules, prices),
        )

    async def _plan_params(self, plan_id: str) -> Any:
        """The parameters of a plan, read once, also when many of its steps begin at the same moment."""
        if plan_id not in self._params:
            async with self._reading.setdefault(plan_id, anyio.Lock(fast_acquire=True)):
                if plan_id not in self._params:
                    row = await self._db.read_one(
                        psg_cypher.statement("plan_params"), project_id=self._project_id, plan_id=plan_id
                    )
                    self._params[plan_id] = (loads(row["params"]) if row else None) or {}
        return self._params[plan_id]

    def forget(self, plan_id: str) -> None:
        """Drop what is remembered of a run that ended."""
        for memory in (self._reading, self._params, self._contexts):
            memory.pop(plan_id, None)

    async def scope(self, plan_id: str, references: frozenset[str]) -> dict[str, Any]:
        """Return the values that expressions of a plan can read: outputs of the named steps, plan parameters."""
        keys = sorted(references - NAMESPACES)
        steps: dict[str, Any] = {}
        if keys:
            rows = await self._db.read(
                psg_cypher.statement("step_inputs"), project_id=self._project_id, plan_id=plan_id, keys=keys
            )
            steps = {r["key"]: {"status": r["status"], "output": loads(r["output"])} for r in rows}
        params = await self._plan_params(plan_id) if "params" in references else {}
        return {"steps": steps, "params": params}

    async def condition_holds(self, plan_id: str, text: str) -> bool:
        """Evaluate a step's condition on the present outputs; raises when it cannot be."""
        condition = default_engine().compile_condition(text)
        return condition.evaluate(await self.scope(plan_id, condition.references))

    async def context(self, plan_id: str) -> dict[str, Any]:
        """Return what policy hooks know besides the step: ``params.context`` of the plan, and who runs it where.

        What the plan's author writes there cannot stand for what the platform knows.
        """
        if plan_id not in self._contexts:
            params = await self._plan_params(plan_id)
            row = await self._db.read_one(
                psg_cypher.statement("plan_actor"), project_id=self._project_id, plan_id=plan_id
            )
            said = params.get("context")
            said = dict(said) if isinstance(said, Mapping) else {}
            actor = row["actor"] if row else None
            user = {} if "userId" in said or "user_id" in said else {"user_id": actor}
            self._contexts[plan_id] = {
                **said, **user, "actor": actor, "project_id": self._project_id, "plan_id": plan_id,
                "plan_title": row["title"] if row else None, "goal_id": row["goal_id"] if row else None,
            }  # fmt: skip
        return self._contexts[plan_id]

    async def run(self, running: Running) -> Outcome:
        """Do one attempt; every failure is an outcome, only control flow passes through."""
        started, claim = time.monotonic(), running.claim
        policy: StepPolicy | None = None
        try:
            running.action_type = action_target(claim["type"], claim["capability"], claim["agent_role"])[0]
            self._kill.check(claim, running.action_type)
            policy = self._policies.of(claim, self._rules.policy)
            limits = TimeLimits(self._db, self._project_id, claim, policy)
            await limits.check()
            if claim["takeovers"] > TAKEOVERS_MAX:
                raise WorkerLost(f"step {claim['key']!r}: {claim['takeovers']} orchestrators died while they ran it")
            if claim["condition"] is not None and not claim["resumed"]:
                # Decided before the claim; evaluated again so that one that could not be decided fails with the reason.
                await self.condition_holds(claim["plan"], claim["condition"])
            attempt = Attempt(claim, policy, await self._action(claim, policy), self._session_id())
            outcome = await self._passed(attempt, running, limits, started)
        except Exception as error:
            outcome = Outcome(error=redacted(failure_of(error)))
            if policy is not None:  # it never came to the gates
                outcome = await _told(self._recovery, Attempt(claim, policy, {}, self._session_id()), outcome)
        return outcome if outcome.policy is not None else replace(outcome, duration_ms=_since(started), policy=policy)

    async def _passed(self, attempt: Attempt, running: Running, limits: TimeLimits, started: float) -> Outcome:
        """Take the attempt through the gates to its adapter and back."""
        passed: list[Gate] = []

        async def work() -> Outcome:
            for gate in self._gates:
                early = await gate.before(attempt)
                if early is not None:
                    return early
                passed.append(gate)
            # What was let pass a moment ago may have been forbidden while others were asked.
            self._kill.check(attempt.claim, attempt.action["type"])
            attempt.called = True
            return outcome_of(await self._bounded(attempt.action))

        try:
            came: Outcome = await running.do(work, attempt.policy, limits.left)
        except Exception as failure:
            came = Outcome(error=failure_of(failure))
        outcome = Outcome(
            came.output, None if came.error is None else redacted(came.error), came.parked, _since(started),
            attempt.effect if came.error is None and came.parked is None else None, {**attempt.notes, **came.notes},
            attempt.policy,
        )  # fmt: skip
        for gate in reversed(passed):
            outcome = await _told(gate, attempt, outcome)
        return outcome

    async def _bounded(self, action: dict[str, Any]) -> Any:
        timeout_ms = action["timeout_ms"] or self._longest_ms
        if timeout_ms is None:
            return await self._ael.execute(action)
        # The layer keeps the time itself; this is the net under one that does not.
        with anyio.move_on_after(timeout_ms / 1000 + GRACE_S):
            return await self._ael.execute(action)
        raise ActionTimeout(f"the action did not end within {timeout_ms} ms", timeout_ms=timeout_ms)

    async def _action(self, claim: Mapping[str, Any], policy: StepPolicy) -> dict[str, Any]:
        template = self._template(claim)
        scope = await self.scope(claim["plan"], template.references)
        kind, name = action_target(claim["type"], claim["capability"], claim["agent_role"])
        params = template.resolve(scope)
        return {
            "type": kind, "step_id": claim["id"], "agent_role": claim["agent_role"], "name": name,
            "params": params, "step_key": claim["key"], "plan_id": claim["plan"],
            "project_id": self._project_id, "attempt": claim["attempt"], "fence": claim["fence"],
            "idempotency_key": await effect_key(self._project_id, claim, policy, kind, name, params, self.scope),
            "timeout_ms": policy.attempt_ms, "resumed": await self._resumed(claim), "inputs": scope,
        }  # fmt: skip

    def _template(self, claim: Mapping[str, Any]) -> Template:
        key = (claim["type"], claim["params"] or "")
        template = self._templates.get(key)
        if template is None:
            if len(self._templates) >= TEMPLATES_KEPT:
                self._templates.clear()
            template = self._templates[key] = step_template(claim["type"], loads(claim["params"]) or {})
        return template

    async def _resumed(self, claim: Mapping[str, Any]) -> dict[str, Any] | None:
        if not claim["resumed"]:
            return None
        if claim["resumed"] == "timer":
            return {"reason": "timer"}
        if claim["resumed"] == "plan":
            return {"reason": "plan", "subplan": await subplan_outcome(self._db, self._project_id, claim["id"])}
        if claim["resumed"] == "turn":
            return {"reason": "turn", "turn": await turn_outcome(self._db, self._project_id, claim["id"])}
        decision = await self._db.read_one(
            psg_cypher.statement("confirm_decision"), project_id=self._project_id, step_id=claim["id"]
        )
        return {"reason": "confirm", "decision": decision or {}}


async def _told(gate: Gate, attempt: Attempt, outcome: Outcome) -> Outcome:
    """Tell a gate what came of an attempt; one that breaks is noted, and neither undoes a result nor hides it."""
    try:
        return await gate.after(attempt, outcome)
    except Exception as error:
        problem = f"{type(gate).__name__} broke after the attempt ({type(error).__name__})"
        log.error("gate_broke", step=attempt.claim["key"], gate=type(gate).__name__, error=type(error).__name__)
        problems = [*outcome.notes.get("gate_errors", ()), problem]
        return replace(outcome, notes={**outcome.notes, "gate_errors": problems})


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
