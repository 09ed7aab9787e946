"""Which sandbox a process uses for which action, by its settings."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import anyio
import anyio.to_thread

from psg_runtime.sandbox.bubblewrap import BubblewrapSandbox
from psg_runtime.sandbox.cgroup import why_not
from psg_runtime.sandbox.container import ContainerSandbox
from psg_runtime.sandbox.errors import SandboxUnavailable
from psg_runtime.sandbox.file_layout import SYSTEM_PATHS, interpreter_paths, standard_library_paths
from psg_runtime.sandbox.native import NativeSandbox, Reservations
from psg_runtime.sandbox.platform_facts import Facts, facts_of_this_machine
from psg_runtime.sandbox.port import MECHANISMS, FileView, Limits, Sandbox

SandboxName = Literal["auto", "off", "namespaces", "landlock", "bubblewrap", "container"]
_MARGIN_SECONDS = 0.5  # by which our clock is ahead of the one around it, so that it is ours that tells why
_CODE_CPU_SHARE = 1.0
_CODE_TASKS = 16
_CODE_DISK_BYTES = 16 * 1024**2


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """What is asked for (DD-30, DD-31). Bytes, seconds and numbers of processors; ``explicit`` are the names that
    somebody set: outside multi-tenant mode only those count."""

    multi_tenant: bool = False
    sandbox: SandboxName = "auto"
    cpu_limit: float = 1.0
    memory_limit: int = 512 * 1024**2
    cpu_reservation: float = 0.5
    memory_reservation: int = 256 * 1024**2
    network_isolation: bool = True
    process_limit: int = 256
    file_size_limit: int = 256 * 1024**2
    disk_limit: int | None = 1024**3
    open_files_limit: int = 1024
    output_limit: int = 64 * 1024**2
    max_execution_time: float = 300.0
    cpu_seconds: float | None = None
    sandbox_read: tuple[Path, ...] = ()
    sandbox_cgroup: Path | None = None
    sandbox_image: str | None = None
    explicit: frozenset[str] = frozenset()

    @property
    def everything(self) -> bool:
        """Whether every limit is in force."""
        return self.multi_tenant or self.sandbox not in ("auto", "off")

    def applies(self, name: str) -> bool:
        """Whether the limit of this name is in force for programs."""
        return self.everything or (self.sandbox != "off" and name in self.explicit)


class Sandboxing:
    """Makes limits of settings, and finds the sandbox that keeps them."""

    def __init__(self, settings: SandboxSettings, *, facts: Facts | None = None) -> None:
        self.settings = settings
        self._facts = facts

    @property
    def output_bytes(self) -> int | None:
        """What a program may print in all."""
        return self.settings.output_limit if self.settings.applies("output_limit") else None

    def capacity(self, most: int) -> int:
        """How many programs may run at a time so that each has its reservation; ``most`` where that is less.

        At least 1; a reservation that is more than there is is refused when a program is started.
        """
        if not self.settings.everything:
            return most
        processors, memory = _machine()
        fit = min(processors / self.settings.cpu_reservation, memory / self.settings.memory_reservation)
        return max(1, min(most, math.floor(fit)))

    def for_program(self, roots: tuple[Path, ...], timeout_s: float | None) -> Limits | None:
        """The limits of ``process.run``; None when none was asked for."""
        wanted, on = self.settings, self.settings.applies
        if wanted.everything:
            if any(root == Path(root.anchor) for root in roots):
                raise SandboxUnavailable(
                    "The whole file system cannot be a sandbox's folder; name smaller ones in PSG_PROCESS_ROOTS.",
                    missing=["filesystem"],
                )
            system = (*SYSTEM_PATHS, *interpreter_paths(), *wanted.sandbox_read)
            files: FileView | None = FileView(system, roots)
        else:
            files = None
        seconds = self.longest(timeout_s) if wanted.everything else None
        limits = Limits(
            files=files,
            network=not (wanted.network_isolation and on("network_isolation")),
            memory_bytes=wanted.memory_limit if on("memory_limit") else None,
            cpus=wanted.cpu_limit if on("cpu_limit") else None,
            cpu_seconds=self._cpu_seconds() if on("cpu_limit") else None,
            wall_seconds=seconds,
            processes=wanted.process_limit if on("process_limit") else None,
            file_bytes=wanted.file_size_limit if on("file_size_limit") else None,
            disk_bytes=wanted.disk_limit if on("disk_limit") else None,
            open_files=wanted.open_files_limit if on("open_files_limit") else None,
        )
        return limits if limits.asked() else None

    def for_code(self, seconds: float) -> Limits:
        """The limits of ``code.run``, which has them in every mode: no files to write, no network, no processes."""
        wanted = self.settings
        library = tuple(path for path in SYSTEM_PATHS if path.parts[1:2] != ("etc",) or path.name.startswith("ld.so"))
        return Limits(
            files=FileView((*library, *standard_library_paths()), scratch=False),
            network=False,
            memory_bytes=wanted.memory_limit,
            cpus=min(wanted.cpu_limit, _CODE_CPU_SHARE),
            cpu_seconds=min(self._cpu_seconds(), max(1.0, seconds)),
            wall_seconds=seconds,
            processes=_CODE_TASKS,
            file_bytes=min(wanted.file_size_limit, 1024**2),
            disk_bytes=_CODE_DISK_BYTES,
            open_files=64,
            one_process=True,
        )

    async def choose(self, limits: Limits) -> Sandbox:
        """The first sandbox that keeps all these limits here; raises SandboxUnavailable naming what it lacks."""
        if self._facts is None:
            self._facts = await anyio.to_thread.run_sync(facts_of_this_machine)
        self._check_reservations()
        candidates = self.candidates(self._facts)
        for sandbox in candidates:
            if not sandbox.missing(limits):
                return sandbox
        if not candidates:
            raise SandboxUnavailable(
                f"No sandbox can be used: PSG_SANDBOX is `{self.settings.sandbox}`"
                + (" and PSG_SANDBOX_CGROUP is set." if self.settings.sandbox_cgroup else "."),
                missing=list(limits.asked()),
            )
        lacking = min((sandbox.missing(limits) for sandbox in candidates), key=len)
        told = "; ".join(f"{name}: {MECHANISMS[name]}" for name in lacking)
        raise SandboxUnavailable(
            f"This machine cannot enforce what is asked for ({told}), so the action was not started. "
            "`psg sandbox` tells what it can enforce.",
            missing=list(lacking),
            sandbox=self.settings.sandbox,
        )

    def candidates(self, facts: Facts) -> list[Sandbox]:
        """The sandboxes that the settings allow, best first."""
        wanted = self.settings
        kept = Reservations(wanted.cpu_reservation, wanted.memory_reservation)
        made: Mapping[str, Sandbox] = {
            "namespaces": NativeSandbox(True, wanted.sandbox_cgroup, kept, facts),
            "bubblewrap": BubblewrapSandbox(facts=facts),
            "landlock": NativeSandbox(False, wanted.sandbox_cgroup, kept, facts),
            "container": ContainerSandbox(wanted.sandbox_image, reservations=kept, facts=facts),
        }
        # Bubblewrap and Docker would not use the group that is named.
        usable = ("namespaces", "landlock") if wanted.sandbox_cgroup is not None else tuple(made)
        return [made[name] for name in usable if wanted.sandbox in ("auto", name)]

    def _cpu_seconds(self) -> float:
        """Processor time of all its processes: what its share of processors comes to in the time it has."""
        share = max(1.0, self.settings.cpu_limit * self.settings.max_execution_time)
        return share if self.settings.cpu_seconds is None else min(share, self.settings.cpu_seconds)

    def longest(self, timeout_s: float | None) -> float:
        """Seconds that anything may take, when its step has the given limit."""
        most = self.settings.max_execution_time
        if timeout_s is not None and timeout_s < most:
            return most  # the clock of the step rings first, and says so itself
        return max(most - _MARGIN_SECONDS, most * 0.8)

    def _check_reservations(self) -> None:
        wanted = self.settings
        if not wanted.everything:
            return
        processors, memory = _machine()
        if wanted.cpu_reservation > processors or wanted.memory_reservation > memory:
            raise SandboxUnavailable(
                f"PSG_CPU_RESERVATION and PSG_MEMORY_RESERVATION ask for {wanted.cpu_reservation:g} processors and "
                f"{wanted.memory_reservation} bytes; this machine has {processors} and {memory}.",
                missing=["reservation"],
            )


def _machine() -> tuple[int, int]:
    """Processors we may use, and bytes of memory."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        return processors, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return processors, 2**62


def report(settings: SandboxSettings, facts: Facts) -> dict[str, Any]:
    """What this machine can enforce and what the settings ask for, as data (``psg sandbox``)."""
    sandboxing = Sandboxing(settings, facts=facts)
    sample = Limits(
        files=FileView(), network=False, memory_bytes=1, cpus=1.0, wall_seconds=1, processes=1, file_bytes=1
    )  # fmt: skip
    every = SandboxSettings(sandbox_cgroup=settings.sandbox_cgroup, sandbox_image=settings.sandbox_image)
    levels = []
    for sandbox in Sandboxing(every, facts=facts).candidates(facts):
        missing = sandbox.missing(sample)
        levels.append({"name": sandbox.name, "enforces": [m for m in MECHANISMS if m not in missing],
                       "missing": list(missing)})  # fmt: skip
    chosen = next((s.name for s in sandboxing.candidates(facts) if not s.missing(sample)), None)
    cgroup = "no folder is named" if settings.sandbox_cgroup is None else why_not(settings.sandbox_cgroup)
    return {
        "system": facts.system,
        "chosen": chosen,
        "multi_tenant": settings.multi_tenant,
        "mechanisms": MECHANISMS,
        "levels": levels,
        "facts": {
            "landlock": facts.landlock,
            "namespaces": facts.namespaces or "yes",
            "call_filter": facts.call_filter or "yes",
            "bubblewrap": facts.bubblewrap or "yes",
            "container": facts.container or "yes",
            "cgroup": cgroup or "yes",
        },
        "limits": {
            "cpu": settings.cpu_limit,
            "memory_bytes": settings.memory_limit,
            "cpu_reservation": settings.cpu_reservation,
            "memory_reservation_bytes": settings.memory_reservation,
            "time_seconds": settings.max_execution_time,
            "network_isolation": settings.network_isolation,
            "processes": settings.process_limit,
            "file_size_bytes": settings.file_size_limit,
            "disk_bytes": settings.disk_limit,
            "open_files": settings.open_files_limit,
            "output_bytes": settings.output_limit,
        },
    }
