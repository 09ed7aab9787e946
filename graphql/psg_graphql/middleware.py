"""What every request passes first: an id and a log line, then Host, Origin and size (ECOSYSTEM 4.3)."""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

import anyio
import orjson
import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from psg import tracing
from psg_graphql.settings import LOOPBACK_NAMES


def refusal_response(status: int, code: str, message: str) -> Response:
    """Return a refusal in the shape of a GraphQL response, so that clients read all errors alike."""
    category = "resource_error" if status in (413, 429, 503) else "validation_error"
    extensions = {"code": code, "category": category, "retryable": status in (429, 503)}
    body = {"data": None, "errors": [{"message": message, "extensions": extensions}]}
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return Response(orjson.dumps(body), status, headers, "application/json")


class RequestLog:
    """Gives every request an id (answered as ``X-Request-ID``) and writes one line when it is done; no bodies."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        request = uuid.uuid4()
        request_id = scope["psg.request_id"] = str(request)
        given = Headers(scope=scope).get("traceparent")
        began = time.perf_counter()
        status = 0

        async def answered(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        with (
            tracing.serving(request, given) as trace_id,
            structlog.contextvars.bound_contextvars(request_id=request_id, trace_id=trace_id),
        ):
            try:
                await self._app(scope, receive, answered)
            finally:
                structlog.get_logger().info(
                    "request", kind=scope["type"], method=scope.get("method"), path=scope["path"], status=status,
                    took_ms=round((time.perf_counter() - began) * 1000, 1),
                )  # fmt: skip


class HostAndOrigin:
    """Refuses requests for foreign host names (DNS rebinding) and from foreign web pages, WebSockets included."""

    def __init__(
        self, app: ASGIApp, hosts: Collection[str], origins: Collection[str], readers: Collection[str]
    ) -> None:
        """Take the host names and origins besides our own; ``readers`` may read what is under /browser."""
        self._app = app
        self._hosts = LOOPBACK_NAMES | {host.lower() for host in hosts}
        self._origins = {origin.rstrip("/").lower() for origin in origins}
        self._readers = {origin.rstrip("/").lower() for origin in readers}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] in ("http", "websocket"):
            refused = self._refusal(Headers(scope=scope), scope["path"])
            if refused is not None and scope["type"] == "websocket":
                await receive()
                await send({"type": "websocket.close", "code": 1008, "reason": refused[1]})
                return
            if refused is not None:
                await refusal_response(403 if refused[0] == "origin_refused" else 421, *refused)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, headers: Headers, path: str) -> tuple[str, str] | None:
        host = host_name(headers.get("host", ""))
        if host not in self._hosts:
            return "host_refused", "This server does not answer to that Host; add it to PSG_API_ALLOWED_HOSTS"
        origin = headers.get("origin")
        if origin is None or self._allowed(origin.lower(), headers.get("host", ""), path):
            return None
        return "origin_refused", "Pages of that Origin may not use this server; add it to PSG_API_ALLOWED_ORIGINS"

    def _allowed(self, origin: str, host: str, path: str) -> bool:
        if origin in self._origins or origin in (f"http://{host.lower()}", f"https://{host.lower()}"):
            return True
        # Neo4j Browser is a page of another port of this machine and only reads its guide here.
        loopback = host_name(urlsplit(origin).netloc) in LOOPBACK_NAMES
        return path.startswith("/browser/") and (loopback or origin in self._readers)


def host_name(authority: str) -> str:
    """Return the name in ``Host``, without port and brackets, in lower case."""
    if authority.startswith("["):
        return authority[1:].partition("]")[0].lower()
    return authority.partition(":")[0].lower()


class BodyLimit:
    """Counts the bytes of a body, whatever its header says, and refuses one that is too large."""

    def __init__(self, app: ASGIApp, max_bytes: int, timeout_s: float = 30.0) -> None:
        """Take the bytes a body may have and the seconds it may take to come."""
        self._app = app
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body of one request, within the limit, and pass it on whole."""
        if scope["type"] != "http" or scope["method"] not in ("POST", "PUT", "PATCH"):
            await self._app(scope, receive, send)
            return
        try:
            with anyio.fail_after(self._timeout_s):
                body = await self._read(Headers(scope=scope), receive)
        except TimeoutError:
            told = f"The body did not come within {self._timeout_s:g} s"
            await _hang_up(refusal_response(408, "request_too_slow", told))(scope, receive, send)
            return
        if body is None:
            told = f"The request has more than {self._max_bytes} bytes; send less at a time"
            await _hang_up(refusal_response(413, "request_too_large", told))(scope, receive, send)
            return
        scope["psg.body_bytes"] = len(body)
        given: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return given.pop() if given else await receive()

        await self._app(scope, again, send)

    async def _read(self, headers: Headers, receive: Receive) -> bytes | None:
        """Return the body, or ``None`` when it is too large.

        As much again is read and thrown away: who hears no answer while it sends does not hear that it was refused.
        """
        declared = headers.get("content-length", "0")
        size = 0 if declared.isdecimal() and int(declared[:20]) <= self._max_bytes else self._max_bytes + 1
        parts: list[bytes] = []
        more = declared.isdecimal() and int(declared[:20]) <= 2 * self._max_bytes
        while more and size <= 2 * self._max_bytes:
            message = await receive()
            if message["type"] == "http.disconnect":
                break
            size += len(message.get("body", b""))
            if size > self._max_bytes:
                parts.clear()
            else:
                parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        return b"".join(parts) if size <= self._max_bytes else None


def _hang_up(response: Response) -> Response:
    """Close the connection after ``response``: what is left of the body is not wanted."""
    response.headers["Connection"] = "close"
    return response
