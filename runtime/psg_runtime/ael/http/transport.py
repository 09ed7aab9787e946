"""The way to the network: a name is resolved once, every address is judged, and the connection goes to one of those.

Nothing between the judgement and the connection asks again, so a name server that changes its answer (DNS
rebinding) has no moment for it. The name stays in the ``Host`` header and in TLS.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import anyio
import httpcore2
import httpx2

from psg_runtime.ael.http.addresses import Address, PrivateAddresses
from psg_runtime.ael.http.failures import HttpDenied, HttpRefused, HttpUnreachable
from psg_runtime.ael.http.request import Request
from psg_runtime.ael.http.target import Target

_MAX_ADDRESSES = 32

Resolver = Callable[[str, int], Awaitable[list[str]]]


async def system_resolver(host: str, port: int) -> list[str]:
    """The addresses of a host as this machine knows them."""
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class CheckedBackend(httpcore2.AsyncNetworkBackend):
    """Opens connections to judged addresses only."""

    def __init__(self, private: PrivateAddresses, resolve: Resolver) -> None:
        self._private = private
        self._resolve = resolve
        self._network = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect; raises HttpDenied when any address of the host is not allowed."""
        try:
            with anyio.fail_after(timeout):
                addresses = await self._addresses(host, port)
                return await self._first_that_answers(addresses, port, socket_options)
        except TimeoutError:
            raise httpcore2.ConnectTimeout(f"no connection within {timeout} s") from None

    async def _first_that_answers(
        self, addresses: list[Address], port: int, socket_options: Iterable[Any] | None
    ) -> httpcore2.AsyncNetworkStream:
        failure: Exception = httpcore2.ConnectError("no address")
        for address in addresses:
            try:
                return await self._network.connect_tcp(str(address), port, socket_options=socket_options)
            except httpcore2.ConnectError as error:
                failure = error
        raise failure

    async def _addresses(self, host: str, port: int) -> list[Address]:
        try:
            found = [str(ipaddress.ip_address(host))]
        except ValueError:
            found = await self._asked(host, port)
        addresses = [_address(text, host) for text in found[:_MAX_ADDRESSES]]
        for address in addresses:
            if reason := self._private.refusal(host.lower().rstrip("."), address):
                raise HttpDenied(
                    f"Requests to `{host}` are not allowed: {reason} (PSG_HTTP_ALLOW_PRIVATE allows what is needed).",
                    host=host,
                )
        return addresses

    async def _asked(self, host: str, port: int) -> list[str]:
        try:
            found = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            # Not known now; whether it never will be, a resolver cannot tell reliably.
            raise HttpUnreachable(f"The host `{host}` cannot be resolved.", host=host) from error
        if not found:
            raise HttpUnreachable(f"The host `{host}` has no address.", host=host)
        return found


def _address(text: str, host: str) -> Address:
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        raise HttpDenied(f"The host `{host}` leads to something that is no address.", host=host) from None


class CheckedTransport:
    """Sends one request over a connection of its own; no proxies, no cookies, no redirects."""

    def __init__(
        self, private: PrivateAddresses, ca_file: str | None = None, resolve: Resolver = system_resolver
    ) -> None:
        self._backend = CheckedBackend(private, resolve)
        self._ca_file = ca_file
        self._tls: ssl.SSLContext | None = None

    @asynccontextmanager
    async def send(self, request: Request, timeouts: dict[str, float]) -> AsyncIterator[httpcore2.Response]:
        """The response with its body still to be read; failures are HttpDenied, HttpUnreachable or HttpRefused.

        ``timeouts`` are seconds for ``connect``, ``read`` (between two pieces) and ``write``.
        """
        target = request.target
        url = httpcore2.URL(
            scheme=target.scheme.encode(), host=target.host.encode(), port=target.port, target=target.url.raw_path
        )
        connection = httpcore2.AsyncHTTPConnection(
            url.origin, ssl_context=await self._context(target), network_backend=self._backend
        )
        message = httpcore2.Request(
            request.method.encode(), url, headers=request.raw_headers, content=request.body,
            extensions={"timeout": timeouts},
        )  # fmt: skip
        try:
            with _failures(target):
                yield await connection.handle_async_request(message)
        finally:
            with anyio.CancelScope(shield=True), anyio.move_on_after(1):
                await connection.aclose()

    async def _context(self, target: Target) -> ssl.SSLContext | None:
        if target.scheme != "https":
            return None
        if self._tls is None:
            self._tls = await anyio.to_thread.run_sync(self._load)
        return self._tls

    def _load(self) -> ssl.SSLContext:
        try:
            if self._ca_file is not None:
                return ssl.create_default_context(cafile=self._ca_file)
            return httpx2.create_ssl_context()
        except OSError as error:
            message = f"The certificate authorities cannot be read (PSG_HTTP_CA_FILE): {error.strerror or error}."
            raise HttpRefused(message) from error


@contextmanager
def _failures(where: Target) -> Iterator[None]:
    """Turns what the HTTP library raises into errors of ours, without paths or headers in their messages."""
    try:
        yield
    except httpcore2.ConnectTimeout:
        raise HttpUnreachable(f"{where}: no connection in time.", reason="connect_timeout") from None
    except httpcore2.TimeoutException:
        raise HttpUnreachable(f"{where}: no answer in time.", reason="read_timeout") from None
    except httpcore2.LocalProtocolError:
        raise HttpRefused(f"{where}: the request cannot be sent as it is.", reason="request") from None
    except httpcore2.ConnectError as error:
        if (certificate := _certificate_error(error)) is not None:
            message = f"{where}: its certificate is not trusted: {certificate.verify_message}"
            raise HttpRefused(f"{message} (PSG_HTTP_CA_FILE).", reason="certificate") from None
        raise HttpUnreachable(f"{where}: the connection failed.", reason="connect") from None
    except (httpcore2.NetworkError, httpcore2.RemoteProtocolError, ssl.SSLError):
        raise HttpUnreachable(f"{where}: the connection broke off.", reason="broken") from None


def _certificate_error(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error
        error = error.__cause__ or error.__context__
    return None
