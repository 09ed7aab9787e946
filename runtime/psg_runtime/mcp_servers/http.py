"""A server that speaks MCP over streamable HTTP, bounded in what it can make us hold in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp.client.streamable_http import streamable_http_client

from psg_runtime.mcp_servers.settings import ServerSettings

TOO_LARGE = "answer over the limit"
_CONNECT_S = 10.0


class _Bounded(httpx2.AsyncByteStream):
    """A body that is not read beyond its limit."""

    def __init__(self, stream: httpx2.AsyncByteStream, limit: int) -> None:
        self._stream = stream
        self._limit = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > self._limit:
                raise httpx2.StreamError(f"{TOO_LARGE} of {self._limit} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


class _BoundedTransport(httpx2.AsyncHTTPTransport):
    """Bounds every body that is one message; a stream of events is bounded event by event by its reader."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        # A compressed body is bounded in its packed form only, so none is asked for.
        request.headers["accept-encoding"] = "identity"
        response = await super().handle_async_request(request)
        if not response.headers.get("content-type", "").lower().startswith("text/event-stream"):
            assert isinstance(response.stream, httpx2.AsyncByteStream)
            response.stream = _Bounded(response.stream, self._limit)
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            await response.aclose()
            raise httpx2.RemoteProtocolError("the server packs what was asked for unpacked")
        return response


@asynccontextmanager
async def http_streams(settings: ServerSettings) -> AsyncIterator[Any]:
    """Give the two streams of the client; redirects are followed within the server's own origin only."""
    assert settings.url is not None
    timeout = httpx2.Timeout(max(settings.call_timeout, settings.start_timeout) + 5, connect=_CONNECT_S)
    async with httpx2.AsyncClient(
        headers=settings.headers, timeout=timeout, transport=_BoundedTransport(settings.max_answer_bytes)
    ) as client, streamable_http_client(
        settings.url, http_client=client, max_sse_event_size=settings.max_answer_bytes
    ) as streams:
        yield streams
