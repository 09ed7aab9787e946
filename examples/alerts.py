"""Raise an alert while a queue of one's own is long, end it when it is short again, and tell both.

The rule is about a probe: a number that this program gives to the monitor. The database is the one of
``PSG_NEO4J_URI``, else the embedded one.

    python examples/alerts.py
"""

from __future__ import annotations

import uuid

import anyio

from psg.graph import Graph
from psg_cli.output import stdout
from psg_cli.settings import load_settings
from psg_cli.store import open_store
from psg_neo4j.migrations import migrate
from psg_runtime.monitoring import MonitoringSettings, SystemMonitor
from psg_runtime.monitoring.alerts import Alert

LOOK_S = 0.05


async def main() -> None:
    """Let the queue grow and shrink, and print what the platform makes of it."""
    queue: list[str] = []
    async with open_store(load_settings()) as store:
        await migrate(store.db)
        graph = Graph(store.db)
        project_id = (await graph.create_project(f"alerts {uuid.uuid4()}")).project_id
        monitor = SystemMonitor(
            graph, project_id=project_id, probes={"queue_length": lambda: float(len(queue))},
            settings=MonitoringSettings(metrics_collection_interval=100),
        )  # fmt: skip
        rule = {"id": f"long-queue-{project_id[:8]}", "metric": "queue_length", "operator": ">", "threshold": 10}
        await monitor.configure_health_alerts({"rules": [{**rule, "severity": "high", "channels": ["log"]}]})
        async with anyio.create_task_group() as tasks:
            await tasks.start(monitor.run)
            queue += ["job"] * 12
            show(await alert_that_is(monitor, "firing"))
            queue.clear()
            show(await alert_that_is(monitor, "resolved"))
            monitor.stop()
        health = await monitor.check_system_health()
        await monitor.configure_health_alerts({"remove": [rule["id"]]})
    stdout().print(f"the platform is {health.status}")


async def alert_that_is(monitor: SystemMonitor, status: str) -> Alert:
    """Wait for an alert; a program elsewhere would subscribe to ``alerts`` in the API instead."""
    with anyio.fail_after(60):
        while not (found := await monitor.alerts(status)):  # noqa: ASYNC110 - other processes raise alerts too
            await anyio.sleep(LOOK_S)
    return found[0]


def show(alert: Alert) -> None:
    """One line about an alert."""
    stdout().print(f"{alert.status}: {alert.message}", markup=False)


if __name__ == "__main__":
    anyio.run(main)
