"""Real Redis and PostgreSQL servers for tests of the value state layer, on free ports, from the machine's binaries."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

START_S = 30.0


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class ServerProcess:
    """One server of a test: it can be killed the hard way and started again on the same port, with the same data."""

    def __init__(self, command: list[str], port: int, url: str, ready: Callable[[], bool], user: str | None) -> None:
        self._command, self._ready, self._user = command, ready, user
        self._process: subprocess.Popen[bytes] | None = None
        self.port = port
        self.url = url

    def start(self) -> None:
        """Start it and wait until it answers."""
        deadline = time.monotonic() + START_S
        self._process = self._started()
        while not self._ready():
            if self._process.poll() is not None:
                # What PostgreSQL's children of before hold they give back when they see that their parent is gone.
                self._process = self._started()
            assert time.monotonic() < deadline, f"{self._command[0]} does not answer on port {self.port}"
            time.sleep(0.02)  # another program's start: there is nothing to wait for but its answer

    def _started(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True, **account(self._user),
        )  # fmt: skip

    def kill(self) -> None:
        """End it at once, as a crash of its machine would."""
        if self._process is not None:
            # PostgreSQL's children are groups of their own: one that outlived its parent could still commit.
            children = children_of(self._process.pid)
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            for child in children:
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            self._process.wait()
            self._process = None


def children_of(parent: int) -> list[int]:
    """The processes that a process has started itself."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            after_name = stat.read_text("utf-8", "replace").rpartition(")")[2].split()
            if int(after_name[1]) == parent:
                found.append(int(stat.parent.name))
    return found


def account(user: str | None) -> dict[str, object]:
    """How a process is started as ``user``: only where that has to be another account."""
    return {} if user is None else {"user": user, "group": user, "extra_groups": []}


def program(*names: str) -> str | None:
    """The first of these programs there is, also where Debian hides PostgreSQL's own."""
    hidden = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name), reverse=True)
    places = os.pathsep.join([os.environ.get("PATH", ""), *map(str, hidden)])
    return next((found for name in names if (found := shutil.which(name, path=places))), None)


@contextmanager
def redis_server() -> Iterator[ServerProcess]:
    """A Redis of one's own, with every write on disk; skips the test where there is no binary."""
    binary = program("redis-server", "valkey-server")
    if binary is None:
        pytest.skip("redis-server is not installed (Debian package redis-server)")
    folder = Path(tempfile.mkdtemp(prefix="psg-redis-"))
    port = free_port()
    command = [
        binary, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", "--appendonly", "yes",
        "--appendfsync", "always",
    ]  # fmt: skip
    server = ServerProcess(command, port, f"redis://127.0.0.1:{port}/0", lambda: _pongs(port), None)
    with _running(server, folder):
        yield server


def _pongs(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


@contextmanager
def postgres_server() -> Iterator[ServerProcess]:
    """A PostgreSQL of one's own; skips the test where there is no binary, or no account that it would run under."""
    binary, initdb, ready = program("postgres"), program("initdb"), program("pg_isready")
    if binary is None or initdb is None or ready is None:
        pytest.skip("postgres is not installed (Debian package postgresql)")
    user = _other_account()
    folder = Path(tempfile.mkdtemp(prefix="psg-postgres-"))
    port = free_port()
    if user is not None:
        shutil.chown(folder, user)
    subprocess.run(
        [initdb, "--no-sync", "--auth", "trust", "--username", "psg", "--encoding", "UTF8", "--locale", "C",
         "--pgdata", str(folder)],
        check=True, capture_output=True, cwd=folder, **account(user),  # type: ignore[call-overload]
    )  # fmt: skip
    command = [binary, "-D", str(folder), "-p", str(port), "-h", "127.0.0.1", "-c", "unix_socket_directories="]

    def answers() -> bool:
        asked = [ready, "-q", "-h", "127.0.0.1", "-p", str(port), "-U", "psg", "-d", "postgres"]
        return subprocess.run(asked, check=False).returncode == 0

    url = f"postgresql://psg@127.0.0.1:{port}/postgres"
    with _running(ServerProcess(command, port, url, answers, user), folder) as server:
        yield server


def _other_account() -> str | None:
    """PostgreSQL does not run as root: then the account of its package is taken."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        pytest.skip("the tests run as root, and there is no account postgres for PostgreSQL")


@contextmanager
def _running(server: ServerProcess, folder: Path) -> Iterator[ServerProcess]:
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)
