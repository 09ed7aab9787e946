"""Named fault points: places where a test can make the process die, freeze or fail.

Unarmed, :func:`at` costs one dictionary truth test. In a test: ``with faults.arm("after_commit", error): …``.
For a whole process: ``PSG_FAULT=after_commit:kill`` (or ``stop``, ``raise``; ``name:kill@3`` acts at the
third passage; ``after_commit/plan_create:kill`` is narrowed to one statement; several are separated by
commas).
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class FaultInjected(RuntimeError):
    """A fault point armed with ``raise`` was passed."""


Action = BaseException | type[BaseException] | Callable[[], object]

_armed: dict[str, Action] = {}


def at(name: str, subject: str = "") -> None:
    """Pass the fault point ``name``; ``subject`` (a statement's name, say) narrows it to ``name/subject``."""
    if not _armed:
        return
    action = _armed.get(f"{name}/{subject}") or _armed.get(name)
    if action is None:
        return
    if isinstance(action, BaseException) or (isinstance(action, type) and issubclass(action, BaseException)):
        raise action
    action()


@contextmanager
def arm(name: str, action: Action) -> Iterator[None]:
    """Arm ``name`` within the block: an exception is raised at each passage, a callable is called."""
    before = _armed.get(name)
    _armed[name] = action
    try:
        yield
    finally:
        if before is None:
            _armed.pop(name, None)
        else:
            _armed[name] = before


def arm_from(text: str) -> None:
    """Arm the points described by ``text`` (the format of ``PSG_FAULT``). Raises ValueError for a bad one."""
    for part in filter(None, (item.strip() for item in text.split(","))):
        name, _, rest = part.rpartition(":")
        kind, _, passage = rest.partition("@")
        if not name or kind not in _KINDS or (passage and not passage.isdecimal()):
            raise ValueError(f"PSG_FAULT: '{part}' is not name:kill|stop|raise with an optional @passage")
        _armed[name] = _nth(_KINDS[kind], int(passage or 1))


def _nth(action: Callable[[], object], passage: int) -> Callable[[], object]:
    left = passage

    def act() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            action()

    return act


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _stop() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _raise() -> None:
    raise FaultInjected("a fault point set by PSG_FAULT was passed")


_KINDS: dict[str, Callable[[], object]] = {"kill": _kill, "stop": _stop, "raise": _raise}

arm_from(os.environ.get("PSG_FAULT", ""))
