"""Runs one capability, or another loop, for every item of a list: some at a time, so many a second, in order."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import anyio
import orjson

from psg.errors import ActionFailed, ControlSignal, OutputTooLarge, PsgError, ValidationFailed
from psg_runtime.ael.failures import ItemFailed, ItemRefused, failure_of
from psg_runtime.ael.heartbeat import sign_of_life
from psg_runtime.ael.port import Action, ActionResult, Parked, action_target
from psg_runtime.ael.usage import present_meter
from psg_runtime.expressions import step_template
from psg_runtime.plan_file.loops import DEFAULT_CONCURRENCY, check_loop

MAX_ITEMS = 10_000
MAX_OUTPUT_BYTES = 1024 * 1024
_REPORT_EVERY_S = 0.25
_ERRORS_SHOWN = 10
_ERRORS_KEPT = 1_000

Dispatch = Callable[[Action], Awaitable[ActionResult | Parked]]
ProgressSink = Callable[[Action, dict[str, Any]], None]


class ForeachAdapter:
    """``params``: ``items`` (a list), ``do`` {name, type, params with ``{{item}}``, ``{{index}}``} and how.

    ``do`` may be a foreach itself (its params: ``items``, ``do``, …); inside it ``{{outer.item}}`` is the item around
    it. ``concurrency`` is how many at a time, ``rate.per_second`` how many begin in a second. ``on_item_failure``:
    ``fail`` (the first failure ends the step), ``continue`` (null in its place) or ``collect`` (the output is
    {results, errors, succeeded, failed}); with these, more than ``max_failures`` failures end the step.

    The output has the results in the order of the items. ``max_items`` and ``max_output_bytes`` bound what one loop
    takes and gives; ``on_progress`` hears of {done, failed, total}.
    """

    limiter = None

    def __init__(
        self,
        dispatch: Dispatch,
        on_progress: ProgressSink | None = None,
        *,
        max_items: int = MAX_ITEMS,
        max_output_bytes: int = MAX_OUTPUT_BYTES,
    ) -> None:
        self._dispatch = dispatch
        self._on_progress = on_progress
        self._max_items = max_items
        self._max_output_bytes = max_output_bytes

    def check(self, name: str, params: Mapping[str, Any]) -> None:
        """Raise ValidationFailed for params that no loop can be made of; placeholders may still be in them."""
        check_loop(params)

    async def run(self, action: Action) -> ActionResult:
        """Do every item; raises what the failure policy makes of failures, OutputTooLarge, ValidationFailed."""
        check_loop(action.params, resolved=True)
        items = action.params["items"]
        if not isinstance(items, list):
            raise ValidationFailed(f"`items` must be a list, not {type(items).__name__}.")
        if len(items) > self._max_items:
            raise ValidationFailed(
                f"`items` has {len(items)} items; the limit is {self._max_items} (PSG_FOREACH_MAX_ITEMS). Group them, "
                "or split the work in sub-plans.",
                items=len(items), limit=self._max_items,
            )  # fmt: skip
        loop = _Loop(action, items, self._dispatch, self._on_progress, self._max_output_bytes)
        width = min(action.params.get("concurrency", DEFAULT_CONCURRENCY), len(items))
        async with anyio.create_task_group() as tasks:
            for _ in range(width):
                tasks.start_soon(loop.work, tasks.cancel_scope)
        return loop.result()


@dataclass(slots=True)
class _Pace:
    """When the next item may begin: evenly spaced, whoever of the workers comes."""

    per_second: float | None
    next_at: float = field(default_factory=time.monotonic)

    async def wait(self) -> None:
        if self.per_second is None:
            return
        mine = max(self.next_at, time.monotonic())
        self.next_at = mine + 1 / self.per_second
        await anyio.sleep(max(0.0, mine - time.monotonic()))


class _Loop:
    """Workers take the next item each, so that ten thousand items do not make ten thousand tasks."""

    def __init__(
        self,
        action: Action,
        items: list[Any],
        dispatch: Dispatch,
        on_progress: ProgressSink | None,
        max_output_bytes: int,
    ) -> None:
        params = action.params
        do = params["do"]
        kind, name = action_target(do.get("type", "tool"), do.get("name"), None)
        self._whole = action
        self._template = step_template(do.get("type", "tool"), do.get("params", {}))
        self._action = replace(action, type=kind, name=name, agent_role=None, params={}, timeout_ms=None)
        self._items = enumerate(items)
        self._total = len(items)
        self._dispatch = dispatch
        self._on_progress = on_progress
        self._meter = present_meter()
        self._told = 0.0
        self._pace = _Pace((params.get("rate") or {}).get("per_second"))
        self._policy = params.get("on_item_failure", "fail")
        most = params.get("max_failures")
        self._max_failures = self._total if most is None else most
        self._bytes_left = max_output_bytes
        self._max_bytes = max_output_bytes
        self._outputs: list[Any] = [None] * len(items)
        self._errors: list[tuple[int, dict[str, Any]]] = []
        self._done = self._failed = 0
        self._failure: tuple[int, PsgError] | None = None
        self._signal: ControlSignal | None = None

    async def work(self, scope: anyio.CancelScope) -> None:
        """Do items until there are none left, or until one ends the loop."""
        for index, item in self._items:
            try:
                await self._pace.wait()
                output = await self._one(index, item)
                self._count(output)
                self._outputs[index] = output
            except OutputTooLarge as error:
                self._end(index, error, scope)
                return
            except Exception as error:
                if self._item_failed(index, error, scope):
                    return
            except ControlSignal as signal:  # as itself, not in the group a task group would make of it
                self._signal = signal
                scope.cancel()
                return
            self._done += 1
            self._report()

    async def _one(self, index: int, item: Any) -> Any:
        inputs = self._action.inputs
        scope = {**inputs, "item": item, "index": index}
        if "item" in inputs:
            scope["outer"] = {k: inputs[k] for k in ("item", "index", "outer") if k in inputs}
        key = f"{self._action.idempotency_key}:{index}"
        action = replace(self._action, params=self._template.resolve(scope), idempotency_key=key)
        if self._action.type == "custom_action":
            action = replace(action, inputs=scope)
        counted = action.name != "foreach"  # a loop inside counts its own items
        if counted:
            self._meter.call()
        result = await self._dispatch(action)
        if isinstance(result, Parked):
            raise ValidationFailed("an item of foreach cannot wait or ask for a confirmation")
        if not result.success:
            raise ActionFailed((result.error or {}).get("message"), error=result.error)
        if counted:
            self._meter.output(result.output)
        return result.output

    def _count(self, output: Any) -> None:
        """Results are bounded while they come in, not when all of them are there."""
        try:
            self._bytes_left -= len(orjson.dumps(output)) + 1
        except (TypeError, ValueError, RecursionError) as error:
            raise ValidationFailed(f"The output of an item is not JSON: {error}.") from error
        if self._bytes_left < 0:
            raise OutputTooLarge(
                f"The results have more than {self._max_bytes} bytes (PSG_MAX_OUTPUT_BYTES). Let the items write "
                "files and return their names.",
                limit=self._max_bytes,
            )

    def _item_failed(self, index: int, error: Exception, scope: anyio.CancelScope) -> bool:
        """Note the failure of an item; ``True`` when it ends the loop."""
        self._failed += 1
        failure = failure_of(error)
        if len(self._errors) < _ERRORS_KEPT:
            self._errors.append((index, failure))
        if self._policy != "fail" and self._failed <= self._max_failures:
            return False
        kind = ItemFailed if failure["retryable"] else ItemRefused
        shown = [{"index": i, **_brief(e)} for i, e in sorted(self._errors, key=lambda e: e[0])[:_ERRORS_SHOWN]]
        more = f" ({self._failed} items failed)" if self._failed > 1 else ""
        told = kind(f"Item {index}: {failure['message']}{more}", index=index, error=failure, failed=shown)
        self._end(index, told, scope)
        return True

    def _end(self, index: int, error: PsgError, scope: anyio.CancelScope) -> None:
        if self._failure is None or index < self._failure[0]:
            self._failure = (index, error)
        scope.cancel()

    def _report(self) -> None:
        """Tell how far it is: every item is a sign of life, numbers come now and then."""
        sign_of_life()()
        now = time.monotonic()
        if self._on_progress is not None and (now - self._told >= _REPORT_EVERY_S or self._done == self._total):
            self._told = now
            progress = {"done": self._done, "failed": self._failed, "total": self._total}
            self._on_progress(self._whole, progress)

    def result(self) -> ActionResult:
        """Return what the loop came to, or raise what ended it."""
        if self._signal is not None:
            raise self._signal
        if self._failure is not None:
            raise self._failure[1]
        if self._policy != "collect":
            return ActionResult(True, self._outputs)
        errors = [{"index": i, **_brief(e)} for i, e in sorted(self._errors, key=lambda e: e[0])]
        counts = {"succeeded": self._total - self._failed, "failed": self._failed}
        return ActionResult(True, {"results": self._outputs, "errors": errors, **counts})


def _brief(failure: Mapping[str, Any]) -> dict[str, Any]:
    return {name: failure.get(name) for name in ("code", "message", "retryable")}
