"""What the params of a foreach step may be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from psg.errors import ValidationFailed

MAX_NESTED = 5
MAX_CONCURRENCY = 64
DEFAULT_CONCURRENCY = 8
MAX_PER_SECOND = 10_000
ITEM_TYPES = ("tool", "agent", "llm", "foreach")
ON_ITEM_FAILURE = ("fail", "continue", "collect")


def check_loop(params: Mapping[str, Any], *, resolved: bool = False, depth: int = 1) -> None:
    """Raise ValidationFailed when these are not the params of a foreach; ``resolved`` tells that none is a template."""
    do = params.get("do")
    if depth > MAX_NESTED:
        raise ValidationFailed(f"foreach steps are nested more than {MAX_NESTED} deep.")
    if not isinstance(do, Mapping) or "items" not in params:
        raise ValidationFailed("A foreach step needs `items` and `do` with the `name` of a capability.")
    kind = do.get("type", "tool")
    if kind not in ITEM_TYPES:
        raise ValidationFailed(f"`do.type` must be one of {', '.join(ITEM_TYPES)}, not `{kind}`.")
    if kind != "foreach" and not isinstance(do.get("name"), str):
        raise ValidationFailed("A foreach step needs `items` and `do` with the `name` of a capability.")
    items = params["items"]
    if not isinstance(items, list) and not _later(items, resolved) and not resolved:
        raise ValidationFailed(f"`items` must be a list or a template that gives one, not {items!r}.")
    _check_numbers(params, resolved)
    if kind == "foreach":
        inner = do.get("params")
        if not isinstance(inner, Mapping):
            raise ValidationFailed("`do` of type foreach needs `params` with `items` and `do`.")
        check_loop(inner, depth=depth + 1)


def _check_numbers(params: Mapping[str, Any], resolved: bool) -> None:
    width = params.get("concurrency", DEFAULT_CONCURRENCY)
    if not _later(width, resolved) and not _whole(width, 1, MAX_CONCURRENCY):
        raise ValidationFailed(f"`concurrency` must be from 1 to {MAX_CONCURRENCY}, not {width!r}.")
    policy = params.get("on_item_failure", "fail")
    if not _later(policy, resolved) and policy not in ON_ITEM_FAILURE:
        raise ValidationFailed(f"`on_item_failure` must be one of {', '.join(ON_ITEM_FAILURE)}, not {policy!r}.")
    most = params.get("max_failures")
    if most is not None and not _later(most, resolved) and not _whole(most, 0, 2**53):
        raise ValidationFailed(f"`max_failures` must be a whole number from 0 on, not {most!r}.")
    if most is not None and policy == "fail":
        raise ValidationFailed("`max_failures` needs `on_item_failure` to be continue or collect.")
    rate = params.get("rate")
    if rate is None or _later(rate, resolved):
        return
    speed = rate.get("per_second") if isinstance(rate, Mapping) and set(rate) == {"per_second"} else None
    if _later(speed, resolved):
        return
    number = isinstance(speed, (int, float)) and not isinstance(speed, bool) and math.isfinite(speed)
    if not number or not 0 < speed <= MAX_PER_SECOND:  # type: ignore[operator]
        raise ValidationFailed(f"`rate` must be {{per_second: N}} with N above 0 and up to {MAX_PER_SECOND}.")


def _later(value: Any, resolved: bool) -> bool:
    """Whether a value is a template that is resolved when the step runs."""
    return not resolved and isinstance(value, str) and "{{" in value


def _whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
