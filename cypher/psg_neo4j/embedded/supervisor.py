"""The process that owns one embedded server: python -m psg_neo4j.embedded.supervisor HOME

It detaches from whoever started it, starts the JVM, publishes where it answers, and stops it in order when
the last client is gone. The JVM dies with it (PR_SET_PDEATHSIG on Linux), so that nothing is ever left
behind.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import anyio

from psg_neo4j.embedded.artifacts import install
from psg_neo4j.embedded.config import USER, ServerSettings, ensure_password, java_command, neo4j_conf
from psg_neo4j.embedded.diagnosis import check_databases, explain_exit
from psg_neo4j.embedded.home import Home, Published, alive
from psg_neo4j.errors import (
    DatabaseError,
    EmbeddedError,
    EmbeddedServerFailed,
    HomeInUse,
    PortTaken,
)

_ATTEMPTS = 5
_BOOT_SECONDS = 120.0
_STOP_SECONDS = 30.0
_STORE_LOCK_SECONDS = 5.0
_PR_SET_PDEATHSIG = 1


class Supervisor:
    """Starts, watches and stops the JVM of one home; holds the supervisor lock while it lives."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.settings = ServerSettings.from_json(home.settings_file.read_text(encoding="utf-8"))
        self.jvm: subprocess.Popen[bytes] | None = None

    async def run(self) -> None:
        """Boot, publish, watch, stop. Raises an EmbeddedError when the server does not come up."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._stop_on_signal, group.cancel_scope)
            try:
                published = await self._boot()
                self.home.publish(published)
                await self._watch()
            finally:
                self.home.published_file.unlink(missing_ok=True)
                self._terminate()
            group.cancel_scope.cancel()

    async def _stop_on_signal(self, scope: anyio.CancelScope) -> None:
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async for _ in signals:
                scope.cancel()
                return

    async def _boot(self) -> Published:
        jars = await install()
        await self._wait_for_store()
        password = ensure_password(self.home.folder)
        for attempt in range(_ATTEMPTS):
            bolt, http = free_port(self.settings.bolt_port), free_port(self.settings.http_port)
            (self.home.folder / "conf" / "neo4j.conf").write_text(neo4j_conf(self.settings, bolt, http))
            self._spawn(jars)
            try:
                await self._until_ready(f"bolt://127.0.0.1:{bolt}", password)
            except PortTaken:
                # Somebody was faster than our JVM; only a port that was asked for by number is worth an error.
                if self.settings.bolt_port or self.settings.http_port or attempt == _ATTEMPTS - 1:
                    raise
                continue
            assert self.jvm is not None
            return Published(
                uri=f"bolt://127.0.0.1:{bolt}",
                http_url=f"http://127.0.0.1:{http}",
                pid=self.jvm.pid,
                supervisor_pid=os.getpid(),
                started_at=time.time(),
            )
        raise PortTaken()

    async def _wait_for_store(self) -> None:
        """Wait a moment for a JVM that is just dying; refuse one that lives. Raises HomeInUse."""
        store_lock = self.home.folder / "data" / "databases" / "store_lock"
        if not store_lock.exists():
            return
        end = time.monotonic() + _STORE_LOCK_SECONDS
        while locked_by_java(store_lock):
            if time.monotonic() > end:
                raise HomeInUse(
                    f"another Neo4j, not started by this platform, uses {self.home.folder}; stop it, or choose "
                    "another folder",
                    home=str(self.home.folder),
                )
            await anyio.sleep(0.1)

    def _spawn(self, jars: Path) -> None:
        """Start the JVM from this, the main thread: the death signal is tied to the thread that forks."""
        self.home.log_file.unlink(missing_ok=True)
        with open(self.home.console_file, "wb") as console:
            self.jvm = subprocess.Popen(
                java_command(jars, self.home.folder, self.settings),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                # Safe: this process has no other thread, and the function makes one system call.
                preexec_fn=die_with_parent(),  # noqa: PLW1509
            )

    async def _until_ready(self, uri: str, password: str) -> None:
        """Return when database neo4j answers an auto-commit query; the open port alone means nothing."""
        assert self.jvm is not None
        end = time.monotonic() + _BOOT_SECONDS
        while time.monotonic() < end:
            if self.jvm.poll() is not None:
                raise explain_exit(self.home, self.settings)
            try:
                if await check_databases(self.home, uri, USER, password):
                    return
            except DatabaseError:
                await anyio.sleep(0.1)
        raise EmbeddedServerFailed(
            f"Neo4j in {self.home.folder} did not answer within {_BOOT_SECONDS:.0f} s; see logs/neo4j.log there",
            home=str(self.home.folder),
        )

    async def _watch(self) -> None:
        """Return when the JVM is gone, or when there was no client and no keep mark for the linger time."""
        assert self.jvm is not None
        alone_since: float | None = None
        while self.jvm.poll() is None:
            await anyio.sleep(min(0.25, self.settings.linger / 4 + 0.01))
            exclusive = self.home.lock("clients", fcntl.LOCK_EX)
            if exclusive is None:
                alone_since = None
                continue
            if self.home.keep_file.exists():
                alone_since = None
            elif alone_since is None:
                alone_since = time.monotonic()
            elif time.monotonic() - alone_since >= self.settings.linger:
                # The lock stays taken until this process ends: newcomers wait, then find that nothing runs.
                return
            os.close(exclusive)

    def _terminate(self) -> None:
        """Stop the JVM in order; by force when it does not obey."""
        if self.jvm is None or self.jvm.poll() is not None:
            return
        self.jvm.terminate()
        try:
            self.jvm.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.jvm.kill()
            self.jvm.wait()


def free_port(wanted: int) -> int:
    """``wanted``, or any free port of the loopback interface for 0. Raises PortTaken when it is not free."""
    with socket.socket() as probe:
        # As Java does: a port whose last connections are only waiting to be forgotten is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError as error:
            raise PortTaken(
                f"port {wanted} is taken by another program; free it or choose another one", port=wanted
            ) from error
        return int(probe.getsockname()[1])


def locked_by_java(path: Path) -> bool:
    """Whether another process holds Java's (POSIX) lock on ``path``."""
    with open(path, "r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        return False


def die_with_parent() -> Callable[[], None] | None:
    """What the JVM's process does before it becomes the JVM: ask the kernel to be stopped with its parent."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)

    return ask


def stop_orphan(home: Home) -> None:
    """Where there is no death signal, stop the JVM that a killed supervisor left behind."""
    pid = None if sys.platform == "linux" else home.orphan()
    if pid is None:
        return
    os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + _STOP_SECONDS
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.1)


def main() -> None:
    """Detach, take the lock, and supervise until the end; nothing to do when somebody else supervises."""
    home = Home(Path(sys.argv[1]))
    if os.fork():
        os._exit(0)
    os.setsid()
    lock = _take_lock(home)
    if lock is None:
        return
    home.sign_supervisor(lock)
    stop_orphan(home)
    home.forget()
    home.keep_file.unlink(missing_ok=True)
    try:
        anyio.run(Supervisor(home).run)
    except Exception as error:
        home.fail(_reason(error, home))
        raise


def _take_lock(home: Home) -> int | None:
    """The supervisor lock, or None when somebody else supervises; a client's glance at it must not look like one."""
    for _ in range(5):
        if (descriptor := home.lock("supervisor", fcntl.LOCK_EX)) is not None:
            return descriptor
        time.sleep(0.02)
    return None


def _reason(error: Exception, home: Home) -> EmbeddedError:
    """The error to tell the clients: the first one inside the task group's."""
    inner: BaseException = error
    while isinstance(inner, BaseExceptionGroup):
        inner = inner.exceptions[0]
    if isinstance(inner, EmbeddedError):
        return inner
    return EmbeddedServerFailed(f"the supervisor of {home.folder} failed: {inner!r}", home=str(home.folder))


if __name__ == "__main__":
    main()
