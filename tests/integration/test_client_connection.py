"""The client on real sockets: what it does when the server is slow, cut off, wrong or away."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import orjson
import pytest
from anyio.abc import SocketStream, TaskGroup

from psg_client import ApiTimeout, ApiUnavailable, Refused, RequestRejected, Unauthenticated
from psg_client.calls import Calls, command_id_or_new, member
from psg_client.transport import Transport

pytestmark = pytest.mark.anyio

Handler = Callable[[dict[str, Any], SocketStream], Awaitable[None]]


@dataclass(frozen=True)
class Count:
    """One message of the subscription used here."""

    cursor: int


async def request_body(stream: SocketStream) -> dict[str, Any]:
    """Read one HTTP request from the connection."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += await stream.receive()
    head, _, body = received.partition(b"\r\n\r\n")
    headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    length = int(headers[b"content-length"])
    while len(body) < length:
        body += await stream.receive()
    return orjson.loads(body)


@asynccontextmanager
async def server(handler: Handler) -> AsyncIterator[str]:
    """An HTTP server that gives each request to ``handler`` and then closes the connection."""

    async def connection(stream: SocketStream) -> None:
        async with stream:
            try:
                await handler(await request_body(stream), stream)
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                return

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, connection)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        yield f"http://127.0.0.1:{port}/graphql"
        tasks.cancel_scope.cancel()


def http(body: bytes, kind: str = "application/json", status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


def frame(cursor: int) -> bytes:
    data = orjson.dumps({"data": {"count": {"cursor": cursor}}})
    return b"event: next\r\ndata: " + data + b"\r\n\r\n"


def counts(transport: Transport, after: int = 0) -> AsyncGenerator[Count]:
    calls = Calls(transport)
    return calls._subscribe("subscription", "Count", {"after": after}, lambda data: Count(**data["count"]))


async def test_a_request_cut_off_is_repeated_with_the_same_command_id() -> None:
    seen: list[dict[str, Any]] = []

    async def handler(body: dict[str, Any], stream: SocketStream) -> None:
        seen.append(body)
        answer = http(b'{"data": {"ok": true}}')
        await stream.send(answer if len(seen) == 3 else answer[: len(answer) // len(seen) - 5])

    async with server(handler) as url, Transport(url) as transport:
        variables = {"input": {"commandId": command_id_or_new(None)}}
        assert await transport.execute("mutation", "Do", variables) == {"ok": True}
    assert len(seen) == 3 and seen[0] == seen[1] == seen[2]


async def test_a_stream_cut_at_every_place_gives_the_same_sequence_as_one_uncut() -> None:
    total = 40
    connections = 0

    async def handler(body: dict[str, Any], stream: SocketStream) -> None:
        nonlocal connections
        connections += 1
        after = body["variables"]["after"]
        frames = b"".join(frame(n) for n in range(after + 1, total + 1)) + b"event: complete\r\ndata: \r\n\r\n"
        # Each connection gets a little further: sometimes between two frames, mostly inside of one.
        cut = len(frame(after + 1)) + connections * 13 % 97
        await stream.send(STREAM_HEAD + (frames if after >= total - 3 else frames[:cut]))

    async with server(handler) as url, Transport(url) as transport:
        with anyio.fail_after(30):
            seen = [count.cursor async for count in counts(transport)]
    assert seen == list(range(1, total + 1))
    assert connections > 10


async def test_a_silent_stream_counts_as_lost_and_is_opened_again() -> None:
    asked: list[int] = []

    async def handler(body: dict[str, Any], stream: SocketStream) -> None:
        after = body["variables"]["after"]
        asked.append(after)
        await stream.send(STREAM_HEAD + frame(after + 1))
        await anyio.sleep_forever()

    async with server(handler) as url, Transport(url, silence_s=0.2) as transport, aclosing(counts(transport)) as seen:
        with anyio.fail_after(10):
            assert [(await anext(seen)).cursor for _ in range(3)] == [1, 2, 3]
    assert asked == [0, 1, 2]


async def test_comments_of_the_server_keep_a_quiet_stream_alive() -> None:
    connections = 0

    async def handler(body: dict[str, Any], stream: SocketStream) -> None:
        nonlocal connections
        connections += 1
        await stream.send(STREAM_HEAD)
        for _ in range(8):
            await stream.send(b": ping\r\n\r\n")
            await anyio.sleep(0.1)  # the quiet time itself is what is tested
        await stream.send(frame(1))

    async with server(handler) as url, Transport(url, silence_s=0.4) as transport, aclosing(counts(transport)) as seen:
        assert (await anext(seen)).cursor == 1
    assert connections == 1


async def test_when_nobody_answers_the_address_is_named() -> None:
    with socket.socket() as taken:  # bound and not listening: refused for as long as the test runs
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/graphql"
        async with Transport(url, retry_for_s=0) as transport:
            with pytest.raises(ApiUnavailable, match=url):
                await transport.execute("query", "Q", {})
            with pytest.raises(ApiUnavailable, match=url):
                await anext(counts(transport))


async def test_a_server_that_comes_up_late_is_waited_for() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    async def connection(stream: SocketStream) -> None:
        async with stream:
            await request_body(stream)
            await stream.send(http(b'{"data": {"late": 1}}'))

    async def serve(tasks: TaskGroup) -> None:
        await anyio.sleep(0.2)
        async with await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=port) as listener:
            await listener.serve(connection, tasks)

    async with anyio.create_task_group() as tasks, Transport(f"http://127.0.0.1:{port}/") as transport:
        tasks.start_soon(serve, tasks)
        assert await transport.execute("query", "Q", {}) == {"late": 1}
        tasks.cancel_scope.cancel()


async def test_an_answer_that_does_not_come_is_a_timeout() -> None:
    async def handler(body: dict[str, Any], stream: SocketStream) -> None:
        await anyio.sleep_forever()

    async with server(handler) as url, Transport(url, timeout_s=0.2, retry_for_s=0) as transport:
        with pytest.raises(ApiTimeout):
            await transport.execute("query", "Q", {})


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (http(b"<html>welcome</html>", "text/html"), RequestRejected, "not_graphql"),
        (http(b"{broken", "application/json"), RequestRejected, "not_graphql"),
        (http(b"[1]"), RequestRejected, "not_graphql"),
        (http(b"{}", status="401 Unauthorized"), Unauthenticated, "unauthenticated"),
        (http(b"warming up", "text/plain", "503 Service Unavailable"), ApiUnavailable, "api_unavailable"),
        (http(b'{"errors": [{"message": "too deep"}]}', status="400 Bad Request"), RequestRejected, "graphql_error"),
        (
            http(b'{"data": null, "errors": [{"message": "x", "extensions": {"code": "too_complex"}}]}'),
            RequestRejected,
            "too_complex",
        ),
    ],
)
async def test_answers_that_are_not_data_are_errors_with_a_code(answer: bytes, kind: type, code: str) -> None:
    async def handler(body: dict[str, Any], stream: SocketStream) -> None:
        await stream.send(answer)

    async with server(handler) as url, Transport(url, retry_for_s=0) as transport:
        with pytest.raises(kind) as caught:
            await transport.execute("query", "Q", {})
        assert caught.value.code == code
        with pytest.raises(kind) as caught:
            await anext(counts(transport))
        assert caught.value.code == code


async def test_the_token_goes_out_as_bearer_and_into_no_error() -> None:
    async def handler(body: dict[str, Any], stream: SocketStream) -> None:
        await stream.send(http(b"{}", status="401 Unauthorized"))

    async with server(handler) as url, Transport(url, token="very-secret") as transport:
        assert transport._http.headers["authorization"] == "Bearer very-secret"
        with pytest.raises(Unauthenticated) as caught:
            await transport.execute("query", "Q", {})
    assert "very-secret" not in str(caught.value.to_dict())


BUSY = b'{"errors": [{"message": "busy", "extensions": {"code": "too_many_subscriptions", "retryable": true}}]}'
BUSY_LATER = b"event: next\r\ndata: " + BUSY + b"\r\n\r\n"


@pytest.mark.parametrize("busy", [http(BUSY), STREAM_HEAD + BUSY_LATER], ids=["opening", "in the stream"])
async def test_a_stream_goes_on_behind_its_cursor_where_the_server_says_try_again(busy: bytes) -> None:
    asked: list[int] = []

    async def handler(body: dict[str, Any], stream: SocketStream) -> None:
        asked.append(body["variables"]["after"])
        if len(asked) % 2:
            await stream.send(STREAM_HEAD + frame(asked[-1] + 1) + BUSY_LATER)
        else:
            await stream.send(busy)

    async with server(handler) as url, Transport(url) as transport, aclosing(counts(transport)) as seen:
        with anyio.fail_after(10):
            assert [(await anext(seen)).cursor for _ in range(3)] == [1, 2, 3]
    assert asked == [0, 1, 1, 2, 2]


async def test_a_stream_that_is_refused_without_progress_ends_after_its_time() -> None:
    async def handler(body: dict[str, Any], stream: SocketStream) -> None:
        told = orjson.dumps({"data": {"count": {"__typename": "Refused", "code": "busy", "retryable": True}}})
        await stream.send(STREAM_HEAD + b"event: next\r\ndata: " + told + b"\r\n\r\n")

    async with server(handler) as url, Transport(url, retry_for_s=0.2) as transport:
        calls = Calls(transport)
        stream = calls._subscribe("subscription", "Count", {}, lambda data: member(data["count"], {}))
        with anyio.fail_after(10), pytest.raises(Refused) as caught:
            await anext(stream)
    assert caught.value.code == "busy"


async def test_requests_sent_at_once_by_hash_are_all_sent_again_as_text() -> None:
    by_hash: list[dict[str, Any]] = []
    all_sent = anyio.Event()

    async def handler(body: dict[str, Any], stream: SocketStream) -> None:
        if "query" in body:
            ok = b'{"data": {"ok": true}}'
            await stream.send(http(ok) if body["operationName"] == "Do" else STREAM_HEAD + frame(1))
            return
        by_hash.append(body)
        if len(by_hash) == 4:
            all_sent.set()
        await all_sent.wait()  # each of them is sent before one of them is refused
        refused = {"message": "unknown", "extensions": {"code": "document_unknown"}}
        await stream.send(http(orjson.dumps({"errors": [refused]}), status="400 Bad Request"))

    async with (
        server(handler) as url,
        Transport(url, document_ids=True) as transport,
        aclosing(counts(transport)) as seen,
    ):
        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(transport.execute, "mutation", "Do", {})
                assert (await anext(seen)).cursor == 1
    assert len(by_hash) == 4 and not transport.document_ids
