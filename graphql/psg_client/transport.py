"""GraphQL over HTTP: one request and its answer, or one stream of server-sent events."""

from __future__ import annotations

import hashlib
import inspect
import random
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from types import TracebackType
from typing import Any, Self

import anyio
import httpx2
import orjson

from psg_client.errors import (
    ApiTimeout,
    ApiUnavailable,
    ClientError,
    Forbidden,
    NotFound,
    RequestRejected,
    ServerTooOld,
    Unauthenticated,
)

_JSON_ANSWER = "application/graphql-response+json, application/json;q=0.9"
_FIRST_DELAY_S = 0.05
_LONGEST_DELAY_S = 2.0
# What GraphQL servers say of operations that fit another version of their schema.
_UNKNOWN_THERE = re.compile(
    r"Cannot query field|Unknown (?:argument|type|field)|is not defined by type|does not exist in .* enum",
    re.IGNORECASE,
)
_NOT_EXECUTED = {"graphql_error", "request_invalid"}
_TYPED: dict[str, type[ClientError]] = {"forbidden": Forbidden, "not_found": NotFound}
_WITHOUT_TEXT = {"document_unknown", "request_invalid", "graphql_error"}
_UNAVAILABLE = {429, 502, 503, 504}


Token = str | Callable[[], str | Awaitable[str]]
"""A bearer token, or what gives the one that holds now."""


class TextWanted(Exception):
    """A request by hash was refused, perhaps for want of the text: nothing was executed, and sent again it has it."""


class Backoff:
    """Growing pauses with jitter, from 50 ms to 2 s; ``reset`` after something worked."""

    def __init__(self) -> None:
        self._delay = _FIRST_DELAY_S

    def reset(self) -> None:
        self._delay = _FIRST_DELAY_S

    def next(self) -> float:
        """The next pause in seconds."""
        pause = self._delay * random.uniform(0.5, 1.0)
        self._delay = min(self._delay * 2, _LONGEST_DELAY_S)
        return pause


class Transport:
    """The connection to one API address.

    ``token`` is sent as bearer token; a function is asked for it before each request, so that one that expires can be
    replaced. ``timeout_s`` bounds one attempt, ``retry_for_s`` how long a request is
    repeated while nobody answers (0: not at all), ``silence_s`` how long a stream may be silent before it counts as
    lost (the server sends a heartbeat every 15 seconds). With ``document_ids`` operations are named by the hash of
    their text, until the server does not know one.
    """

    def __init__(
        self,
        url: str,
        *,
        token: Token | None = None,
        timeout_s: float = 60.0,
        retry_for_s: float = 10.0,
        silence_s: float = 40.0,
        headers: Mapping[str, str] | None = None,
        document_ids: bool = False,
    ) -> None:
        self.url = url
        self.document_ids = document_ids
        self._ask_token = token if callable(token) else None
        self.retry_for_s = retry_for_s
        self._stream_timeout = httpx2.Timeout(silence_s, connect=5.0, pool=None)
        sent = {**(headers or {}), **(_bearer(token) if isinstance(token, str) else {})}
        try:
            self._http = httpx2.AsyncClient(
                headers=sent,
                timeout=httpx2.Timeout(timeout_s, connect=5.0),
                limits=httpx2.Limits(max_connections=None, max_keepalive_connections=64),
                verify=not url.startswith("http:"),
                trust_env=not _is_loopback(url),  # a proxy of the environment cannot reach this machine's loopback
            )
        except httpx2.InvalidURL as error:
            raise RequestRejected(f"{url} is not an address of an API: {error}", code="invalid_url") from error

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    async def execute(self, document: str, name: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The ``data`` of the answer.

        A request that got no answer is repeated as it is: a query changes nothing, and a mutation carries its
        command id. Raises ApiUnavailable, Unauthenticated or RequestRejected.
        """
        give_up = anyio.current_time() + self.retry_for_s
        backoff = Backoff()
        renewed = False
        while True:
            try:
                with self._said(document, name, variables) as body:
                    return await self._once(body)
            except TextWanted:
                continue
            except Unauthenticated:
                if renewed or not self.renews:
                    raise
                renewed = True
                continue
            except ApiUnavailable:
                pause = backoff.next()
                if anyio.current_time() + pause >= give_up:
                    raise
            await anyio.sleep(pause)

    def _body(self, document: str, name: str, variables: Mapping[str, Any]) -> bytes:
        said = {"documentId": document_id(document)} if self.document_ids else {"query": document}
        return orjson.dumps({**said, "operationName": name, "variables": variables})

    @contextmanager
    def _said(self, document: str, name: str, variables: Mapping[str, Any]) -> Iterator[bytes]:
        """The body of one request, and a refusal of it that may be for want of the text: from now on that is sent."""
        by_id = self.document_ids
        try:
            yield self._body(document, name, variables)
        except RequestRejected as error:
            if not by_id or error.code not in _WITHOUT_TEXT:
                raise
            self.document_ids = False
            raise TextWanted from error

    @property
    def renews(self) -> bool:
        """Whether a token that was refused may be another one when asked for again."""
        return self._ask_token is not None

    async def _headers(self, **others: str) -> dict[str, str]:
        headers = {"Content-Type": "application/json", **others}
        if self._ask_token is not None:
            given = self._ask_token()
            token = await given if inspect.isawaitable(given) else given
            headers |= _bearer(token)
        return headers

    async def _once(self, body: bytes) -> dict[str, Any]:
        headers = await self._headers(Accept=_JSON_ANSWER)
        with _translated(self.url):
            response = await self._http.post(self.url, content=body, headers=headers)
        return _data(_answer(response, response.content))

    @asynccontextmanager
    async def stream(
        self, document: str, name: str, variables: Mapping[str, Any]
    ) -> AsyncIterator[AsyncGenerator[dict[str, Any]]]:
        """One connection of a subscription: an iterator over the ``data`` of its messages.

        The iterator ends when the server completes the subscription; a connection that breaks before raises
        ApiUnavailable, and one that was asked for by hash only perhaps TextWanted. Not repeated here: only the caller
        knows from which cursor to go on.
        """
        headers = await self._headers()
        with self._said(document, name, variables) as body, _translated(self.url):
            async with self._http.sse(
                self.url, method="POST", content=body, headers=headers, timeout=self._stream_timeout
            ) as source:
                kind = source.response.headers.get("content-type", "")
                if source.response.status_code != 200 or not kind.startswith("text/event-stream"):
                    _data(_answer(source.response, await source.response.aread()))
                    raise RequestRejected("the API does not stream this operation", code="not_a_stream")
                yield self._messages(source)

    async def _messages(self, source: httpx2.EventSource) -> AsyncGenerator[dict[str, Any]]:
        with _translated(self.url):
            async for message in source:
                if message.event == "complete":
                    return
                if message.event == "next":
                    yield _data(_json(message.data.encode()))
        raise ApiUnavailable(f"The stream from {self.url} was cut off.", url=self.url)


class _translated:
    """Turns the HTTP library's exceptions into ours; a context manager without state."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        url = self._url
        if isinstance(error, httpx2.UnsupportedProtocol | httpx2.InvalidURL):
            raise RequestRejected(f"{url} is not an address of an API: {error}", code="invalid_url") from error
        if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
            raise ApiUnavailable(f"Nobody answers at {url}.", url=url) from error
        if isinstance(error, httpx2.TimeoutException):
            raise ApiTimeout(f"{url} did not answer in time.", url=url) from error
        if isinstance(error, httpx2.TransportError):
            raise ApiUnavailable(f"The connection to {url} broke: {error}", url=url) from error


@cache
def document_id(text: str) -> str:
    """The name of an operation's text for servers that know it: its SHA-256."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _is_loopback(url: str) -> bool:
    return httpx2.URL(url).host in {"127.0.0.1", "localhost", "::1"}


def _answer(response: httpx2.Response, content: bytes) -> dict[str, Any]:
    status = response.status_code
    kind = response.headers.get("content-type", "")
    if status == 401:
        raise Unauthenticated("The API wants a bearer token, or does not know this one.", status=status)
    if status in _UNAVAILABLE:
        raise ApiUnavailable(f"The API answers with HTTP {status}: it is not ready.", status=status)
    if "json" not in kind:
        text = content[:200].decode("utf-8", "replace").strip()
        raise RequestRejected(f"HTTP {status} is not an answer of a GraphQL API: {text}", code="not_graphql")
    return _json(content)


def _json(content: bytes) -> dict[str, Any]:
    try:
        answer = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise RequestRejected(f"The API's answer is not JSON: {error}", code="not_graphql") from error
    if not isinstance(answer, dict):
        raise RequestRejected("The API's answer is not a GraphQL answer.", code="not_graphql")
    return answer


def _data(answer: dict[str, Any]) -> dict[str, Any]:
    if errors := answer.get("errors"):
        raise _rejected(errors)
    data = answer.get("data")
    if not isinstance(data, dict):
        raise RequestRejected("The API's answer holds no data.", code="not_graphql")
    return data


def _rejected(errors: list[dict[str, Any]]) -> ClientError:
    first = errors[0]
    extensions = dict(first.get("extensions") or {})
    code = str(extensions.get("code", "graphql_error"))
    message = "; ".join(str(error.get("message")) for error in errors)
    if code == "unauthenticated":
        return Unauthenticated(message, **extensions)
    if code in _NOT_EXECUTED and any(_UNKNOWN_THERE.search(str(error.get("message"))) for error in errors):
        return ServerTooOld(message, errors)
    kind = _TYPED.get(code, RequestRejected)
    return kind(
        message,
        code=code,
        category=str(extensions.get("category", "validation_error")),
        retryable=bool(extensions.get("retryable", False)),
        details={**(extensions.get("details") or {}), "errors": errors},
    )


def _bearer(token: str | None) -> dict[str, str]:
    """The header of a token; raises Unauthenticated for a text that no header can hold."""
    if not token:
        return {}
    if not token.isascii() or not token.isprintable():
        raise Unauthenticated("This is no token: it has characters that no token has.")
    return {"Authorization": f"Bearer {token}"}
