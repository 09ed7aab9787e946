"""A real Neo4j without Docker, Java or Maven: started on demand, shared by every process that uses its folder."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import anyio

from psg_neo4j.database import Database
from psg_neo4j.embedded.artifacts import install
from psg_neo4j.embedded.config import USER, ServerSettings, write_private
from psg_neo4j.embedded.home import Home, Published
from psg_neo4j.embedded.part import require_embedded
from psg_neo4j.errors import EmbeddedServerFailed

State = Literal["running", "starting", "stopped"]
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """What ``psg db status`` tells; addresses and ids are None while the state is not "running".

    ``kept`` says whether the server stays without clients; ``started_at`` in seconds since 1970.
    """

    state: State
    home: Path
    kept: bool
    uri: str | None = None
    http_url: str | None = None
    pid: int | None = None
    supervisor_pid: int | None = None
    started_at: float | None = None


class EmbeddedServer:
    """This process's hold on the server of one home; the server runs at least until :meth:`close`.

    Made by :meth:`attach`. ``uri`` for the driver, ``http_url`` for Neo4j Browser, ``user`` and ``password``,
    ``pid`` of the JVM. The hold is a kernel lock: it ends with the process, however that ends.
    """

    def __init__(self, home: Home, descriptor: int, published: Published, password: str) -> None:
        self.home = home.folder
        self.uri = published.uri
        self.http_url = published.http_url
        self.pid = published.pid
        self.supervisor_pid = published.supervisor_pid
        self.user = USER
        self.password = password
        self._descriptor: int | None = descriptor

    @classmethod
    async def attach(cls, home: Path, *, settings: ServerSettings | None = None, timeout: float = 150.0) -> Self:
        """Use the server of ``home``, starting it (and installing Neo4j, once per machine) when none runs.

        ``settings`` count only when this call starts it; default: from the environment. ``timeout`` in
        seconds, the download not counted. Raises EmbeddedServerFailed and its kinds (PortTaken, HomeInUse,
        StoreDamaged), EmbeddedPartMissing, DownloadFailed, ChecksumMismatch.
        """
        _require_posix()
        require_embedded()
        settings = settings or ServerSettings.from_environment()
        await install()
        place = Home(home)
        place.create()
        try:
            with anyio.fail_after(timeout):
                descriptor = await _hold(place)
                try:
                    published = await _server(place, settings)
                    password = (place.folder / "password").read_text(encoding="ascii").strip()
                except BaseException:
                    os.close(descriptor)
                    raise
        except TimeoutError:
            raise EmbeddedServerFailed(
                f"no Neo4j answered in {place.folder} within {timeout:g} s; see logs/ there", home=str(place.folder)
            ) from None
        return cls(place, descriptor, published, password)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go; the server stops by itself when nobody else holds it and it is not kept."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def database(self, **options: Any) -> Database:
        """A :class:`Database` for this server, to be entered with ``async with``; options of ``connect``."""
        return Database.connect(self.uri, self.user, self.password, **options)

    def status(self) -> ServerStatus:
        """The state of the server now."""
        return status(self.home)


@asynccontextmanager
async def embedded(
    home: Path, *, settings: ServerSettings | None = None, timeout: float = 150.0
) -> AsyncIterator[EmbeddedServer]:
    """The server of ``home`` within the block; see :meth:`EmbeddedServer.attach`."""
    server = await EmbeddedServer.attach(home, settings=settings, timeout=timeout)
    try:
        yield server
    finally:
        server.close()


@asynccontextmanager
async def held(home: Path) -> AsyncIterator[ServerStatus]:
    """The state of the server of ``home``, which does not end within the block; none is started.

    A server ends soon after its last client has gone: while one is ending this waits, and tells that it is stopped.
    """
    descriptor = await _hold(Home(home))
    try:
        yield status(home)
    finally:
        os.close(descriptor)


def status(home: Path) -> ServerStatus:
    """The state of the server of ``home``, without starting or holding it."""
    place = Home(home)
    kept = place.keep_file.exists()
    if not place.supervised():
        return ServerStatus("stopped", place.folder, kept=False)
    published = place.published()
    if published is None:
        return ServerStatus("starting", place.folder, kept)
    return ServerStatus(
        "running",
        place.folder,
        kept,
        uri=published.uri,
        http_url=published.http_url,
        pid=published.pid,
        supervisor_pid=published.supervisor_pid,
        started_at=published.started_at,
    )


def keep(home: Path) -> None:
    """Let the running server of ``home`` stay without clients, until :func:`release` or :func:`stop`.

    Call it while holding the server. Raises EmbeddedServerFailed when none runs.
    """
    place = Home(home)
    if not place.supervised():
        raise EmbeddedServerFailed(f"no Neo4j runs in {place.folder}", home=str(place.folder))
    place.keep_file.touch(mode=0o600)


def release(home: Path) -> None:
    """Take :func:`keep` back: the server stops when its last client is gone."""
    Home(home).keep_file.unlink(missing_ok=True)


async def stop(home: Path, *, timeout: float = 40.0) -> bool:
    """Stop the server of ``home`` in order, even if clients use it; False when none ran.

    ``timeout`` in seconds. Raises EmbeddedServerFailed when it is still there then.
    """
    place = Home(home)
    place.keep_file.unlink(missing_ok=True)
    if not place.supervised():
        return False
    supervisor = place.supervisor_pid()
    if supervisor is not None:
        try:
            os.kill(supervisor, signal.SIGTERM)
        except ProcessLookupError:
            pass
    with anyio.move_on_after(timeout):
        # Another process's end is not an event of this one: it has to be looked for.
        while place.supervised() and place.supervisor_pid() in (supervisor, None):  # noqa: ASYNC110
            await anyio.sleep(_POLL_SECONDS)
        return True
    raise EmbeddedServerFailed(f"Neo4j in {place.folder} did not stop within {timeout:g} s", home=str(place.folder))


def _require_posix() -> None:
    if os.name != "posix":
        raise EmbeddedServerFailed(
            "the embedded Neo4j runs on Linux and macOS; on this system set PSG_NEO4J_URI to a running Neo4j"
        )


async def _hold(place: Home) -> int:
    """Take a client's shared lock; waits while a server is stopping."""
    while (descriptor := place.lock("clients", fcntl.LOCK_SH)) is None:  # noqa: ASYNC110
        await anyio.sleep(_POLL_SECONDS)
    return descriptor


async def _server(place: Home, settings: ServerSettings) -> Published:
    """Wait until a server is published, starting a supervisor whenever there is none."""
    began = time.time()
    while True:
        if place.supervised():
            if (published := place.published()) is not None and await _answers(published):
                return published
        elif (failure := place.failure_since(began)) is not None:
            raise failure
        else:
            await _start_supervisor(place, settings)
        await anyio.sleep(_POLL_SECONDS)


async def _answers(published: Published) -> bool:
    """Whether the published port is open: a file left by a killed supervisor must not be believed."""
    port = int(published.uri.rpartition(":")[2])
    try:
        async with await anyio.connect_tcp("127.0.0.1", port):
            return True
    except OSError:
        return False


async def _start_supervisor(place: Home, settings: ServerSettings) -> None:
    """Start a supervisor, which detaches itself; a second one that comes too late ends at once."""
    write_private(place.settings_file, settings.to_json())
    log = os.open(place.folder / "logs" / "supervisor.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        # -P: the folder we happen to be in must not shadow modules of the supervisor.
        await anyio.run_process(
            [sys.executable, "-P", "-m", "psg_neo4j.embedded.supervisor", str(place.folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=place.folder,
            # A fault armed for the client is none of the supervisor's.
            env={name: value for name, value in os.environ.items() if name != "PSG_FAULT"},
            start_new_session=True,
        )
    finally:
        os.close(log)
