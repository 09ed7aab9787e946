"""The attack list of docs/graphql-api.md: each is refused with the answer that stands there, and costs little."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
import pytest
from anyio.abc import SocketStream
from graphql import get_introspection_query
from graphql_api import Api, hear, running_api, say, subscribe
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from psg.graph import Graph
from psg.read.events import EventLog
from psg.read.nodes import Reader
from psg_graphql.schema import make_schema
from psg_graphql.settings import ApiSettings
from psg_graphql.slow_clients import PatientProtocol
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
TOKEN = "a-token-of-some-length"
SECRET = "bolt://user:hunter2@graph.internal"
EVENTS = "subscription($p: ID!) { events(projectId: $p) { __typename ... on EventBatch { cursor } } }"
JSON = {"content-type": "application/json"}
CIRCULAR = "{ __schema { types { " + "fields { type { " * 8 + "name" + " } }" * 8 + " } } }"
# What is asked, and the code that refuses it.
OPERATIONS = {
    "alias overload": ("{ " + " ".join(f"a{i}: __typename" for i in range(101)) + " }", "limit_exceeded"),
    "alias brute force of ids": (
        "{ " + " ".join(f'a{i}: node(id: "{i}") {{ id }}' for i in range(100)) + " }", "limit_exceeded"),
    "alias brute force of decisions": (
        "mutation { " + " ".join(
            f'a{i}: decideConfirm(input: {{id: "{i}", status: approved, role: "r", commandId: "{i}"}}) {{ __typename }}'
            for i in range(31)) + " }", "limit_exceeded"),
    "field duplication": ("{ health { " + "status " * 900 + "} }", "limit_exceeded"),
    "directive overload": ("{ __typename " + "@aa" * 900 + " }", "request_invalid"),
    "repeated directives": ("{ __typename " + "@skip(if: false) " * 300 + " }", "request_invalid"),
    "many tokens": ("{ " + "__typename " * 2100 + "}", "request_invalid"),
    "circular introspection": (CIRCULAR, "request_invalid"),
    "circular fragments": ("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }", "request_invalid"),
    "deep recursion of nodes": (
        '{ node(id: "1") { ' + "... on Plan { context { plans { nodes { " * 4 + "id" + " } } } }" * 4 + " } }",
        "limit_exceeded"),
    "absurd nesting": ("{ a" * 1500 + " }" * 1500, "request_invalid"),
    "large pages of large pages": (
        "{ projects(first: 100) { nodes { plans(first: 100) { nodes { steps(first: 100) { nodes { id } } } } } } }",
        "limit_exceeded"),
    "a page size beyond all": ("{ projects(first: 2147483647) { nodes { id } } }", "validation_failed"),
    "a negative page size": ("{ projects(first: -1) { nodes { id } } }", "validation_failed"),
    "an integer of 30 digits": ("{ projects(first: " + "9" * 30 + ") { nodes { id } } }", "request_invalid"),
    "an integer of 5,000 digits": ("{ projects(first: " + "9" * 5000 + ") { nodes { id } } }", "request_invalid"),
    "a lone surrogate in a literal": ('{ projects(name: "\\uD800") { nodes { id } } }', "request_invalid"),
    "a suggestion of fields": ("{ healht { status } }", "request_invalid"),
    "a field of the schema's inside": ("{ __schema { types { secret } } }", "request_invalid"),
    "a cursor that is no cursor": ('{ projects(after: "\\u0000\'; DROP") { nodes { id } } }', "validation_failed"),
}  # fmt: skip
BODIES = {
    "a batch": b'[{"query": "{ __typename }"}, {"query": "{ __typename }"}]',
    "nested lists": b"[" * 100_000,
    "nested objects": b'{"query": "{ __typename }", "variables": ' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"}",
    "not a number": b'{"query": "{ __typename }", "variables": {"x": NaN}}',
    "infinity": b'{"query": "{ __typename }", "variables": {"x": Infinity}}',
    "a lone surrogate": b'{"query": "{ __typename }", "variables": {"x": "\\ud800"}}',
    "no UTF-8": b'{"query": "{ __typename }\xff"}',
    "an integer of 5,000 digits": b'{"query": "{ __typename }", "variables": {"x": ' + b"9" * 5000 + b"}}",
    "a list as variables": b'{"query": "{ __typename }", "variables": []}',
    "a map as query": b'{"query": {"a": 1}}',
    "no query": b'{"variables": {}}',
}


@pytest.fixture
async def api(db: Database) -> AsyncIterator[Api]:
    async with running_api(db) as running:
        yield running


def code(response: httpx2.Response) -> str:
    return response.json()["errors"][0]["extensions"]["code"]


@asynccontextmanager
async def raw(api: Api) -> AsyncIterator[SocketStream]:
    """A TCP connection to the server."""
    async with await anyio.connect_tcp("127.0.0.1", int(api.url.rpartition(":")[2])) as stream:
        yield stream


async def answer_of(stream: SocketStream) -> bytes:
    """What the server says until it hangs up."""
    said = b""
    with anyio.fail_after(10):
        try:
            while True:
                said += await stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return said


def head(*lines: str, host: str = "127.0.0.1") -> bytes:
    return "\r\n".join(["POST /graphql HTTP/1.1", f"Host: {host}", *lines, "", ""]).encode()


async def test_operations_that_ask_too_much_or_nonsense(api: Api) -> None:
    for name, (text, wanted) in OPERATIONS.items():
        answer = await api.post(text, accept="application/graphql-response+json")
        assert code(answer) == wanted, (name, answer.text[:300])
        assert not (answer.json().get("data") or {}), name
        assert len(answer.content) < 100_000, name
        assert "health" not in answer.text or "healht" not in text  # nothing is suggested
        assert not {"tracing", "extensions"} & set(answer.json()), name


async def test_bodies_that_are_no_request(api: Api) -> None:
    for name, body in BODIES.items():
        answer = await api.http.post("/graphql", content=body, headers=JSON)
        assert (answer.status_code, code(answer)) == (400, "request_invalid"), name


@pytest.mark.parametrize("levels", [18, 60])
async def test_a_fragment_bomb_costs_nothing(levels: int) -> None:
    parts = [f"fragment F{i} on Plan {{ ...F{i + 1} ...F{i + 1} }}" for i in range(levels)]
    bomb = "query($i: ID!) { plan(id: $i) { ...F0 } } " + " ".join(parts) + f" fragment F{levels} on Plan {{ id }}"
    schema = make_schema(ApiSettings())
    await schema.execute("{ __typename }")
    spent = []
    for i in range(3):  # each text is new, so that no cache answers
        began = time.process_time()
        result = await schema.execute(bomb + f" # {i}")
        spent.append(time.process_time() - began)
        assert result.errors and result.errors[0].extensions["limit"] == "fields"
    assert min(spent) <= 0.05


async def test_introspection_and_query_page_can_be_switched_off(db: Database) -> None:
    async with running_api(db, introspection=False, ide=False) as api:
        assert (await api.post(get_introspection_query())).json()["data"] is None
        assert (await api.http.get("/graphql", headers={"accept": "text/html"})).status_code == 404


async def test_forms_pages_and_links_cannot_ask(api: Api) -> None:
    query = "{ __typename }"
    body = '{"query": "{ __typename }"}'
    kinds = ("text/plain", "text/plain; application/json", "application/x-www-form-urlencoded", "application/graphql")
    for kind in (*kinds, "multipart/form-data; boundary=x", "application/json; charset=utf-16"):
        answer = await api.http.post("/graphql", content=body, headers={"content-type": kind})
        assert (answer.status_code, code(answer)) == (415, "unsupported_media_type"), kind
    for text in (query, "mutation { __typename }"):
        for accept in ("*/*", "application/json", "text/event-stream"):
            answer = await api.http.get("/graphql", params={"query": text}, headers={"accept": accept})
            assert answer.status_code == 405 or '"data":null' in answer.text.replace(" ", ""), (accept, answer.text)
        stream = await api.post(text, accept="text/event-stream")  # it would have no deadline
        assert '"data":null' in stream.text.replace(" ", ""), stream.text
    for method in ("PUT", "DELETE", "PATCH", "TRACE"):
        assert (await api.http.request(method, "/graphql")).status_code == 405
    picture = await api.post(query, accept="image/png")
    assert (picture.status_code, code(picture)) == (406, "not_acceptable")


async def test_pages_of_other_origins_hear_nothing(api: Api) -> None:
    project_id = await api.project()
    evil = {"origin": "http://evil.example"}
    got = await api.http.get(
        "/graphql", params={"query": EVENTS, "variables": f'{{"p": "{project_id}"}}'},
        headers={"accept": "text/event-stream", **evil},
    )  # fmt: skip
    assert (got.status_code, code(got)) == (403, "origin_refused")
    preflight = {**evil, "access-control-request-method": "POST"}
    assert "access-control-allow-origin" not in (await api.http.options("/graphql", headers=preflight)).headers
    with pytest.raises(InvalidStatus):
        async with api.socket(init={}, additional_headers=evil):
            pass


async def test_other_host_names_are_not_ours_whatever_proxies_say(api: Api) -> None:
    for headers in ({"host": "evil.example"}, {"host": "127.0.0.1.evil.example"}, {"host": ""}):
        answer = await api.http.post("/graphql", json={"query": "{ __typename }"}, headers=headers)
        assert (answer.status_code, code(answer)) == (421, "host_refused")
    forwarded = {"host": "evil.example", "x-forwarded-host": "127.0.0.1", "forwarded": "host=127.0.0.1"}
    assert (await api.http.post("/graphql", json={}, headers=forwarded)).status_code == 421


async def test_a_token_in_the_address_is_no_token(db: Database) -> None:
    async with running_api(db, token=TOKEN) as api:
        nobody = {"authorization": ""}
        for name in ("token", "access_token", "authorization"):
            address = f"/graphql?{name}={TOKEN}"
            answer = await api.http.post(address, json={"query": "{ __typename }"}, headers=nobody)
            assert (answer.status_code, code(answer)) == (401, "unauthenticated")
            assert TOKEN not in answer.text
            spoken: Any = ["graphql-transport-ws"]
            async with connect(api.url.replace("http", "ws") + address, subprotocols=spoken) as socket:
                await say(socket, type="connection_init", payload={})
                with pytest.raises(ConnectionClosed) as closed:
                    await hear(socket)
                assert closed.value.rcvd and closed.value.rcvd.code == 4403


async def test_a_hundred_megabytes_of_variables_are_not_held(db: Database) -> None:
    async with running_api(db, max_body_bytes=1 << 20) as api:
        async with raw(api) as stream:
            await stream.send(head("Content-Type: application/json", f"Content-Length: {100 << 20}"))
            assert b" 413 " in await answer_of(stream)
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        async with raw(api) as stream:
            await stream.send(head("Content-Type: application/json", "Transfer-Encoding: chunked"))
            sent = 0
            with anyio.move_on_after(10):
                try:
                    while sent < 100 << 20:
                        await stream.send(chunk)
                        sent += len(chunk)
                except anyio.BrokenResourceError:
                    pass
            assert sent < 20 << 20  # the rest is what lies in the buffers of both ends
        assert (await api.post("{ __typename }")).status_code == 200


async def test_only_mutations_may_be_large(db: Database) -> None:
    async with running_api(db, max_query_body_bytes=2048) as api:
        body = {"query": EVENTS, "variables": {"p": await api.project(), "more": "x" * 3000}}
        query = {"query": "query($p: ID!) { project(id: $p) { id } }", "variables": body["variables"]}
        for accept, sent in (("application/json", query), ("text/event-stream", body)):
            answer = await api.http.post("/graphql", json=sent, headers={"accept": accept})
            assert "a query may have 2048" in answer.text and "validation_failed" in answer.text


async def test_bodies_and_heads_that_come_drop_by_drop_end(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PatientProtocol, "head_s", 0.2)
    async with running_api(db, body_timeout_s=0.2) as api:
        async with raw(api) as stream:
            await stream.send(head("Content-Type: application/json", "Content-Length: 100") + b'{"query":')
            said = await answer_of(stream)
            assert b" 408 " in said and b"request_too_slow" in said
        for begin in (b"", b"POST /graphql HTTP/1.1\r\nHost: 127"):
            async with raw(api) as stream:
                if begin:
                    await stream.send(begin)
                assert b" 200 " not in await answer_of(stream)
        async with raw(api) as stream:  # after an answer too
            await stream.send(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            await stream.send(b"GET /hea")
            assert (await answer_of(stream)).count(b"HTTP/1.1 200") == 1
        async with api.socket(init={}) as socket:  # and a WebSocket is not meant
            await anyio.sleep(0.3)
            await say(socket, type="ping")
            assert (await hear(socket))["type"] == "pong"


async def test_heads_without_end_and_smuggled_requests_are_refused(api: Api) -> None:
    async def said_to(*lines: str) -> bytes:
        asked = ["GET /healthz HTTP/1.1", "Host: 127.0.0.1", "Connection: close", *lines, "", ""]
        async with raw(api) as stream:
            with contextlib.suppress(anyio.BrokenResourceError):  # hung up while it was said
                await stream.send("\r\n".join(asked).encode())
                return await answer_of(stream)
        return b""

    assert (await said_to()).startswith(b"HTTP/1.1 200 "), "what is asked is answered"
    for lines in (
        [f"X-Big: {'x' * 200_000}"],
        [f"X-{i}: {'x' * 100}" for i in range(2000)],
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: -1"],
        ["Transfer-Encoding: chunked, identity"],
    ):
        said = await said_to(*lines)
        assert not said or said.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 431 ")), (lines[0][:40], said[:200])
        assert b"status" not in said, "the answer to the request itself"


async def test_a_thousand_subscriptions_on_one_socket(api: Api) -> None:
    project_id = await api.project()
    async with api.socket(init={}) as socket:
        for number in range(1000):
            await subscribe(socket, EVENTS, id=str(number), p=project_id)
        refused, served = set(), set()
        while len(refused) < 900 or len(served) < 100:
            message = await hear(socket)
            (refused if message["type"] == "error" else served).add(message["id"])
        assert (len(refused), len(served)) == (900, 100)
    assert (await api.post("{ __typename }")).status_code == 200


INIT = {"type": "connection_init"}
ALERTS = "subscription { alerts { __typename } }"


def asks(**payload: Any) -> dict[str, Any]:
    return {"type": "subscribe", "id": "1", "payload": payload}


def nested(levels: int) -> dict[str, Any]:
    """Objects within objects."""
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"a": value}
    return value


FIRST: dict[str, tuple[list[Any], int]] = {
    "subscribe before connection_init": ([asks(query=EVENTS)], 4401),
    "two connection_inits": ([INIT, INIT], 4429),
    "a payload that is no object": ([{"type": "connection_init", "payload": [1]}], 4400),
    "an unknown message": ([{"type": "nope"}], 4400),
    "a list": ([[1, 2]], 4400),
    "a number": ([7], 4400),
    "a type that is no text": ([{"type": {"a": 1}}], 4400),
    "an id that is a list": ([INIT, {"type": "subscribe", "id": [1], "payload": {}}], 4400),
    "an id without end": ([INIT, {"type": "complete", "id": "x" * 10_000}], 4400),
    "no payload": ([INIT, {"type": "subscribe", "id": "1"}], 4400),
    "a query that is a number": ([INIT, asks(query=1)], 4400),
    "variables that are a list": ([INIT, asks(query="{a}", variables=[1])], 4400),
    "variables that are nested too deep": ([INIT, asks(query="{a}", variables=nested(300))], 4400),
    "a query text without end": ([INIT, asks(query="#" * 70_000)], 4400),
    "the same id twice": ([INIT, asks(query=ALERTS), asks(query=ALERTS)], 4409),
}


async def test_sockets_that_break_the_protocol_are_closed_with_its_codes(api: Api) -> None:
    for name, (messages, wanted) in FIRST.items():
        async with api.socket() as socket:
            for message in messages:
                await socket.send(json.dumps(message))  # deeper than orjson writes
            with pytest.raises(ConnectionClosed) as closed, anyio.fail_after(10):
                while True:
                    await socket.recv()
            assert closed.value.rcvd and closed.value.rcvd.code == wanted, name


async def test_frames_are_bounded_and_never_compressed(db: Database) -> None:
    async with running_api(db, max_body_bytes=4096) as api:
        async with api.socket(init={}) as socket:
            assert socket.response is not None
            assert "sec-websocket-extensions" not in socket.response.headers  # so no bomb can be unpacked
            await socket.send("x" * 100_000)
            with pytest.raises(ConnectionClosed) as closed:
                await hear(socket)
            assert closed.value.rcvd and closed.value.rcvd.code == 1009
        async with api.socket(init={}) as socket:
            await socket.send(b"\x00\x01")
            with pytest.raises(ConnectionClosed) as closed:
                await hear(socket)
            assert closed.value.rcvd and closed.value.rcvd.code == 4400
        packed = {"content-encoding": "gzip", **JSON}
        assert (await api.http.post("/graphql", content=b"\x1f\x8b" + b"\0" * 100, headers=packed)).status_code == 400


async def test_connections_of_an_actor_are_bounded(db: Database) -> None:
    async with running_api(db, max_sockets_per_actor=2) as api:
        async with api.socket(init={}), api.socket(init={}):
            async with api.socket() as third:
                await say(third, type="connection_init", payload={})
                with pytest.raises(ConnectionClosed) as closed:
                    while True:
                        await hear(third)
                assert closed.value.rcvd and closed.value.rcvd.code == 4429
            async with api.socket(init={"actor": "somebody.else"}):
                pass
        for _ in range(50):  # what was closed is counted no more, as soon as the server has seen it
            async with api.socket() as again:
                await say(again, type="connection_init", payload={})
                await say(again, type="ping")
                kinds = []
                try:
                    kinds = [(await hear(again))["type"] for _ in range(2)]
                except ConnectionClosed:
                    continue
            break
        assert kinds == ["connection_ack", "pong"]


async def test_errors_give_nothing_away_on_any_way_out(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError(SECRET)

    project_id = await api.project()
    monkeypatch.setattr(Reader, "projects", broken)
    monkeypatch.setattr(EventLog, "page", broken)
    monkeypatch.setattr(Graph, "create_project", broken)
    said = [(await api.post("{ projects { nodes { id } } }")).text]
    text = 'mutation { createProject(input: {name: "x"}) { __typename } }'
    said.append((await api.post(text)).text)
    body = {"query": EVENTS, "variables": {"p": project_id}}
    said.append((await api.http.post("/graphql", json=body, headers={"accept": "text/event-stream"})).text)
    async with api.socket(init={}) as socket:
        await subscribe(socket, EVENTS, p=project_id)
        said.append(str(await hear(socket)))
    for told in said:
        assert "unexpected_error" in told, told
        for leak in ("hunter2", "graph.internal", "RuntimeError", "Traceback", ".py", "MATCH", "/psg"):
            assert leak not in told, told
