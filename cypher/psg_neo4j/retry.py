"""When a database call is repeated, and after which pause (DESIGN §3)."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import anyio

from psg_neo4j.errors import DatabaseTransient, DatabaseUnavailable, OutcomeUnknown

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential back-off with full jitter.

    ``first`` and ``longest`` pause in seconds, ``deadline`` for all attempts of one call together, in
    seconds. The first pause is far below the driver's own whole second: a deadlock is over in milliseconds.
    """

    first: float = 0.005
    longest: float = 0.5
    deadline: float = 30.0

    def pause(self, attempt: int) -> float:
        """Seconds to wait after failed attempt number ``attempt`` (from 0): half fixed, half random."""
        span = min(self.longest, self.first * 2.0 ** min(attempt, 16))
        return span * (0.5 + random.random() / 2)


async def repeated(
    attempt: Callable[[], Awaitable[T]],
    policy: RetryPolicy,
    *,
    idempotent: bool = True,
    writes: bool = True,
) -> T:
    """Call ``attempt`` until it succeeds, fails for good, or the deadline of ``policy`` passes.

    Repeated are DatabaseTransient (deadlocks too) and DatabaseUnavailable; with ``idempotent`` False an
    OutcomeUnknown is not. Raises the last error; when a write may have been committed, OutcomeUnknown.
    """
    last: DatabaseTransient | DatabaseUnavailable | None = None
    in_doubt = in_flight = False
    count = 0
    with anyio.move_on_after(policy.deadline):
        while True:
            count, in_flight = count + 1, True
            try:
                return await attempt()
            except OutcomeUnknown as error:
                if not idempotent:
                    raise
                last, in_doubt = error, True
            except (DatabaseTransient, DatabaseUnavailable) as error:
                last = error
            in_flight = False
            await anyio.sleep(policy.pause(count - 1))
    said = last.message if last else "Neo4j did not answer"
    message = f"{said} (gave up after {count} attempts in {policy.deadline:g} s)"
    facts = {**(last.details if last else {}), "attempts": count}
    if writes and (in_doubt or in_flight):
        # Cut off in flight: the server may still commit what it was sent.
        raise OutcomeUnknown(message, **facts) from last
    raise (type(last) if last else DatabaseUnavailable)(message, **facts) from last
