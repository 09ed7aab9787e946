"""A module of one's own with operations that tests can watch, hold and break, and workflows over it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
from world import QUICK, World

from psg_runtime.core_orchestrator import CoreOrchestrator
from psg_runtime.orchestrator import OrchestratorSettings

OPERATIONS = ("echo", "fail", "hold", "flaky", "note", "slow")


class Lab:
    """What the operations of the module ``lab`` did, and how to hold them."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.running = Counter[str]()
        self.most = 0
        self.released = anyio.Event()
        self.correlations: list[str | None] = []
        self.actors: list[str] = []

    @property
    def registration(self) -> dict[str, Any]:
        """The module as it is registered."""
        return {
            "moduleType": "lab", "version": "1.0.0", "capabilities": [f"lab.{name}" for name in OPERATIONS],
            "operations": {name: getattr(self, name) for name in OPERATIONS},
        }  # fmt: skip

    async def echo(self, inputs: Mapping[str, Any], invocation: Any) -> dict[str, Any]:
        """Give the inputs back."""
        self.calls.append(inputs.get("as", "echo"))
        self.correlations.append(invocation.correlation_id)
        self.actors.append(invocation.actor)
        return dict(inputs)

    async def fail(self, inputs: Mapping[str, Any]) -> None:
        """Fail with a message."""
        self.calls.append(inputs.get("as", "fail"))
        raise RuntimeError(inputs.get("message", "it broke"))

    async def hold(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Run until the test lets go; counts how many do at the same time."""
        self.calls.append(inputs.get("as", "hold"))
        self.running["now"] += 1
        self.most = max(self.most, self.running["now"])
        try:
            await self.released.wait()
        finally:
            self.running["now"] -= 1
        return dict(inputs)

    async def flaky(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Fail the first ``times`` times."""
        self.calls.append("flaky")
        if self.calls.count("flaky") <= inputs["times"]:
            raise RuntimeError("not yet")
        return {"attempts": self.calls.count("flaky")}

    async def note(self, inputs: Mapping[str, Any]) -> str:
        """Note that it was called; the result is no mapping."""
        self.calls.append(str(inputs.get("as", "note")))
        return "noted"

    async def slow(self, inputs: Mapping[str, Any]) -> None:
        """Never end."""
        self.calls.append("slow")
        await anyio.sleep_forever()

    async def until(self, call: str) -> None:
        """Wait until an operation was called."""
        await until(lambda: call in self.calls)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds in this process."""
    with anyio.fail_after(60):
        while not condition():  # noqa: ASYNC110 - there is nothing that would tell
            await anyio.sleep(0.005)


def stage(name: str, *dependencies: str, operation: str = "echo", **fields: Any) -> dict[str, Any]:
    """A stage of the module ``lab`` that gives its id back as ``as``."""
    inputs = {"as": name, **fields.pop("inputs", {})}
    made = {"id": name, "name": name, "moduleType": "lab", "operation": operation, "inputs": inputs}
    return {**made, "dependencies": list(dependencies), **fields}


def workflow(*stages: dict[str, Any], mode: str = "parallel", **fields: Any) -> dict[str, Any]:
    """A workflow of these stages."""
    made = {"id": "test-workflow", "name": "A workflow", "version": "1.0.0", "executionMode": mode}
    return {**made, "stages": list(stages), **fields}


@asynccontextmanager
async def core_of(
    world: World, lab: Lab | None = None, config: Mapping[str, Any] | None = None, **more: Any
) -> AsyncIterator[CoreOrchestrator]:
    """A core orchestrator at work on the world's project, with the module ``lab``."""
    settings = OrchestratorSettings(**QUICK)
    core = CoreOrchestrator(world.graph, world.project_id, config, orchestrator_settings=settings, **more)
    if lab is not None:
        await core.register_module(lab.registration)
    async with core:
        yield core
