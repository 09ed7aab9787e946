"""The ASGI application: GraphQL, health, the files of Neo4j Browser, and the web console."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute

from psg.graph import Graph
from psg.read.events import EventLog
from psg_graphql.alert_subscription import AlertHead
from psg_graphql.browser_files import browser_file
from psg_graphql.console_files import ConsoleFiles
from psg_graphql.health import health_now, release
from psg_graphql.identity.identify import Identity, identity_refusal
from psg_graphql.live import LiveLog
from psg_graphql.metrics import CONTENT_TYPE, ApiMetrics, RequestMetrics
from psg_graphql.middleware import BodyLimit, HostAndOrigin, RequestLog, refusal_response
from psg_graphql.settings import ApiSettings
from psg_graphql.view import GraphQLView
from psg_neo4j.errors import PsgError
from psg_runtime.monitoring import SystemMonitor

READY_S = 3.0


def create_app(
    graph: Graph, *, registry: Any = None, settings: ApiSettings | None = None, warmed: bool = False
) -> Starlette:
    """Return the application that serves ``graph``.

    ``registry`` are the capabilities this process knows: with it a plan starts only when all of its are there.
    Unless the caller has ``warmed`` the graph it is done here, and ``/readyz`` says no until then.
    ``app.state.live.close()`` ends all subscriptions with a cursor to resume from; its lifespan has to run, as it
    polls for writes of other processes.
    """
    settings = settings or ApiSettings()
    most = (settings.max_subscriptions, settings.max_subscriptions_per_actor)
    live = LiveLog(EventLog(graph.db), graph.signals, settings.poll_s, *most)
    console = ConsoleFiles(settings)
    view = GraphQLView(graph, live, settings, registry)
    monitor = SystemMonitor(graph)
    metrics = ApiMetrics(graph, monitor, release())

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(live.run)
            warming = anyio.CancelScope()
            tasks.start_soon(_warm, app, warming)
            trail = anyio.CancelScope()
            tasks.start_soon(_keep_trail, view.identity, trail)
            yield
            warming.cancel()
            trail.cancel()
            live.close()

    app = Starlette(
        routes=[
            Route("/graphql", view, methods=["GET", "POST"]),
            WebSocketRoute("/graphql", view),
            Route("/healthz", _alive),
            Route("/readyz", _ready),
            Route("/metrics", _metrics),
            Route("/browser/{name}", browser_file, methods=["GET", "OPTIONS"]),
            Route("/console/config.json", console.config),
            Route("/graphiql", console.query_page),
            Route("/{path:path}", console.file),
        ],
        middleware=[
            Middleware(RequestLog),
            Middleware(RequestMetrics, metrics=metrics),
            Middleware(
                HostAndOrigin,
                hosts=[*settings.allowed_hosts, *([] if settings.host in _ANY_ADDRESS else [settings.host])],
                origins=settings.allowed_origins,
                readers=settings.browser_origins,
            ),
            Middleware(BodyLimit, max_bytes=settings.max_body_bytes, timeout_s=settings.body_timeout_s),
        ],
        lifespan=lifespan,
    )
    app.state.graph = graph
    app.state.live = live
    app.state.settings = settings
    app.state.monitor = monitor
    app.state.metrics = metrics
    app.state.alert_head = AlertHead(graph.db)
    app.state.identity = view.identity
    app.state.warmed = warmed
    return app


_ANY_ADDRESS = ("0.0.0.0", "::")  # names to bind to, never to ask for


async def _alive(request: Request) -> Response:
    return JSONResponse({"status": "ok", "version": release()})


async def _ready(request: Request) -> Response:
    """Whether requests may be sent here: the database answers and is migrated, this process neither starts nor ends."""
    state = request.app.state
    problems = ["database_timeout"]
    with anyio.move_on_after(READY_S):
        problems = (await health_now(state.graph.db)).problems
    if not problems and not state.warmed:
        problems = ["not_warmed"]
    if state.live.closing:
        problems = [*problems, "closing"]
    return JSONResponse({"status": "degraded" if problems else "ok", "problems": problems}, 503 if problems else 200)


async def _metrics(request: Request) -> Response:
    state = request.app.state
    try:
        who = await state.identity.identify(request.headers.get("authorization"), None)
    except PsgError as error:
        return identity_refusal(error)
    if who.granted(None) == frozenset():
        return refusal_response(403, "forbidden", "Metrics are of all projects: a role granted everywhere is needed")
    return Response(await state.metrics.text(), media_type=CONTENT_TYPE)


async def _keep_trail(identity: Identity, scope: anyio.CancelScope) -> None:
    with scope:
        if not identity.open:  # else nobody is ever denied anything
            await identity.accounts.keep_trail()


async def _warm(app: Starlette, scope: anyio.CancelScope) -> None:
    """Have the database plan what every write needs; tried again while it does not answer."""
    with scope:
        while not app.state.warmed:
            try:
                await app.state.graph.warm()
                app.state.warmed = True
            except PsgError:
                await anyio.sleep(READY_S)
