"""One step in memory: hooks, attempts, waits between them, and the result."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import anyio
import orjson

from psg.errors import ActionFailed, ActionTimeout, UnknownCapability, ValidationFailed
from psg.model.ids import derived_id
from psg.plan.policy import inherit
from psg_runtime.ael import ActionResult, ConfirmRejected, Parked, action_target, failure_of
from psg_runtime.contracts import PlanStep, StepResult
from psg_runtime.contracts.moments import now
from psg_runtime.contracts.result import StepStatus
from psg_runtime.orchestrator.decide import Retry, decide_failure

if TYPE_CHECKING:
    from psg_runtime.in_memory.run import Run

GRACE_S = 1.0
DENIED = "policy_denied"
TOTAL_TIMEOUT = "total_timeout"


class StepRun:
    """What happens with one step from its claim to its result."""

    def __init__(self, run: Run, step: PlanStep) -> None:
        self._run = run
        self._step = step
        self._started, self._begun = now(), time.monotonic()
        self._attempts = 0
        self._key = derived_id("idempotency", run.plan.id, step.id)
        policy = inherit(run.plan.extension("policy"), step.extension("policy"))
        retry, timeout = policy.get("retry", {}), policy.get("timeout", {})
        self._retries = step.retries if step.retries is not None else retry.get("max_retries") or 0
        self._base_ms = retry.get("base_ms") or run.options.retry_base_ms
        self._max_ms = retry.get("max_ms") or run.options.retry_max_ms
        self._final = frozenset(retry.get("non_retryable") or ())
        self._timeout_ms = step.timeout if step.timeout is not None else timeout.get("attempt_ms")
        self._total_ms = timeout.get("total_ms")

    async def run(self) -> StepResult:
        """Do the step; every failure is a result, only control flow passes through."""
        step, run = self._step, self._run
        data = {"stepId": step.id, "type": step.type, "name": step.name, "startedAt": self._started}
        run.record("step_started", data)
        run.log.debug("step_started", step=step.id, type=step.type, name=step.name)
        try:
            if run.scope.condition(step) is not None:
                # Decided before; evaluated again so that one that could not be decided fails with the reason.
                run.scope.condition_holds(step)
            params, values = run.scope.params(step)
        except Exception as error:
            return self._failed(failure_of(error))
        view = self._view(params)
        decision = await run.hooks.before(view, run.context)
        if not decision.allow:
            run.log.info("step_denied", step=step.id, hook=decision.hook, fail_closed=decision.fail_closed)
            return self._failed({"message": decision.reason, "code": DENIED}, fail_closed=decision.fail_closed)
        result = await self._bounded_attempts(params, values)
        if problems := await run.hooks.after(view, result.to_dict(), run.context):
            return result.model_copy(update={"hook_errors": problems})
        return result

    def cancelled(self) -> StepResult:
        """The result of a step that was stopped."""
        return self._failed({"message": "the execution was cancelled", "code": "cancelled"}, reason="cancelled")

    async def _bounded_attempts(self, params: Any, values: dict[str, Any]) -> StepResult:
        if self._total_ms is None:
            return await self._all_attempts(params, values)
        with anyio.move_on_after(self._total_ms / 1000):
            return await self._all_attempts(params, values)
        late = ActionTimeout(f"the step did not end within {self._total_ms} ms", timeout_ms=self._total_ms)
        return self._failed(late.to_dict() | {"code": TOTAL_TIMEOUT})

    async def _all_attempts(self, params: Any, values: dict[str, Any]) -> StepResult:
        failures = 0
        while True:
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
            self._run.log.debug(
                "step_attempt_failed", step=self._step.id, attempt=self._attempts, code=failure.get("code"),
                retry=isinstance(decision, Retry),
            )  # fmt: skip
            if not isinstance(decision, Retry):
                return self._failed(failure)
            failures += 1
            await anyio.sleep(decision.delay_ms / 1000)

    def _decide(self, failures: int, failure: Mapping[str, Any]) -> Any:
        if failure.get("code") in self._final:
            failure = {**failure, "retryable": False}
        return decide_failure(failures, self._retries, failure, self._base_ms, self._max_ms)

    async def _attempt(self, params: Any, values: dict[str, Any]) -> tuple[Any, dict[str, Any] | None]:
        """One attempt, over all its waits: the output, or the error that the layer returned."""
        resumed: dict[str, Any] | None = None
        while True:
            result = await self._in_time(self._action(params, values, resumed))
            if not isinstance(result, Parked):
                return _told(result)
            resumed = await self._parked(result)

    async def _in_time(self, action: dict[str, Any]) -> Any:
        if self._timeout_ms is None:
            return await self._run.ael.execute(action)
        # The layer keeps the time itself; this is the net under one that does not.
        with anyio.move_on_after(self._timeout_ms / 1000 + GRACE_S):
            return await self._run.ael.execute(action)
        raise ActionTimeout(f"the action did not end within {self._timeout_ms} ms", timeout_ms=self._timeout_ms)

    async def _parked(self, parked: Parked) -> dict[str, Any]:
        if parked.confirm is None:
            await anyio.sleep((parked.due_in_ms or 0) / 1000)
            return {"reason": "timer"}
        ask = self._run.options.confirm
        if ask is None:
            raise ConfirmRejected("The step asks for a confirmation and nobody is there to give it (option `confirm`).")
        decision = await ask({**parked.confirm, "stepId": self._step.id, "planId": self._run.plan.id})
        return {"reason": "confirm", "decision": decision}

    def _action(self, params: Any, values: dict[str, Any], resumed: dict[str, Any] | None) -> dict[str, Any]:
        step = self._step
        kind, name = self._target()
        return {
            "type": kind, "name": name, "params": params, "step_id": step.id, "step_key": step.id,
            "agent_role": step.extension("agent_role"), "plan_id": self._run.plan.id, "project_id": "",
            "attempt": self._attempts, "fence": self._attempts, "idempotency_key": self._key,
            "timeout_ms": self._timeout_ms, "resumed": resumed, "inputs": values,
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
            "id": step.id, "key": step.id, "type": step.type, "name": step.name or None, "params": params,
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
