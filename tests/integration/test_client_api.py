"""The client on the real API and a real database: typed answers, errors with codes, streams that lose nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import anyio
import pytest

from psg.graph import Graph
from psg_client import Client, Conflict, NotFound, Project, Refused, StepInput, ValidationError
from psg_graphql.server import serve
from psg_graphql.settings import ApiSettings
from psg_neo4j.database import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@dataclass
class Server:
    """An API that can be stopped and started again at the same address."""

    graph: Graph
    settings: ApiSettings
    url: str = ""
    _stop: anyio.Event = field(default_factory=anyio.Event)
    _ended: anyio.Event = field(default_factory=anyio.Event)

    async def run(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        def ready(address: str) -> None:
            self.url = f"{address}/graphql"
            self.settings = self.settings.model_copy(update={"port": int(address.rsplit(":", 1)[1])})
            task_status.started()

        self._stop, self._ended = anyio.Event(), anyio.Event()
        await serve(self.graph, self.settings, stop=self._stop, on_ready=ready)
        self._ended.set()

    async def stop(self) -> None:
        self._stop.set()
        await self._ended.wait()


@asynccontextmanager
async def running(db: Database) -> AsyncIterator[tuple[Server, anyio.abc.TaskGroup]]:
    server = Server(Graph(db), ApiSettings(port=0, heartbeat_s=0.2, shutdown_grace_s=1))
    async with anyio.create_task_group() as tasks:
        await tasks.start(server.run)
        yield server, tasks
        await server.stop()


async def new_project(client: Client) -> Project:
    return (await client.create_project(name=f"client-{uuid4()}")).project


def waits(count: int) -> list[StepInput]:
    return [StepInput(key=f"s{n}", type="wait", params={"duration_ms": 1}) for n in range(count)]


async def test_a_plan_goes_in_with_its_steps_and_comes_out_typed(db: Database) -> None:
    async with running(db) as (server, _), Client(server.url, actor="user:tester") as client:
        project = await new_project(client)
        context = (await client.create_context(project_id=project.id, title="C", status="active")).context
        made = await client.create_plan(context_id=context.id, title="T", objective="O", steps=waits(3))
        assert made.plan.status == "draft" and made.plan.steps_total == 3 and set(made.step_ids) == {"s0", "s1", "s2"}
        page = await client.steps(plan_id=made.plan.id, first=2)
        assert [step.key for step in page.nodes] == ["s0", "s1"] and page.page_info.has_next_page
        rest = await client.steps(plan_id=made.plan.id, first=2, after=page.page_info.end_cursor)
        assert [step.key for step in rest.nodes] == ["s2"]
        log = await client.read_events(project_id=project.id)
        assert {event.actor for event in log.events} == {"user:tester"}


async def test_the_same_command_id_has_one_effect_and_another_content_is_refused(db: Database) -> None:
    async with running(db) as (server, _), Client(server.url) as client:
        project = await new_project(client)
        command_id = str(uuid4())
        first = await client.create_context(project_id=project.id, title="C", command_id=command_id)
        again = await client.create_context(project_id=project.id, title="C", command_id=command_id)
        assert (first.replayed, again.replayed) == (False, True) and again.context.id == first.context.id
        with pytest.raises(Conflict) as caught:
            await client.create_context(project_id=project.id, title="D", command_id=command_id)
        assert caught.value.code == "command_reused"


async def test_the_servers_errors_arrive_by_kind_and_code(db: Database) -> None:
    async with running(db) as (server, _), Client(server.url) as client:
        project = await new_project(client)
        context = (await client.create_context(project_id=project.id, title="C", status="active")).context
        plan = (await client.create_plan(context_id=context.id, title="T", objective="O", steps=waits(1))).plan
        with pytest.raises(Refused) as refused:
            await client.start_plan(id=plan.id)
        with pytest.raises(Conflict) as stale:
            await client.propose_plan(id=plan.id, expected_revision=99)
        with pytest.raises(ValidationError) as cycle:
            steps = [StepInput(key=a, type="wait", dependencies=[b]) for a, b in ("xy", "yx")]
            await client.create_plan(context_id=context.id, title="T", objective="O", steps=steps)
        with pytest.raises(ValidationError) as foreign:
            await client.propose_plan(id=context.id)
        assert [e.value.code for e in (refused, stale, cycle, foreign)] == [
            "invalid_transition",
            "stale_revision",
            "dependency_cycle",
            "invalid_id",
        ]
        with pytest.raises(NotFound):
            await client.create_context(project_id=str(uuid4()), title="C")


async def test_events_come_once_and_in_order_across_restarts_of_the_server(db: Database) -> None:
    async with running(db) as (server, tasks), Client(server.url) as client:
        project = await new_project(client)
        seen: list[int] = []

        async def listen_to(last: str) -> None:
            async with aclosing(client.events(project.id)) as events:
                async for event in events:
                    seen.append(event.seq)
                    if event.command_id == last:
                        return

        last = str(uuid4())
        with anyio.fail_after(60):
            async with anyio.create_task_group() as listening:
                listening.start_soon(listen_to, last)
                for number in range(24):
                    await client.create_context(project_id=project.id, title=f"C{number}")
                    if number % 8 == 5:
                        await server.stop()
                        await tasks.start(server.run)
                await client.create_context(project_id=project.id, title="the last", command_id=last)
        assert len(seen) >= 26 and seen == list(range(1, len(seen) + 1))


async def test_progress_of_a_plan_resumes_and_ends_with_it(db: Database) -> None:
    async with running(db) as (server, tasks), Client(server.url) as client:
        project = await new_project(client)
        context = (await client.create_context(project_id=project.id, title="C", status="active")).context
        plan = (await client.create_plan(context_id=context.id, title="T", objective="O", steps=waits(2))).plan
        statuses: list[str] = []
        told = anyio.Event()

        async def listen() -> None:
            async with aclosing(client.plan_progress(plan.id)) as progress:
                async for now in progress:
                    statuses.append(now.status)
                    told.set()

        with anyio.fail_after(60):
            async with anyio.create_task_group() as listening:
                listening.start_soon(listen)
                await told.wait()
                await client.propose_plan(id=plan.id)
                await server.stop()
                await tasks.start(server.run)
                await client.approve_plan(id=plan.id, role="lead")
                await client.start_plan(id=plan.id)
                await client.cancel_plan(id=plan.id)
        assert statuses[0] in {"draft", "proposed"} and statuses[-1] == "cancelled"
