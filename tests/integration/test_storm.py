"""A storm: any process of the platform is killed at any moment, fifty times, while plans of all kinds run."""

from __future__ import annotations

import os
import random
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import anyio
import pytest
from processes import PROGRAM, orchestrator_env, programs
from world import World

from psg.audit import verify
from psg_client import Client
from psg_client.errors import ApiUnavailable
from psg_client.generated import StepInput
from psg_graphql.global_id import global_id, parse_global_id
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j, pytest.mark.long]

API = PROGRAM.with_name("api_process.py")
KILLS = 50
T = TypeVar("T")


class Cast:
    """The processes of a small installation: two APIs, three orchestrators, each started again when killed."""

    def __init__(self, start: Callable[..., Awaitable[Any]], server: Any, project_id: str, seed: int) -> None:
        self._start = start
        self._env = orchestrator_env(server, project_id, PSG_CAPACITY="8")
        self._programs = {"api 1": API, "api 2": API, "one": PROGRAM, "two": PROGRAM, "three": PROGRAM}
        self.running: dict[str, Any] = {}
        self.urls: dict[str, str] = {}
        self.random = random.Random(seed)

    async def start(self, name: str) -> None:
        process = self.running[name] = await self._start(self._programs[name], self._env)
        if name.startswith("api"):
            self.urls[name] = process.words[0]

    def kill(self, name: str) -> None:
        self.running[name].kill()
        self.running[name].wait()

    async def ask(self, what: Callable[[Client], Awaitable[T]]) -> T:
        """Ask any API, and another one when it is gone: what is asked carries its command id."""
        with anyio.fail_after(120):
            while True:
                url = self.urls[self.random.choice(sorted(self.urls))]
                try:
                    async with Client(f"{url}/graphql", retry_for_s=0.2, timeout_s=20.0, actor="storm") as client:
                        return await what(client)
                except ApiUnavailable:
                    await anyio.lowlevel.checkpoint()


@asynccontextmanager
async def cast(server: Any, project_id: str, seed: int) -> AsyncIterator[Cast]:
    async with programs() as start:
        made = Cast(start, server, project_id, seed)
        async with anyio.create_task_group() as tasks:
            for name in made._programs:
                tasks.start_soon(made.start, name)
        yield made


def mixed(effects: Path, number: int) -> list[StepInput]:
    """Twenty steps: side by side, one after the other, asleep, skipped, one for each of a list."""
    slow = {"seconds": 0.1, "effects": str(effects)}
    steps = [StepInput(key="begin", type="tool", name="noop")]
    for i in range(8):
        steps.append(StepInput(key=f"wide{i}", type="tool", name="slow", params=slow, dependencies=["begin"]))
    steps.append(StepInput(key="sleep", type="wait", params={"duration_ms": 200}, dependencies=["begin"]))
    steps.append(StepInput(key="never", type="tool", name="noop", condition="1 == 2", dependencies=["begin"]))
    each = {"items": "{{params.items}}", "do": {"type": "tool", "name": "noop"}}
    steps.append(StepInput(key="each", type="foreach", params=each, dependencies=["sleep"]))
    before = ["each", "never", *[f"wide{i}" for i in range(8)]]
    for i in range(7):
        name, params = ("slow", slow) if i == number % 7 else ("noop", {})
        steps.append(StepInput(key=f"chain{i}", type="tool", name=name, params=params, dependencies=before))
        before = [f"chain{i}"]
    return [*steps, StepInput(key="end", type="tool", name="noop", dependencies=before)]


async def started(actors: Cast, world: World, steps: list[StepInput], number: int) -> str:
    """Create, propose, approve and start a plan, each through any API that is there; returns its id."""
    context_id = global_id("Context", world.project_id, world.context_id)
    commands = [str(uuid.UUID(int=actors.random.getrandbits(128), version=4)) for _ in range(4)]
    made = await actors.ask(
        lambda api: api.create_plan(
            context_id=context_id, title=f"plan {number}", objective="to come through a storm", steps=steps,
            params={"items": [1, 2, 3]}, budget={"calls": 1_000}, command_id=commands[0],
        )
    )  # fmt: skip
    plan_id = made.plan.id
    await actors.ask(lambda api: api.propose_plan(id=plan_id, command_id=commands[1]))
    await actors.ask(lambda api: api.approve_plan(id=plan_id, command_id=commands[2]))
    await actors.ask(lambda api: api.start_plan(id=plan_id, command_id=commands[3]))
    return parse_global_id(plan_id).node_id


async def nothing_held(world: World) -> None:
    """Nobody owns a step, no budget is reserved, and only the living hold a lease."""
    owned = await world.query("MATCH (s:Step {project_id: $project_id}) WHERE s.owner IS NOT NULL RETURN s.key AS key")
    reserved = await world.query("MATCH (r:Reservation {project_id: $project_id}) RETURN r.id AS id")
    assert (owned, reserved) == ([], [])


async def test_fifty_kills_lose_nothing(db: Database, neo4j_server: Any, tmp_path: Path) -> None:
    world, effects = await World.create(db), tmp_path / "effects"
    seed = int.from_bytes(os.urandom(4))
    print(f"seed {seed}")  # shown when the test fails
    plans: list[str] = []
    async with cast(neo4j_server, world.project_id, seed) as actors:
        for number in range(KILLS):
            plans.append(await started(actors, world, mixed(effects, number), number))
            victim = actors.random.choice(sorted(actors.running))
            actors.kill(victim)
            await actors.start(victim)
        ended = dict(zip(plans, await world.finished(*plans, timeout_s=300), strict=True))
        for plan_id, status in ended.items():
            stored = await world.steps(plan_id)
            # The one way to fail: a step during which six workers died.
            lost = {s["error"]["code"] for s in stored.values() if s["status"] == "failed"}
            assert (status == "completed" and not lost) or (status == "failed" and lost == {"worker_lost"})
        told = Counter(e["entity"] for e in await world.events(type="step_completed"))
        assert set(told.values()) == {1}
        last = [await started(actors, world, mixed(effects, n), n) for n in range(KILLS, KILLS + 2)]
        assert await world.finished(*last) == ["completed", "completed"]
        await nothing_held(world)
        logs = [await read_to_the_end(url, world) for url in actors.urls.values()]
        assert logs[0] == logs[1] == list(range(1, await world.head_seq() + 1))
    report = await verify(db, world.project_id)
    assert report.ok, report.violations


async def read_to_the_end(url: str, world: World) -> list[int]:
    """The numbers of all events as this API tells them."""
    seen: list[int] = []
    after: str | None = None
    async with Client(f"{url}/graphql") as client:
        while True:
            page = await client.read_events(
                project_id=global_id("Project", world.project_id, world.project_id), after=after, first=100
            )
            if not page.events:
                return seen
            seen += [event.seq for event in page.events]
            after = page.cursor
