"""``http.request`` against real servers: what is sent, what is kept, what is refused."""

from __future__ import annotations

import base64
import datetime
import email.utils
import gzip
import json
import os
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from scripted_server import Received, ScriptedServer, chunked, reply, serving

from psg.errors import ActionTimeout, CapabilityDenied, OutputTooLarge, PsgError, ValidationFailed
from psg_runtime.ael import ActionResult, AdapterLayer, AelSettings, CapabilityRegistry
from psg_runtime.expressions import step_template

pytestmark = [pytest.mark.anyio, pytest.mark.req("L3-29")]
SECRET = "correct horse/battery+staple"


class Vault:
    label = "the vault"

    async def get(self, name: str) -> str | None:
        return {"TOKEN": SECRET, "BENT": "line one\r\nX-Injected: yes"}.get(name)


def layer(**settings: Any) -> AdapterLayer:
    given: dict[str, Any] = {"http_allow": ("*",), "http_allow_private": ("127.0.0.1",), "file_root": None}
    return AdapterLayer(CapabilityRegistry(), AelSettings(**(given | settings)), secrets=Vault())


async def ask(ael: AdapterLayer, url: str, *, key: str = "the-key", timeout_ms: int = 20_000, **params: Any) -> Any:
    resolved = step_template("tool", {"url": url, **params}).resolve({"steps": {}, "params": {}})
    action = {"type": "tool_call", "name": "http.request", "params": resolved, "idempotency_key": key}
    result = await ael.execute(action | {"timeout_ms": timeout_ms})
    assert isinstance(result, ActionResult) and result.success
    return result.output


def echo(request: Received) -> bytes:
    told = {"method": request.method, "path": request.path, "headers": request.headers, "body": request.body.decode()}
    return reply(200, json.dumps(told), Content_Type="application/json")


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with serving(echo) as made:
        yield made


@pytest.mark.parametrize(
    ("params", "method", "path", "body", "content_type"),
    [
        ({}, "GET", "/p", "", None),
        ({"method": "delete"}, "DELETE", "/p", "", None),
        ({"query": {"a": "ü &=", "b": [1, True, None, 2.5], "c": None}}, "GET",
         "/p?a=%C3%BC%20%26%3D&b=1&b=true&b=2.5", "", None),
        ({"method": "POST", "json": {"x": [1, None, "ü"]}}, "POST", "/p", '{"x":[1,null,"ü"]}', "application/json"),
        ({"method": "POST", "json": None}, "POST", "/p", "null", "application/json"),
        ({"method": "POST", "form": {"a": "1 2", "b": ["x", "y"]}}, "POST", "/p", "a=1%202&b=x&b=y",
         "application/x-www-form-urlencoded"),
        ({"method": "PUT", "body": "ü"}, "PUT", "/p", "ü", "text/plain; charset=utf-8"),
        ({"method": "PATCH", "body": "/wA=", "body_encoding": "base64", "headers": {"content-type": "a/b"}},
         "PATCH", "/p", None, "a/b"),
    ],
)  # fmt: skip
async def test_a_request_is_sent_as_the_plan_says(
    params: dict[str, Any], method: str, path: str, body: str | None, content_type: str | None
) -> None:
    async with serving(lambda request: reply(200)) as server:
        output = await ask(layer(), server.url("/p#fragment"), **params)
    (received,) = server.received
    assert (received.method, received.path) == (method, path)
    assert received.body == (b"\xff\x00" if body is None else body.encode())
    assert received.headers.get("content-type") == content_type
    assert received.headers["idempotency-key"] == "the-key" and received.headers["host"] == f"127.0.0.1:{server.port}"
    assert output["status"] == 200 and output["bytes"] == 0


async def test_the_idempotency_key_goes_where_the_receiver_wants_it(server: ScriptedServer) -> None:
    output = await ask(layer(), server.url(), idempotency_header="X-Request-Id")
    assert output["json"]["headers"]["x-request-id"] == "the-key"
    output = await ask(layer(), server.url(), idempotency_header=None)
    assert "the-key" not in output["json"]["headers"].values()


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"type": "bearer", "secret": "TOKEN"}, "authorization", f"Bearer {SECRET}"),
        ({"type": "bearer", "secret": "{{secrets.TOKEN}}"}, "authorization", f"Bearer {SECRET}"),
        ({"type": "basic", "username": "me", "secret": "TOKEN"}, "authorization",
         "Basic " + base64.b64encode(f"me:{SECRET}".encode()).decode()),
        ({"type": "header", "name": "X-Api-Key", "secret": "TOKEN"}, "x-api-key", SECRET),
        ({"type": "header", "name": "Authorization", "secret": "TOKEN", "prefix": "Token "}, "authorization",
         f"Token {SECRET}"),
    ],
)  # fmt: skip
@pytest.mark.req("EXEC-24")
async def test_a_named_secret_authenticates_and_an_echo_of_it_is_masked(
    server: ScriptedServer, auth: dict[str, Any], header: str, value: str
) -> None:
    output = await ask(layer(), server.url(), auth=auth)
    assert server.received[0].headers[header] == value
    shown = json.dumps(output)
    assert SECRET not in shown and value.split()[-1] not in shown and "[REDACTED]" in shown


@pytest.mark.req("EXEC-24")
async def test_secrets_stand_in_path_query_headers_and_bodies_and_come_back_masked(server: ScriptedServer) -> None:
    params = {"query": {"k": "{{secrets.TOKEN}}"}, "headers": {"X-A": "a {{secrets.TOKEN}}"}, "method": "POST"}
    fields = {"t": "{{secrets.TOKEN}}"}
    for body in ({"json": fields}, {"form": fields}, {"body": "{{secrets.TOKEN}}"}):
        for response in ("auto", "text", "base64"):
            output = await ask(layer(), server.url("/x/{{secrets.TOKEN}}"), **params, **body, response=response)
            shown = json.dumps(output)
            if response == "base64":
                shown += base64.b64decode(output["body"]).decode()
            assert "[REDACTED]" in shown
            for part in ("battery", base64.b64encode(SECRET.encode()).decode()[:16]):
                assert part not in shown
    assert all("battery" in r.path and b"battery" in r.body for r in server.received)


@pytest.mark.parametrize(
    ("raw", "response", "expected"),
    [
        (reply(200, '{"a": 1}', Content_Type="application/json"), "auto", {"json": {"a": 1}}),
        (reply(200, "[1]", Content_Type="application/vnd.x+json; charset=utf-8"), "auto", {"json": [1]}),
        (reply(200, "[1]", Content_Type="text/plain"), "json", {"json": [1]}),
        (reply(200, "[1]", Content_Type="application/json"), "text", {"body": "[1]"}),
        (reply(200, "{oops", Content_Type="application/json"), "auto", {"body": "{oops"}),
        (reply(200, "[NaN]", Content_Type="application/json"), "auto", {"body": "[NaN]"}),
        (reply(200, "ü".encode("latin-1"), Content_Type="text/plain; charset=ISO-8859-1"), "auto", {"body": "ü"}),
        (reply(200, "ü"), "auto", {"body": "ü"}),
        (reply(200, b"\xff\x00"), "auto", {"body": "/wA=", "encoding": "base64"}),
        (reply(200, "a"), "base64", {"body": "YQ==", "encoding": "base64"}),
        (reply(204), "auto", {"body": ""}),
        (chunked(b"ab", b"cd"), "auto", {"body": "abcd"}),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", "auto", {"body": "until the end"}),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + reply(200, "x"), "auto", {"body": "x"}),
        (reply(200, "first") + reply(200, "second"), "auto", {"body": "first"}),
        (reply(200, gzip.compress(b"zipped", mtime=0), Content_Encoding="gzip"), "auto", {"body": "zipped"}),
        (
            reply(200, gzip.compress(b"a", mtime=0) + gzip.compress(b"b", mtime=0), Content_Encoding="x-gzip"),
            "auto", {"body": "ab"},
        ),
        (reply(200, zlib.compress(b"deflated"), Content_Encoding="deflate"), "auto", {"body": "deflated"}),
        (reply(200, zlib.compress(b"raw", wbits=-15), Content_Encoding="Deflate"), "auto", {"body": "raw"}),
        (reply(200, b"", Content_Encoding="gzip"), "auto", {"body": ""}),
    ],
)  # fmt: skip
async def test_an_answer_is_kept_in_its_form(raw: bytes, response: str, expected: dict[str, Any]) -> None:
    async with serving(lambda request: raw) as server:
        output = await ask(layer(), server.url(), response=response)
    assert {k: v for k, v in output.items() if k not in ("status", "headers", "bytes")} == expected


async def test_credentials_in_an_answer_s_headers_are_not_kept() -> None:
    raw = reply(
        200, "", Set_Cookie="session=1", Authorization="x", X_Auth_Token="x", X_Api_Key="x", X_Trace="kept", Via="a"
    )
    async with serving(lambda request: raw) as server:
        output = await ask(layer(), server.url())
    assert output["headers"] == {"content-length": "0", "x-trace": "kept", "via": "a"}


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(400, False), (401, False), (404, False), (408, True), (409, False), (425, True), (429, True), (500, True),
     (503, True), (599, True), (304, False)],
)  # fmt: skip
async def test_a_status_decides_whether_to_try_again(status: int, retryable: bool) -> None:
    async with serving(lambda request: reply(status, "because of that", X_Why="that")) as server:
        with pytest.raises(PsgError, match=f"answered {status}") as caught:
            await ask(layer(), server.url("/secret-path"))
    error = caught.value
    assert (error.code, error.retryable, error.details["status"]) == ("http_status", retryable, status)
    assert error.details["headers"]["x-why"] == "that"
    assert status == 304 or error.details["body"] == "because of that"


async def test_an_error_page_that_echoes_a_secret_is_masked() -> None:
    async with serving(lambda request: reply(500, f"got {request.headers['authorization'].split()[-1]}!")) as server:
        with pytest.raises(PsgError) as caught:
            await ask(layer(), server.url(), auth={"type": "basic", "username": "me", "secret": "TOKEN"})
    assert "staple" not in str(caught.value.to_dict()) and caught.value.details["body"] == "got [REDACTED]!"


def _date(seconds: float) -> str:
    return email.utils.format_datetime(datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds), True)


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [("3", 3000, 3000), (3600, 3_000_000, 3_600_000), (-100, 0, 0), ("99999999999", 86_400_000, 86_400_000),
     ("-1", None, None), ("soon", None, None), ("1.5", None, None), ("", None, None), ("²", None, None)],
)  # fmt: skip
async def test_retry_after_is_told_in_milliseconds(value: str | int, least: int | None, most: int | None) -> None:
    value = value if isinstance(value, str) else _date(value)
    raw = reply(429).replace(b"\r\n\r\n", b"\r\nRetry-After: " + value.encode("latin-1", "replace") + b"\r\n\r\n")
    async with serving(lambda request: raw) as server:
        with pytest.raises(PsgError) as caught:
            await ask(layer(), server.url())
    told = caught.value.details.get("retry_after_ms")
    assert told is None if least is None or most is None else least <= told <= most


@pytest.mark.parametrize(
    ("expect", "status", "accepted"),
    [(404, 404, True), ("4xx", 404, True), (["200", "404-410"], 409, True), ([201], 200, False), ("302", 302, True)],
)
async def test_the_plan_says_which_statuses_it_expects(expect: Any, status: int, accepted: bool) -> None:
    async with serving(lambda request: reply(status, "", Location="/other")) as server:
        if accepted:
            assert (await ask(layer(), server.url(), expect=expect))["status"] == status
            assert len(server.received) == 1
        else:
            with pytest.raises(PsgError, match="answered"):
                await ask(layer(), server.url(), expect=expect)


BAD_PARAMS: list[dict[str, Any]] = [
    {"method": "TRACE"}, {"method": "GET / HTTP/1.1\r\nX: y"}, {"method": 1}, {"headers": {"a b": "c"}},
    {"headers": {"": "c"}}, {"headers": {"a:": "c"}}, {"headers": {"Host": "c"}}, {"headers": {"content-length": "1"}},
    {"headers": {"Transfer-Encoding": "chunked"}}, {"headers": {"a": "b\r\nc: d"}}, {"headers": {"a": "b\nc: d"}},
    {"headers": {"a": "b\0"}}, {"headers": {"a": "€"}}, {"headers": {"a": True}}, {"headers": ["a"]},
    {"headers": {"Idempotency-Key": "mine"}}, {"headers": {"X": "1", "x": "2"}}, {"idempotency_header": "a\r\nb"},
    {"auth": {"type": "bearer", "secret": "TOKEN"}, "headers": {"authorization": "x"}},
    {"auth": {"type": "bearer"}}, {"auth": {"type": "digest", "secret": "TOKEN"}}, {"auth": "TOKEN"},
    {"auth": {"type": "bearer", "secret": "a b"}}, {"auth": {"type": "bearer", "secret": "x {{secrets.TOKEN}}"}},
    {"auth": {"type": "header", "name": "Host", "secret": "TOKEN"}},
    {"auth": {"type": "basic", "username": "a:b", "secret": "TOKEN"}},
    {"auth": {"type": "bearer", "secret": "BENT"}}, {"headers": {"a": "{{secrets.BENT}}"}},
    {"body": "x", "json": 1}, {"body": "x", "form": {}}, {"json": None, "form": {"a": "b"}},
    {"body": "%%", "body_encoding": "base64"}, {"body_encoding": "base64"}, {"expect": []}, {"expect": "abc"},
    {"expect": [99]}, {"expect": "2xx,3xx"}, {"expect": True}, {"max_bytes": -1}, {"max_redirects": 21},
    {"max_redirects": -1}, {"read_timeout_ms": 0}, {"total_timeout_ms": 1.5}, {"timeout": 5}, {"verify": False},
    {"file": "{{secrets.TOKEN}}"}, {"response": "xml"}, {"form": {"a": {"b": 1}}}, {"query": {"a": [[1]]}},
    {"url": 5}, {"url": "{{secrets.TOKEN}}"}, {"url": "https://{{secrets.TOKEN}}/"},
    {"url": "https://x{{secrets.TOKEN}}/"}, {"url": "https://x:{{secrets.TOKEN}}@y/"},
]  # fmt: skip


@pytest.mark.parametrize("params", BAD_PARAMS, ids=[str(p)[:60] for p in BAD_PARAMS])
async def test_what_cannot_be_sent_is_refused_before_anything_is(
    server: ScriptedServer, params: dict[str, Any]
) -> None:
    with pytest.raises(PsgError) as caught:
        await ask(layer(), **{"url": server.url(), **params})
    error = caught.value
    assert error.category == "validation_error" and not error.retryable
    assert SECRET not in str(error.to_dict()) and "line one" not in str(error.to_dict())
    assert server.received == []


async def test_the_url_is_needed(server: ScriptedServer) -> None:
    with pytest.raises(ValidationFailed, match="url: Field required"):
        await layer().execute({"type": "tool_call", "name": "http.request", "params": {}})


async def test_it_is_off_until_hosts_are_allowed(server: ScriptedServer) -> None:
    for allowed in ((), ("other.example",)):
        with pytest.raises(CapabilityDenied, match="PSG_HTTP_ALLOW"):
            await ask(layer(http_allow=allowed), server.url())
    with pytest.raises(CapabilityDenied, match="loopback"):
        await ask(layer(http_allow_private=()), server.url())
    assert server.received == []


async def test_proxies_of_the_environment_are_not_used(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(lambda request: reply(502)) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "https_proxy"):
            monkeypatch.setenv(name, proxy.url())
        assert (await ask(layer(), server.url()))["status"] == 200
        assert proxy.received == []


BROKEN: list[tuple[bytes, str, bool]] = [
    (b"", "http_unreachable", True),
    (b"garbage\r\n\r\n", "http_unreachable", True),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "http_unreachable", True),
    (chunked(b"abc", end=False), "http_unreachable", True),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "http_unreachable", True),
    (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000 + b"\r\n\r\n", "http_unreachable", True),
    (reply(200, b"not zipped", Content_Encoding="gzip"), "http_refused", False),
    (reply(200, gzip.compress(b"x" * 1000, mtime=0)[:-12], Content_Encoding="gzip"), "http_refused", False),
    (reply(200, b"x", Content_Encoding="br"), "http_refused", False),
    (reply(200, b"x", Content_Encoding="gzip, gzip"), "http_refused", False),
]


@pytest.mark.parametrize(("raw", "code", "retryable"), BROKEN, ids=[raw[:40].decode("latin-1") for raw, _, _ in BROKEN])
async def test_a_broken_answer_is_an_error(raw: bytes, code: str, retryable: bool) -> None:
    async with serving(lambda request: raw) as server:
        with pytest.raises(PsgError) as caught:
            await ask(layer(), server.url())
    assert (caught.value.code, caught.value.retryable) == (code, retryable)


async def test_nobody_listening_is_an_error_to_try_again() -> None:
    async with serving(lambda request: reply(200)) as server:
        url = server.url()
    with pytest.raises(PsgError) as caught:
        await ask(layer(), url)
    assert (caught.value.code, caught.value.category, caught.value.retryable) == (
        "http_unreachable", "communication_error", True
    )  # fmt: skip


BOMB = zlib.compressobj(9, wbits=31)
BOMB_BYTES = BOMB.compress(b"\0" * 200_000_000) + BOMB.flush()


@pytest.mark.parametrize(
    "raw",
    [
        reply(200, b"x" * 2001),
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 5000,
        chunked(*[b"x" * 500] * 5),
        reply(200, gzip.compress(b"x" * 2001, mtime=0), Content_Encoding="gzip"),
        reply(200, BOMB_BYTES, Content_Encoding="gzip"),
    ],
    ids=["length", "lies", "chunks", "zipped", "bomb"],
)
async def test_an_answer_over_the_limit_is_refused(raw: bytes, tmp_path: Path) -> None:
    async with serving(lambda request: raw) as server:
        ael = layer(http_max_bytes=2000, http_max_file_bytes=2000, file_root=tmp_path)
        for more in ({}, {"file": "x"}):
            with pytest.raises(OutputTooLarge, match="more than 2000 bytes"):
                await ask(ael, server.url(), **more)
        with pytest.raises(OutputTooLarge, match="more than 10 bytes"):
            await ask(layer(), server.url(), max_bytes=10)
    assert os.listdir(tmp_path) == []


async def test_an_answer_goes_to_a_file_as_a_whole(tmp_path: Path) -> None:
    data = os.urandom(700_000)
    async with serving(lambda request: chunked(*[data[i : i + 9999] for i in range(0, len(data), 9999)])) as server:
        output = await ask(layer(file_root=tmp_path), server.url(), file="in/a.bin")
    assert (tmp_path / "in" / "a.bin").read_bytes() == data
    assert output["file"]["path"] == "in/a.bin" and output["bytes"] == output["file"]["bytes"] == len(data)
    assert os.listdir(tmp_path / "in") == ["a.bin"]


@pytest.mark.req("EXEC-24")
async def test_a_secret_that_is_echoed_into_a_file_is_masked_across_pieces(tmp_path: Path) -> None:
    def piecewise(request: Received) -> bytes:
        return chunked(*[bytes([b]) for b in b"got " + request.headers["x-a"].encode() + b"!"])

    async with serving(piecewise) as server:
        output = await ask(
            layer(file_root=tmp_path), server.url(), file="x", headers={"X-A": "{{secrets.TOKEN}}"}
        )
    assert (tmp_path / "x").read_text() == "got [REDACTED]!" and output["file"]["redacted"] == 1


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "", "link/x", "x\0y", "folder"])
async def test_a_file_outside_the_folder_is_refused(server: ScriptedServer, tmp_path: Path, path: str) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir(), outside.mkdir(), (root / "folder").mkdir()
    (root / "link").symlink_to(outside)
    with pytest.raises(PsgError) as caught:
        await ask(layer(file_root=root), server.url(), file=path)
    assert not caught.value.retryable and os.listdir(outside) == []
    assert sorted(os.listdir(root)) == ["folder", "link"]


@pytest.mark.parametrize("end", ["breaks off", "is cancelled"])
async def test_a_download_that_does_not_end_leaves_the_old_file(tmp_path: Path, end: str) -> None:
    (tmp_path / "x").write_text("old")

    async def stall(stream: Any) -> None:
        await stream.send(chunked(b"new" * 1000, end=False))
        if end == "is cancelled":
            await anyio.sleep_forever()

    async with serving(lambda request: stall) as server:
        with pytest.raises(PsgError):
            await ask(layer(file_root=tmp_path), server.url(), file="x", timeout_ms=300)
    assert (tmp_path / "x").read_text() == "old" and os.listdir(tmp_path) == ["x"]


async def test_files_are_refused_where_there_is_no_folder(server: ScriptedServer) -> None:
    with pytest.raises(CapabilityDenied, match="PSG_FILE_ROOT"):
        await ask(layer(), server.url(), file="x")
    assert server.received == []


async def test_each_clock_ends_the_request() -> None:
    async def drip(stream: Any) -> None:
        await stream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await stream.send(b"1\r\nx\r\n")
            await anyio.sleep(0.01)

    async def silent(stream: Any) -> None:
        await anyio.sleep_forever()

    async with serving(lambda request: silent if request.path == "/silent" else drip) as server:
        for path, params, reason in (
            ("/silent", {"read_timeout_ms": 60}, "read_timeout"),
            ("/drip", {"total_timeout_ms": 60}, "total_timeout"),
            ("/silent", {"total_timeout_ms": 60}, "total_timeout"),
        ):
            with pytest.raises(PsgError) as caught:
                await ask(layer(), server.url(path), **params)
            assert (caught.value.code, caught.value.details["reason"]) == ("http_unreachable", reason)
            assert caught.value.retryable
        with pytest.raises(PsgError) as caught:
            await ask(layer(http_read_ms=60), server.url("/silent"), read_timeout_ms=60_000)
        assert caught.value.details["reason"] == "read_timeout", "a plan cannot wait longer than the settings allow"
        with pytest.raises(ActionTimeout):
            await ask(layer(), server.url("/drip"), timeout_ms=60)


async def test_so_many_requests_at_a_time() -> None:
    most = now = 0

    async def count(stream: Any) -> None:
        nonlocal most, now
        now += 1
        most = max(most, now)
        for _ in range(20):
            await anyio.lowlevel.checkpoint()
        now -= 1
        await stream.send(reply(200))

    ael = layer(http_capacity=2)
    async with serving(lambda request: count) as server, anyio.create_task_group() as tasks:
        for _ in range(8):
            tasks.start_soon(lambda: ask(ael, server.url()))
    assert most <= 2 and len(server.received) == 8


CAPABILITY = """
capabilities:
  - name: shop.items
    type: tool
    version: 1.0.0
    input_schema: {type: object, properties: {base: {type: string}, t: {type: string}}, required: [base, t]}
    http:
      url: "{{params.base}}/items"
      auth: {type: bearer, secret: TOKEN}
      headers: {X-T: "{{params.t}}"}
      output: json
"""


@pytest.mark.req("EXEC-24")
async def test_a_capability_that_is_a_request_uses_secrets_of_its_own_and_of_the_step(
    server: ScriptedServer, tmp_path: Path
) -> None:
    ael = layer(secrets_hosts=("TOKEN=127.0.0.1",))
    (tmp_path / "shop.yaml").write_text(CAPABILITY)
    ael.registry.load_file(tmp_path / "shop.yaml")
    action = {"type": "tool_call", "name": "shop.items", "idempotency_key": "the-key"}
    params = step_template("tool", {"base": server.url(""), "t": "x"}).resolve({})
    result = await ael.execute(action | {"params": params})
    assert isinstance(result, ActionResult) and SECRET not in str(result.output)
    assert server.received[0].headers["authorization"] == f"Bearer {SECRET}"
    assert result.output["headers"]["x-t"] == "x" and result.output["headers"]["idempotency-key"] == "the-key"
    with pytest.raises(PsgError, match="PSG_SECRETS_HOSTS"):
        await ael.execute(action | {"params": step_template("tool", {**params, "t": "{{secrets.TOKEN}}"}).resolve({})})
