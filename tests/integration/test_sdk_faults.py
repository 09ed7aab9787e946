"""The SDK where connections break: no event lost or told twice, no command done twice (issue: What must hold)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import anyio
import pytest
from cutting_proxy import cutting_proxy, frames, nothing
from graphql_api import Api, hear, running_api, subscribe
from test_client_api import running
from world import World, registry

import psg_client
from psg.write.change import Change
from psg.write.command import Command
from psg_client import Client, Plan
from psg_graphql import subscriptions
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
EVENTS = 1_000


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    """A project with a log of a thousand events and more."""
    made = await World.create(db)
    change = Change(Command("fill", None, "test"))
    for number in range(EVENTS - await made.head_seq()):
        change.note("runtime_execution", "noted", "Project", made.project_id, {"number": number})
    await made.graph.writer(made.project_id).submit(change)
    yield made


async def read(client: Client, project_id: str, after: str | None, most: int) -> list[psg_client.Event]:
    """The next ``most`` events behind a cursor, or as many as there are."""
    found: list[psg_client.Event] = []
    async with aclosing(client.events(project_id, after=after)) as events:
        async for event in events:
            found.append(event)
            if len(found) == most or event.seq == EVENTS:
                break
    return found


@pytest.mark.parametrize("batch", [25, pytest.param(1, marks=[pytest.mark.long, pytest.mark.timeout(600)])])
async def test_a_stream_cut_behind_every_frame_is_the_stream_uncut(
    world: World, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(subscriptions, "BATCH", batch)
    async with (
        running_api(world.db) as api, cutting_proxy(api.url, lambda _: frames(1)) as proxy, Client(proxy.url) as client
    ):  # fmt: skip
        seen = await read(client, world.project_id, None, EVENTS)
    assert [event.seq for event in seen] == list(range(1, EVENTS + 1))
    assert proxy.cut >= EVENTS // batch - 1


async def test_a_stream_cut_in_the_middle_of_frames_is_the_stream_uncut(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "BATCH", 50)

    def rule(nth: int) -> Any:
        """Each connection one frame further, and some bytes of the next one."""
        one, two = frames(1), frames(2)
        return lambda received: None if two(received) is None else (one(received) or 0) + nth * 997 % 8_000

    async with running_api(world.db) as api, cutting_proxy(api.url, rule) as proxy, Client(proxy.url) as client:
        seen = await read(client, world.project_id, None, EVENTS)
    assert [event.seq for event in seen] == list(range(1, EVENTS + 1)) and proxy.cut > 5


async def test_a_client_that_died_anywhere_goes_on_behind_the_last_event_it_kept(world: World) -> None:
    seen: list[int] = []
    kept: str | None = None
    async with running_api(world.db) as api:
        while not seen or seen[-1] < EVENTS:
            async with Client(f"{api.url}/graphql") as client:  # each is a new one, that knows the cursor only
                found = await read(client, world.project_id, kept, 1 + len(seen) % 37)
            seen += [event.seq for event in found]
            kept = found[-1].cursor
    assert seen == list(range(1, EVENTS + 1))


async def test_a_websocket_aborted_behind_every_frame_goes_on_from_its_cursor(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "BATCH", 25)
    fields = "... on EventBatch { cursor events { seq } }"
    query = f"subscription($p: ID!, $a: String) {{ events(projectId: $p, after: $a) {{ {fields} }} }}"
    seen: list[int] = []
    cursor: str | None = None
    async with running_api(world.db) as api:
        while len(seen) < EVENTS:
            batch = await one_frame(api, query, p=world.project_id, a=cursor)
            seen += [int(event["seq"]) for event in batch["events"]]
            cursor = batch["cursor"]
    assert seen == list(range(1, EVENTS + 1))


async def one_frame(api: Api, query: str, **variables: Any) -> dict[str, Any]:
    async with api.socket({}) as socket:
        await subscribe(socket, query, **variables)
        while "cursor" not in (found := (await hear(socket))["payload"]["data"]["events"]):
            pass  # a heartbeat, of which this asks nothing
        socket.transport.abort()
        return found


async def test_commands_whose_answers_were_lost_have_one_effect(world: World) -> None:
    async with (
        running_api(world.db) as api,
        cutting_proxy(api.url, lambda nth: nothing if nth % 2 else None) as proxy,
        psg_client.connect(proxy.url) as psg,
    ):
        project = await psg.project(world.project_id)
        plan = Plan("Once")
        plan.step("only", tool="file.read", params={"path": "x"})
        run = await project.start(plan)
        assert [p.id for p in await project.runs()] == [run.id] and await run.status() == "in_progress"
        dialog = await project.dialog("hello")
        for number in range(3):
            await dialog.say(f"{number}")
        assert [m.content for m in await dialog.messages()] == ["hello", "0", "1", "2"]
        kept = await project.values.put("k", 1)
        assert kept is not None and kept.revision == 1
        assert await project.values.update("k", lambda n: n + 1) == 2
        await run.cancel()
    assert proxy.cut > 15
    created = [e for e in await world.events(op="create") if e["entity_type"] in ("Plan", "Dialog", "Value", "Context")]
    assert sorted(e["entity_type"] for e in created) == ["Context", "Context", "Dialog", "Plan", "Value"]


async def test_a_run_and_its_worker_outlive_a_restart_of_the_server(world: World) -> None:
    began, finish = anyio.Event(), anyio.Event()
    results: list[psg_client.Result] = []
    stages: list[str] = []
    async with (
        world.running(registry()), running(world.db) as (server, servers), psg_client.connect(server.url) as psg,
        anyio.create_task_group() as tasks,
    ):  # fmt: skip
        project = await psg.project(world.project_id)
        worker = psg.worker(project=project, drain_s=1)

        @worker.step("slow")
        async def slow() -> str:
            began.set()
            await finish.wait()
            return "done"

        plan = Plan("Outlives")
        plan.step("slow", worker="slow")
        run = await project.start(plan)

        async def wait() -> None:
            results.append(await run.result(timeout=60))

        async def watch() -> None:
            stages.extend([e.to_status async for e in run.events() if e.entity_id == run.id and e.to_status])

        for work in (worker.run, wait, watch):
            tasks.start_soon(work)
        with anyio.fail_after(60):
            await began.wait()
            await server.stop()
            await servers.start(server.run)
            finish.set()
            await world.finished(run.uuid)
            await world.until(lambda: _both(results, stages))
            worker.stop()
    assert results[0]["slow"] == "done"
    assert stages == ["draft", "proposed", "approved", "in_progress", "completed"]


async def _both(results: list[psg_client.Result], stages: list[str]) -> bool:
    return bool(results and stages)


async def test_a_command_that_nobody_answers_says_where_it_was_sent(world: World) -> None:
    async with (
        running_api(world.db) as api,
        cutting_proxy(api.url, lambda _: nothing) as proxy,
        psg_client.connect(proxy.url, token="not-for-messages", retry_for_s=0.2) as psg,
    ):
        with anyio.fail_after(20), pytest.raises(psg_client.ApiUnavailable, match=r"127\.0\.0\.1") as caught:
            await psg.project(world.project_id)
    assert caught.value.retryable and "not-for-messages" not in str(caught.value.to_dict())
