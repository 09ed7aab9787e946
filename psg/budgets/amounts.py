"""Amounts in the four dimensions of a budget, as whole numbers, so that sums are exact and can be counted again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from psg.model.codec import loads

DIMENSIONS = ("tokens", "cost", "calls", "wall_ms")
"""What a budget limits: tokens, money, calls, wall time in milliseconds."""
MICROS = 1_000_000
"""Money is kept in millionths of the unit that prices and limits are written in."""
LARGEST = 10**18
MOST_USED = 10**13
"""What one attempt is believed to use in a dimension: sums of many of them stay in the 64 bits they are stored in."""
Amounts = dict[str, int]


def limits_of(text: str | None) -> Amounts:
    """Return the limits of a stored budget, only the dimensions that are limited; money in millionths."""
    said: Mapping[str, Any] = loads(text) or {}
    return {d: _whole(d, said[d]) for d in DIMENSIONS if said.get(d) is not None}


def shown(amounts: Mapping[str, int]) -> dict[str, int | float]:
    """Return amounts as people write them: money in its unit."""
    return {d: amounts[d] / MICROS if d == "cost" else amounts[d] for d in DIMENSIONS if d in amounts}


def usage_of(output: Any, duration_ms: int, prices: Mapping[str, Mapping[Any, float]] | None = None) -> Amounts:
    """Return what an attempt used: one call, its time, and the tokens and money that its ``output.usage`` tells.

    ``usage`` has ``tokens``, or ``input_tokens`` and ``output_tokens``, and ``cost`` where the tool knows it; else the
    cost follows from ``prices``: model → {input, output} per million tokens.
    """
    told = output.get("usage") if isinstance(output, Mapping) else None
    told = told if isinstance(told, Mapping) else {}
    parts = [_told(told, key) for key in ("input_tokens", "output_tokens")]
    tokens = _told(told, "tokens") or sum(parts)
    cost = _told(told, "cost")
    if not cost and prices and isinstance(output, Mapping):
        price = prices.get(str(output.get("model")), {})
        cost = (parts[0] * price.get("input", 0.0) + parts[1] * price.get("output", 0.0)) / 1e6
    return {
        "tokens": believed(_whole("tokens", tokens)), "cost": believed(_whole("cost", cost)), "calls": 1,
        "wall_ms": believed(_whole("wall_ms", duration_ms)),
    }  # fmt: skip


def believed(amount: int) -> int:
    """Return an amount that somebody told, at most ``MOST_USED``."""
    return min(amount, MOST_USED)


def _told(usage: Mapping[str, Any], key: str) -> float:
    value = usage.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return 0
    return max(0, value)


def _whole(dimension: str, value: float) -> int:
    scaled = value * MICROS if dimension == "cost" else value
    return LARGEST if scaled >= LARGEST else round(scaled)
