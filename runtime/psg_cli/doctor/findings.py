"""What a check of ``psg doctor`` says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One judgement: ``check`` is its stable name, ``advice`` what to do when it is not ``ok``."""

    check: str
    level: Level
    message: str
    advice: str = ""


def ok(check: str, message: str) -> Finding:
    """Nothing to do."""
    return Finding(check, "ok", message)


def warn(check: str, message: str, advice: str) -> Finding:
    """It works, but not as well or not for long."""
    return Finding(check, "warn", message, advice)


def fail(check: str, message: str, advice: str) -> Finding:
    """Something does not work until that is done."""
    return Finding(check, "fail", message, advice)
