"""What an attempt really spent: debited in the commit that records what it came to (DESIGN §5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psg.budgets.amounts import DIMENSIONS, shown
from psg.budgets.reserve import Reservation
from psg.model.codec import dumps, sealed
from psg.write.change import Change
from psg.write.writer import Locked


def spend_row(reservation: Reservation, used: Mapping[str, int]) -> dict[str, Any]:
    """Return the part of a result's row of ``frontier_advance`` that debits what the attempt ``used``."""
    amounts = {d: used.get(d, 0) for d in DIMENSIONS}
    return {"id": reservation.id, **amounts, "changes": sealed(dumps(_payload(reservation, amounts)))}


async def debit(locked: Locked, change: Change, reservation: Reservation, used: Mapping[str, int]) -> None:
    """Debit an attempt that ends without a result of its step: a failed one that is retried."""
    amounts = {d: used.get(d, 0) for d in DIMENSIONS}
    await locked.read("budget_debit", step_id=reservation.step_id, id=reservation.id, spent=amounts)
    body = {k: v for k, v in _payload(reservation, amounts).items() if k != "op"}
    change.note("cost_budget", "budget_debited", "Step", reservation.step_id, body, plan=reservation.plan_id)


async def release(locked: Locked, reservation: Reservation) -> None:
    """Give a share back of which nothing was used: the step was parked."""
    await locked.read("reservation_drop", id=reservation.id)


def _payload(reservation: Reservation, amounts: Mapping[str, int]) -> dict[str, Any]:
    payload = {
        "step_id": reservation.step_id, "fence": reservation.fence, "used": dict(amounts), "amounts": shown(amounts)
    }  # fmt: skip
    return {"op": "note", "event": {"payload": payload, "fields": {}}}
