"""How a budget stands: limit, spent, reserved by attempts that run, and what remains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psg_cypher
from psg.budgets.amounts import DIMENSIONS, Amounts, limits_of, shown
from psg_neo4j.database import Database


@dataclass(frozen=True, slots=True)
class Spending:
    """The account of a project, plan or step; money in millionths of its unit."""

    limits: Amounts
    spent: Amounts
    reserved: Amounts

    @property
    def remaining(self) -> Amounts:
        """What is left in the dimensions that are limited, never less than nothing."""
        return {d: max(0, limit - self.spent[d] - self.reserved[d]) for d, limit in self.limits.items()}

    def to_dict(self) -> dict[str, Any]:
        """The account as people write it: money in its unit."""
        return {
            "limit": shown(self.limits), "spent": shown(self.spent), "reserved": shown(self.reserved),
            "remaining": shown(self.remaining),
        }  # fmt: skip


async def spending(db: Database, project_id: str, plan_id: str | None = None) -> Spending | None:
    """Return the account of a plan, or of the whole project; ``None`` when there is no such thing."""
    row = await db.read_one(psg_cypher.statement("budget_account"), project_id=project_id, plan_id=plan_id)
    if row is None:
        return None
    return Spending(
        limits_of(row["budget"]), {d: row["spent"].get(d) or 0 for d in DIMENSIONS},
        {d: row["reserved"].get(d) or 0 for d in DIMENSIONS},
    )  # fmt: skip
