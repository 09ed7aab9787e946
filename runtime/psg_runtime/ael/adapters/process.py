"""Runs programs: no shell, only allowed names, in allowed folders, with all their children ended in the end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from psg import tracing
from psg.errors import CapabilityDenied, ValidationFailed
from psg_runtime.ael.failures import ActionRefused, ProcessFailed
from psg_runtime.ael.masking import SecretMask
from psg_runtime.ael.port import Action, ActionResult
from psg_runtime.ael.settings import AelSettings
from psg_runtime.sandbox import Capture, Limits, Sandboxing, communicate, refused_resource, run_confined

_GRACE_SECONDS = 1.0
_STDERR_IN_MESSAGE = 500


class ProcessParams(BaseModel):
    """The params of ``process.run``; the two limits are bytes kept of each output, the rest is dropped."""

    model_config = ConfigDict(extra="forbid")

    argv: list[str] = Field(min_length=1, max_length=10_000)
    cwd: str | None = None
    env: dict[str, str] = Field(default_factory=dict)
    stdin: str = ""
    ok_exit_codes: list[int] = Field(default_factory=lambda: [0])
    max_stdout_bytes: int = Field(default=512 * 1024, ge=0)
    max_stderr_bytes: int = Field(default=64 * 1024, ge=0)


class ProcessAdapter:
    """``process.run``. Off until ``PSG_ALLOW_PROCESS`` names programs, or is ``*``.

    Allowing a program allows what it can be told to do by its arguments. ``cwd`` must be inside
    ``PSG_PROCESS_ROOTS`` (default: the folder this process was started in); the first of them is the default.
    Where limits are asked for, programs run in a sandbox and see of these folders only (DD-30, DD-31).
    """

    def __init__(self, settings: AelSettings, mask: SecretMask) -> None:
        self._settings = settings
        self._mask = mask
        # Resolved once: what happens in these folders later, links among it, must not move them.
        self._given_roots = [root.resolve() for root in settings.process_roots]
        self.sandboxing = sandboxing_of(settings)
        # Code of plans shares both: what is reserved for one program is not there for another.
        self._limiter = anyio.CapacityLimiter(self.sandboxing.capacity(settings.process_capacity))

    @property
    def limiter(self) -> anyio.CapacityLimiter:
        return self._limiter

    def check(self, name: str, params: Mapping[str, Any]) -> None:
        argv = params.get("argv")
        program = argv[0] if isinstance(argv, list) and argv else None
        if isinstance(program, str) and "{{" not in program:
            self._program(program)
        elif not self._settings.allow_process:
            self._program("process.run")

    async def run(self, action: Action) -> ActionResult:
        params = _parse(action.params)
        program = self._program(params.argv[0])
        _check_texts(params)
        cwd, env = self._folder(params.cwd), self._environment(params)
        timeout_s = None if action.timeout_ms is None else action.timeout_ms / 1000
        limits = self.sandboxing.for_program(tuple(self._roots()), timeout_s)
        started = time.monotonic()
        stdout, stderr = Capture(params.max_stdout_bytes), Capture(params.max_stderr_bytes)
        stdin = params.stdin.encode()
        try:
            if limits is None:
                exit_code = await self._run_free(program, params, cwd, env, stdin, stdout, stderr)
            else:
                exit_code = await self._run_confined(program, params, cwd, env, limits, stdin, stdout, stderr)
        except OSError as error:
            raise ActionRefused(f"`{params.argv[0]}` cannot be started: {error.strerror}.") from error
        output = {
            "exit_code": exit_code,
            "stdout": self._mask.known(stdout.text()),
            "stderr": self._mask.known(stderr.text()),
            "stdout_truncated": stdout.truncated,
            "stderr_truncated": stderr.truncated,
            "duration_ms": round((time.monotonic() - started) * 1000),
        }
        if exit_code not in params.ok_exit_codes:
            tail = str(output["stderr"]).strip()[-_STDERR_IN_MESSAGE:]
            message = f"`{params.argv[0]}` ended with exit code {exit_code}" + (f": {tail}" if tail else "")
            raise ProcessFailed(message, **output)
        return ActionResult(True, output)

    def _program(self, name: str) -> str:
        allowed = self._settings.allow_process
        if name not in allowed and "*" not in allowed:
            known = f"allowed are {', '.join(allowed)}" if allowed else "no program is allowed"
            raise CapabilityDenied(f"The program `{name}` is not allowed here ({known}; set PSG_ALLOW_PROCESS).")
        found = shutil.which(name)
        if found is None:
            raise ActionRefused(f"The program `{name}` is not installed.", program=name)
        return os.path.abspath(found)

    def _roots(self) -> list[Path]:
        return self._given_roots or [Path.cwd()]

    def _folder(self, cwd: str | None) -> Path:
        roots = self._roots()
        folder = roots[0] if cwd is None else Path(cwd).resolve()
        if not any(folder.is_relative_to(root) for root in roots):
            raise CapabilityDenied(f"The folder `{cwd}` is outside the allowed ones (set PSG_PROCESS_ROOTS).")
        if not folder.is_dir():
            raise ActionRefused(f"The folder `{cwd}` does not exist.")
        return folder

    def _environment(self, params: ProcessParams) -> dict[str, str]:
        allowed = self._settings.process_env
        refused = sorted(set(params.env) - set(allowed))
        if refused:
            raise CapabilityDenied(f"Environment {', '.join(refused)} is not allowed (set PSG_PROCESS_ENV).")
        traceparent = tracing.traceparent()
        ours = {} if traceparent is None else {"TRACEPARENT": traceparent}
        return ours | {name: os.environ[name] for name in allowed if name in os.environ} | params.env

    async def _run_confined(
        self,
        program: str,
        params: ProcessParams,
        cwd: Path,
        env: Mapping[str, str],
        limits: Limits,
        stdin: bytes,
        stdout: Capture,
        stderr: Capture,
    ) -> int:
        sandbox = await self.sandboxing.choose(limits)
        outcome = await run_confined(
            sandbox, program, params.argv, cwd=cwd, env=env, limits=limits, stdin=stdin,
            stdout=stdout, stderr=stderr, output_bytes=self.sandboxing.output_bytes,
        )  # fmt: skip
        if outcome.exit_code not in params.ok_exit_codes:
            refused = refused_resource(outcome, limits, stderr.text())
            if refused is not None:
                refused.details["stderr"] = self._mask.known(stderr.text())[-_STDERR_IN_MESSAGE:]
                raise refused
        return outcome.exit_code

    async def _run_free(
        self,
        program: str,
        params: ProcessParams,
        cwd: Path,
        env: Mapping[str, str],
        stdin: bytes,
        stdout: Capture,
        stderr: Capture,
    ) -> int:
        # Shielded: a cancel that comes while the program starts would leave it running, with nobody to end it.
        with anyio.CancelScope(shield=True):
            process = await anyio.open_process(
                [program, *params.argv[1:]],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=cwd,
                env=env,
                start_new_session=True,
            )
        try:
            self._limit(process.pid)
            await communicate(process, stdin, stdout, stderr)
        finally:
            await _end(process)
        assert process.returncode is not None
        return process.returncode

    def _limit(self, pid: int) -> None:
        """Two limits that need no sandbox; on Linux only, where another process's can be set."""
        if sys.platform != "linux":
            return
        import resource

        megabytes, seconds = self._settings.process_memory_mb, self._settings.process_cpu_seconds
        with suppress(ProcessLookupError):
            if megabytes is not None:
                resource.prlimit(pid, resource.RLIMIT_AS, (megabytes * 1024**2, megabytes * 1024**2))
            if seconds is not None:
                resource.prlimit(pid, resource.RLIMIT_CPU, (seconds, seconds))


def sandboxing_of(settings: AelSettings) -> Sandboxing:
    """The sandbox of these settings, in which the older limits of programs count as well."""
    seconds, megabytes = settings.process_cpu_seconds, settings.process_memory_mb
    given = settings.sandbox_settings(max_execution_time=settings.max_execution_time, cpu_seconds=seconds)
    if megabytes is not None:
        given = replace(given, memory_limit=min(given.memory_limit, megabytes * 1024**2))
    return Sandboxing(given)


async def _end(process: anyio.abc.Process) -> None:
    """End the program and its children, first asked, then forced; also when we are being cancelled."""
    with anyio.CancelScope(shield=True):
        if process.returncode is None:
            _signal_group(process.pid, signal.SIGTERM)
            with anyio.move_on_after(_GRACE_SECONDS):
                await process.wait()
        _signal_group(process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
        await process.wait()
        await process.aclose()


def _signal_group(pid: int, number: int) -> None:
    # The program leads its own session, so its process id names the group.
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(pid, number)
        else:
            os.kill(pid, number)


def _check_texts(params: ProcessParams) -> None:
    """Raise for what no system can pass to a program."""
    given = (*params.argv, *params.env, *params.env.values())
    if any("\0" in text for text in given):
        raise ValidationFailed("An argument or variable of a program cannot hold a NUL character.")
    if any("=" in name or not name for name in params.env):
        raise ValidationFailed("The name of a variable of a program cannot be empty or hold `=`.")
    try:
        "".join((*given, params.stdin)).encode()
    except UnicodeEncodeError:
        raise ValidationFailed("An argument, a variable or the input of a program is no valid Unicode text.") from None


def _parse(params: Mapping[str, Any]) -> ProcessParams:
    try:
        return ProcessParams.model_validate(dict(params))
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False)]
        raise ValidationFailed(f"The params of `process.run` are not valid: {'; '.join(problems)}.") from None
