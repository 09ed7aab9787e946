"""Runs Python code that a plan or an agent wrote: an interpreter of its own, in a sandbox of the operating system."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import orjson
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from psg.errors import CapabilityDenied, ValidationFailed
from psg_runtime import sandbox
from psg_runtime.ael.port import Action, ActionResult
from psg_runtime.ael.settings import AelSettings
from psg_runtime.sandbox import (
    Capture,
    CodeFailed,
    CodeRefused,
    Limits,
    ResourceExceeded,
    Sandboxing,
    exceeded,
    refused_resource,
    run_confined,
)
from psg_runtime.sandbox.file_layout import plain_interpreter

_ONE_TEMPLATE = re.compile(r"\s*\{\{[^{}]*\}\}\s*")
_SOURCE_CHARS = 256 * 1024
_MAX_LOGS, _MAX_LOG_CHARS = 200, 2000
_LOG_BYTES = _MAX_LOGS * _MAX_LOG_CHARS * 2
_LOG_BYTES_OF_ERRORS = 8 * 1024
_STDERR_BYTES = 8 * 1024


class CodeParams(BaseModel):
    """The params of ``code.run``: ``source`` (or ``code``), ``params`` for it (JSON), ``timeout_ms``."""

    model_config = ConfigDict(extra="forbid")

    source: str = Field(validation_alias=AliasChoices("source", "code"), min_length=1, max_length=_SOURCE_CHARS)
    params: dict[str, Any] = Field(default_factory=dict)
    timeout_ms: int | None = Field(default=None, ge=1)


class CodeAdapter:
    """``code.run``. Off until ``PSG_ALLOW_CODE`` is true, and refused where no sandbox can hold it (DD-32).

    The code has ``params``, ``log(message, **data)`` and ``result(value)`` (or a variable ``result``), plain functions
    of Python, and nothing else: no modules, files, network, processes or variables of the environment. Its time is
    ``timeout_ms``, by default ``PSG_CODE_TIMEOUT_MS`` (30000), at most ``PSG_MAX_EXECUTION_TIME``.
    """

    def __init__(self, settings: AelSettings, sandboxing: Sandboxing, limiter: anyio.CapacityLimiter) -> None:
        self._settings = settings
        self._sandboxing = sandboxing
        self._limiter = limiter

    @property
    def limiter(self) -> anyio.CapacityLimiter:
        return self._limiter

    def check(self, name: str, params: Mapping[str, Any]) -> None:
        if not self._settings.allow_code:
            raise CapabilityDenied("Code of plans is not run here; set PSG_ALLOW_CODE to allow `code.run`.")
        source = params.get("source", params.get("code"))
        if isinstance(source, str) and "{{" in source and not _ONE_TEMPLATE.fullmatch(source):
            raise ValidationFailed(
                "A value put into code becomes code: give it in `params` and read it from there. Only a whole `source` "
                "can come from a template."
            )

    async def run(self, action: Action) -> ActionResult:
        self.check("code.run", {})
        params = _parse(action.params)
        timeout_s = None if action.timeout_ms is None else action.timeout_ms / 1000
        seconds = (params.timeout_ms or self._settings.code_timeout_ms) / 1000
        seconds = min(seconds, self._sandboxing.longest(timeout_s))
        limits = self._sandboxing.for_code(seconds)
        chosen = await self._sandboxing.choose(limits)
        program = plain_interpreter()
        argv = [program, "-I", "-S", "-X", "utf8", "-c", _guest()]
        most = self._settings.max_output_bytes + _LOG_BYTES
        stdout, stderr = Capture(most), Capture(_STDERR_BYTES)
        started = time.monotonic()
        try:
            outcome = await run_confined(
                chosen, program, argv, cwd=Path("/"), env={}, limits=limits, stdin=_given(params), stdout=stdout,
                stderr=stderr, output_bytes=most,
            )  # fmt: skip
        except ResourceExceeded as error:
            error.details["logs"] = _latest(_answers(stdout.data())[0])
            if error.details["resource"] == "time":
                error.message = (
                    f"The code did not end within {round(seconds * 1000)} ms (`timeout_ms`, PSG_CODE_TIMEOUT_MS)."
                )
            raise
        logs, last = _answers(stdout.data())
        if last is None or "error" in last:
            logs = _latest(logs)
        if last is None:
            refused = refused_resource(outcome, limits, stderr.text())
            raise refused or CodeFailed(
                f"The code ended its interpreter without a result (exit code {outcome.exit_code}).", logs=logs
            )
        if "error" in last:
            raise _failure(last["error"], limits, logs)
        result = last["result"]
        size = len(orjson.dumps(result))
        if size > self._settings.max_output_bytes:
            raise exceeded("output", self._settings.max_output_bytes, size)
        output = {"result": result, "logs": logs, "logs_dropped": _count(last.get("dropped"))}
        output["duration_ms"] = round((time.monotonic() - started) * 1000)
        return ActionResult(True, output)


def _parse(params: Mapping[str, Any]) -> CodeParams:
    try:
        return CodeParams.model_validate(dict(params))
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False)]
        raise ValidationFailed(f"The params of `code.run` are not valid: {'; '.join(problems)}.") from None


def _given(params: CodeParams) -> bytes:
    given = {"source": params.source, "params": params.params, "max_logs": _MAX_LOGS, "max_log_chars": _MAX_LOG_CHARS}
    try:
        return orjson.dumps(given)
    except (TypeError, ValueError) as error:
        raise ValidationFailed(f"The source or params of `code.run` are not JSON: {error}.") from None


@functools.cache
def _guest() -> str:
    return (Path(sandbox.__file__).parent / "guest.py").read_text("utf-8")


def _answers(data: bytes) -> tuple[list[Any], dict[str, Any] | None]:
    """The log and the last word. Whatever wrote it may be anything: nothing is taken that has not the right shape."""
    logs: list[Any] = []
    last: dict[str, Any] | None = None
    for line in data.splitlines():
        try:
            answer = orjson.loads(line)
        except ValueError:
            continue
        if not isinstance(answer, dict):
            continue
        if isinstance(answer.get("log"), dict) and len(logs) < _MAX_LOGS:
            logs.append(answer["log"])
        elif "result" in answer or isinstance(answer.get("error"), dict):
            last = answer
    return logs, last


def _latest(logs: list[Any]) -> list[Any]:
    """The last messages, for the error of a step: that is shown in many places, and so is small."""
    kept: list[Any] = []
    room = _LOG_BYTES_OF_ERRORS
    for entry in reversed(logs):
        room -= len(orjson.dumps(entry))
        if room < 0:
            break
        kept.insert(0, entry)
    return kept


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _failure(error: Mapping[str, Any], limits: Limits, logs: list[Any]) -> Exception:
    kind, line = error.get("kind"), error.get("line")
    if kind == "memory":
        return exceeded("memory", limits.memory_bytes)
    said = str(error.get("message"))[:2000]
    if kind == "refused":
        return CodeRefused(f"The code cannot be run: {said}.", logs=logs)
    where = f" in line {line}" if isinstance(line, int) else ""
    name = str(error.get("type"))[:100]
    return CodeFailed(f"The code failed{where}: {name}: {said}", line=line, error_type=name, logs=logs)
