"""A real API on a free loopback port for a test, and what tests say to it."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import httpx2
import orjson
from websockets.asyncio.client import ClientConnection, connect

from psg.graph import Graph
from psg_graphql.server import serve
from psg_graphql.settings import ApiSettings
from psg_neo4j import Database

FAILURE = "... on Failure { code message category retryable details }"


@dataclass
class Api:
    """One running API; ``graph`` is the one it serves."""

    url: str
    http: httpx2.AsyncClient
    graph: Graph
    settings: ApiSettings
    stop: anyio.Event

    async def post(self, query: str, variables: dict[str, Any] | None = None, **headers: str) -> httpx2.Response:
        body = {"query": query, "variables": variables or {}}
        return await self.http.post("/graphql", json=body, headers=headers)

    async def ask(self, query: str, /, **variables: Any) -> dict[str, Any]:
        """The data of an operation that has no errors."""
        answer = (await self.post(query, variables)).json()
        assert answer.get("errors") is None, answer
        return answer["data"]

    async def refused(self, query: str, /, **variables: Any) -> dict[str, Any]:
        """The first error of an operation."""
        answer = (await self.post(query, variables)).json()
        return answer["errors"][0]

    async def command(self, name: str, kind: str, fields: str, /, **given: Any) -> dict[str, Any]:
        """The result of a mutation with its ``input``."""
        text = f"mutation($input: {kind}!) {{ {name}(input: $input) {{ __typename ... on Effect {{ seq replayed }} "
        answer = await self.ask(f"{text} {fields} {FAILURE} }} }}", input=given)
        return answer[name]

    async def project(self) -> str:
        fields = "... on ProjectPayload { project { id } }"
        made = await self.command("createProject", "CreateProjectInput", fields, name=f"api {uuid.uuid4()}")
        return made["project"]["id"]

    async def context(self, project_id: str) -> str:
        made = await self.command(
            "createContext", "CreateContextInput", "... on ContextPayload { context { id } }",
            projectId=project_id, title="t",
        )  # fmt: skip
        return made["context"]["id"]

    async def create_plan(self, context_id: str, dependencies: dict[str, list[str]], **given: Any) -> dict[str, Any]:
        steps = [{"key": k, "name": "file.read", "dependencies": d} for k, d in dependencies.items()]
        return await self.command(
            "createPlan", "CreatePlanInput", "... on CreatePlanPayload { stepIds plan { id status revision } }",
            contextId=context_id, title="t", objective="o", steps=steps, **given,
        )  # fmt: skip

    async def plan(self, dependencies: dict[str, list[str]] | None = None) -> tuple[str, str, dict[str, str]]:
        """A draft plan of a new project: global ids of project, plan, and steps by key."""
        project_id = await self.project()
        made = await self.create_plan(await self.context(project_id), dependencies or {"a": []})
        return project_id, made["plan"]["id"], made["stepIds"]

    async def on_plan(self, name: str, plan_id: str, **given: Any) -> dict[str, Any]:
        """The result of proposePlan, startPlan, …"""
        kind = "ApprovePlanInput" if name == "approvePlan" else "PlanCommandInput"
        fields = "... on PlanPayload { plan { id status paused revision } }"
        return await self.command(name, kind, fields, id=plan_id, **given)

    async def running_plan(self, dependencies: dict[str, list[str]] | None = None) -> tuple[str, str, dict[str, str]]:
        project_id, plan_id, steps = await self.plan(dependencies)
        for name in ("proposePlan", "approvePlan", "startPlan"):
            assert (await self.on_plan(name, plan_id))["__typename"] == "PlanPayload"
        return project_id, plan_id, steps

    @asynccontextmanager
    async def socket(self, init: dict[str, Any] | None = None, **options: Any) -> AsyncIterator[ClientConnection]:
        """A graphql-transport-ws connection, acknowledged when ``init`` is given."""
        address = self.url.replace("http", "ws", 1) + "/graphql"
        async with connect(address, subprotocols=["graphql-transport-ws"], **options) as socket:  # type: ignore[list-item]
            if init is not None:
                await say(socket, type="connection_init", payload=init)
                assert (await hear(socket))["type"] == "connection_ack"
            yield socket

    async def sse(self, query: str, variables: dict[str, Any], **headers: str) -> AsyncIterator[tuple[str, Any]]:
        """The (id, data) of server-sent events, until the stream is complete."""
        body = {"query": query, "variables": variables}
        asked = {"accept": "text/event-stream"} | {k.replace("_", "-"): v for k, v in headers.items()}
        async with self.http.stream("POST", "/graphql", json=body, headers=asked) as response:
            assert response.headers["content-type"].startswith("text/event-stream"), await response.aread()
            event: dict[str, str] = {}
            async for line in response.aiter_lines():
                name, _, value = line.partition(": ")
                if line:
                    event[name] = value
                    continue
                if event.get("event") == "complete":
                    return
                if event.get("event") == "next":
                    yield event.get("id", ""), orjson.loads(event["data"])["data"]
                event = {}


async def say(socket: ClientConnection, **message: Any) -> None:
    await socket.send(orjson.dumps(message).decode())


async def hear(socket: ClientConnection) -> dict[str, Any]:
    """The next message; text frames only."""
    with anyio.fail_after(20):
        frame = await socket.recv()
    assert isinstance(frame, str)
    return orjson.loads(frame)


async def subscribe(socket: ClientConnection, query: str, id: str = "1", **variables: Any) -> None:
    await say(socket, type="subscribe", id=id, payload={"query": query, "variables": variables})


async def next_of(socket: ClientConnection, field: str) -> dict[str, Any]:
    """The next item of a subscription."""
    message = await hear(socket)
    assert message["type"] == "next", message
    assert message["payload"].get("errors") is None, message
    return message["payload"]["data"][field]


@asynccontextmanager
async def running_api(db: Database, **settings: Any) -> AsyncIterator[Api]:
    """The API on a free port, ended as an operator would."""
    chosen = ApiSettings(**{"port": 0, **settings})
    graph, stop, ready = Graph(db), anyio.Event(), anyio.Event()
    address: list[str] = []

    def announced(url: str) -> None:
        address.append(url)
        ready.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: serve(graph, chosen, stop=stop, on_ready=announced))
        with anyio.fail_after(20):
            await ready.wait()
        headers = {"authorization": f"Bearer {chosen.token.get_secret_value()}"} if chosen.token else {}
        async with httpx2.AsyncClient(base_url=address[0], timeout=20, headers=headers) as http:
            try:
                yield Api(address[0], http, graph, chosen, stop)
            finally:
                stop.set()
