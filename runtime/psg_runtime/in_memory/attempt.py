"""One step in memory: hooks, attempts, waits between them, and the result."""

from __future__ import annotations

import time
from collections.abc import Mapping
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

import anyio
import orjson

from psg.errors import ActionFailed, ActionTimeout, UnknownCapability, ValidationFailed
from psg.model.codec import dumps
from psg.model.ids import derived_id
from psg_runtime.ael import ActionResult, ConfirmRejected, Parked, action_target, failure_of
from psg_runtime.ael.failures import ActionRefused
from psg_runtime.contracts import PlanStep, StepResult
from psg_runtime.contracts.moments import now
from psg_runtime.contracts.result import StepStatus
from psg_runtime.execution_core.policies import RetryPolicy
from psg_runtime.orchestrator.decide import Fail, Retry, decide_retry
from psg_runtime.orchestrator.gates import without_secrets
from psg_runtime.orchestrator.policy import StepPolicy

if TYPE_CHECKING:
    from psg_runtime.in_memory.run import Run

GRACE_S = 1.0
DENIED = "denied"
TOTAL_TIMEOUT = "total_timeout"
UNSAID = StepPolicy(RetryPolicy(max_retries=0))


class StepRun:
    """What happens with one step from its claim to its result."""

    def __init__(self, run: Run, step: PlanStep) -> None:
        self._run = run
        self._step = step
        self._started, self._begun = now(), time.monotonic()
        self._attempts = 0
        self._key = derived_id("idempotency", run.plan.id, step.id)
        self._policy = UNSAID

    async def run(self) -> StepResult:
        """Do the step; every failure is a result, only control flow passes through."""
        step, run = self._step, self._run
        data = {"stepId": step.id, "type": step.type, "name": step.name, "startedAt": self._started}
        run.record("step_started", data)
        run.log.debug("step_started", step=step.id, type=step.type, name=step.name)
        try:
            self._policy = self._policy_said()
            if run.scope.condition(step) is not None:
                # Decided before; evaluated again so that one that could not be decided fails with the reason.
                run.scope.condition_holds(step)
            params, values = run.scope.params(step)
        except Exception as error:
            return self._failed(failure_of(error))
        view = self._view(params)
        result = await self._bounded_attempts(view, params, values)
        if self._attempts and (problems := await run.hooks.after(view, result.to_dict(), run.context)):
            return result.model_copy(update={"hook_errors": problems})
        return result

    def _policy_said(self) -> StepPolicy:
        step, run = self._step, self._run
        said = {"plan_policy": run.plan.extension("policy"), "policy": step.extension("policy")}
        texts = {name: None if policy is None else dumps(policy) for name, policy in said.items()}
        return run.policies.of({**texts, "timeout_ms": step.timeout, "retries": step.retries}, None)

    def cancelled(self) -> StepResult:
        """The result of a step that was stopped."""
        return self._failed({"message": "the execution was cancelled", "code": "cancelled"}, reason="cancelled")

    async def _bounded_attempts(self, view: dict[str, Any], params: Any, values: dict[str, Any]) -> StepResult:
        if self._policy.total_ms is None:
            return await self._all_attempts(view, params, values)
        with anyio.move_on_after(self._policy.total_ms / 1000):
            return await self._all_attempts(view, params, values)
        return self._late()

    def _late(self) -> StepResult:
        message = f"the step did not end within {self._policy.total_ms} ms, with all its attempts"
        return self._failed({"message": message, "code": TOTAL_TIMEOUT})

    async def _all_attempts(self, view: dict[str, Any], params: Any, values: dict[str, Any]) -> StepResult:
        run, failures = self._run, 0
        while True:
            asked = await run.hooks.before(view, run.context)
            if not asked.allow:
                run.log.info("step_denied", step=self._step.id, hook=asked.hook, fail_closed=asked.fail_closed)
                return self._failed({"message": asked.reason, "code": DENIED}, fail_closed=asked.fail_closed)
            self._attempts += 1
            try:
                output, failure = await self._attempt(params, values)
                if failure is None:
                    return self._result("completed", output=orjson.loads(orjson.dumps(output)))
            except orjson.JSONEncodeError as error:
                failure = ValidationFailed(f"The output is not JSON: {error}.").to_dict()
            except Exception as error:
                failure = failure_of(error)
            decision = self._decide(failures, failure)
            run.log.debug(
                "step_attempt_failed", step=self._step.id, attempt=self._attempts, code=failure.get("code"),
                retry=isinstance(decision, Retry),
            )  # fmt: skip
            if not isinstance(decision, Retry):
                return self._failed(failure) if decision.because is None else self._late()
            failures += 1
            await anyio.sleep(decision.delay_ms / 1000)

    def _decide(self, failures: int, failure: Mapping[str, Any]) -> Retry | Fail:
        total = self._policy.total_ms
        left = None if total is None else max(0, total - round((time.monotonic() - self._begun) * 1000))
        seed = f"{self._key}:{self._attempts}" if self._policy.jitter else None
        return decide_retry(failures, self._policy.retry, failure, seed=seed, left_ms=left)

    async def _attempt(self, params: Any, values: dict[str, Any]) -> tuple[Any, dict[str, Any] | None]:
        """One attempt, over all its waits: the output, or the error that the layer returned."""
        resumed: dict[str, Any] | None = None
        while True:
            result = await self._in_time(self._action(params, values, resumed))
            if not isinstance(result, Parked):
                return _told(result)
            resumed = await self._parked(result)

    async def _in_time(self, action: dict[str, Any]) -> Any:
        limit = self._policy.attempt_ms
        if limit is None:
            return await self._run.ael.execute(action)
        # The layer keeps the time itself; this is the net under one that does not.
        with anyio.move_on_after(limit / 1000 + GRACE_S):
            return await self._run.ael.execute(action)
        raise ActionTimeout(f"the action did not end within {limit} ms", timeout_ms=limit)

    async def _parked(self, parked: Parked) -> dict[str, Any]:
        if parked.turn is not None:
            raise ActionRefused("A turn of a worker outside is kept in the graph: run the plan there.")
        if parked.confirm is None:
            await anyio.sleep((parked.due_in_ms or 0) / 1000)
            return {"reason": "timer"}
        ask = self._run.options.confirm
        if ask is None:
            raise ConfirmRejected("The step asks for a confirmation and nobody is there to give it (option `confirm`).")
        decision = ask({**parked.confirm, "stepId": self._step.id, "planId": self._run.plan.id})
        if isawaitable(decision):
            decision = await decision
        return {"reason": "confirm", "decision": decision}

    def _action(self, params: Any, values: dict[str, Any], resumed: dict[str, Any] | None) -> dict[str, Any]:
        step = self._step
        kind, name = self._target()
        return {
            "type": kind, "name": name, "params": params, "step_id": step.id, "step_key": step.id,
            "agent_role": step.extension("agent_role"), "plan_id": self._run.plan.id, "project_id": "",
            "attempt": self._attempts, "fence": self._attempts, "idempotency_key": self._key,
            "timeout_ms": self._policy.attempt_ms, "resumed": resumed, "inputs": values,
        }  # fmt: skip

    def _target(self) -> tuple[str, str | None]:
        """A conditional needs no capability though the contract wants a name (C-23): an unknown one is a label."""
        step, name = self._step, self._step.name or None
        registry = getattr(self._run.ael, "registry", None)
        if step.type == "conditional" and name is not None and registry is not None:
            try:
                registry.get(name)
            except UnknownCapability:
                name = None
        return action_target(step.type, name, step.extension("agent_role"))

    def _view(self, params: Any) -> dict[str, Any]:
        step = self._step
        return {
            "id": step.id, "key": step.id, "type": step.type, "name": step.name or None,
            "params": without_secrets(params),
            "description": step.description, "agent_role": step.extension("agent_role"),
            "dependencies": list(step.dependencies), "plan_id": self._run.plan.id, "project_id": None,
        }  # fmt: skip

    def _failed(self, error: Mapping[str, Any], **more: Any) -> StepResult:
        message = str(error.get("message") or error.get("code") or "failed")
        return self._result("failed", error=message, error_code=error.get("code"), **more)

    def _result(self, status: StepStatus, **fields: Any) -> StepResult:
        fields = {name: value for name, value in fields.items() if value is not None and value is not False}
        return StepResult(
            step_id=self._step.id, status=status, started_at=self._started, completed_at=now(),
            duration=round((time.monotonic() - self._begun) * 1000, 3), attempts=self._attempts, **fields,
        )  # fmt: skip


def _told(result: Any) -> tuple[Any, dict[str, Any] | None]:
    """What a layer returned: ours, or any mapping with ``success`` or the specification's ``status``."""
    if isinstance(result, ActionResult):
        success, output, error = result.success, result.output, result.error
    elif isinstance(result, Mapping):
        success = bool(result.get("success", result.get("status") == "executed"))
        output, error = result.get("output"), result.get("error")
    else:
        success, output, error = False, None, None
    if success:
        return output, None
    if isinstance(error, Mapping):
        return None, dict(error)
    return None, ActionFailed(str(error or "the action reported no success")).to_dict()
