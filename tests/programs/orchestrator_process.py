"""An orchestrator as a process of its own, for tests that kill, stop and freeze one.

Environment: PSG_TEST_URI, PSG_TEST_USER, PSG_TEST_PASSWORD, and PSG_* settings. Tools: ``noop``; ``slow`` (seconds),
which appends its idempotency key and fence to the file ``effects``; ``hang``, which leaves a mark there and never
returns; the agent ``coder`` is whatever worker fetches its turns. Prints ``ready`` once the lease is held.
"""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import anyio

from psg.graph import Graph
from psg_neo4j import Database
from psg_runtime.ael import ActionContext, AdapterLayer, CapabilityRegistry
from psg_runtime.orchestrator import Orchestrator


async def noop() -> None:
    """Nothing."""


async def slow(seconds: float, effects: str, ctx: ActionContext) -> str:
    """Leave a mark, then take a while."""
    _mark(effects, f"{ctx.idempotency_key} {ctx.fence} {os.getpid()}\n")
    await anyio.sleep(seconds)
    return "done"


def hang(effects: str) -> None:
    """Leave a mark, and block a thread for good."""
    _mark(effects, f"{os.getpid()}\n")
    threading.Event().wait()


def _mark(effects: str, line: str) -> None:
    with Path(effects).open("a") as file:
        file.write(line)


async def main() -> None:
    """Run until SIGTERM."""
    env = os.environ
    registry = CapabilityRegistry()
    registry.register(name="noop", type="tool", call=noop)
    registry.register(name="slow", type="tool", call=slow)
    registry.register(name="hang", type="tool", call=hang)
    registry.register(name="coder", type="agent", adapter="external")
    uri, user, password = (env[f"PSG_TEST_{name}"] for name in ("URI", "USER", "PASSWORD"))
    async with Database.connect(uri, user, password) as db:
        orchestrator = Orchestrator(Graph(db), AdapterLayer(registry))
        async with anyio.create_task_group() as tasks:
            await tasks.start(orchestrator.run)
            print(f"ready {orchestrator.session_id}", flush=True)
            with anyio.open_signal_receiver(signal.SIGTERM) as signals:
                async for _ in signals:
                    orchestrator.stop()
                    break


if __name__ == "__main__":
    anyio.run(main)
