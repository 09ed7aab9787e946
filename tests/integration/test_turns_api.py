"""Workers outside over GraphQL: the client's loop, processes that are killed, an API that restarts (issue: Agents)."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from graphql_api import next_of, running_api, subscribe
from world import World, registry, step

from psg.audit import verify
from psg_client import ApiUnavailable, Client, Refused, TurnFailed, ValidationError, Worker, WorkerTurn
from psg_graphql.global_id import global_id
from psg_neo4j import Database
from psg_runtime.ael import CapabilityRegistry

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
CLAIM = """mutation($i: ClaimTurnInput!) {
  claimTurn(input: $i) { __typename ... on ClaimTurnPayload { turn { id key fence lost } } } }"""
PROGRAM = Path(__file__).parents[1] / "programs" / "worker_process.py"


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    """A project whose audit is clean at the end of each test."""
    made = await World.create(db)
    yield made
    assert (await verify(db, made.project_id)).violations == []


def tools() -> CapabilityRegistry:
    made = registry()
    made.register(name="coder", type="agent", adapter="external")
    return made


def turn(key: str, **fields: Any) -> Any:
    return step(key, type="agent", name="coder", params={"n": key}, **fields)


@asynccontextmanager
async def working(
    client: Client, world: World, handler: Callable[[WorkerTurn], Any], **how: Any
) -> AsyncIterator[tuple[Worker, list[tuple[str, str]]]]:
    told: list[tuple[str, str]] = []
    how = {"project_id": world.project_id, "lease_ms": 1_000, "drain_s": 0.2, **how}
    made = Worker(client, "coder", handler, listener=lambda what, t: told.append((what, t.key)), **how)
    async with anyio.create_task_group() as tasks:
        await tasks.start(made.run)
        try:
            yield made, told
        finally:
            made.stop()


async def test_a_worker_does_the_turns_of_its_agent_several_at_a_time(world: World) -> None:
    together = 0
    most = 0

    async def handler(given: WorkerTurn) -> dict[str, Any]:
        nonlocal together, most
        together += 1
        most = max(most, together)
        await anyio.sleep(0.2)
        together -= 1
        return {"key": given.key, "goal": given.objective, "params": given.params}

    plan_id = await world.started(*(turn(f"s{i}") for i in range(6)))
    async with (
        running_api(world.db) as api, Client(f"{api.url}/graphql") as client, world.running(tools()),
        working(client, world, handler, concurrency=3),
    ):  # fmt: skip
        assert await world.finished(plan_id) == ["completed"]
    steps = await world.steps(plan_id)
    assert steps["s3"]["output"] == {"key": "s3", "goal": "to be tested", "params": {"n": "s3"}}
    assert 1 < most <= 3


async def test_what_a_handler_raises_is_the_error_of_the_step(world: World) -> None:
    def handler(given: WorkerTurn) -> Any:  # a plain function, in a thread
        if given.key == "known":
            raise TurnFailed("no such file", code="no_file", category="resource_error", retryable=False)
        if given.key == "big":
            return {"not": {"json"}}
        if given.attempt == 1:
            raise RuntimeError("odd")
        return "well"

    plans = [await world.started(turn(key, retries=1)) for key in ("known", "odd", "big")]
    async with (
        running_api(world.db) as api, Client(f"{api.url}/graphql") as client, world.running(tools()),
        working(client, world, handler),
    ):  # fmt: skip
        assert await world.finished(*plans) == ["failed", "completed", "failed"]
    known, odd, big = [next(iter((await world.steps(p)).values())) for p in plans]
    assert {k: known["error"][k] for k in ("code", "message", "category", "retryable")} == {
        "code": "no_file", "message": "no such file", "category": "resource_error", "retryable": False,
    }  # fmt: skip
    assert (odd["output"], odd["attempt"]) == ("well", 2)
    assert big["error"]["code"] == "output_refused"


async def test_a_handler_is_stopped_when_its_turn_is_taken_away(world: World) -> None:
    stopped = anyio.Event()
    began = anyio.Event()

    async def handler(given: WorkerTurn) -> None:
        began.set()
        try:
            await anyio.sleep_forever()
        finally:
            stopped.set()

    plan_id = await world.started(turn("a"))
    async with running_api(world.db) as api, Client(f"{api.url}/graphql") as client, world.running(tools()):
        async with working(client, world, handler) as (_, told):
            with anyio.fail_after(20):
                await began.wait()
                await world.graph.cancel_plan(world.project_id, plan_id)
                await stopped.wait()
        assert told == [("taken", "a"), ("lost", "a")]


async def test_a_worker_that_stops_gives_its_turn_back(world: World) -> None:
    began = anyio.Event()

    async def slow(given: WorkerTurn) -> None:
        began.set()
        await anyio.sleep_forever()

    plan_id = await world.started(turn("a"))
    async with running_api(world.db) as api, Client(f"{api.url}/graphql") as client, world.running(tools()):
        async with working(client, world, slow, lease_ms=60_000) as (_, told):
            with anyio.fail_after(20):
                await began.wait()
        assert told == [("taken", "a"), ("returned", "a")]
        async with working(client, world, lambda given: given.lost):
            assert await world.finished(plan_id) == ["completed"]
    assert (await world.steps(plan_id))["a"]["output"] == 0, "nobody was lost: it was given back"


async def test_the_turn_of_a_killed_process_goes_to_another(world: World) -> None:
    plan_id = await world.started(turn("a"))
    async with running_api(world.db) as api, Client(f"{api.url}/graphql") as client, world.running(tools()):
        arguments = [f"{api.url}/graphql", "coder", world.project_id, "800", "hang"]
        process = subprocess.Popen(  # noqa: ASYNC220 - it outlives this call
            [sys.executable, str(PROGRAM), *arguments], stdout=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout is not None
            with anyio.fail_after(30):
                line = await anyio.to_thread.run_sync(process.stdout.readline)
            assert line.startswith("taken a "), line
            process.send_signal(signal.SIGKILL)
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
        async with working(client, world, lambda given: [given.lost, given.fence]):
            assert await world.finished(plan_id) == ["completed"]
    lost, fence = (await world.steps(plan_id))["a"]["output"]
    assert (lost, fence > int(line.split()[2])) == (1, True)


async def test_a_turn_is_not_given_to_who_hung_up(world: World) -> None:
    waiting = {"agents": ["coder"], "worker": "gone", "projectId": world.project_id, "waitMs": 20_000}
    async with running_api(world.db) as api, Client(f"{api.url}/graphql") as client, world.running(tools()):
        body = {"query": CLAIM, "variables": {"i": waiting}}
        with pytest.raises(httpx2.ReadTimeout):
            await api.http.post("/graphql", json=body, timeout=0.5)
        plan_id = await world.started(turn("a"))
        async with working(client, world, lambda given: given.lost, lease_ms=60_000):
            assert await world.finished(plan_id, timeout_s=20) == ["completed"]
    assert (await world.steps(plan_id))["a"]["output"] == 0


async def test_a_turn_is_claimed_over_a_socket_and_not_given_to_one_that_closed(world: World) -> None:
    plan_id = await world.started(turn("a"))
    asked: dict[str, Any] = {"agents": ["coder"], "worker": "w", "projectId": world.project_id, "waitMs": 20_000}
    async with (  # one request at a time: the turn is given back once the closed socket's claim has ended
        running_api(world.db, max_requests_per_actor=1) as api, Client(f"{api.url}/graphql") as client,
        world.running(tools()),
    ):  # fmt: skip
        async with api.socket({}) as socket:
            await subscribe(socket, CLAIM, i=asked)
            taken = (await next_of(socket, "claimTurn"))["turn"]
            assert taken["key"] == "a"
        async with api.socket({}) as socket:
            await subscribe(socket, CLAIM, i=asked)
            with anyio.fail_after(20):  # until it waits for something to be offered
                while world.project_id not in api.graph.signals._waiting:  # noqa: ASYNC110 - it tells nobody
                    await anyio.sleep(0.01)
        await client.release_turn(id=taken["id"], fence=taken["fence"], worker="w")
        async with working(client, world, lambda given: given.lost, lease_ms=60_000):
            assert await world.finished(plan_id, timeout_s=20) == ["completed"]
    assert (await world.steps(plan_id))["a"]["output"] == 0


async def test_a_worker_outlives_a_restart_of_the_api(world: World) -> None:
    began, go_on = anyio.Event(), anyio.Event()

    async def handler(given: WorkerTurn) -> str:
        began.set()
        await go_on.wait()
        return given.worker

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    plan_id = await world.started(turn("a"), turn("b"))
    url = f"http://127.0.0.1:{port}/graphql"
    async with Client(url, retry_for_s=0.2) as client, world.running(tools()), anyio.create_task_group() as tasks:
        made = Worker(client, "coder", handler, project_id=world.project_id, lease_ms=20_000)
        tasks.start_soon(made.run)  # nobody answers yet
        async with running_api(world.db, port=port):
            with anyio.fail_after(20):
                await began.wait()
        go_on.set()
        with pytest.raises(ApiUnavailable):
            await client.claim_turn(agents=["coder"], worker="x")
        async with running_api(world.db, port=port):
            assert await world.finished(plan_id) == ["completed"]
            made.stop()
    steps = await world.steps(plan_id)
    assert {s["output"] for s in steps.values()} == {made.name}
    assert {s["attempt"] for s in steps.values()} == {1}


async def test_the_api_refuses_what_makes_no_sense(world: World) -> None:
    plan_id = await world.started(turn("a"))
    async with running_api(world.db) as api, Client(f"{api.url}/graphql") as client, world.running(tools()):
        for bad in ({"wait_ms": 30_001}, {"agents": []}, {"lease_ms": 0}, {"plan_id": "nonsense"}):
            with pytest.raises(ValidationError):
                await client.claim_turn(**{"agents": ["coder"], "worker": "w", **bad})  # type: ignore[arg-type]
        plan = global_id("Plan", world.project_id, plan_id)
        taken = (await client.claim_turn(agents=["coder"], worker="w", plan_id=plan, wait_ms=10_000)).turn
        assert taken is not None and taken.plan_id == plan
        with pytest.raises(Refused) as refused:
            await client.complete_turn(id=taken.id, fence=taken.fence, worker="thief", output=1)
        assert (refused.value.code, refused.value.category) == ("turn_elsewhere", "workflow_error")
        with pytest.raises(ValidationError):
            await client.complete_turn(id=taken.id, fence=taken.fence, worker="w", error=[1])
        with pytest.raises(ValidationError):
            await client.complete_turn(id=plan, fence=1, worker="w")
        await client.complete_turn(id=taken.id, fence=taken.fence, worker="w", output=1)
        assert await world.finished(plan_id) == ["completed"]
