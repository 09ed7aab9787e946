"""One claimed step: its templates resolved, its action done, its outcome told; failures become data, never vanish."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import anyio

import psg_cypher
from psg.errors import ActionFailed, ActionTimeout, PsgError
from psg.model.codec import loads
from psg_neo4j.database import Database
from psg_runtime.ael import ActionExecutionLayer, ActionResult, Parked, action_target, failure_of
from psg_runtime.expressions import Template, default_engine, step_template
from psg_runtime.orchestrator.records import idempotency_key

NAMESPACES = frozenset(("params", "item", "index", "steps", "secrets"))
GRACE_S = 1.0
TEMPLATES_KEPT = 4096
TAKEOVERS_MAX = 5


class WorkerLost(ActionFailed):
    """Every orchestrator that ran this step died in the middle of it; it is not tried again."""

    code = "worker_lost"
    retryable = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt came to: a result, an error, or a step to be parked; with its duration in milliseconds."""

    output: Any = None
    error: dict[str, Any] | None = None
    parked: Parked | None = None
    duration_ms: int = 0


class Executor:
    """Runs the attempts of one project's steps through the Action Execution Layer."""

    def __init__(self, db: Database, project_id: str, ael: ActionExecutionLayer) -> None:
        self._db = db
        self._project_id = project_id
        self._ael = ael
        self._params: dict[str, Any] = {}
        self._reading: dict[str, anyio.Lock] = {}
        self._templates: dict[tuple[str, str], Template] = {}

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
        self._reading.pop(plan_id, None)
        self._params.pop(plan_id, None)

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

    async def run(self, claim: Mapping[str, Any]) -> Outcome:
        """Do one attempt; every failure is an outcome, only control flow passes through."""
        started = time.monotonic()
        try:
            if claim["takeovers"] > TAKEOVERS_MAX:
                raise WorkerLost(f"step {claim['key']!r}: {claim['takeovers']} orchestrators died while they ran it")
            if claim["condition"] is not None and not claim["resumed"]:
                # Decided before the claim; evaluated again so that one that could not be decided fails with the reason.
                await self.condition_holds(claim["plan"], claim["condition"])
            action = await self._action(claim)
            result = await self._bounded(action, claim["timeout_ms"])
        except Exception as error:
            return Outcome(error=failure_of(error), duration_ms=_since(started))
        return _outcome(result, _since(started))

    async def _bounded(self, action: dict[str, Any], timeout_ms: int | None) -> Any:
        if timeout_ms is None:
            return await self._ael.execute(action)
        # The layer keeps the time itself; this is the net under one that does not.
        with anyio.move_on_after(timeout_ms / 1000 + GRACE_S):
            return await self._ael.execute(action)
        raise ActionTimeout(f"the action did not end within {timeout_ms} ms", timeout_ms=timeout_ms)

    async def _action(self, claim: Mapping[str, Any]) -> dict[str, Any]:
        template = self._template(claim)
        scope = await self.scope(claim["plan"], template.references)
        kind, name = action_target(claim["type"], claim["capability"], claim["agent_role"])
        return {
            "type": kind, "step_id": claim["id"], "agent_role": claim["agent_role"], "name": name,
            "params": template.resolve(scope), "step_key": claim["key"], "plan_id": claim["plan"],
            "project_id": self._project_id, "attempt": claim["attempt"], "fence": claim["fence"],
            "idempotency_key": idempotency_key(self._project_id, claim["id"]), "timeout_ms": claim["timeout_ms"],
            "resumed": await self._resumed(claim), "inputs": scope,
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
        decision = await self._db.read_one(
            psg_cypher.statement("confirm_decision"), project_id=self._project_id, step_id=claim["id"]
        )
        return {"reason": "confirm", "decision": decision or {}}


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def _outcome(result: Any, duration_ms: int) -> Outcome:
    """Read what a layer returned: ours, or any mapping with ``success`` or the specification's ``status``."""
    if isinstance(result, Parked):
        return Outcome(parked=result, duration_ms=duration_ms)
    if isinstance(result, ActionResult):
        success, output, error = result.success, result.output, result.error
    elif isinstance(result, Mapping):
        success = bool(result.get("success", result.get("status") == "executed"))
        output, error = result.get("output"), result.get("error")
    else:
        success, output, error = False, None, None
    if success:
        return Outcome(output=output, duration_ms=duration_ms)
    if not isinstance(error, Mapping):
        error = PsgError(str(error or "the action reported no success")).to_dict() | {"code": "action_failed"}
    return Outcome(error=dict(error), duration_ms=duration_ms)
