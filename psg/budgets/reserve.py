"""Taking a share of every budget that covers an attempt, before it calls anybody; judged behind the head's lock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from psg.budgets.amounts import DIMENSIONS, Amounts, believed, limits_of, shown
from psg.budgets.errors import BudgetExhausted
from psg.graph import Graph
from psg.model.ids import derived_id
from psg.write.change import Change
from psg.write.command import Command
from psg.write.writer import Locked

SCOPES = ("project", "plan", "step")
WARN_PERCENT = 80


@dataclass(frozen=True, slots=True)
class Scope:
    """One budget that covers an attempt: its limits, what is spent, and what attempts that run have reserved."""

    name: str
    limits: Amounts
    spent: Amounts
    reserved: Amounts

    def lacking(self, asked: Mapping[str, int]) -> str | None:
        """Return the dimension in which ``asked`` is not left, ``None`` when it is.

        Where nothing is asked because nobody can tell before, something has to be left.
        """
        for dimension, limit in self.limits.items():
            taken = self.spent.get(dimension, 0) + self.reserved.get(dimension, 0)
            if taken + max(1, asked.get(dimension, 0)) > limit:
                return dimension
        return None

    def strained(self) -> list[str]:
        """Return the dimensions of which most is spent."""
        return [d for d, limit in self.limits.items() if 100 * self.spent.get(d, 0) >= WARN_PERCENT * limit]


@dataclass(frozen=True, slots=True)
class Reservation:
    """The share of an attempt: live while its step runs with this fence, so that nobody has to give it back."""

    id: str
    step_id: str
    plan_id: str
    fence: int
    asked: Amounts = field(default_factory=dict)


async def reserve(
    graph: Graph, project_id: str, session_id: str, claim: Mapping[str, Any], asked: Mapping[str, int]
) -> Reservation:
    """Reserve ``asked`` for the claimed attempt in the budgets of its step, plan and project, or in none.

    Raises ``BudgetExhausted`` naming scope and dimension; that is recorded as ``budget_exceeded``. Asked again for the
    same attempt, the first answer holds.
    """
    reservation = Reservation(
        derived_id("reservation", claim["id"], str(claim["fence"])), claim["id"], claim["plan"], claim["fence"],
        {d: believed(asked.get(d, 0)) for d in DIMENSIONS},
    )  # fmt: skip
    key = f"reserve:{claim['id']}:{claim['fence']}"
    command = Command("reserve_budget", [claim["id"], claim["fence"]], session_id, key)

    async def decide(locked: Locked) -> Change:
        row = await locked.read_one("budget_state", step_id=claim["id"])
        assert row is not None
        change = Change(command)
        scopes = scopes_of(row)
        lacking = [(scope, d) for scope in scopes if (d := scope.lacking(reservation.asked)) is not None]
        if lacking:
            change.answer["lacking"] = _refuse(change, reservation, *lacking[0])
            return change
        await locked.read("reservation_put", stale=row["stale"], props=_props(reservation, session_id, locked.now_ms))
        _note(change, "budget_reserved", reservation, {"asked": shown(reservation.asked)})
        for scope in scopes:
            if strained := scope.strained():
                limits = shown({d: scope.limits[d] for d in strained})
                spent = shown({d: scope.spent.get(d, 0) for d in strained})
                _note(change, "budget_warning", reservation, {"scope": scope.name, "limit": limits, "spent": spent})
        return change

    answer = await graph.locked(project_id, command, decide)
    if (lacking := answer.ids.get("lacking")) is not None:
        raise BudgetExhausted(lacking["message"], **lacking["details"])
    return reservation


def scopes_of(row: Mapping[str, Any]) -> list[Scope]:
    """Return the scopes of a row of ``budget_state`` that have a budget."""
    found = [(name, row[name]) for name in SCOPES]
    return [
        Scope(name, limits, spent=_amounts(state["spent"]), reserved=_amounts(state["reserved"]))
        for name, state in found
        if (limits := limits_of(state["budget"]))
    ]


def _amounts(values: Mapping[str, int | None]) -> Amounts:
    return {d: values.get(d) or 0 for d in DIMENSIONS}


def _props(reservation: Reservation, session_id: str, now_ms: int) -> dict[str, Any]:
    return {
        "id": reservation.id, "step": reservation.step_id, "plan": reservation.plan_id, "fence": reservation.fence,
        "owner": session_id, "started_ms": now_ms, **reservation.asked,
    }  # fmt: skip


def _refuse(change: Change, reservation: Reservation, scope: Scope, dimension: str) -> dict[str, Any]:
    def one(amounts: Mapping[str, int]) -> int | float:
        return shown({dimension: amounts.get(dimension, 0)})[dimension]

    details = {
        "scope": scope.name, "dimension": dimension, "limit": one(scope.limits), "spent": one(scope.spent),
        "reserved": one(scope.reserved), "asked": one(reservation.asked),
    }  # fmt: skip
    _note(change, "budget_exceeded", reservation, details)
    message = (
        f"the {dimension} budget of this {scope.name} does not allow the call: limit {details['limit']}, spent "
        f"{details['spent']}, reserved by running steps {details['reserved']}; raise the budget to go on"
    )
    return {"message": message, "details": details}


def _note(change: Change, kind: str, reservation: Reservation, payload: Mapping[str, Any]) -> None:
    body = {"event": {"payload": {"step_id": reservation.step_id, **payload}, "fields": {}}}
    change.note("cost_budget", kind, "Step", reservation.step_id, body, plan=reservation.plan_id)
