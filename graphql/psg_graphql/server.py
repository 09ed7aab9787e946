"""Runs the API until it is told to stop; subscribers are told where to resume before the door closes."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import closing
from typing import Any

import anyio
import uvicorn

from psg.encryption import check_keys
from psg.errors import Refused
from psg.graph import Graph
from psg_graphql.app import create_app
from psg_graphql.live import LiveLog
from psg_graphql.settings import ApiSettings
from psg_graphql.slow_clients import PatientProtocol
from psg_neo4j.migrations import require_schema


class AddressTaken(Refused):
    """The API cannot listen at this address; another program does. Choose another port."""

    code = "address_taken"
    category = "resource_error"


_FAREWELL_S = 2.0


class _Server(uvicorn.Server):
    """Tells when it answers, and ends the subscriptions before it waits for connections to end."""

    def __init__(self, config: uvicorn.Config, live: LiveLog, ready: Callable[[], object]) -> None:
        super().__init__(config)
        self._live = live
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._live.close()
        await self._live.drained(_FAREWELL_S)  # uvicorn closes WebSockets at once
        await super().shutdown(sockets)


async def serve(
    graph: Graph,
    settings: ApiSettings,
    *,
    registry: Any = None,
    stop: anyio.Event | None = None,
    on_ready: Callable[[str], object] | None = None,
) -> None:
    """Serve the API until SIGINT or SIGTERM, or until ``stop`` is set; with ``stop`` signals are left to the caller.

    ``on_ready`` is called with the address (``http://127.0.0.1:8765``) once requests are answered; with port 0 a free
    one is taken. Raises ``SchemaNotMigrated``, ``SchemaTooNew``, ``MigrationChanged`` or ``EncryptionKeyRefused``
    before anything is bound, and ``AddressTaken``.
    """
    await require_schema(graph.db)
    await check_keys(graph.db)
    await graph.warm()
    app = create_app(graph, registry=registry, settings=settings, warmed=True)
    with closing(_listen(settings)) as listener:
        address = _address(settings, listener)
        server = _Server(_config(app, settings), app.state.live, lambda: on_ready and on_ready(address))
        async with anyio.create_task_group() as tasks:
            if stop is None:
                await server.serve([listener])
            else:
                tasks.start_soon(_stop, server, stop)
                await server._serve([listener])  # the part of serve() that leaves signals alone
            tasks.cancel_scope.cancel()


def _config(app: Any, settings: ApiSettings) -> uvicorn.Config:
    return uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="on", server_header=False, ws="websockets-sansio",
        http=PatientProtocol, ws_max_size=settings.max_body_bytes, ws_per_message_deflate=False, timeout_keep_alive=30,
        timeout_graceful_shutdown=max(1, round(settings.shutdown_grace_s)), proxy_headers=False,
    )  # fmt: skip


def _listen(settings: ApiSettings) -> socket.socket:
    host = settings.host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sets TCP_NODELAY: without it each answer waits 40 ms for an acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, settings.port))
    except OSError as error:
        listener.close()
        raise AddressTaken(
            f"the API cannot listen at {settings.host}:{settings.port} ({error.strerror}); choose another port"
        ) from error
    return listener


def _address(settings: ApiSettings, listener: socket.socket) -> str:
    host = f"[{settings.host}]" if ":" in settings.host and not settings.host.startswith("[") else settings.host
    return f"http://{host}:{listener.getsockname()[1]}"


async def _stop(server: uvicorn.Server, stop: anyio.Event) -> None:
    await stop.wait()
    server.should_exit = True
