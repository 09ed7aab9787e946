"""``http.request``: one HTTP exchange as a step, within the limits of this orchestrator (L3-29)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any

import anyio
import httpcore2

from psg import tracing
from psg.errors import CapabilityDenied
from psg_runtime.ael.adapters.file import FileAdapter
from psg_runtime.ael.http.addresses import PrivateAddresses
from psg_runtime.ael.http.answer import (
    body_output,
    excerpt_of,
    header_values,
    kept_headers,
    plain_pieces,
    status_error,
)
from psg_runtime.ael.http.download import download
from psg_runtime.ael.http.failures import HttpRefused, HttpUnreachable
from psg_runtime.ael.http.params import RequestParams
from psg_runtime.ael.http.request import Request, build_request, is_redirect
from psg_runtime.ael.http.target import AllowedHosts, SecretHosts, Target
from psg_runtime.ael.http.transport import CheckedTransport, Resolver, system_resolver
from psg_runtime.ael.port import Action, ActionResult
from psg_runtime.ael.secret_guard import SecretAccess
from psg_runtime.ael.settings import AelSettings
from psg_runtime.secrets.mask import KnownSecrets, StreamMask
from psg_runtime.secrets.providers import SecretChain


class HttpAdapter:
    """Sends requests. Off until ``PSG_HTTP_ALLOW`` names hosts, or is ``*``.

    The output is {status, headers, bytes} and ``json``, ``body`` or ``file``. Every redirect is judged as the first
    request was. ``resolve`` finds the addresses of a host.
    """

    def __init__(self, settings: AelSettings, files: FileAdapter, resolve: Resolver = system_resolver) -> None:
        self._settings = settings
        self._files = files
        self._allowed = AllowedHosts(settings.http_allow)
        self._secret_hosts = SecretHosts(settings.secrets_hosts)
        ca_file = None if settings.http_ca_file is None else str(settings.http_ca_file)
        self._transport = CheckedTransport(PrivateAddresses.parse(settings.http_allow_private), ca_file, resolve)
        self._limiter = anyio.CapacityLimiter(settings.http_capacity)

    @property
    def limiter(self) -> anyio.CapacityLimiter:
        return self._limiter

    def check(self, name: str, params: Mapping[str, Any]) -> None:
        if not self._allowed:
            raise CapabilityDenied("Requests cannot be sent here: no host is allowed (set PSG_HTTP_ALLOW).")
        url = params.get("url")
        if isinstance(url, str) and "{{" not in url:
            self._allowed.check(Target.parse(url))
        if params.get("file") is not None:
            self._files.check("file.write", {})

    async def run(self, action: Action) -> ActionResult:
        """Send a request that names no secrets."""
        return await self.run_with(action, SecretAccess(SecretChain(()), KnownSecrets()))

    async def run_with(self, action: Action, secrets: SecretAccess) -> ActionResult:
        """Send the request and keep what was asked for of the answer."""
        self.check("http.request", {})
        params = RequestParams.parse(action.params)
        if params.file is not None:
            self._files.check("file.write", {})
        request = (await build_request(params, secrets, action.idempotency_key)).traced(tracing.traceparent())
        self._secret_hosts.check(secrets.names, request.target)
        total = _least(params.total_timeout_ms, None)
        with anyio.move_on_after(None if total is None else total / 1000):
            return ActionResult(True, await self._exchange(request, params, secrets))
        raise HttpUnreachable(f"{request.target}: no answer within {total} ms.", reason="total_timeout")

    async def _exchange(self, request: Request, params: RequestParams, secrets: SecretAccess) -> dict[str, Any]:
        for redirects in range(params.max_redirects + 1):
            self._allowed.check(request.target)
            async with self._answer(request, params) as response:
                headers = header_values(response.headers)
                status, location = response.status, headers.get("location")
                if params.expects(status):
                    output = {"status": status, "headers": kept_headers(headers)}
                    if redirects:
                        output["redirects"] = redirects
                    return output | await self._body(request, response, headers, params, secrets)
                if not is_redirect(status) or location is None or params.max_redirects == 0:
                    what = f"{request.method} {request.target}"
                    raise status_error(what, status, headers, await excerpt_of(response, headers))
            request = request.redirected(status, location)
        raise HttpRefused(f"{request.target}: more than {params.max_redirects} redirects.", reason="redirect")

    @asynccontextmanager
    async def _answer(self, request: Request, params: RequestParams) -> AsyncIterator[httpcore2.Response]:
        connect = _least(params.connect_timeout_ms, self._settings.http_connect_ms)
        read = _least(params.read_timeout_ms, self._settings.http_read_ms)
        assert connect is not None and read is not None
        timeouts = {"connect": connect / 1000, "read": read / 1000, "write": read / 1000}
        async with self._transport.send(request, timeouts) as response:
            yield response

    async def _body(
        self,
        request: Request,
        response: httpcore2.Response,
        headers: dict[str, str],
        params: RequestParams,
        secrets: SecretAccess,
    ) -> dict[str, Any]:
        settings = self._settings
        limit = settings.http_max_bytes if params.file is None else settings.http_max_file_bytes
        limit = limit if params.max_bytes is None else min(limit, params.max_bytes)
        what = f"{request.method} {request.target}"
        stream: Any = response.stream
        async with aclosing(plain_pieces(stream, headers.get("content-encoding", ""), limit, what)) as pieces:
            if params.file is not None:
                kept = await download(self._files, params.file, pieces, StreamMask(secrets.mask()))
                return {"file": kept, "bytes": kept["bytes"]}
            data = b"".join([piece async for piece in pieces])
        return {"bytes": len(data)} | body_output(data, headers, params.response, StreamMask(secrets.mask()))


def _least(wanted: int | None, most: int | None) -> int | None:
    known = [value for value in (wanted, most) if value is not None]
    return min(known) if known else None
