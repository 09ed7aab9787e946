"""How busy this machine is: from /proc where there is one, else from what Python can tell of this process."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

PROC = Path("/proc")
_SHORTEST_S = 0.05


class Host:
    """Readings of processor and memory, in percent; processor use is that since the last reading.

    ``proc`` is where the kernel tells (Linux); without it the numbers are of this process alone.
    """

    def __init__(self, proc: Path = PROC) -> None:
        self._proc = proc
        self._at = time.monotonic()
        self._before = self._times()
        self._usage = 0.0

    def cpu_usage(self) -> float:
        """Percent of all processors that was busy since the last reading."""
        now = time.monotonic()
        busy, total = self._times()
        if now - self._at >= _SHORTEST_S and total > self._before[1]:
            share = (busy - self._before[0]) / (total - self._before[1])
            self._usage = round(min(max(share * 100, 0.0), 100.0), 2)
            self._at, self._before = now, (busy, total)
        return self._usage

    def memory_usage(self) -> float:
        """Percent of the memory of this machine (or of its container) that is in use."""
        found = self._memory()
        if found is not None:
            return found
        total = _physical_memory()
        return round(min(100.0 * process_memory() / total, 100.0), 2) if total else 0.0

    def _times(self) -> tuple[float, float]:
        """Busy and total processor time; of this process against the clock where the kernel does not tell."""
        try:
            fields = [int(field) for field in (self._proc / "stat").read_text().splitlines()[0].split()[1:9]]
            idle = fields[3] + fields[4]
            return float(sum(fields) - idle), float(sum(fields))
        except (OSError, ValueError, IndexError):
            used = os.times()
            return used.user + used.system, time.monotonic() * (os.cpu_count() or 1)

    def _memory(self) -> float | None:
        try:
            lines = (self._proc / "meminfo").read_text().splitlines()
            facts = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines)}
            total, free = facts["MemTotal"], facts["MemAvailable"]
        except (OSError, ValueError, KeyError, IndexError):
            return None
        return round(100.0 * (total - free) / total, 2) if total else None


def process_memory() -> int:
    """Bytes of memory that this process holds, at most so far where the present is not told."""
    try:
        pages = int((PROC / "self" / "statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        pass
    try:
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
    except ImportError:
        return 0


def _physical_memory() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return 0
