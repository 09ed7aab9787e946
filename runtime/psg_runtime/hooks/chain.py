"""Asks the hooks before a step and tells them after it; whatever goes wrong with a hook denies (ORCH-16, ORCH-20)."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import structlog

from psg_runtime.ael.failures import message_of
from psg_runtime.ael.masking import SecretMask
from psg_runtime.contracts.record import record
from psg_runtime.hooks.port import PolicyHook, policy_hook

log = structlog.get_logger(__name__)

DEFAULT_TIMEOUT_MS = 5_000
MAX_STUCK = 8
MAX_REASON_CHARS = 2_000


@dataclass(frozen=True, slots=True)
class HookDecision:
    """Whether a step may run. ``hook`` denied it, for ``reason``; ``fail_closed``: because the hook itself broke."""

    allow: bool
    reason: str | None = None
    hook: str | None = None
    fail_closed: bool = False


ALLOWED = HookDecision(True)


class HookFailed(Exception):
    """A hook raised, did not end in time, or answered what is no answer."""


class HookChain:
    """Several hooks, of which each must allow a step.

    They are asked in their order, the first denial ends it. ``timeout_ms`` bounds each call in milliseconds. It
    knows nothing of who runs the steps: the orchestrator on the graph and the in-memory executor call it alike.
    """

    def __init__(self, hooks: Iterable[Any] = (), *, timeout_ms: int = DEFAULT_TIMEOUT_MS) -> None:
        if isinstance(hooks, HookChain):
            hooks = hooks.hooks
        self.hooks: tuple[PolicyHook, ...] = tuple(policy_hook(hook) for hook in hooks)
        self._seconds = timeout_ms / 1000
        self._stuck = [0] * len(self.hooks)
        self._counting = threading.Lock()
        self._mask = SecretMask()

    def __len__(self) -> int:
        return len(self.hooks)

    async def before(self, step: Mapping[str, Any], context: Mapping[str, Any] | None = None) -> HookDecision:
        """Decide whether a step may run; never raises for what a hook does.

        Every hook is given copies, so that none changes what is run or what the next one sees.
        """
        for index, hook in enumerate(self.hooks):
            if hook.pre_execution is None:
                continue
            try:
                answer = await self._call(index, hook.pre_execution, step, context or {})
                decision = self._decision(hook, answer)
            except HookFailed as failure:
                log.warning("policy_hook_failed", hook=hook.name, step=step.get("key"), reason=str(failure))
                return HookDecision(False, f"policy hook `{hook.name}` {failure}", hook.name, fail_closed=True)
            if not decision.allow:
                return decision
        return ALLOWED

    async def after(
        self, step: Mapping[str, Any], result: Mapping[str, Any], context: Mapping[str, Any] | None = None
    ) -> list[str]:
        """Tell every hook what came of a step (ORCH-17).

        Returns what went wrong in hooks, to be recorded with the result; one that fails keeps no other from being told.
        """
        failures = []
        for index, hook in enumerate(self.hooks):
            if hook.post_execution is None:
                continue
            try:
                await self._call(index, hook.post_execution, step, result, context or {})
            except HookFailed as failure:
                log.warning("policy_hook_failed", hook=hook.name, step=step.get("key"), reason=str(failure))
                failures.append(f"policy hook `{hook.name}` {failure}")
        return failures

    def _decision(self, hook: PolicyHook, answer: Any) -> HookDecision:
        if isinstance(answer, Mapping):
            allow, reason = answer.get("allow"), answer.get("reason")
        else:
            allow, reason = getattr(answer, "allow", None), getattr(answer, "reason", None)
        if not isinstance(allow, bool) or not (reason is None or isinstance(reason, str)):
            raise HookFailed(f"answered {type(answer).__name__} instead of {{allow: true or false, reason: text}}")
        if allow:
            return ALLOWED
        told = self._mask.text(reason.strip()[:MAX_REASON_CHARS]) if reason else ""
        return HookDecision(False, told or f"denied by policy hook `{hook.name}`", hook.name)

    async def _call(self, index: int, call: Callable[..., Any], *given: Mapping[str, Any]) -> Any:
        if self._stuck[index] >= MAX_STUCK:
            raise HookFailed(f"hangs: {MAX_STUCK} calls did not end")
        late = anyio.CancelScope(deadline=anyio.current_time() + self._seconds)
        try:
            with late:
                arguments = [record(one) for one in given]
                if _is_async(call):
                    return await call(*arguments)
                # A sync hook that hangs keeps its thread; how many may do so is bounded.
                answer = await anyio.to_thread.run_sync(
                    partial(self._counted, index, call, arguments, late), abandon_on_cancel=True,
                    limiter=anyio.CapacityLimiter(1),
                )  # fmt: skip
                return await answer if inspect.isawaitable(answer) else answer
        except Exception as error:
            raise HookFailed(f"failed: {self._mask.text(message_of(error))[:MAX_REASON_CHARS]}") from error
        raise HookFailed(f"did not end within {round(self._seconds * 1000)} ms")

    def _counted(
        self, index: int, call: Callable[..., Any], arguments: list[Any], late: anyio.CancelScope
    ) -> Any:
        with self._counting:
            self._stuck[index] += 1
        try:
            answer = call(*arguments)
            if late.cancel_called and inspect.iscoroutine(answer):
                answer.close()  # nobody waits for it any more
            return answer
        except SystemExit as error:  # a hook may not end the orchestrator
            raise RuntimeError(f"called sys.exit({error.code!r})") from error
        finally:
            with self._counting:
                self._stuck[index] -= 1


def _is_async(call: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(getattr(call, "__call__", None))  # noqa: B004
