"""Amounts of resources as whole thousandths, so that sums are exact however they are counted."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal, InvalidOperation
from typing import Any

from psg_runtime.resources.errors import RequestInvalid

UNIT = 1_000
LARGEST = 10**15
"""Largest amount of one request or pool, in thousandths: thousands of them still sum up within 64 bits."""


def thousandths(value: Any, what: str, *, zero: bool = False) -> int:
    """Return an amount in thousandths; raises ``RequestInvalid`` for what is none, or finer than that."""
    text = f"{type(value).__name__} of many digits"
    try:
        text = str(value)[:40]
        scaled = Decimal(str(value)) * UNIT
        whole = int(scaled)
    except (InvalidOperation, ValueError, OverflowError, ArithmeticError):
        scaled, whole = Decimal(0), -1
    least = 0 if zero else 1
    number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    if not number or scaled != whole or not least <= whole <= LARGEST:
        raise RequestInvalid(
            f"{what}: {text!r} is no amount: a number {'from' if zero else 'above'} 0 to {LARGEST // UNIT}, "
            "to the thousandth",
            field=what,
        )  # fmt: skip
    return whole


def shown(amount: int) -> int | float:
    """An amount as people write it."""
    return amount // UNIT if amount % UNIT == 0 else amount / UNIT


def limit_of(capacity: int, max_utilization: float) -> int:
    """How much of a capacity may be held at once."""
    return int((Decimal(capacity) * Decimal(str(max_utilization))).to_integral_value(ROUND_FLOOR))
