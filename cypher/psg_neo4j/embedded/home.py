"""The files by which clients and supervisor of one home find each other; the kernel's locks decide (EVIDENCE C).

``clients.lock``
    shared lock of every client; exclusive one of a supervisor that stops, so that newcomers wait for the end.
``supervisor.lock``
    exclusive lock of the one supervisor; free means that no server runs or is being started.
``server.json``, ``failure.json``
    where the server answers, or why it did not start; appear by rename, whole.
``keep``
    exists while the server stays without clients.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from psg_neo4j import errors
from psg_neo4j.embedded.config import write_private


@dataclass(frozen=True, slots=True)
class Published:
    """What a running supervisor tells: addresses, process ids, and when it started (seconds since 1970)."""

    uri: str
    http_url: str
    pid: int
    supervisor_pid: int
    started_at: float


class Home:
    """Data folder of one embedded server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.expanduser().absolute()
        self.published_file = self.folder / "server.json"
        self.failure_file = self.folder / "failure.json"
        self.settings_file = self.folder / "settings.json"
        self.keep_file = self.folder / "keep"
        self.log_file = self.folder / "logs" / "neo4j.log"
        self.console_file = self.folder / "logs" / "console.log"

    def create(self) -> None:
        """Make the folder, for its owner only. Raises EmbeddedServerFailed when that is not possible."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            (self.folder / "logs").mkdir(exist_ok=True)
            (self.folder / "conf").mkdir(exist_ok=True)
        except OSError as error:
            raise errors.EmbeddedServerFailed(
                f"cannot use {self.folder} for Neo4j's data: {error.strerror}", home=str(self.folder)
            ) from error

    def lock(self, name: str, kind: int) -> int | None:
        """Try to take the lock ``name`` ("clients", "supervisor"); its descriptor, or None when it is taken."""
        descriptor = os.open(self.folder / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor

    def supervised(self) -> bool:
        """Whether a supervisor lives, be it starting, running or stopping."""
        if not (self.folder / "supervisor.lock").exists():
            return False
        # A shared lock: two clients that ask at the same moment must not take each other for a supervisor.
        descriptor = self.lock("supervisor", fcntl.LOCK_SH)
        if descriptor is None:
            return True
        os.close(descriptor)
        return False

    def supervisor_pid(self) -> int | None:
        """Process id of the living supervisor, known as soon as it took its lock."""
        try:
            return int((self.folder / "supervisor.lock").read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None

    def sign_supervisor(self, descriptor: int) -> None:
        """Write this process's id into the supervisor lock that it holds."""
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)

    def publish(self, published: Published) -> None:
        """Tell clients where the server is."""
        write_private(self.published_file, json.dumps(asdict(published)))

    def published(self) -> Published | None:
        """Where the server is, if one is published and its processes live."""
        try:
            found = Published(**json.loads(self.published_file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return found if alive(found.pid) and alive(found.supervisor_pid) else None

    def orphan(self) -> int | None:
        """Process id of a JVM of this home that outlived its supervisor."""
        try:
            pid = int(json.loads(self.published_file.read_text(encoding="utf-8"))["pid"])
        except (OSError, ValueError, TypeError, KeyError):
            return None
        shown = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
        # The id may long be another program's: only a command line that names this very home is ours.
        return pid if f"--home-dir={self.folder}" in shown.stdout else None

    def fail(self, error: errors.PsgError) -> None:
        """Tell waiting clients why there is no server."""
        write_private(self.failure_file, json.dumps({"at": time.time(), **error.to_dict()}))

    def failure_since(self, moment: float) -> errors.PsgError | None:
        """The failure of a supervisor after ``moment`` (seconds since 1970)."""
        try:
            found: dict[str, Any] = json.loads(self.failure_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        if found["at"] < moment:
            return None
        kinds = {kind.code: kind for kind in _FAILURES}
        kind = kinds.get(found["code"], errors.EmbeddedServerFailed)
        return kind(found["message"], **found["details"])

    def forget(self) -> None:
        """Remove what an earlier supervisor published."""
        for file in (self.published_file, self.failure_file):
            file.unlink(missing_ok=True)


_FAILURES: tuple[type[errors.PsgError], ...] = (
    errors.PortTaken,
    errors.HomeInUse,
    errors.StoreDamaged,
    errors.EmbeddedServerFailed,
)


def alive(pid: int) -> bool:
    """Whether a process with this id exists and is ours to signal."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True
