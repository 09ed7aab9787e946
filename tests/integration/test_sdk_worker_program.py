"""A worker as a program of its own: what signals do to it, and what it says (issue: be a worker)."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from anyio.abc import Process
from graphql_api import running_api
from world import World, registry

import psg_client
from psg_client import Plan, Run
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
PROGRAM = Path(__file__).parents[1] / "programs" / "sdk_worker.py"


@asynccontextmanager
async def holding(db: Database) -> AsyncIterator[tuple[World, Run, Process]]:
    """A run whose only step is held by a worker program."""
    world = await World.create(db)
    async with running_api(db) as api, world.running(registry()), psg_client.connect(api.url) as psg:
        plan = Plan("Held")
        plan.step("one", worker="hold")
        run = await (await psg.project(world.project_id)).start(plan)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PSG_")}
        environment = {**inherited, "PSG_API_URL": api.url, "PSG_PROJECT": world.project_id}
        async with await anyio.open_process([sys.executable, str(PROGRAM)], env=environment) as program:
            assert program.stdout is not None
            with anyio.fail_after(60):
                assert (await program.stdout.receive()).startswith(b"held")
            yield world, run, program


async def ended(program: Process) -> tuple[int, str]:
    """Exit code and standard error of a program that ends by itself."""
    assert program.stderr is not None
    said = b""
    with anyio.fail_after(30):
        async for chunk in program.stderr:
            said += chunk
        return await program.wait(), said.decode()


async def test_a_signal_lets_what_is_under_way_finish(db: Database) -> None:
    async with holding(db) as (_, run, program):
        program.send_signal(signal.SIGTERM)
        program.send_signal(signal.SIGUSR1)
        code, said = await ended(program)
        assert code == 0 and "Traceback" not in said
        assert said.splitlines()[0] == "<worker for hold>: waiting for steps; Ctrl-C ends it"
        assert [line for line in said.splitlines() if line.startswith("hold: ")] == [
            "hold: taken one of 'Held'", "hold: completed one of 'Held'",
        ]  # fmt: skip
        assert (await run.result(timeout=30))["one"] == "done"


async def test_a_second_signal_gives_it_back_at_once(db: Database) -> None:
    async with holding(db) as (world, run, program):
        program.send_signal(signal.SIGINT)
        assert program.stderr is not None
        before = b""
        with anyio.fail_after(30):
            while b"finishing what is under way" not in before:
                before += await program.stderr.receive()
        program.send_signal(signal.SIGINT)
        code, said = await ended(program)
        assert (code, said) == (0, "hold: returned one of 'Held'\n")
        assert [e["type"] for e in await world.events() if "turn" in e["type"]][-1] == "turn_returned"
        assert await run.status() == "in_progress"
        await run.cancel()
