"""Watches the processes of a sandbox and says when they have taken more than they may."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

_TICKS = os.sysconf("SC_CLK_TCK")
_DISK_CHECK_SECONDS = 0.25
_WALK_SECONDS = 1.0
_WALK_SHARE = 10  # a walk over the files may take a tenth of the time


def everybody_else() -> list[int]:
    """All processes of this process namespace but us; /proc must show this namespace."""
    own = os.getpid()
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != own]


def descendants(root: int | None = None) -> list[int]:
    """All descendants of a process, our own by default."""
    found: list[int] = []
    waiting = [os.getpid() if root is None else root]
    while waiting:
        children = list(_children(waiting.pop()))
        found += children
        waiting += children
    return found


def tasks_of(user: int) -> int:
    """How many processes and threads a user has, as far as /proc shows them."""
    tasks = 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(FileNotFoundError, ProcessLookupError):
            if os.stat(f"/proc/{name}").st_uid == user:
                tasks += len(os.listdir(f"/proc/{name}/task"))
    return tasks


def _children(process: int) -> Iterator[int]:
    with suppress(FileNotFoundError, ProcessLookupError):
        for thread in os.listdir(f"/proc/{process}/task"):
            with suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{process}/task/{thread}/children") as f:
                yield from map(int, f.read().split())


class Watch:
    """Compares what a set of processes uses with its limits; every limit may be missing (None).

    ``limits``: memory (bytes), processes (with their threads), cpu_seconds, wall_seconds, disk (bytes written to
    ``folders``); ``scratch`` is where memory of bounded size is mounted; ``started``
    is when the time began to count, on the monotonic clock.
    """

    def __init__(
        self,
        limits: Mapping[str, Any],
        members: Callable[[], list[int]],
        folders: Iterable[str] = (),
        scratch: Iterable[str] = (),
        started: float | None = None,
    ) -> None:
        self._limits = limits
        self._members = members
        self._folders = tuple(folders)
        self._scratch = tuple(scratch)
        self._started = time.monotonic() if started is None else started
        self._started_at = time.time()
        self._free = {folder: _free_bytes(folder) for folder in self._folders}
        self._next_disk_check = time.monotonic() + _DISK_CHECK_SECONDS
        self.peak = {"memory": 0, "processes": 0, "cpu_seconds": 0.0}

    def exceeded(self) -> dict[str, Any] | None:
        """The first limit that does not hold any more: {resource, limit, used}."""
        members = self._members()
        tasks, cpu_seconds = _tasks_and_cpu_seconds(members)
        checks: dict[str, Callable[[], float]] = {
            "processes": lambda: tasks,
            "wall_seconds": lambda: time.monotonic() - self._started,
            "cpu_seconds": lambda: cpu_seconds,
            "memory": lambda: self._memory(members),
            "disk": self._disk,
        }
        for name, measure in checks.items():
            limit = self._limits.get(name)
            used = measure() if limit is not None or name in self.peak else 0
            if name in self.peak:
                self.peak[name] = max(self.peak[name], used)
            if limit is not None and used > limit:
                return {"resource": name, "limit": limit, "used": round(used, 3)}
        return None

    def _memory(self, members: list[int]) -> int:
        scratch = sum(map(_used_bytes, self._scratch))
        used = scratch + sum(map(_resident, members))
        limit = self._limits.get("memory")
        if limit is not None and used > limit and len(members) > 1:
            # Forked processes share pages, which were counted once for each of them.
            used = scratch + sum(map(_proportional, members))
        return used

    def _disk(self) -> int:
        now = time.monotonic()
        if now < self._next_disk_check:
            return 0
        self._next_disk_check = now + _DISK_CHECK_SECONDS
        limit = self._limits["disk"]
        if any(map(_is_full, self._scratch)):
            return int(limit) + 1
        # Cheap first: only where the file system has lost that much are the files looked at.
        lost = [folder for folder, free in self._free.items() if free - _free_bytes(folder) > limit]
        if not lost:
            return 0
        written = sum(_changed_bytes(folder, self._started_at, limit, now + _WALK_SECONDS) for folder in lost)
        took = time.monotonic() - now
        self._next_disk_check = now + max(_DISK_CHECK_SECONDS, took * _WALK_SHARE)
        return written


def _resident(process: int) -> int:
    """Bytes of anonymous and shared memory; text of programs is everybody's and does not count."""
    total = 0
    with suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{process}/status", "rb") as status:
        for line in status:
            if line.startswith((b"RssAnon:", b"RssShmem:")):
                total += int(line.split()[1]) * 1024
    return total


def _proportional(process: int) -> int:
    total = 0
    try:
        with open(f"/proc/{process}/smaps_rollup", "rb") as rollup:
            for line in rollup:
                if line.startswith((b"Pss_Anon:", b"Pss_Shmem:")):
                    total += int(line.split()[1]) * 1024
    except PermissionError:
        return _resident(process)
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return total


def _tasks_and_cpu_seconds(members: list[int]) -> tuple[int, float]:
    """How many threads there are (every process has one), and what was used by them and by those that ended."""
    tasks = ticks = 0
    for process in members:
        with suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{process}/stat", "rb") as stat:
            # After the name, which may hold anything: utime, stime, and those of children waited for.
            fields = stat.read().rpartition(b")")[2].split()
            ticks += sum(map(int, fields[11:15]))
            tasks += int(fields[17])
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return tasks, ticks / _TICKS + ended.ru_utime + ended.ru_stime


def _free_bytes(folder: str) -> int:
    try:
        found = os.statvfs(folder)
    except OSError:
        return 0
    return found.f_bfree * found.f_frsize


def _used_bytes(folder: str) -> int:
    found = os.statvfs(folder)
    return (found.f_blocks - found.f_bfree) * found.f_frsize


def _is_full(folder: str) -> bool:
    found = os.statvfs(folder)
    return found.f_bfree == 0 or found.f_ffree == 0


def _changed_bytes(folder: str, since: float, enough: int, until: float) -> int:
    """Bytes of the files that were made or changed since then, a little generously towards the past.

    Looks no further than ``enough`` bytes, nor longer than ``until``: nobody watches meanwhile.
    """
    total = 0
    waiting = [folder]
    while waiting and total <= enough and time.monotonic() < until:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                with suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    elif (found := entry.stat(follow_symlinks=False)).st_ctime >= since - 1:
                        total += found.st_blocks * 512
    return total
