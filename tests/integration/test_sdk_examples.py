"""The examples of the SDK, run as a stranger would, on a real platform."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from graphql_api import running_api
from world import World, registry

import psg_client
from psg.audit import verify
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    """A project whose audit is clean at the end of each test."""
    made = await World.create(db)
    yield made
    assert (await verify(db, made.project_id)).violations == []


@asynccontextmanager
async def platform(world: World) -> AsyncIterator[dict[str, str]]:
    """A running platform, and the environment of a program that is to use it."""
    async with running_api(world.db) as api, world.running(registry()):
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PSG_", "OPENAI_"))}
        yield inherited | {"PSG_API_URL": f"{api.url}/graphql", "PSG_PROJECT": world.project_id}


async def output(environment: dict[str, str], name: str, *arguments: str) -> list[str]:
    """What an example says, line by line."""
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    with anyio.fail_after(90):
        done = await anyio.run_process(command, env=environment, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b""
    return done.stdout.decode().splitlines()


async def test_the_first_example_is_short_and_works(world: World) -> None:
    assert len((EXAMPLES / "sdk_hello.py").read_text("utf-8").splitlines()) < 40
    async with platform(world) as environment:
        said = await output(environment, "sdk_hello.py")
    assert said[-1] == "the text is short"
    assert said[0].startswith("judge is pending: it waits for rest (")


async def test_nodes_of_a_langgraph_are_done_once_whoever_asks(world: World) -> None:
    async with platform(world) as environment:
        first = await output(environment, "sdk_langgraph.py", "t1")
        again = await output(environment, "sdk_langgraph.py", "t1")
    assert first == ["writing", "editing", "writing", "editing", "essay: Graphs, draft 2, edited"]
    assert again == ["essay: Graphs, draft 2, edited"]


@pytest.mark.long
async def test_a_langgraph_that_was_killed_goes_on_behind_what_was_done(world: World) -> None:
    async with platform(world) as environment:
        command = [sys.executable, str(EXAMPLES / "sdk_langgraph.py"), "t1"]
        said: list[str] = []
        async with await anyio.open_process(command, env=environment) as program:
            assert program.stdout is not None
            async for chunk in program.stdout:
                said += chunk.decode().split()
                if "editing" in said:
                    break
            program.kill()
        said += await output(environment, "sdk_langgraph.py", "t1")
    assert said[-1] == "essay: Graphs, draft 2, edited"
    assert said.count("writing") == 2 and said.count("editing") in (2, 3)


async def test_agents_of_pydantic_ai_take_turns_and_their_tokens_are_counted(world: World) -> None:
    async with platform(world) as environment:
        said = await output(environment, "sdk_pydantic_ai.py", "monday", "--approve")
        again = await output(environment, "sdk_pydantic_ai.py", "monday", "--approve")
        async with psg_client.connect(environment["PSG_API_URL"]) as psg:
            (plan,) = await (await psg.project(world.project_id)).runs()
            found = await psg.client.plan_spending(id=plan.id)
    assert found is not None and found.spending is not None and (found.spending.spent.tokens or 0) > 50
    assert said == again == ["verdict: short and true"]
