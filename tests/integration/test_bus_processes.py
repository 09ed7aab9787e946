"""The event bus as people start it: the relay beside ``psg orchestrate``, ``psg events tail --bus``, the example."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import anyio
import pytest
from bus_servers import redis_streams
from conftest import Neo4jServer
from test_bus_contract import Until
from test_bus_relay import acknowledged, listening, logged, settings_for, tell
from value_servers import free_port
from world import World

from psg_neo4j import Database
from psg_runtime.bus import BrokerEventBus, BusSettings, InOrder, Relay

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
ROOT = Path(__file__).parents[2]


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    made = await World.create(db)
    yield made
    await made.damage("MATCH (c:Lock) WHERE c.id STARTS WITH 'bus ' AND c.id ENDS WITH $project_id DELETE c")


def environment(server: Neo4jServer, **more: str) -> dict[str, str]:
    given = {k: v for k, v in os.environ.items() if not k.startswith(("PSG_", "OTEL_"))}
    known = {"PSG_NEO4J_URI": server.uri, "PSG_NEO4J_USER": server.user, "PSG_NEO4J_PASSWORD": server.password}
    return {**given, **known, **more}


@asynccontextmanager
async def process(*arguments: str, cwd: Path, env: dict[str, str]) -> AsyncIterator[subprocess.Popen[str]]:
    """A program during the block, killed at its end if it still runs."""
    made = subprocess.Popen(  # noqa: ASYNC220 - it outlives this call, and starting it is quick
        [sys.executable, *arguments], cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield made
    finally:
        made.kill()
        await anyio.to_thread.run_sync(made.communicate)


async def line_of(made: subprocess.Popen[str]) -> str:
    assert made.stdout is not None
    return await anyio.to_thread.run_sync(made.stdout.readline)


def bus_env(settings: BusSettings) -> dict[str, str]:
    assert settings.bus is not None
    return {
        "PSG_BUS": settings.bus.get_secret_value(), "PSG_BUS_TOPIC": settings.bus_topic, "PSG_BUS_LEASE_MS": "1000",
        "PSG_BUS_POLL_S": "0.1",
    }  # fmt: skip


@pytest.mark.req("L3-44")
async def test_a_relay_that_is_killed_is_succeeded_and_nothing_is_lost(
    neo4j_server: Neo4jServer, world: World, tmp_path: Path
) -> None:
    name = (await world.query("MATCH (n:Project {id: $project_id}) RETURN n.name AS name"))[0]["name"]
    taker = Until()
    with redis_streams() as redis, anyio.fail_after(120):
        settings = settings_for(redis.url)
        env = environment(neo4j_server, **bus_env(settings))
        orchestrate = ("-m", "psg_cli", "orchestrate", "--project", name)
        in_order = InOrder(taker, after={world.project_id: 0})  # without the log: what is not sent does not come
        async with listening(settings, in_order), BrokerEventBus.running(settings) as bus:
            seen = Relay(world.graph, bus, settings, projects=(world.project_id,))
            async with process(*orchestrate, cwd=tmp_path, env=env) as running:
                while (await line_of(running)).strip() != "ready":
                    assert running.poll() is None
                await acknowledged(world, seen)
                await tell(world, 30)
                running.send_signal(signal.SIGKILL)
            await tell(world, 3)
            async with process(*orchestrate, cwd=tmp_path, env=env):
                await acknowledged(world, seen)
                await taker.got_all(await world.head_seq())
    assert taker.events == await logged(world)
    assert in_order.gaps == 0


async def test_the_tail_prints_cloud_events_as_they_come(
    world: World, neo4j_server: Neo4jServer, tmp_path: Path
) -> None:
    with redis_streams() as redis, anyio.fail_after(60):
        settings = settings_for(redis.url)
        env = environment(neo4j_server, **bus_env(settings))
        tail = ("-m", "psg_cli", "events", "tail", "--bus", "--json", "--family", "intent")
        async with process(*tail, cwd=tmp_path, env=env) as running, BrokerEventBus.running(settings) as bus:
            assert running.stderr is not None
            while "listening" not in await anyio.to_thread.run_sync(running.stderr.readline):
                assert running.poll() is None
            await tell(world, 2)
            await bus.forward(await logged(world))
            said = [json.loads(await line_of(running)) for _ in range(2)]
    assert [one["type"] for one in said] == ["psg.intent.asked"] * 2
    assert {one["source"] for one in said} == {f"/psg/projects/{world.project_id}"}


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({"PSG_BUS": "amqp://u:hunter2@h"}, 1, "begin with one of"),
        ({}, 1, "no event bus is set"),
        ({"PSG_BUS": "redis://u:hunter2@127.0.0.1:PORT"}, 4, "bus_unavailable"),
    ],
)
async def test_a_bus_that_cannot_be_used_is_told_clearly(
    given: dict[str, str], status: int, words: str, tmp_path: Path
) -> None:
    port = str(free_port())
    env = {k: v for k, v in os.environ.items() if not k.startswith("PSG_")}
    env |= {k: v.replace("PORT", port) for k, v in given.items()}
    command = [sys.executable, "-m", "psg_cli", "events", "tail", "--bus"]
    with anyio.fail_after(60):
        done = await anyio.run_process(command, cwd=tmp_path, env=env, check=False)
    said = done.stderr.decode()
    assert done.returncode == status and words in said, said
    assert "hunter2" not in said and "Traceback" not in said


async def test_an_orchestrator_whose_bus_must_be_there_does_not_start_without_it(
    neo4j_server: Neo4jServer, world: World, tmp_path: Path
) -> None:
    name = (await world.query("MATCH (n:Project {id: $project_id}) RETURN n.name AS name"))[0]["name"]
    bus = {"PSG_BUS": f"nats://u:hunter2@127.0.0.1:{free_port()}", "PSG_BUS_START": "fail", "PSG_BUS_CONNECT_S": "1"}
    command = [sys.executable, "-m", "psg_cli", "orchestrate", "--project", name]
    with anyio.fail_after(60):
        done = await anyio.run_process(command, cwd=tmp_path, env=environment(neo4j_server, **bus), check=False)
    said = done.stderr.decode()
    assert done.returncode == 4 and "bus_unavailable: The event bus at nats://127.0.0.1:" in said, said
    assert "hunter2" not in said and "Traceback" not in said


async def test_the_example_takes_every_event_once(world: World, neo4j_server: Neo4jServer, tmp_path: Path) -> None:
    env = environment(neo4j_server, PSG_BUS_TOPIC=f"t{uuid4()}")
    with anyio.fail_after(60):
        done = await anyio.run_process([sys.executable, str(ROOT / "examples" / "event_bus.py")], cwd=tmp_path, env=env)
    said = done.stdout.decode()
    (project_id,) = re.findall(r"^project (\S+)$", said, re.MULTILINE)
    await world.damage("MATCH (c:Lock) WHERE c.id STARTS WITH 'bus ' AND c.id ENDS WITH $id DELETE c", id=project_id)
    assert re.findall(r"^ +(\d) graph_update", said, re.MULTILINE) == ["1", "2", "3", "4"]
    assert "4 events" in said
