"""What an executor's answer means; an answer that cannot be read is a failure (EXEC-19)."""

from __future__ import annotations

import enum
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from psg_runtime.execution_core.model import ExecutionStatus
from psg_runtime.execution_core.policies import DAY_MS

_STATUSES = {status.value: status for status in ExecutionStatus} | {
    "ok": ExecutionStatus.SUCCESS,
    "executed": ExecutionStatus.SUCCESS,
    "completed": ExecutionStatus.SUCCESS,
    "error": ExecutionStatus.FAILED,
    "failure": ExecutionStatus.FAILED,
    "rejected": ExecutionStatus.DENIED,
}


@dataclass(frozen=True)
class Verdict:
    """One attempt as it was judged. ``error`` is still as it came, to be redacted by who writes it down."""

    status: ExecutionStatus
    output: Any = None
    code: str | None = None
    error_type: str | None = None
    error: Any = None
    retryable: bool = True
    retry_after_ms: int = 0
    fail_closed: bool = False

    @classmethod
    def timeout(cls, limit_ms: float) -> Verdict:
        """The verdict on a call that did not end in its time."""
        error = f"the action did not end within {max(1, round(limit_ms))} ms"
        return cls(ExecutionStatus.FAILED, code="timeout", error_type="TimedOut", error=error, fail_closed=True)


def verdict_of(answer: Any) -> Verdict:
    """Return what an answer means.

    ``False``: failed. ``(bool, x)``: success with output ``x``, or failed with error ``x``. A mapping with ``success``,
    ``ok``, ``status`` (of the known words) or ``error``, or an object with ``success`` or a status of ours: the worst
    that they say, with ``output``, or ``error``, ``retryable`` and ``retry_after_ms``. An exception: failed. What was
    never run (a generator): failed. Anything else, ``None`` too, is the output of a success. Never raises.
    """
    try:
        return _read(answer)
    except Exception as error:
        return _malformed(f"the answer cannot be read ({type(error).__name__})")


def retry_after_ms(value: Any) -> int:
    """Return a wait that an answer asks for, in milliseconds; 0 when it is no finite number or negative."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0
    if isinstance(value, float) and not math.isfinite(value):
        return 0
    return int(min(max(value, 0), DAY_MS * 365))


def _read(answer: Any) -> Verdict:
    if isinstance(answer, bool):
        return Verdict(ExecutionStatus.SUCCESS, True) if answer else _failed("the executor answered false")
    if isinstance(answer, ExecutionStatus):
        success = answer is ExecutionStatus.SUCCESS
        return Verdict(answer) if success else _of_status(answer, None, True, 0)
    if isinstance(answer, BaseException):
        return _failed(answer, error_type=type(answer).__name__)
    if isinstance(answer, tuple) and len(answer) == 2 and isinstance(answer[0], bool):
        return Verdict(ExecutionStatus.SUCCESS, answer[1]) if answer[0] else _failed(answer[1])
    if inspect.isgenerator(answer) or inspect.isasyncgen(answer) or answer is NotImplemented:
        return _malformed(f"the executor answered a {type(answer).__name__}, which did nothing yet")
    if isinstance(answer, Mapping):
        return _read_parts(answer, answer.get)
    status = getattr(answer, "status", None)
    if isinstance(getattr(answer, "success", None), bool) or isinstance(status, ExecutionStatus):
        return _read_parts(answer, lambda name: getattr(answer, name, None))
    return Verdict(ExecutionStatus.SUCCESS, answer)


def _read_parts(answer: Any, get: Callable[[str], Any]) -> Verdict:
    """Read an answer with named parts: the worst that one of them says; without any verdict it is an output."""
    said = [_STATUSES.get(_word(get("status")))]
    for name in ("success", "ok"):
        value = get(name)
        if isinstance(value, bool):
            said.append(ExecutionStatus.SUCCESS if value else ExecutionStatus.FAILED)
        elif name == "success" and value is not None:
            return _malformed("`success` of the answer is neither true nor false")
    verdicts = [status for status in said if status is not None]
    if not verdicts and not get("error"):
        return Verdict(ExecutionStatus.SUCCESS, answer)
    worst = next((status for status in verdicts if status is not ExecutionStatus.SUCCESS), None)
    if worst is None and get("error"):
        worst = ExecutionStatus.FAILED
    if worst is None:
        output = get("output")
        bare = isinstance(answer, Mapping) and "output" not in answer
        return Verdict(ExecutionStatus.SUCCESS, answer if bare else output)
    return _of_status(worst, get("error"), get("retryable") is not False, retry_after_ms(get("retry_after_ms")))


def _word(status: Any) -> str:
    status = status.value if isinstance(status, enum.Enum) else status
    return status.casefold() if isinstance(status, str) else ""


def _of_status(status: ExecutionStatus, error: Any, retryable: bool, after: int) -> Verdict:
    return Verdict(status, code=f"executor_{status}", error=error, retryable=retryable, retry_after_ms=after)


def _failed(error: Any, *, error_type: str | None = None) -> Verdict:
    return Verdict(ExecutionStatus.FAILED, code="executor_failed", error_type=error_type, error=error)


def _malformed(why: str) -> Verdict:
    return Verdict(ExecutionStatus.FAILED, code="answer_unreadable", error=why, retryable=False, fail_closed=True)
