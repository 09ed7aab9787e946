"""The execution loop: one call of a module is a tick; the events of a tick are out before the next (L3-30, L3-33)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from inspect import isawaitable
from typing import Any, Protocol

from psg.errors import ActionFailed
from psg.model.codec import storable, timestamp
from psg.model.ids import UUID4, derived_id, new_id
from psg_runtime.contracts.moments import now_ms
from psg_runtime.single_agent.context import RuntimeContext
from psg_runtime.single_agent.registry import RuntimeModule, call_module

MAX_TICKS = 10_000


class Values(Protocol):
    """The part of a value state layer that a run needs."""

    async def get(self, key: str, /) -> Any:
        """Return the value of a key, or ``None``."""

    async def set(self, key: str, value: Any, /) -> None:
        """Store a value under a key."""


class Publisher(Protocol):
    """Anything with ``publish``; an ``EventBus`` is one."""

    def publish(self, event: Any, /) -> Awaitable[object] | object:
        """Take the next event."""


Sink = Publisher | Callable[[Any], Awaitable[object] | object]


class TooManyTicks(ActionFailed):
    """The modules of a run were not done after as many ticks as are allowed."""

    code = "too_many_ticks"
    retryable = False


class ModuleError(Exception):
    """Carries the error of a module out of a tick, with the module's name."""

    def __init__(self, module: str, error: Exception) -> None:
        super().__init__(module)
        self.module = module
        self.error = error


def run_key(run_id: str) -> str:
    """Where the value state layer has the state of a run."""
    return f"runtime/runs/{run_id}"


class RuntimeLoop:
    """Drives the modules of one run, tick by tick.

    A tick calls one module that is loaded now, adds what it returned to the events it queued itself, and hands them
    all to ``bus``, in order, until the queue is empty. The state of the run is in ``vsl`` before each tick: which
    module it is at, and what its agents share, as far as that is JSON.
    """

    def __init__(
        self,
        context: RuntimeContext,
        modules: Mapping[str, RuntimeModule],
        vsl: Values,
        *,
        bus: Sink | None = None,
        max_ticks: int = MAX_TICKS,
    ) -> None:
        self.context = context
        self.events: list[Any] = []
        self.ticks = 0
        self._modules = modules
        self._vsl = vsl
        self._bus = bus
        self._max_ticks = max_ticks
        self._stamp = 0

    async def drive(self, name: str, ctx: Mapping[str, Any]) -> Any:
        """Tick with a module until it is done and return its last output; ``None`` when it is not loaded.

        Raises ``ModuleError`` with what the module raised, or what the bus said to its events.
        """
        output: Any = None
        while (module := self._modules.get(name)) is not None:
            output, done = await self.tick(name, module, {**ctx, "previous": output})
            if done:
                break
        return output

    async def tick(self, name: str, module: RuntimeModule, ctx: dict[str, Any]) -> tuple[Any, bool]:
        """One tick: the module's output, and whether it is done."""
        if self.ticks >= self._max_ticks:
            raise ModuleError(name, TooManyTicks(f"the run is not done after {self._max_ticks} ticks"))
        self.ticks += 1
        await self.save("running", module=name)
        try:
            answer = await call_module(name, module, ctx)
        except Exception as error:
            await self._flushed(name)
            raise ModuleError(name, error) from error
        self.context.events.extend(answer.events)
        await self._flushed(name)
        return answer.output, answer.done

    async def save(self, status: str, *, module: str | None = None) -> None:
        """Keep the state of the run."""
        metadata = self.context.coordination.metadata
        state = {
            "run_id": self.context.run_id, "status": status, "module": module, "tick": self.ticks,
            "metadata": metadata if storable(metadata) else {}, "updated_at": timestamp(now_ms()),
        }  # fmt: skip
        await self._vsl.set(run_key(self.context.run_id), state)

    async def _flushed(self, name: str) -> None:
        """Hand over the events of this tick; one that the bus refuses, and those behind it, stay in the queue."""
        queue = self.context.events
        while queue:
            try:
                event = self._whole(queue[0])
                await self._publish(event)
            except Exception as error:
                raise ModuleError(name, error) from error
            self.events.append(event)
            del queue[0]

    async def _publish(self, event: Any) -> None:
        if self._bus is None:
            return
        publish: Any = getattr(self._bus, "publish", self._bus)
        said = publish(event)
        if isawaitable(said):
            await said

    def _whole(self, event: Any) -> Any:
        """For an event bus: a protocol event with all that the bus orders by; for any other taker: as it is."""
        if not hasattr(self._bus, "subscribe") or not isinstance(event, Mapping) or "event_family" not in event:
            return event
        run_id = self.context.run_id
        self._stamp = max(self._stamp + 1, now_ms())
        made = {
            "event_id": new_id(), "timestamp": timestamp(now_ms()), "lamport_timestamp": self._stamp,
            "project_id": run_id if UUID4.fullmatch(run_id) else derived_id("run", run_id),
        }  # fmt: skip
        return {**made, **event}
