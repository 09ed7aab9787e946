"""What a sandbox is: limits that are asked for, and a program that runs within them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import anyio.abc

MECHANISMS = {
    "filesystem": "only named folders can be read, fewer written",
    "network": "no network",
    "isolation": "other processes can neither be seen nor signalled, and no child is left behind",
    "memory": "memory of all processes together",
    "cpu": "processors that can be used, and processor time",
    "processes": "processes and threads at the same time",
    "time": "seconds from start to end",
    "file_size": "size of a file, and what is written in all",
}


@dataclass(frozen=True, slots=True)
class FileView:
    """What of the file system a program sees: ``read`` and below read-only, ``write`` and below as it is.

    Beside these it has the devices that do nothing, and with ``scratch`` a place for temporary files (``TMPDIR``).
    """

    read: tuple[Path, ...] = ()
    write: tuple[Path, ...] = ()
    scratch: bool = True


@dataclass(frozen=True, slots=True)
class Limits:
    """What a program may use; None is no limit. Every one that is set is enforced, or the program is not started.

    ``memory_bytes``, ``processes`` (with threads), ``cpu_seconds`` and ``wall_seconds`` count for all its processes
    together; ``cpus`` is a number of processors; ``file_bytes`` is the size of one file, ``disk_bytes`` what is
    written in all. ``network`` False: none. ``one_process``: it cannot start another.
    """

    files: FileView | None = None
    network: bool = True
    memory_bytes: int | None = None
    cpus: float | None = None
    cpu_seconds: float | None = None
    wall_seconds: float | None = None
    processes: int | None = None
    file_bytes: int | None = None
    disk_bytes: int | None = None
    open_files: int | None = None
    one_process: bool = False

    def asked(self) -> tuple[str, ...]:
        """The MECHANISMS that are needed to keep these limits."""
        needed = {
            "filesystem": self.files is not None,
            "network": not self.network,
            "isolation": self.files is not None,
            "memory": self.memory_bytes is not None,
            "cpu": self.cpus is not None or self.cpu_seconds is not None,
            "processes": self.processes is not None or self.one_process,
            "time": self.wall_seconds is not None,
            "file_size": any(limit is not None for limit in (self.file_bytes, self.disk_bytes, self.open_files)),
        }
        return tuple(name for name in MECHANISMS if needed[name])


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a sandboxed program ended.

    ``exit_code`` is negative for a signal; ``exceeded`` is {resource, limit, used} when a limit stopped it, and
    ``peak`` the most that was seen of memory (bytes), processes and cpu_seconds.
    """

    exit_code: int
    exceeded: Mapping[str, Any] | None = None
    peak: Mapping[str, float] = field(default_factory=dict)


class RunningProgram(Protocol):
    """A program in a sandbox, or on its way into one."""

    @property
    def process(self) -> anyio.abc.Process:
        """The process whose streams are the program's, and that ends with it."""

    async def end(self) -> None:
        """End it with all its processes, when it has not ended yet, and free what it held; shielded from cancels."""

    def outcome(self) -> Outcome:
        """How it ended, after ``end``; raises SandboxFailed when nobody knows, OSError when it never started."""


class Sandbox(Protocol):
    """A way to keep limits on this machine."""

    @property
    def name(self) -> str:
        """What it is called in settings."""

    def missing(self, limits: Limits) -> tuple[str, ...]:
        """The MECHANISMS that are asked for and that it does not have here."""

    async def start(
        self, program: str, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], limits: Limits
    ) -> RunningProgram:
        """Start a program with pipes as its streams; raises SandboxUnavailable, OSError."""
