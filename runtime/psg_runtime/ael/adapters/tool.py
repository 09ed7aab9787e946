"""Calls registered Python functions: tools, services and agents."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import anyio
import anyio.from_thread
import anyio.lowlevel

from psg.errors import ActionFailed, CapabilityDenied, ControlSignal, ValidationFailed
from psg_runtime.ael.heartbeat import sign_of_life
from psg_runtime.ael.port import Action, ActionResult, Parked
from psg_runtime.ael.registry import ActionContext, Capability, CapabilityRegistry, validated_output
from psg_runtime.ael.usage import present_meter
from psg_runtime.execution_core.calls import CallFailed, Saturated, call

ProgressSink = Callable[[Action, dict[str, Any]], None]


class CallableAdapter:
    """Runs capabilities of the given kinds; a sync function gets a thread, which a timeout leaves behind.

    A capability cannot end, or cancel, who runs it; nor can a thread that hangs keep the process from ending.
    """

    def __init__(
        self,
        registry: CapabilityRegistry,
        kinds: tuple[str, ...],
        capacity: int,
        on_progress: ProgressSink | None = None,
    ) -> None:
        self._registry = registry
        self._kinds = kinds
        self._on_progress = on_progress
        self._limiter = anyio.CapacityLimiter(capacity)

    @property
    def limiter(self) -> anyio.CapacityLimiter:
        return self._limiter

    def check(self, name: str, params: Mapping[str, Any]) -> None:
        capability = self._registry.get(name, self._kinds)
        if not capability.executable:
            raise _declared_only(capability)

    async def run(self, action: Action) -> ActionResult | Parked:
        capability = self._registry.get(action.name or action.agent_role or "", self._kinds)
        if capability.wants_context and not capability.takes_params and "ctx" in action.params:
            raise ValidationFailed(f"`ctx` is no parameter of `{capability.name}`: it is given by the layer.")
        arguments = capability.arguments(action.params)
        context = self._context(action)
        given: dict[str, Any] = {"params": arguments} if capability.takes_params else arguments
        if capability.wants_context:
            given["ctx"] = context
        try:
            value = await self._call(capability, given)
        finally:
            context.cancel()
        if isinstance(value, (ActionResult, Parked)):
            return value
        return ActionResult(True, validated_output(capability, value))

    async def _call(self, capability: Capability, arguments: dict[str, Any]) -> Any:
        if capability.call is None:
            raise _declared_only(capability)
        try:
            return await call(capability.call, **arguments)
        except CallFailed as error:
            raise ActionFailed(f"`{capability.name}` {error}.") from None
        except Saturated as error:
            raise ActionFailed(f"`{capability.name}` was not called: {error}.") from None
        except (Exception, ControlSignal, KeyboardInterrupt, GeneratorExit, anyio.get_cancelled_exc_class()):
            raise
        except BaseException as error:
            raise ActionFailed(f"`{capability.name}` raised {type(error).__name__}.") from None

    def _context(self, action: Action) -> ActionContext:
        alive = sign_of_life()
        loop, here = anyio.lowlevel.current_token(), threading.get_ident()

        def report(progress: dict[str, Any]) -> None:
            alive()
            if self._on_progress is None:
                return
            if threading.get_ident() == here:
                self._on_progress(action, progress)
            else:
                anyio.from_thread.run_sync(self._on_progress, action, progress, token=loop)

        return ActionContext(
            idempotency_key=action.idempotency_key,
            attempt=action.attempt,
            step_key=action.step_key,
            step_id=action.step_id,
            plan_id=action.plan_id,
            project_id=action.project_id,
            fence=action.fence,
            agent_role=action.agent_role,
            timeout_ms=action.timeout_ms,
            resumed=action.resumed,
            report_to=report,
            spend_to=present_meter().spend,
        )


def _declared_only(capability: Capability) -> CapabilityDenied:
    message = f"The capability `{capability.name}` is declared only: nothing here can do it."
    return CapabilityDenied(message, name=capability.name)
