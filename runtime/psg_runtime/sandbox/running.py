"""Runs a program in a sandbox from start to end, and says which limit stopped it."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio

from psg_runtime.sandbox.errors import ResourceExceeded
from psg_runtime.sandbox.port import Limits, Outcome, Sandbox
from psg_runtime.sandbox.streams import Capture, communicate

_RESOURCES = {"cpu_seconds": "cpu", "wall_seconds": "time"}
_UNITS = {"memory": "bytes", "cpu": "processor seconds", "time": "seconds", "disk": "bytes", "output": "bytes"}
_UNITS |= {"processes": "processes and threads", "file_size": "bytes", "open_files": "open files"}
_SETTINGS = {
    "memory": "PSG_MEMORY_LIMIT",
    "cpu": "PSG_CPU_LIMIT",
    "time": "PSG_MAX_EXECUTION_TIME",
    "processes": "PSG_PROCESS_LIMIT",
    "file_size": "PSG_FILE_SIZE_LIMIT",
    "disk": "PSG_DISK_LIMIT",
    "open_files": "PSG_OPEN_FILES_LIMIT",
    "output": "PSG_OUTPUT_LIMIT",
}
# What programs say when the kernel refuses them more; looked for only where such a limit is in force.
_COMPLAINTS = {
    "memory": ("MemoryError", "Cannot allocate memory", "std::bad_alloc", "out of memory", "Out of memory", "ENOMEM"),
    "file_size": ("File too large", "EFBIG", "File size limit exceeded"),
    "disk": ("No space left on device", "ENOSPC"),
    "open_files": ("Too many open files", "EMFILE"),
}


async def run_confined(
    sandbox: Sandbox,
    program: str,
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    limits: Limits,
    stdin: bytes,
    stdout: Capture,
    stderr: Capture,
    output_bytes: int | None = None,
) -> Outcome:
    """Run a program to its end within limits; ``output_bytes`` bounds both outputs together.

    Raises ResourceExceeded when a limit stopped it, SandboxUnavailable, SandboxFailed, OSError when it cannot be
    started. When cancelled, it ends the program and all it started.
    """
    running = await sandbox.start(program, argv, cwd=cwd, env=env, limits=limits)
    within = ended = False
    try:
        # The launcher keeps the time too, also when we are gone; this is for sandboxes without one.
        seconds = float("inf") if limits.wall_seconds is None else limits.wall_seconds + 1
        with anyio.move_on_after(seconds):
            within = await communicate(running.process, stdin, stdout, stderr, most=output_bytes)
            ended = True
    finally:
        await running.end()
    if not ended:
        raise exceeded("time", limits.wall_seconds, limits.wall_seconds)
    if not within:
        raise exceeded("output", output_bytes, stdout.size + stderr.size)
    outcome = running.outcome()
    if outcome.exceeded is not None:
        found = outcome.exceeded
        raise exceeded(_RESOURCES.get(found["resource"], found["resource"]), found["limit"], found["used"])
    return outcome


def exceeded(resource: str, limit: float | None, used: float | None = None) -> ResourceExceeded:
    """The error for a limit that was reached."""
    bound = f" of {limit:g} {_UNITS[resource]}" if isinstance(limit, float) else f" of {limit} {_UNITS[resource]}"
    message = f"The action was stopped: it exceeded its limit{'' if limit is None else bound} ({_SETTINGS[resource]})."
    facts: dict[str, Any] = {"resource": resource, "limit": limit, "used": used}
    return ResourceExceeded(message, **{name: fact for name, fact in facts.items() if fact is not None})


def refused_resource(outcome: Outcome, limits: Limits, stderr: str) -> ResourceExceeded | None:
    """The limit that made a program fail by itself, when the kernel refused it more of something; None: another cause.

    Only the program knows; this goes by the signal it died of, or by what it says.
    """
    if outcome.exit_code == -_signal("SIGXCPU") and limits.cpu_seconds is not None:
        return exceeded("cpu", limits.cpu_seconds)
    if outcome.exit_code == -_signal("SIGXFSZ") and limits.file_bytes is not None:
        return exceeded("file_size", limits.file_bytes)
    bounds = {
        "memory": limits.memory_bytes, "file_size": limits.file_bytes, "disk": limits.disk_bytes,
        "open_files": limits.open_files,
    }  # fmt: skip
    for resource, bound in bounds.items():
        if bound is not None and any(complaint in stderr for complaint in _COMPLAINTS[resource]):
            return exceeded(resource, bound)
    return None


def _signal(name: str) -> int:
    return int(getattr(signal, name, 0)) or 10_000
