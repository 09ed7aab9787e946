"""A monitor of one project as a process of its own, for tests that kill the one that evaluates.

Environment: PSG_TEST_URI, PSG_TEST_USER, PSG_TEST_PASSWORD, PSG_TEST_PROJECT, and PSG_* settings. Prints ``ready`` and
its id once it runs, and ``evaluator`` when it evaluates.
"""

from __future__ import annotations

import os
import signal

import anyio

from psg.graph import Graph
from psg_neo4j import Database
from psg_runtime.monitoring import SystemMonitor


async def main() -> None:
    """Run until SIGTERM."""
    env = os.environ
    connection = Database.connect(env["PSG_TEST_URI"], env["PSG_TEST_USER"], env["PSG_TEST_PASSWORD"])
    async with connection as db, anyio.create_task_group() as tasks:
        monitor = SystemMonitor(Graph(db), project_id=env["PSG_TEST_PROJECT"])
        tasks.start_soon(_until_told, monitor)
        await tasks.start(monitor.run)
        print("ready", monitor.id, flush=True)
        while not await monitor.is_evaluator():  # noqa: ASYNC110 - a lease is waited for
            await anyio.sleep(0.05)
        print("evaluator", monitor.id, flush=True)


async def _until_told(monitor: SystemMonitor) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM) as signals:
        async for _ in signals:
            monitor.stop()
            return


if __name__ == "__main__":
    anyio.run(main)
