"""The meter of a running attempt: what its calls use, told while they run, so that a failed attempt is paid for too."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from psg.budgets.amounts import MICROS, Amounts, believed, usage_of
from psg.errors import ValidationFailed

LARGEST = 1e12


class Meter:
    """Adds up the calls of one attempt and what tools say that they spent; from any thread.

    ``prices`` as in ``psg.budgets.usage_of``. Calls are those of a loop's items; an attempt that counts none is one.
    """

    def __init__(self, prices: Mapping[str, Mapping[Any, float]] | None = None) -> None:
        self._prices = prices
        self._lock = threading.Lock()
        self.calls = self.tokens = self.cost = 0

    def spend(self, tokens: float = 0, cost: float = 0) -> None:
        """Add what a tool says it spent; raises ValidationFailed for what is no amount."""
        amounts = {"tokens": tokens, "cost": cost}
        for name, value in amounts.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LARGEST:
                message = f"`ctx.spend`: {name} is a number from 0 to {LARGEST:g}, not {str(value)[:50]!r}"
                raise ValidationFailed(message, field=name)
        with self._lock:
            self.tokens += math.ceil(tokens)
            self.cost += round(cost * MICROS)

    def call(self) -> None:
        """Count a call that begins."""
        with self._lock:
            self.calls += 1

    def output(self, output: Any) -> None:
        """Add what the output of one call tells in its ``usage``."""
        used = usage_of(output, 0, self._prices)
        with self._lock:
            self.tokens += used["tokens"]
            self.cost += used["cost"]

    def added_to(self, used: Amounts) -> Amounts:
        """Return what an attempt used by its own output, and what was told here besides."""
        with self._lock:
            return {
                **used, "calls": max(used["calls"], self.calls), "tokens": believed(used["tokens"] + self.tokens),
                "cost": believed(used["cost"] + self.cost),
            }  # fmt: skip


_meter: ContextVar[Meter | None] = ContextVar("psg_meter", default=None)


def measure(meter: Meter) -> None:
    """Have what the present task does from now on counted by ``meter``."""
    _meter.set(meter)


def present_meter() -> Meter:
    """Return the meter of the present attempt; where nobody counts, one that nobody reads."""
    return _meter.get() or Meter()
