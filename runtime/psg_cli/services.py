"""The platform's processes put together: database, migrations, API and orchestrator, and their orderly end."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import orjson
from anyio.abc import TaskGroup

from psg.errors import PsgError
from psg.graph import Graph
from psg_cli.event_bus import relayed
from psg_cli.logs import steps_logged
from psg_cli.output import stderr, stdout
from psg_cli.serving_modules import modules_running
from psg_cli.settings import CliSettings
from psg_cli.store import Store, open_store
from psg_cli.watching import monitored
from psg_graphql.server import serve
from psg_graphql.settings import ApiSettings, api_settings
from psg_neo4j.errors import PortTaken
from psg_neo4j.migrations import migrate, require_schema
from psg_runtime.ael import AelSettings, CapabilityRegistry
from psg_runtime.capability_catalog import publish
from psg_runtime.core_orchestrator import stages_served
from psg_runtime.mcp_servers import mcp_capabilities
from psg_runtime.orchestrator import Orchestrator, OrchestratorSettings
from psg_runtime.tracing import layer_of, traced


@dataclass(frozen=True, slots=True)
class Platform:
    """A platform that is ready: where it answers, and the database it stands on."""

    api_url: str
    store: Store
    asks_for_tokens: bool = False

    @property
    def addresses(self) -> dict[str, str]:
        """What to open or connect to, by name."""
        base = self.api_url.removesuffix("/graphql")
        found = {"Console": f"{base}/", "GraphQL": self.api_url, "GraphiQL": f"{base}/graphiql"}
        if self.store.server is not None:
            found["Browser"] = f"{self.store.server.http_url.rstrip('/')}/browser/"
            found["Neo4j"] = f"{self.store.server.uri}  (user neo4j, password in {self.store.server.home / 'password'})"
        if self.asks_for_tokens:
            found["Tokens"] = "psg token create NAME  (nobody gets in without one)"
        return found


def load_registry(references: tuple[str, ...]) -> CapabilityRegistry:
    """What installed packages, and the named modules and files, offer; modules in this folder are found too."""
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    registry = CapabilityRegistry()
    registry.load_entry_points()
    for reference in references:
        fresh = CapabilityRegistry()
        fresh.load(reference)
        if not {c.reference for c in fresh} <= {c.reference for c in registry}:  # a package may be named again
            registry.load(reference)
    return registry


@asynccontextmanager
async def platform(
    settings: CliSettings,
    *,
    host: str | None = None,
    port: int | None = None,
    capacity: int | None = None,
    ael_settings: AelSettings | None = None,
    tools: tuple[str, ...] = (),
) -> AsyncIterator[Platform]:
    """Everything, running within the block; leaving it drains the orchestrator, then the API, then the database.

    Raises PortTaken before anything is started, and whatever the parts raise.
    """
    api = _api_settings(host, port)
    registry = load_registry((*settings.tools, *tools))
    async with (
        traced(),
        mcp_capabilities(registry, settings.mcp_servers),
        open_store(settings, api_url=_base(api)) as store,
        nullcontext(Graph(store.db)) as graph,
        stages_served(graph, registry) as stages,
        anyio.create_task_group() as tasks,
    ):
        await migrate(store.db)
        await publish(store.db, registry)
        layer = layer_of(graph, registry, ael_settings or AelSettings(), logged=steps_logged())
        worker = _Part(Orchestrator(graph, layer, _orchestrator_settings(settings, capacity)))
        server = _Part(Api(graph, _beside(api, store), registry))
        await server.start(tasks)
        try:
            await worker.start(tasks)
            async with relayed(graph), monitored(graph), modules_running(graph, stages):
                yield _platform(api, store)
        finally:
            # Also after an error or Ctrl-C: what runs is finished and recorded, not cut off.
            with anyio.CancelScope(shield=True):
                await worker.drain()
                await server.drain()


class Api:
    """The API as a part of the platform; ready (``task_status``) once it answers."""

    def __init__(self, graph: Graph, settings: ApiSettings, registry: CapabilityRegistry) -> None:
        self._graph = graph
        self._settings = settings
        self._registry = registry
        self._stop = anyio.Event()

    def stop(self) -> None:
        """Ask for an orderly end: subscriptions are told where to resume, requests are answered."""
        self._stop.set()

    async def run(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        """Serve until ``stop()``."""
        await serve(
            self._graph,
            self._settings,
            registry=self._registry,
            stop=self._stop,
            on_ready=lambda _: task_status.started(),
        )


class _Part:
    """A running part of the platform, to be drained in its turn."""

    def __init__(self, part: Api | Orchestrator) -> None:
        self._part = part
        self._started = False
        self._ended = anyio.Event()

    async def start(self, tasks: TaskGroup) -> None:
        """Run the part in ``tasks``; returns when it is ready."""
        self._started = True
        await tasks.start(self._run)

    async def _run(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        try:
            await self._part.run(task_status=task_status)
        finally:
            self._ended.set()

    async def drain(self) -> None:
        """Ask the part to end in good order and wait for it."""
        self._part.stop()
        if self._started:
            await self._ended.wait()


async def run_platform(
    settings: CliSettings, *, host: str | None, port: int | None, capacity: int | None, ready_file: Path | None
) -> None:
    """``psg up``: everything, until a signal asks for the end."""
    async with until_signal() as stop, platform(settings, host=host, port=port, capacity=capacity) as running:
        _announce(running)
        if ready_file is not None:
            _write_ready(ready_file, running)
        await stop.wait()


async def run_api(settings: CliSettings, *, host: str | None, port: int | None) -> None:
    """``psg serve``: the API alone, until a signal asks for the end."""
    api = _api_settings(host, port)
    registry = load_registry(settings.tools)
    async with until_signal() as stop, traced(), open_store(settings, api_url=_base(api)) as store:
        await require_schema(store.db)
        graph = Graph(store.db)
        async with anyio.create_task_group() as tasks, monitored(graph):
            server = _Part(Api(graph, _beside(api, store), registry))
            await server.start(tasks)
            _announce(_platform(api, store))
            await stop.wait()
            await server.drain()


async def run_orchestrator(settings: CliSettings, *, capacity: int | None, projects: tuple[str, ...] = ()) -> None:
    """``psg orchestrate``: one orchestrator, until a signal asks for the end."""
    registry = load_registry(settings.tools)
    async with (
        until_signal() as stop,
        traced(),
        mcp_capabilities(registry, settings.mcp_servers),
        open_store(settings) as store,
        nullcontext(Graph(store.db)) as graph,
        stages_served(graph, registry) as stages,
    ):
        await require_schema(store.db)
        await publish(store.db, registry)
        ids = tuple([await graph.project_named(name) for name in projects])
        chosen = _orchestrator_settings(settings, capacity).model_copy(update={"projects": ids} if ids else {})
        orchestrator = Orchestrator(graph, layer_of(graph, registry, AelSettings(), logged=steps_logged()), chosen)
        async with (
            anyio.create_task_group() as tasks,
            relayed(graph, ids),
            monitored(graph, ids),
            modules_running(graph, stages),
        ):
            worker = _Part(orchestrator)
            await worker.start(tasks)
            offers = ", ".join(registry.names()) or "no tools (name some with --tools)"
            stdout().print(f"orchestrator {orchestrator.session_id} offers {offers}", markup=False)
            stdout().print("ready")
            await stop.wait()
            await worker.drain()


@asynccontextmanager
async def until_signal() -> AsyncIterator[anyio.Event]:
    """An event that SIGINT or SIGTERM sets; a second signal does not wait for anything."""
    stop = anyio.Event()

    async def watch() -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for number in signals:
                if stop.is_set():
                    raise KeyboardInterrupt
                stderr().print(f"{signal.Signals(number).name}: stopping in good order (again: at once)", style="dim")
                stop.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        yield stop
        tasks.cancel_scope.cancel()


def _platform(api: ApiSettings, store: Store) -> Platform:
    asks = "token" in api.auth_modes and api.token is None
    return Platform(f"{_base(api)}/graphql", store, asks)


def _announce(running: Platform) -> None:
    for name, address in running.addresses.items():
        stdout().print(f"{name:<9}{address}", markup=False)
    stdout().print("ready")
    sys.stdout.flush()


def _write_ready(path: Path, running: Platform) -> None:
    server = running.store.server
    facts: dict[str, Any] = {"api_url": running.api_url, "pid": os.getpid()}
    if server is not None:
        facts |= {"browser_url": server.http_url, "neo4j_uri": server.uri}
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(orjson.dumps(facts))
    part.replace(path)


def _api_settings(host: str | None, port: int | None) -> ApiSettings:
    """The settings with a port that is free now, so that a taken one is told before a database is started."""
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    wanted = api_settings(**given)
    plain = wanted.host.strip("[]")
    with socket.socket(socket.AF_INET6 if ":" in plain else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((plain, wanted.port))
        except OSError as error:
            raise PortTaken(
                f"the API cannot listen at {wanted.host}:{wanted.port}: {error.strerror}", port=wanted.port
            ) from error
        return wanted.model_copy(update={"port": probe.getsockname()[1]})


def _beside(api: ApiSettings, store: Store) -> ApiSettings:
    """The settings with the address of the Neo4j Browser that came with this database, unless another was named."""
    if api.browser_url is not None or store.server is None:
        return api
    return api.model_copy(update={"browser_url": store.server.http_url})


def _base(api: ApiSettings) -> str:
    return f"http://{_shown_host(api.host)}:{api.port}"


def _orchestrator_settings(settings: CliSettings, capacity: int | None) -> OrchestratorSettings:
    flags: dict[str, Any] = {} if capacity is None else {"capacity": capacity}
    if settings.policy_hooks:
        flags["policy_hooks"] = settings.policy_hooks
    try:
        return OrchestratorSettings(**flags)
    except ValueError as error:
        raise PsgError(f"Settings of the orchestrator cannot be read: {error}") from error


def _shown_host(host: str) -> str:
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)
    return f"[{shown}]" if ":" in shown and not shown.startswith("[") else shown
