"""What a benchmark says: one row of the JSON array of ``make bench``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

SOUND_RATIO = 1.1
"""A limit that the platform beats by more than noise is a fault of the limit program: then nothing is reached."""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure; ``target`` bounds ``ratio`` (``value / limit``), or ``value`` where there is no ``limit``."""

    name: str
    value: float
    unit: str
    limit: float | None
    ratio: float | None
    target: float
    reached: bool
    details: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The row with three or four digits that mean something."""
        return {k: _rounded(v) for k, v in asdict(self).items()}


def at_least(
    name: str, unit: str, ours: Sequence[float], limit: Sequence[float], target: float, **details: Any
) -> Row:
    """A rate that has to reach ``target`` times that of the limit program; medians of interleaved rounds."""
    value, bound = median(ours), median(limit)
    ratio = value / bound
    rounds = {"rounds": list(ours), "limit_rounds": list(limit)}
    return Row(name, value, unit, bound, ratio, target, target <= ratio <= SOUND_RATIO, rounds | details)


def grows_at_most(
    name: str, unit: str, large: Sequence[float], small: Sequence[float], target: float, **details: Any
) -> Row:
    """A cost at a large size that may be at most ``target`` times that at a small one (the row's ``limit``)."""
    value, bound = median(large), median(small)
    ratio = value / bound
    return Row(name, value, unit, bound, ratio, target, ratio <= target, details)


def at_most(name: str, unit: str, value: float, target: float, reached: bool = True, **details: Any) -> Row:
    """A time that may be at most ``target``; ``reached`` is False when a second condition failed."""
    return Row(name, value, unit, None, None, target, reached and value <= target, details)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` of ``values`` lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 3) if abs(value) < 100 else round(value, 1)
    if isinstance(value, list):
        return [_rounded(v) for v in value]
    return {k: _rounded(v) for k, v in value.items()} if isinstance(value, dict) else value
