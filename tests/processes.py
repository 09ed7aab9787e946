"""Orchestrators as processes of their own, for tests that kill, freeze or outlive them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio

PROGRAM = Path(__file__).parent / "programs" / "orchestrator_process.py"
QUICK_BOOT = "-XX:TieredStopAtLevel=1"
"""For a Java runtime that lives shortly: no fast optimising compiler."""
Start = Callable[..., Any]


def clean_environment(**more: str) -> dict[str, str]:
    """The environment for a command of ours: nothing of who runs the tests, and a database that boots quickly."""
    kept = {n: v for n, v in os.environ.items() if not n.startswith("PSG_") or n == "PSG_CACHE_DIR"}
    return {**kept, "NO_COLOR": "1", "PSG_NEO4J_JAVA_OPTIONS": QUICK_BOOT, **more}


def orchestrator_env(server: Any, project_id: str, **more: str) -> dict[str, str]:
    """The environment in which ``PROGRAM`` runs one project's plans on a test's server, with quick reactions."""
    given = {
        "PSG_TEST_URI": server.uri, "PSG_TEST_USER": server.user, "PSG_TEST_PASSWORD": server.password,
        "PSG_LEASE_MS": "1500", "PSG_POLL_MS": "20", "PSG_STEAL_AFTER_MS": "0",
        "PSG_PROJECTS": json.dumps([project_id]),
    }  # fmt: skip
    return {**os.environ, **given, **more}


@asynccontextmanager
async def programs() -> AsyncIterator[Callable[[Path, Mapping[str, str]], Awaitable[subprocess.Popen[str]]]]:
    """Start programs that say ``ready`` when they are (``words``: the rest of the line); gone after the block."""
    started: list[subprocess.Popen[str]] = []

    async def start(program: Path, env: Mapping[str, str]) -> subprocess.Popen[str]:
        process = subprocess.Popen(  # noqa: ASYNC220 - it outlives this call, and starting it is quick
            [sys.executable, str(program)], env=env, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        said = (await line(process)).split()
        assert said[:1] == ["ready"], f"{program.name} ended with {process.poll()}"
        process.words = said[1:]  # type: ignore[attr-defined]
        return process

    try:
        yield start
    finally:
        for process in started:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


async def line(process: subprocess.Popen[str]) -> str:
    """The next line that a process says."""
    assert process.stdout is not None
    with anyio.fail_after(60):
        return await anyio.to_thread.run_sync(process.stdout.readline, abandon_on_cancel=True)


@asynccontextmanager
async def orchestrators(server: Any, project_id: str) -> AsyncIterator[Start]:
    """Start orchestrators of one project; ``session_id`` of the process is that of its lease."""
    async with programs() as start_program:

        async def start(**env: str) -> subprocess.Popen[str]:
            process = await start_program(PROGRAM, orchestrator_env(server, project_id, **env))
            process.session_id = process.words[0]  # type: ignore[attr-defined]
            return process

        yield start


async def killed_at(server: Any, project_id: str, fault: str, **env: str) -> None:
    """Run an orchestrator until it dies at a fault point (``name:kill@n``)."""
    given = orchestrator_env(server, project_id, PSG_FAULT=fault, **env)
    with anyio.fail_after(60):
        done = await anyio.run_process([sys.executable, str(PROGRAM)], env=given, check=False, stderr=None)
    assert done.returncode == -signal.SIGKILL
