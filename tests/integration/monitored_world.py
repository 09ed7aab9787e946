"""A project whose monitor leaves nothing behind in the shared database."""

from __future__ import annotations

import gc
import os
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import Neo4jServer
from processes import programs
from world import World

from psg_neo4j import Database
from psg_runtime.ael import AelSettings
from psg_runtime.monitoring import MonitoringSettings, SystemMonitor
from psg_runtime.monitoring.deliveries import WebhookSender
from psg_runtime.secrets.providers import EnvironmentSecrets

PROGRAMS = Path(__file__).parents[1] / "programs"
Start = Callable[[], Awaitable[tuple[subprocess.Popen[str], str]]]
QUICK = {
    "metrics_collection_interval": 20, "health_check_interval": 50, "webhook_backoff": 20, "evaluator_lease": 1_000,
    "health_check_timeout": 2_000,
}  # fmt: skip
SECRET = "correct-horse-battery"


@asynccontextmanager
async def database_away() -> AsyncIterator[Database]:
    """A database that does not answer; tests that use it are marked with ``LEFT_TO_THE_COLLECTOR``."""
    async with Database.connect("bolt://127.0.0.1:9", "u", "hunter2", verify=False, retry_deadline=0.1) as away:
        yield away
    # The driver forgets a socket whose connecting was cut off: here, and in no test after this one.
    gc.collect()


LEFT_TO_THE_COLLECTOR = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@asynccontextmanager
async def watched_world(db: Database) -> AsyncIterator[World]:
    """A project; its rules, alerts and lease are removed at the end, and what was recorded of its modules."""
    world = await World.create(db)
    try:
        yield world
    finally:
        for label in ("AlertRule", "Alert"):
            await world.damage(f"MATCH (n:{label}) WHERE n.project_id = $project_id DELETE n")
        await world.damage("MATCH (l:Lock {id: 'alert-evaluator:' + $project_id}) DELETE l")
        await world.damage("MATCH (h:HealthRecord) WHERE h.component STARTS WITH $project_id DELETE h")


def monitor(world: World, **more: Any) -> SystemMonitor:
    """A monitor of the project with quick reactions."""
    settings = MonitoringSettings(**{**QUICK, **more.pop("settings", {})})
    return SystemMonitor(world.graph, project_id=world.project_id, settings=settings, **more)


def sender(*private: str) -> WebhookSender:
    """What sends to anybody, and to these private networks."""
    settings = AelSettings(http_allow=("*",), http_allow_private=private)
    return WebhookSender(settings, EnvironmentSecrets({"PSG_SECRET_HOOK": SECRET, "PSG_SECRET_PLACE": "s3cret-place"}))


class Modules:
    """Modules of a test: health by name, or a function that finds it out."""

    def __init__(self, prefix: str, **health: Any) -> None:
        self.health = {f"{prefix}-{name}": found for name, found in health.items()}

    def list_modules(self) -> list[dict[str, str]]:
        return [{"id": name, "module_type": name} for name in self.health]

    async def get_module_health(self, module_id: str) -> Any:
        found = self.health[module_id]
        return await found() if callable(found) else found


@asynccontextmanager
async def processes(server: Neo4jServer, program: str, **more: str) -> AsyncIterator[Start]:
    """Start programs of tests that say ``ready``; they are gone at the end of the block."""
    env = {
        **os.environ, "PSG_TEST_URI": server.uri, "PSG_TEST_USER": server.user, "PSG_TEST_PASSWORD": server.password,
        **more,
    }  # fmt: skip
    async with programs() as start_program:

        async def start() -> tuple[subprocess.Popen[str], str]:
            process = await start_program(PROGRAMS / program, env)
            return process, process.words[0]  # type: ignore[attr-defined]

        yield start


@asynccontextmanager
async def monitors(server: Neo4jServer, world: World) -> AsyncIterator[Start]:
    """Start monitors of the project as processes."""
    quick = {"PSG_MONITOR_METRICS_COLLECTION_INTERVAL": "100", "PSG_MONITOR_EVALUATOR_LEASE": "1500"}
    async with processes(server, "monitor_process.py", PSG_TEST_PROJECT=world.project_id, **quick) as start:
        yield start
