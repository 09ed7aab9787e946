"""Whatever text a plan or its data puts into a request: it is refused, or it is one well-formed request."""

from __future__ import annotations

from typing import Any

import anyio
import h11
from hypothesis import given, settings
from hypothesis import strategies as st

from psg.errors import PsgError, ValidationFailed
from psg_runtime.ael.http.params import RequestParams
from psg_runtime.ael.http.request import Request, build_request
from psg_runtime.ael.secret_guard import SecretAccess
from psg_runtime.secrets import SecretReference, SecretText
from psg_runtime.secrets.mask import KnownSecrets

TEXT = st.text(st.characters(), max_size=30) | st.text("\r\n\0 :/@#?%\\[]x.1", max_size=20)
NAMES = st.sampled_from(["X-A", "x-b", "Accept", "Cookie", "Content-Type", "Host", "Transfer-Encoding"]) | TEXT


class One:
    label = "one"

    def __init__(self, value: str) -> None:
        self.value = value

    async def get(self, name: str) -> str | None:
        return self.value


def built(params: dict[str, Any], secret: str = "value-of-it") -> Request:
    access = SecretAccess(One(secret), KnownSecrets())

    async def build() -> Request:
        return await build_request(RequestParams.parse(params), access, "the-key")

    return anyio.run(build)


def is_one_request(request: Request) -> None:
    """What goes over the wire is read by a server as this request and nothing behind it."""
    client, server = h11.Connection(h11.CLIENT), h11.Connection(h11.SERVER)
    head = h11.Request(method=request.method, target=request.target.url.raw_path, headers=request.raw_headers)
    data = (client.send(head) or b"") + (client.send(h11.Data(data=request.body)) or b"" if request.body else b"")
    server.receive_data(data + (client.send(h11.EndOfMessage()) or b""))
    read = server.next_event()
    assert isinstance(read, h11.Request) and read.method == request.method.encode()
    assert sorted(n for n, _ in read.headers) == sorted(n.lower() for n, _ in request.raw_headers)
    body = b""
    while isinstance(event := server.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage) and body == request.body and server.trailing_data[0] == b""


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_no_text_makes_a_second_request_or_another_host(data: st.DataObject) -> None:
    params: dict[str, Any] = {
        "method": data.draw(st.sampled_from(["GET", "POST", "put"])),
        "url": "http://host.example/" + data.draw(TEXT),
        "headers": data.draw(st.dictionaries(NAMES, TEXT, max_size=3)),
        "query": data.draw(st.dictionaries(TEXT, TEXT, max_size=2)),
    }
    kind = data.draw(st.sampled_from(["none", "body", "json", "form"]))
    if kind != "none":
        params[kind] = {"body": data.draw(TEXT), "json": [data.draw(TEXT)], "form": {data.draw(TEXT): "x"}}[kind]
    try:
        request = built(params)
    except ValidationFailed:
        return
    assert request.target.origin == ("http", "host.example", 80)
    is_one_request(request)


@settings(deadline=None, max_examples=200)
@given(TEXT.filter(lambda text: len(text.strip()) >= 4 and "\0" not in text), st.data())
def test_no_secret_does_either(secret: str, data: st.DataObject) -> None:
    text = SecretText(("a", SecretReference("T")))
    params: dict[str, Any] = {"url": SecretText(("http://host.example/x", SecretReference("T")))}
    params |= data.draw(st.sampled_from([{}, {"headers": {"X-A": text}}, {"query": {"q": text}}, {"body": text}]))
    params |= data.draw(st.sampled_from([{}, {"auth": {"type": "bearer", "secret": "T"}}]))
    try:
        request = built(params, secret)
    except PsgError as error:
        assert secret not in str(error.to_dict())
        return
    assert request.target.origin == ("http", "host.example", 80)
    is_one_request(request)


LOCATIONS = TEXT | st.tuples(st.sampled_from(["//", "https://", "http://", "https://x", "//["]), TEXT).map("".join)


@settings(deadline=None, max_examples=300)
@given(LOCATIONS, st.sampled_from([301, 303, 307]))
def test_a_redirect_anywhere_takes_no_credentials_along(location: str, status: int) -> None:
    first = built({"url": "https://host.example/", "auth": {"type": "bearer", "secret": "T"}})
    try:
        then = first.redirected(status, location)
    except PsgError:
        return
    assert then.target.scheme == "https"
    assert (then.target.origin == first.target.origin) == ("value-of-it" in str(then.headers))
    is_one_request(then)
