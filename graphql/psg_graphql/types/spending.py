"""Budgets in the API: limit, spent, reserved, remaining."""

from __future__ import annotations

from collections.abc import Mapping

import strawberry

from psg.budgets import Spending as Account
from psg.budgets import shown


@strawberry.type(description="Amounts by dimension; null: not limited. Whole numbers up to 2^53, but for money.")
class Amounts:
    tokens: float | None
    cost: float | None = strawberry.field(description="Money, in the unit that prices and limits are written in.")
    calls: float | None
    wall_ms: float | None = strawberry.field(description="Time of attempts in milliseconds.")


@strawberry.type(description="How a budget stands. What runs now has its share reserved.")
class Spending:
    limit: Amounts
    spent: Amounts
    reserved: Amounts
    remaining: Amounts


def spending_from(account: Account) -> Spending:
    """Return the account as the API tells it."""
    parts = (account.limits, account.spent, account.reserved, account.remaining)
    limit, spent, reserved, remaining = (_amounts(part) for part in parts)
    return Spending(limit=limit, spent=spent, reserved=reserved, remaining=remaining)


def _amounts(amounts: Mapping[str, int]) -> Amounts:
    told = shown(amounts)
    return Amounts(**{d: told.get(d) for d in ("tokens", "cost", "calls", "wall_ms")})
