"""What one actor can cost: over sockets as over HTTP, whatever names it gives itself, however many ids it guesses."""

from __future__ import annotations

import time
import uuid
from typing import Any

import anyio
import pytest
from graphql_api import hear, running_api, say, subscribe
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from psg.accounts import Accounts, Origin
from psg.graph import Graph
from psg_graphql.app import create_app
from psg_graphql.global_id import global_id, parse_global_id
from psg_graphql.live import LiveLog, TooManySubscriptions
from psg_graphql.settings import ApiSettings
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
BY = Origin("test")
NODES = "query ($ids: [ID!]!) { " + " ".join(f"a{n}: nodes(ids: $ids) {{ id }}" for n in range(30)) + " }"


async def a_token(db: Database, actor: str) -> Any:
    return await Accounts(db).create_token(actor, by=BY)


async def test_guessing_thousands_of_ids_costs_a_refusal(db: Database) -> None:
    made = await a_token(db, f"eve-{uuid.uuid4()}")
    ids = [global_id("Plan", str(uuid.uuid4()), str(uuid.uuid4())) for _ in range(5_000)]
    async with running_api(db, auth="token") as api:
        began = time.process_time()
        answer = await api.post(NODES, {"ids": ids}, authorization=f"Bearer {made.text}")
        assert {e["extensions"]["code"] for e in answer.json()["errors"]} == {"validation_failed"}
        assert time.process_time() - began < 1.5  # it was minutes with larger ones: each id was a record
        few = await api.post(NODES, {"ids": ids[:100]}, authorization=f"Bearer {made.text}")
        assert few.json()["data"]["a29"] == [None] * 100
    told = await Accounts(db).audit_records(actor=made.token.actor)
    assert 1 <= len(told) <= 5
    await Accounts(db).revoke_token(made.token.id, by=BY)


async def test_sockets_are_counted_by_who_it_is_and_not_by_the_name_given(db: Database) -> None:
    made = await a_token(db, f"ann-{uuid.uuid4()}")
    async with running_api(db, auth="token", max_sockets_per_actor=2) as api, anyio.create_task_group() as tasks:
        closed: list[int] = []
        over = anyio.Event()

        async def open_one(number: int) -> None:
            address = api.url.replace("http", "ws") + "/graphql"
            async with connect(address, subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
                payload = {"authorization": f"Bearer {made.text}", "actor": f"{made.token.actor}/{number}"}
                await say(socket, type="connection_init", payload=payload)
                assert (await hear(socket))["type"] == "connection_ack"
                try:
                    while True:
                        await socket.recv()
                except ConnectionClosed as error:
                    closed.append(error.rcvd.code if error.rcvd else 0)
                    over.set()

        for number in range(3):
            tasks.start_soon(open_one, number)
        with anyio.fail_after(10):
            await over.wait()
        assert closed == [4429]
        tasks.cancel_scope.cancel()
    await Accounts(db).revoke_token(made.token.id, by=BY)


async def test_a_socket_takes_no_larger_queries_than_http(db: Database) -> None:
    async with running_api(db, max_query_body_bytes=2_000) as api:
        address = api.url.replace("http", "ws") + "/graphql"
        async with connect(address, subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
            await say(socket, type="connection_init", payload={})
            await hear(socket)
            payload = {"query": "query ($name: String) { projects(name: $name) { totalCount } }"}
            await say(socket, type="subscribe", id="1", payload=payload | {"variables": {"name": "x" * 100}})
            assert (await hear(socket))["type"] == "next"
            await hear(socket)
            await say(socket, type="subscribe", id="2", payload=payload | {"variables": {"name": "x" * 3_000}})
            with pytest.raises(ConnectionClosed) as error:
                await hear(socket)
            assert error.value.rcvd is not None
            assert error.value.rcvd.code == 4400


async def test_operations_over_a_socket_have_deadlines(db: Database) -> None:
    async with running_api(db, query_deadline_s=1e-6) as api:
        address = api.url.replace("http", "ws") + "/graphql"
        async with connect(address, subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
            await say(socket, type="connection_init", payload={})
            await hear(socket)
            await say(socket, type="subscribe", id="1", payload={"query": "{ projects { totalCount } }"})
            told = await hear(socket)
            assert (told["type"], told["payload"][0]["extensions"]["code"]) == ("error", "deadline_exceeded")
            await say(socket, type="ping")
            assert (await hear(socket))["type"] == "pong"  # the socket goes on


async def test_operations_over_a_socket_are_as_many_at_once_as_over_http(db: Database) -> None:
    claim = "mutation($i: ClaimTurnInput!) { claimTurn(input: $i) { __typename } }"
    async with running_api(db, max_requests_per_actor=1) as api, api.socket({}) as socket:
        project_id = await api.project()
        waiting = {"agents": ["nobody"], "worker": "w", "projectId": project_id, "waitMs": 30_000}
        await subscribe(socket, claim, "1", i=waiting)
        with anyio.fail_after(20):  # until it is under way
            while parse_global_id(project_id).project_id not in api.graph.signals._waiting:  # noqa: ASYNC110
                await anyio.sleep(0.01)
        for id in ("2", "3"):
            await subscribe(socket, "{ projects { totalCount } }", id)
            told = await hear(socket)
            assert (told["id"], told["type"]) == (id, "error")
            assert told["payload"][0]["extensions"] == {
                "code": "too_busy", "category": "resource_error", "retryable": True
            }  # fmt: skip
        refused = await api.post("{ projects { totalCount } }")
        assert refused.json()["errors"][0]["extensions"]["code"] == "too_busy", "counted together with requests"


async def test_one_actor_does_not_take_all_subscriptions() -> None:
    live = LiveLog(None, None, 1.0, most=4, most_each=2)  # type: ignore[arg-type]
    with live.subscribed("p", "ann"), live.subscribed("q", "ann"):
        with pytest.raises(TooManySubscriptions), live.subscribed("p", "ann"):
            pass
        with live.subscribed("p", "bob"):
            pass
    with live.subscribed("p", "ann"):
        pass


async def test_the_number_for_one_actor_is_a_setting(db: Database) -> None:
    app = create_app(Graph(db), settings=ApiSettings(max_subscriptions=4, max_subscriptions_per_actor=2))
    live: LiveLog = app.state.live
    with live.subscribed("p", "ann"), live.subscribed("q", "ann"):
        with pytest.raises(TooManySubscriptions), live.subscribed("p", "ann"):
            pass
        in_all = pytest.raises(TooManySubscriptions)
        with live.subscribed("p", "bob"), live.subscribed("q", "bob"), in_all, live.subscribed("p", "eve"):
            pass
