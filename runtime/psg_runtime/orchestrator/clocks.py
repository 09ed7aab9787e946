"""The clocks of a step, pure: how long it waited and how long it took, without the time its plan was paused."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Pause = tuple[int, int | None]
"""When a plan was paused and when it was resumed, in milliseconds; ``None``: it still is."""


def pauses_of(events: Iterable[tuple[str, int]]) -> list[Pause]:
    """Return the pauses that a plan's events tell of: (``plan_paused`` or ``plan_resumed``, milliseconds), in order."""
    found: list[Pause] = []
    for kind, at in events:
        if kind == "plan_paused":
            found.append((at, None))
        elif found and found[-1][1] is None:
            found[-1] = (found[-1][0], at)
    return found


def elapsed_ms(since: int, until: int, pauses: Sequence[Pause] = ()) -> int:
    """Return the milliseconds between two moments that no pause covers; never negative."""
    paused = sum(
        max(0, min(until, until if end is None else end) - max(since, begin)) for begin, end in pauses
    )
    return max(0, until - since - paused)


def left_ms(limit_ms: int, since: int, until: int, pauses: Sequence[Pause] = ()) -> int:
    """Return what a clock has left, in milliseconds; zero or less when it ran out."""
    return limit_ms - elapsed_ms(since, until, pauses)
