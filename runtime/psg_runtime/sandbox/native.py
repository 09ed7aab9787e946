"""The sandbox of Linux itself: namespaces, Landlock, a call filter, resource limits and a keeper that watches."""

from __future__ import annotations

import itertools
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import anyio.abc

from psg_runtime.sandbox.cgroup import ControlGroup
from psg_runtime.sandbox.errors import SandboxFailed, SandboxUnavailable
from psg_runtime.sandbox.file_layout import layout
from psg_runtime.sandbox.platform_facts import SCOPED_LANDLOCK, Facts, facts_of_this_machine
from psg_runtime.sandbox.port import FileView, Limits, Outcome

_END_SECONDS = 15.0
_SCRATCH_BYTES = 64 * 1024**2
_REPORT_BYTES = 1024**2
_BOOT = (
    "import sys; sys.path.append(sys.argv[1]); from confinement.launch import main; "
    "main(int(sys.argv[2]), int(sys.argv[3]))"
)
_turns = itertools.count()


@dataclass(frozen=True, slots=True)
class Reservations:
    """What is kept free for each program, where control groups can do so."""

    cpus: float = 0.0
    memory_bytes: int = 0


@dataclass
class NativeSandbox:
    """Keeps limits by the kernel.

    ``namespaces``: the program has a root, a network and processes of its own. Without, the same files are kept from
    it by Landlock alone, the network by the call filter, and the keeper ends orphans one by one.
    """

    namespaces: bool = True
    cgroup: Path | None = None
    reservations: Reservations = field(default_factory=Reservations)
    facts: Facts | None = None
    prefix: tuple[str, ...] = ()
    """A command that the launcher is started by; it has made the namespaces then (bubblewrap)."""

    @property
    def name(self) -> str:
        return "namespaces" if self.namespaces else "landlock"

    def missing(self, limits: Limits) -> tuple[str, ...]:
        facts = self.facts or facts_of_this_machine()
        have = facts.with_namespaces() if self.namespaces else facts.without_namespaces()
        return tuple(name for name in limits.asked() if name not in have)

    async def start(
        self, program: str, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], limits: Limits
    ) -> NativeProgram:
        if lacking := self.missing(limits):
            raise SandboxUnavailable(f"This machine cannot enforce {', '.join(lacking)}.", missing=list(lacking))
        running = NativeProgram(self._group(limits), self._scratch(limits))
        try:
            plan = self.plan(program, argv, cwd=cwd, env=env, limits=limits, running=running)
            running.plan_file, running.report_file = _memory_file("plan", plan), _memory_file("report", None)
            command = [*self.prefix, *launcher(running.plan_file, running.report_file)]
            # Shielded: a cancel that comes while the program starts would leave it running, with nobody to end it.
            with anyio.CancelScope(shield=True):
                running.process = await anyio.open_process(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    cwd="/",
                    env=launcher_environment(),
                    start_new_session=True,
                    pass_fds=(running.plan_file, running.report_file),
                )
        except BaseException:
            running.free()
            raise
        return running

    def plan(
        self,
        program: str,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        limits: Limits,
        running: NativeProgram | None = None,
    ) -> dict[str, Any]:
        """What the launcher is told."""
        given = dict(env)
        files = None
        if limits.files is not None:
            view = limits.files
            if running is not None and running.scratch is not None:
                view = FileView(view.read, (*view.write, running.scratch))
            files = layout(
                view, program, scratch_bytes=_scratch_bytes(limits), build=self.namespaces, others=bool(self.prefix)
            )
            own = running.scratch if running is not None else None
            temporary = str(own) if own is not None else next(iter(files["scratch"]), "/")
            given |= {name: temporary for name in ("TMPDIR", "HOME") if not _seen(given.get(name), files)}
        return {
            "parent": None if self.prefix else os.getpid(),
            "started": time.monotonic(),  # one clock for the whole machine: the way into the sandbox counts too
            "namespaces": self.namespaces,
            "network": limits.network,
            "sockets": self._sockets(limits),
            "one_process": limits.one_process,
            "files": files,
            "program": program,
            "argv": list(argv),
            "cwd": str(cwd),
            "env": given,
            "remove": str(running.scratch) if running is not None and running.scratch is not None else None,
            "processors": _processors(limits.cpus),
            "cgroup": running.group.members if running is not None and running.group is not None else None,
            "limits": {
                "memory": limits.memory_bytes,
                "processes": limits.processes,
                "cpu_seconds": limits.cpu_seconds,
                "wall_seconds": limits.wall_seconds,
                "disk": limits.disk_bytes,
                "file_bytes": limits.file_bytes,
                "open_files": limits.open_files,
            },
        }

    def _sockets(self, limits: Limits) -> str:
        # Landlock does not mediate sockets in the file system: only a root of one's own keeps those of services away.
        own_root = self.namespaces or bool(self.prefix)
        if limits.network:
            # With the network of the machine come its sockets without a file; newer Landlock keeps those away.
            scoped = facts_of_this_machine().landlock >= SCOPED_LANDLOCK
            return "any" if limits.files is None or (own_root and scoped) else "remote"
        return "local" if own_root and limits.files is not None else "none"

    def _group(self, limits: Limits) -> ControlGroup | None:
        if self.cgroup is None:
            return None
        kept = self.reservations
        return ControlGroup.make(self.cgroup, limits, cpu_reservation=kept.cpus, memory_reservation=kept.memory_bytes)

    def _scratch(self, limits: Limits) -> Path | None:
        """A folder for temporary files where the program has no root of its own with one in it."""
        if limits.files is None or not limits.files.scratch or self.namespaces or self.prefix:
            return None
        return Path(tempfile.mkdtemp(prefix="psg-scratch-"))


class NativeProgram:
    """A program under the launcher; frees its group, scratch folder and files at the end."""

    process: anyio.abc.Process

    def __init__(self, group: ControlGroup | None = None, scratch: Path | None = None) -> None:
        self.group = group
        self.scratch = scratch
        self.plan_file: int | None = None
        self.report_file: int | None = None
        self._report: dict[str, Any] | None = None
        self._out_of_memory = False

    async def end(self) -> None:
        with anyio.CancelScope(shield=True):
            if self.process.returncode is None:
                # The launcher asks the program, waits a moment, ends all of it and then itself.
                with suppress(ProcessLookupError):
                    self.process.send_signal(signal.SIGTERM)
                with anyio.move_on_after(_END_SECONDS):
                    await self.process.wait()
            if self.process.returncode is None:  # with it go the keeper and all the others
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.process.pid, signal.SIGKILL)
                await self.process.wait()
            await self.process.aclose()
            if self.report_file is not None:
                text = os.pread(self.report_file, _REPORT_BYTES, 0)
                self._report = json.loads(text) if text else None
            if self.group is not None:
                self._out_of_memory = self.group.ran_out_of_memory()
            await anyio.to_thread.run_sync(self.free)

    def free(self) -> None:
        """Give back what was taken for this program."""
        for descriptor in (self.plan_file, self.report_file):
            if descriptor is not None:
                os.close(descriptor)
        self.plan_file = self.report_file = None
        if self.group is not None:
            self.group.remove()
        if self.scratch is not None:
            shutil.rmtree(self.scratch, ignore_errors=True)

    def outcome(self) -> Outcome:
        return outcome_of(self._report, out_of_memory=self._out_of_memory)


def outcome_of(report: Mapping[str, Any] | None, *, out_of_memory: bool = False) -> Outcome:
    """What the launcher's report says; raises SandboxFailed, or OSError when the program could not be started."""
    if report is None:
        raise SandboxFailed("The sandbox ended without a word about the program.")
    if "failed" in report:
        if report.get("stage") == "start" and report.get("errno") is not None:
            raise OSError(report["errno"], os.strerror(report["errno"]))
        raise SandboxFailed(f"The sandbox could not be set up: {report['failed']}.")
    exceeded = report.get("exceeded")
    if exceeded is None and out_of_memory:
        exceeded = {"resource": "memory", "limit": None, "used": None}
    return Outcome(report["exit_code"], exceeded, report.get("peak", {}))


def launcher(plan_file: int, report_file: int) -> list[str]:
    """The command of the launcher."""
    folder = str(Path(__file__).parent)
    return [sys.executable, "-I", "-S", "-X", "utf8", "-c", _BOOT, folder, str(plan_file), str(report_file)]


def launcher_environment() -> dict[str, str]:
    """Nothing of ours but where the interpreter finds its library."""
    return {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}


def _memory_file(name: str, content: Mapping[str, Any] | None) -> int:
    descriptor = os.memfd_create(f"psg-{name}")
    if content is not None:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(json.dumps(content).encode())
        os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _processors(cpus: float | None) -> list[int]:
    """As many of our processors as these are, taken in turn; none when all may be used."""
    if cpus is None:
        return []
    available = sorted(os.sched_getaffinity(0))
    wanted = math.ceil(cpus)
    if wanted >= len(available):
        return []
    first = next(_turns)
    return [available[(first + index) % len(available)] for index in range(wanted)]


def _scratch_bytes(limits: Limits) -> int:
    bounds = [bound for bound in (limits.disk_bytes, limits.memory_bytes) if bound is not None]
    return min(bounds, default=_SCRATCH_BYTES)


def _seen(path: str | None, files: Mapping[str, Any]) -> bool:
    """Whether a folder of the environment is one the program may write to."""
    if path is None:
        return False
    real = os.path.realpath(path)
    return any(real == folder or real.startswith(folder.rstrip("/") + "/") for folder in files["write"])
