"""What an attempt really spent: debited in the commit that records what it came to (DESIGN §5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psg.budgets.amounts import DIMENSIONS, Amounts, shown
from psg.budgets.reserve import Reservation
from psg.model.codec import dumps, sealed
from psg.write.change import Change
from psg.write.writer import Locked


@dataclass(frozen=True, slots=True)
class Spend:
    """What an attempt used of what was reserved for it; more than that is possible, and recorded in full."""

    reservation: Reservation
    used: Amounts

    def row(self) -> dict[str, Any]:
        """Return the part of a result's row of ``frontier_advance`` that debits it."""
        changes = sealed(dumps({"op": "note", **self._told()}))
        return {"id": self.reservation.id, **self._amounts(), "changes": changes}

    async def debit(self, locked: Locked, change: Change) -> None:
        """Debit it with a change that records no result: the attempt failed and another follows."""
        reservation = self.reservation
        await locked.read("budget_debit", step_id=reservation.step_id, id=reservation.id, spent=self._amounts())
        change.note(
            "cost_budget", "budget_debited", "Step", reservation.step_id, self._told(), plan=reservation.plan_id
        )

    def _amounts(self) -> Amounts:
        return {d: self.used.get(d, 0) for d in DIMENSIONS}

    def _told(self) -> Mapping[str, Any]:
        amounts = self._amounts()
        payload = {
            "step_id": self.reservation.step_id, "fence": self.reservation.fence, "used": amounts,
            "amounts": shown(amounts),
        }  # fmt: skip
        return {"event": {"payload": payload, "fields": {}}}
