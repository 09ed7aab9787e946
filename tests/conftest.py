"""One real Neo4j for the whole test run, shared by all workers; tests keep apart by project ids.

Order of choice: ``PSG_TEST_NEO4J_URI`` (with ``PSG_TEST_NEO4J_USER``, ``PSG_TEST_NEO4J_PASSWORD``), a
container when a Docker engine answers, else the embedded server.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import anyio
import hypothesis
import pytest
from processes import QUICK_BOOT

from psg.graph import Graph
from psg_neo4j import Database
from psg_neo4j.embedded import EmbeddedServer, ServerSettings, stop
from psg_neo4j.migrations import migrate

# The machine is shared: how long an example takes tells nothing.
hypothesis.settings.register_profile("psg", deadline=None)
hypothesis.settings.load_profile("psg")

T = TypeVar("T")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background by a shell: programs under test would inherit that Ctrl-C means nothing.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# For servers that a test starts, kills and throws away: a quick boot matters, a fast optimising compiler does not.
TEST_SETTINGS = ServerSettings(heap="384m", pagecache="64m", linger=0.5, java_options=QUICK_BOOT)


@dataclass(frozen=True, slots=True)
class Neo4jServer:
    """A Neo4j that tests may use; never delete what is in it."""

    uri: str
    user: str
    password: str

    def database(self, **options: object) -> Database:
        """A Database for this server, to be entered with ``async with``."""
        return Database.connect(self.uri, self.user, self.password, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The driver speaks asyncio only."""
    return "asyncio"


def in_other_loop(work: Callable[[], Awaitable[T]]) -> T:
    """Run ``work`` to its end in a thread: a session fixture must not live in the loop of one test."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(anyio.run, work).result()


@pytest.fixture(scope="session")
def neo4j_server(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Neo4jServer]:
    """The shared server, migrated; it ends with the last worker that uses it."""
    with ExitStack() as stack:
        server = _from_environment() or _from_docker(stack)
        if server is None:
            base = tmp_path_factory.getbasetemp()
            home = (base if worker_id == "master" else base.parent) / "neo4j"
            settings = ServerSettings(linger=5.0)
            held = in_other_loop(lambda: EmbeddedServer.attach(home, settings=settings))
            stack.callback(held.close)
            server = Neo4jServer(held.uri, held.user, held.password)
        in_other_loop(lambda: _migrated(server))
        yield server


async def _migrated(server: Neo4jServer) -> None:
    async with server.database() as database:
        await migrate(database)
        await Graph(database).warm()


def _from_environment() -> Neo4jServer | None:
    uri = os.environ.get("PSG_TEST_NEO4J_URI")
    if not uri:
        return None
    return Neo4jServer(
        uri, os.environ.get("PSG_TEST_NEO4J_USER", "neo4j"), os.environ.get("PSG_TEST_NEO4J_PASSWORD", "neo4j")
    )


def _from_docker(stack: ExitStack) -> Neo4jServer | None:
    """A container of the official image, one per worker, when a Docker engine answers."""
    if shutil.which("docker") is None:
        return None
    answer = subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=10)
    if answer.returncode != 0:
        return None
    from testcontainers.community.neo4j import Neo4jContainer

    container = stack.enter_context(Neo4jContainer("neo4j:5.26-community"))
    return Neo4jServer(container.get_connection_url(), container.username, container.password)


@pytest.fixture
async def db(neo4j_server: Neo4jServer) -> AsyncIterator[Database]:
    """A connection of this test to the shared, migrated server."""
    async with neo4j_server.database() as database:
        yield database


FreshNeo4j = Callable[..., Awaitable[EmbeddedServer]]


@pytest.fixture
async def fresh_neo4j(tmp_path: Path) -> AsyncIterator[FreshNeo4j]:
    """Make empty embedded servers of one's own (about 6 s each): ``server = await fresh_neo4j()``.

    Arguments: ``name`` of the folder, ``settings``. All are stopped when the test ends.
    """
    async with AsyncExitStack() as stack:

        async def make(name: str = "neo4j", settings: ServerSettings = TEST_SETTINGS) -> EmbeddedServer:
            server = await EmbeddedServer.attach(tmp_path / name, settings=settings)
            stack.push_async_callback(stop, tmp_path / name)
            stack.callback(server.close)
            return server

        yield make


# Here, as a second conftest.py would take the name of this one, which tests import from.
@pytest.fixture(scope="module")
async def console(neo4j_server: Neo4jServer, anyio_backend: str) -> AsyncIterator[object]:
    """The console of an API that asks nobody who they are, and one Chromium, for a file of browser tests."""
    from console_browser import NAMES, chromium, running_chromium, running_console

    if chromium() is None:
        pytest.skip(f"no Chromium here ({', '.join(NAMES)}): Debian and Ubuntu have it as the package chromium")
    async with neo4j_server.database() as db, running_chromium() as browser, running_console(db, browser) as running:
        yield running
