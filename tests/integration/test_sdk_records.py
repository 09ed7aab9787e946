"""What programs record and share through the SDK, and its side for programs that are not async."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import anyio
import anyio.to_thread
import pytest
from graphql_api import running_api
from world import World, registry

import psg_client
from psg.audit import verify
from psg.model.codec import timestamp
from psg_client import Conflict, NotFound, Plan, RunFailed
from psg_graphql.global_id import global_id
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    """A project whose audit is clean at the end of each test."""
    made = await World.create(db)
    yield made
    assert (await verify(db, made.project_id)).violations == []


async def test_values_are_shared_between_programs(world: World) -> None:
    async with running_api(world.db) as api, psg_client.connect(f"{api.url}/graphql") as psg:
        values = (await psg.project(world.project_id)).values
        assert await values.get("seen", []) == []
        await values.put("seen", ["a"])
        stored = await values.stored("seen")
        assert stored is not None and (stored.value, stored.revision) == (["a"], 1)
        await values.put("seen", ["a", "b"], expected_revision=1)
        with pytest.raises(Conflict, match="revision 2 by now"):
            await values.put("seen", ["c"], expected_revision=1)
        with pytest.raises(ValueError, match="None cannot be kept"):
            await values.put("seen", None)

        async def add(name: str) -> None:
            await values.update("names", lambda names: sorted([*names, name]), default=[])

        async with anyio.create_task_group() as tasks:
            for name in "dacb":
                tasks.start_soon(add, name)
        assert await values.get("names") == ["a", "b", "c", "d"]
        assert [key async for key in values.keys("")] == ["names", "seen"]
        await values.forget("names")
        assert [key async for key in values.keys("n")] == []


async def test_dialogs_events_and_traces_are_recorded(world: World) -> None:
    async with running_api(world.db) as api, psg_client.connect(f"{api.url}/graphql", actor="agent:writer") as psg:
        project = await psg.project(world.project_id)
        dialog = await project.dialog("What is new?", speaker="user")
        await dialog.say("Nothing.")
        found = await project.open_dialog(dialog.id)
        said = [(m.role, m.content) for m in await found.messages()]
        assert said == [("user", "What is new?"), ("agent", "Nothing.")]
        await dialog.end()
        with pytest.raises(NotFound):
            await project.open_dialog(global_id("Dialog", world.project_id, str(uuid.uuid4())))
        event = await project.record("cost_budget", "tokens_spent", {"tokens": 12})
        assert (event.type, event.actor) == ("tokens_spent", "agent:writer")
        now = timestamp(1_700_000_000_000)
        segment = {"segment_id": str(uuid.uuid4()), "label": "asked", "status": "completed", "started_at": now}
        trace = await project.record_trace([segment])
        assert trace.trace.status == "completed"


async def test_a_project_is_found_by_name_or_made_and_only_once(world: World) -> None:
    name = f"sdk-{uuid.uuid4()}"
    async with running_api(world.db) as api, psg_client.connect(f"{api.url}/graphql") as psg:
        found: list[str] = []

        async def open_it() -> None:
            found.append((await psg.project(name)).id)

        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(open_it)
        assert len(set(found)) == 1
        assert (await psg.project(world.project_id)).uuid == world.project_id
        for unknown in (str(uuid.uuid4()), f"never-{uuid.uuid4()}"):
            with pytest.raises(NotFound, match=unknown):
                await psg.project(unknown, create=False)


async def test_programs_that_are_not_async_have_the_same_face(world: World) -> None:
    def program(url: str) -> None:
        with psg_client.sync.connect(url, actor="user:plain") as psg, working(psg):
            project = psg.project(world.project_id)
            plan = Plan("Plain")
            doubled = plan.step("double", worker="double", params={"n": 21})
            plan.step("add", tool="add", params={"a": doubled.output, "b": 1})
            run = project.start(plan)
            for event in run.events():
                assert event.seq > 0
                break  # the stream is closed here, and not read to its end
            assert run.result(timeout=60)["add"] == {"sum": 43}
            assert [e.to_status for e in run.events() if e.entity_id == run.id][-1] == "completed"
            assert [step.key for step in run.steps()] == ["double", "add"]
            project.values.put("k", 1)
            assert list(project.values.keys()) == ["k"] and project.values.get("k") == 1
            assert [a.approve for a in project.approvals()] == []
            assert project.dialog("hi").messages()[0].content == "hi"
            failing = Plan("Fails")
            failing.step("bad", tool="add", params={"a": "x", "b": 1})
            with pytest.raises(RunFailed, match="bad"):
                project.start(failing).result(timeout=60)
            assert "start" in dir(project) and repr(project).startswith("<project")

    @contextmanager
    def working(psg: object) -> Iterator[None]:
        worker = psg.worker(project=world.project_id, drain_s=1, concurrency=1)  # type: ignore[attr-defined]

        @worker.step("double")
        def double(n: int) -> int:
            return 2 * n

        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(1) as threads:
            running = threads.submit(worker.run)
            try:
                yield
            finally:
                worker.stop()
                running.result(timeout=20)

    tools = registry(add=lambda a, b: {"sum": a + b})
    async with running_api(world.db) as api, world.running(tools):
        await anyio.to_thread.run_sync(program, f"{api.url}/graphql")


async def test_a_worker_without_functions_or_rights_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_api(world.db, token="open sesame, please") as api:
        monkeypatch.setenv("PSG_API_URL", f"{api.url}/graphql")
        worker = psg_client.StepWorker()
        with pytest.raises(ValueError, match="nothing to do"):
            await worker.run()
        worker.step("x")(print)
        with pytest.raises(ValueError, match="'x' already"):
            worker.step("worker:x")(print)
        with pytest.raises(psg_client.Unauthenticated):
            await worker.run()
        with pytest.raises(SystemExit, match="bearer token"):
            await anyio.to_thread.run_sync(_main_in_thread, worker)


def _main_in_thread(worker: psg_client.StepWorker) -> None:
    """As ``worker.main()``, whose signals only the main thread can receive."""
    worker.run_until_signal = worker.run  # type: ignore[method-assign]
    worker.main()
