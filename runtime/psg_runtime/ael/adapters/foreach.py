"""Runs one capability for every item of a list, some at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import anyio

from psg.errors import ActionFailed, ControlSignal, PsgError, ValidationFailed
from psg_runtime.ael.failures import ItemFailed, ItemRefused, failure_of
from psg_runtime.ael.port import Action, ActionResult, Parked, action_target
from psg_runtime.expressions import Template

MAX_ITEMS = 10_000
_MAX_CONCURRENCY = 64
_DEFAULT_CONCURRENCY = 8
_ITEM_TYPES = ("tool", "agent", "llm")

Dispatch = Callable[[Action], Awaitable[ActionResult | Parked]]


class ForeachAdapter:
    """``params``: ``items`` (a list), ``do`` {name, type, params with ``{{item}}``, ``{{index}}``}, ``concurrency``.

    The output is the list of outputs in the order of the items. One item that fails fails the step and stops the
    others. One level: ``do`` cannot be a foreach, wait or confirm.
    """

    limiter = None

    def __init__(self, dispatch: Dispatch) -> None:
        self._dispatch = dispatch

    def check(self, name: str, params: Mapping[str, Any]) -> None:
        do = params.get("do")
        if not isinstance(do, Mapping) or not isinstance(do.get("name"), str) or "items" not in params:
            raise ValidationFailed("A foreach step needs `items` and `do` with the `name` of a capability.")
        if do.get("type", "tool") not in _ITEM_TYPES:
            raise ValidationFailed(f"`do.type` must be one of {', '.join(_ITEM_TYPES)}, not `{do['type']}`.")
        width = params.get("concurrency", _DEFAULT_CONCURRENCY)
        if isinstance(width, str) and "{{" in width:
            return
        if not isinstance(width, int) or isinstance(width, bool) or not 1 <= width <= _MAX_CONCURRENCY:
            raise ValidationFailed(f"`concurrency` must be from 1 to {_MAX_CONCURRENCY}, not {width!r}.")

    async def run(self, action: Action) -> ActionResult:
        self.check("foreach", action.params)
        items = action.params["items"]
        if not isinstance(items, list):
            raise ValidationFailed(f"`items` must be a list, not {type(items).__name__}.")
        if len(items) > MAX_ITEMS:
            raise ValidationFailed(f"`items` has {len(items)} items; the limit is {MAX_ITEMS}. Group them.")
        loop = _Loop(action, items, self._dispatch)
        width = min(action.params.get("concurrency", _DEFAULT_CONCURRENCY), len(items))
        async with anyio.create_task_group() as tasks:
            for _ in range(width):
                tasks.start_soon(loop.work, tasks.cancel_scope)
        if loop.signal is not None:
            raise loop.signal
        if loop.failure is not None:
            raise _failed(*loop.failure)
        return ActionResult(True, loop.outputs)


class _Loop:
    """Workers take the next item each, so that ten thousand items do not make ten thousand tasks."""

    def __init__(self, action: Action, items: list[Any], dispatch: Dispatch) -> None:
        do = action.params["do"]
        kind, name = action_target(do.get("type", "tool"), do["name"], None)
        self._template = Template(do.get("params", {}))
        self._action = replace(action, type=kind, name=name, agent_role=None, params={}, timeout_ms=None)
        self._items = enumerate(items)
        self._dispatch = dispatch
        self.outputs: list[Any] = [None] * len(items)
        self.failure: tuple[int, Exception] | None = None
        self.signal: ControlSignal | None = None

    async def work(self, scope: anyio.CancelScope) -> None:
        for index, item in self._items:
            try:
                self.outputs[index] = await self._one(index, item)
            except Exception as error:
                if self.failure is None or index < self.failure[0]:
                    self.failure = (index, error)
                scope.cancel()
                return
            except ControlSignal as signal:  # as itself, not in the group a task group would make of it
                self.signal = signal
                scope.cancel()
                return

    async def _one(self, index: int, item: Any) -> Any:
        params = self._template.resolve({**self._action.inputs, "item": item, "index": index})
        key = f"{self._action.idempotency_key}:{index}"
        result = await self._dispatch(replace(self._action, params=params, idempotency_key=key))
        if isinstance(result, Parked):
            raise ValidationFailed("an item of foreach cannot wait or ask for a confirmation")
        if not result.success:
            raise ActionFailed((result.error or {}).get("message"), error=result.error)
        return result.output


def _failed(index: int, error: Exception) -> PsgError:
    failure = failure_of(error)
    kind = ItemFailed if failure["retryable"] else ItemRefused
    return kind(f"Item {index}: {failure['message']}", index=index, error=failure)
