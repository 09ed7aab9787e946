"""Control groups (version 2) below a folder that was delegated to us: the kernel's own limits for all processes."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from psg_runtime.sandbox.errors import SandboxUnavailable
from psg_runtime.sandbox.port import Limits

_PERIOD_US = 100_000
_NEEDED = frozenset({"cpu", "memory", "pids"})


class ControlGroup:
    """One group for one program, made below ``PSG_SANDBOX_CGROUP``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def make(cls, parent: Path, limits: Limits, *, cpu_reservation: float, memory_reservation: int) -> ControlGroup:
        """Make a group with these limits; raises SandboxUnavailable when the folder is not delegated to us."""
        reason = why_not(parent)
        if reason is not None:
            raise SandboxUnavailable(f"PSG_SANDBOX_CGROUP cannot be used: {reason}.", missing=["cgroup"])
        group = cls(parent / f"psg-{uuid4().hex}")
        try:
            group.path.mkdir()
            for name, value in _values(limits, cpu_reservation, memory_reservation).items():
                (group.path / name).write_text(value)
        except OSError as error:
            group.remove()
            raise SandboxUnavailable(f"A control group cannot be made: {error.strerror}.", missing=["cgroup"]) from None
        return group

    @property
    def members(self) -> str:
        """The file that a process writes 0 into to become a member."""
        return str(self.path / "cgroup.procs")

    def ran_out_of_memory(self) -> bool:
        """Whether the kernel killed a member for want of memory."""
        return self._event("memory.events", "oom_kill") > 0

    def _event(self, file: str, name: str) -> int:
        with suppress(OSError, ValueError):
            for line in (self.path / file).read_text().splitlines():
                key, _, value = line.partition(" ")
                if key == name:
                    return int(value)
        return 0

    def remove(self) -> None:
        """Kill who is left and remove the group; a group that has not emptied yet stays, empty of limits' use."""
        with suppress(OSError):
            (self.path / "cgroup.kill").write_text("1")
        with suppress(OSError):
            self.path.rmdir()


def why_not(parent: Path) -> str | None:
    """Why groups cannot be made below this folder, None when they can."""
    try:
        enabled = set((parent / "cgroup.subtree_control").read_text().split())
    except OSError as error:
        return f"{parent} is not a folder of control groups ({error.strerror})"
    lacking = sorted(_NEEDED - enabled)
    if lacking:
        return f"{parent}/cgroup.subtree_control does not enable {', '.join(lacking)}"
    return None


def _values(limits: Limits, cpu_reservation: float, memory_reservation: int) -> dict[str, str]:
    values: dict[str, str] = {}
    if limits.memory_bytes is not None:
        values |= {"memory.max": str(limits.memory_bytes), "memory.swap.max": "0", "memory.oom.group": "1"}
        values["memory.low"] = str(memory_reservation)
    if limits.cpus is not None:
        values["cpu.max"] = f"{max(1000, round(limits.cpus * _PERIOD_US))} {_PERIOD_US}"
        values["cpu.weight"] = str(max(1, min(10_000, round(cpu_reservation * 100))))
    if limits.processes is not None:
        values["pids.max"] = str(limits.processes)
    return values
