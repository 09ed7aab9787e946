"""The sign of life of a running attempt: who reports progress gives it, who waits for it listens."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

Alive = Callable[[], None]


def _nobody() -> None:
    """Nobody waits for a sign of life."""


_alive: ContextVar[Alive] = ContextVar("psg_alive", default=_nobody)


def listen(alive: Alive) -> None:
    """Have ``alive`` called for every sign of life of what the present task does from now on; from any thread."""
    _alive.set(alive)


def sign_of_life() -> Alive:
    """Return what to call whenever the present action made progress."""
    return _alive.get()
