"""Hubs in processes of their own: killed with -9 before, while and after a message is theirs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from processes import programs
from world import World

from psg.audit import verify
from psg.graph import Graph
from psg_neo4j import Database
from psg_runtime.hub import CommunicationHub, MessageForgotten, SystemEvent

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

PROGRAM = Path(__file__).parent.parent / "programs" / "hub_process.py"
QUICK = {"lease_ms": 800, "poll_ms": 20, "timeout_ms": 60_000}
Start = Callable[..., Awaitable[subprocess.Popen[str]]]


async def nothing(_: Any) -> None:
    return None


class Site:
    """A project with a hub here, and processes beside it."""

    def __init__(self, world: World, server: Any, file: Path) -> None:
        self.world, self.file, self._server = world, file, server
        file.touch()

    def env(self, module: str, **more: str) -> dict[str, str]:
        given = {
            "PSG_TEST_URI": self._server.uri, "PSG_TEST_USER": self._server.user,
            "PSG_TEST_PASSWORD": self._server.password, "HUB_PROJECT": self.world.project_id, "HUB_MODULE": module,
            "HUB_FILE": str(self.file), "HUB_SETTINGS": json.dumps(QUICK),
        }  # fmt: skip
        return {**os.environ, **given, **more}

    def noted(self, what: str) -> list[tuple[str, int]]:
        lines = [line.split() for line in self.file.read_text().splitlines()]
        return [(line[1], int(line[2])) for line in lines if line[0] == what]

    async def until_noted(self, what: str, count: int) -> list[tuple[str, int]]:
        async def enough() -> bool:
            return len(self.noted(what)) >= count

        await self.world.until(enough)
        return self.noted(what)

    @asynccontextmanager
    async def processes(self) -> AsyncIterator[Start]:
        async with programs() as start_program:

            async def start(module: str, **more: str) -> subprocess.Popen[str]:
                return await start_program(PROGRAM, self.env(module, **more))

            yield start

    async def send(self, fault: str, **message: Any) -> int:
        """Have a process route a message and die at a fault point; how it ended."""
        given = {"sourceModule": "client", "targetModule": "plan", "operation": "echo", **message}
        env = self.env("client", HUB_SEND=json.dumps(given), PSG_FAULT=fault)
        with anyio.fail_after(60):
            done = await anyio.run_process([sys.executable, str(PROGRAM)], env=env, check=False, stderr=None)
        return done.returncode


@pytest.fixture
async def site(db: Database, neo4j_server: Any, tmp_path: Path) -> AsyncIterator[Site]:
    world = await World.create(db)
    yield Site(world, neo4j_server, tmp_path / "noted")
    assert (await verify(db, world.project_id)).violations == []


@asynccontextmanager
async def hub_here(site: Site, *modules: str) -> AsyncIterator[CommunicationHub]:
    async with CommunicationHub(Graph(site.world.db), site.world.project_id, **QUICK) as hub:
        for module in modules:
            await hub.register(module, nothing)
        yield hub


def to_plan(**fields: Any) -> dict[str, Any]:
    return {"sourceModule": "context", "targetModule": "plan", "operation": "echo", **fields}


@pytest.mark.req("CORE-27", "CORE-28", "CORE-31")
async def test_messages_and_events_go_between_processes(site: Site) -> None:
    heard: list[int] = []

    async def hear(event: SystemEvent) -> None:
        heard.append(event.payload["n"])

    async with site.processes() as start, hub_here(site, "context") as hub:
        plan, role = await start("plan"), await start("role")
        hub.subscribe("thing", hear)
        result = await hub.route_message(to_plan(payload={"n": 1}, correlationId="workflow-123"))
        assert result.output == {"pid": plan.pid, "n": 1} and result.correlation_id == "workflow-123"
        await hub.broadcast(SystemEvent(type="thing", payload={"n": 2}))
        told = await hub.route_message(to_plan(targetModule="role", operation="tell", payload={"n": 3}))
        assert told.output["pid"] == role.pid
        events = await site.until_noted("event", 4)
        assert {(n, pid) for n, pid in events} == {(n, p.pid) for n in ("2", "3") for p in (plan, role)}
        await site.world.until(lambda: _holds(lambda: heard == [2, 3]))


async def _holds(condition: Callable[[], bool]) -> bool:
    return condition()


async def test_a_message_whose_taker_is_killed_is_answered_by_another(site: Site) -> None:
    async with AsyncExitStack() as stack:
        start, hub = await stack.enter_async_context(site.processes()), None
        hub = await stack.enter_async_context(hub_here(site, "context"))
        first = await start("plan")
        await hub.enqueue(to_plan(operation="hang", id="m-1"))
        await hub.enqueue(to_plan(id="m-2"))
        assert (await hub.result("m-2")).output["pid"] == first.pid
        await site.until_noted("message", 2)
        first.send_signal(signal.SIGKILL)
        first.wait()
        # Known though nobody has it: the message waits for whoever comes.
        await hub.enqueue(to_plan(id="m-3"))
        second = await start("plan")
        result = await hub.result("m-3")
        assert result.output["pid"] == second.pid and result.deliveries == 1
        taken = await site.until_noted("message", 4)
        assert ("m-1", second.pid) in taken and ("m-1", first.pid) in taken


@pytest.mark.parametrize(
    ("fault", "kept"), [("before_commit/hub_apply:kill@2", False), ("after_commit/hub_apply:kill@2", True)]
)
async def test_a_message_whose_sender_is_killed_is_there_if_it_was_accepted(site: Site, fault: str, kept: bool) -> None:
    """The first commit of the process announces its module, the second one is the message."""
    async with site.processes() as start, hub_here(site, "context") as hub:
        plan = await start("plan")
        assert await site.send(fault, id="m", payload={"n": 1}, correlationId="w") == -signal.SIGKILL
        if not kept:
            with pytest.raises(MessageForgotten):
                await hub.result("m")
            assert site.noted("message") == []
            return
        result = await hub.result("m")
        assert result.output == {"pid": plan.pid, "n": 1} and result.correlation_id == "w"
        assert site.noted("message") == [("m", plan.pid)]


async def test_a_taker_that_is_killed_at_its_answer_does_not_lose_it(site: Site) -> None:
    """Before the commit the message is taken again, after it the answer is there."""
    async with site.processes() as start, hub_here(site, "context") as hub:
        for n, fault in enumerate(("before_commit/hub_apply:kill@2", "after_commit/hub_apply:kill@2")):
            dying = await start("plan", PSG_FAULT=fault)
            message = to_plan(id=f"m-{n}")
            await hub.enqueue(message)
            await anyio.to_thread.run_sync(dying.wait)
            assert dying.returncode == -signal.SIGKILL
            if n == 0:
                second = await start("plan")
                result = await hub.result("m-0")
                assert result.output["pid"] == second.pid and result.deliveries == 2
                second.send_signal(signal.SIGTERM)
                await anyio.to_thread.run_sync(second.wait)
                assert second.returncode == 0
            else:
                result = await hub.result("m-1")
                assert result.output["pid"] == dying.pid and result.deliveries == 1


@pytest.mark.long
async def test_takers_killed_one_after_another_lose_no_message(site: Site) -> None:
    """Three takers, one of them killed every time a third of a second's messages are out; all are answered."""
    results: list[Any] = []
    async with site.processes() as start, hub_here(site, "context") as hub:
        takers = [await start("plan") for _ in range(3)]

        async def send(n: int) -> None:
            results.append(await hub.route_message(to_plan(id=f"m-{n}", payload={"n": n})))

        async with anyio.create_task_group() as tasks:
            for n in range(300):
                tasks.start_soon(send, n)
            for turn in range(6):
                await site.until_noted("message", 40 * (turn + 1))
                takers[turn % 3].kill()
                takers[turn % 3].wait()
                takers[turn % 3] = await start("plan")
    assert sorted(r.output["n"] for r in results) == list(range(300))
